#!/usr/bin/python3
"""Packs the modules of the Python worker into one zip application.

Usage: pack_worker.py OUT.pyz FILE.py...

The same files give the same bytes. They are stored as they are: to inflate
them would cost each start of a worker more than it saves on disk.
"""

import os
import sys
import zipfile

START = """import sys

from remuda_worker.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
"""


def main(out, files):
    contents = {"__main__.py": START.encode()}
    for path in files:
        with open(path, "rb") as file:
            contents["remuda_worker/" + os.path.basename(path)] = file.read()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, contents[name])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
