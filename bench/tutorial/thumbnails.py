#!/usr/bin/python3
"""Thumbnails by a pool of processes with PIL, as a newcomer writes it.

`thumbnails.py FILE FOLDER PROCESSES` makes one of every picture that the file
lists, 800 at most on a side.
"""

import multiprocessing
import os
import sys

from PIL import Image


def thumbnail(path):
    with Image.open(path) as image:
        image.thumbnail((800, 800))
        image.save(os.path.join(sys.argv[2], os.path.basename(path)))


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        paths = file.read().split()
    with multiprocessing.Pool(int(sys.argv[3])) as pool:
        pool.map(thumbnail, paths)
    print(len(paths))
