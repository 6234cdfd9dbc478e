#!/usr/bin/python3
"""Packs the modules of the Python worker into one zip application.

Usage: pack_worker.py OUT.pyz FILE.py...

The same files give the same bytes, as long as PYTHONHASHSEED is set. They are
stored as they are: to inflate them would cost each start of a worker more than
it saves on disk. Beside each file is what the packing interpreter compiles it
to, which another version of Python passes over: it halves what a start costs.
"""

import os
import py_compile
import sys
import tempfile
import zipfile

# Any Python reads this much.
START = """import sys

if sys.version_info < (3, 9):
    sys.exit("the Python worker needs Python 3.9 or later; this is Python "
             + sys.version.split()[0])

from remuda_worker.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
"""


def compiled(path):
    """Byte code that is taken as it is, as the source beside it is its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = py_compile.compile(
            path,
            cfile=os.path.join(folder, "out.pyc"),
            dfile="<remuda_worker>/" + os.path.basename(path),
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        with open(out, "rb") as file:
            return file.read()


def main(out, files):
    contents = {"__main__.py": START.encode()}
    for path in files:
        with open(path, "rb") as file:
            contents["remuda_worker/" + os.path.basename(path)] = file.read()
        name = "remuda_worker/" + os.path.basename(path) + "c"
        contents[name] = compiled(path)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, contents[name])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
