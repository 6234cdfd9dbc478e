#!/bin/bash
# Runs a Python test with the machine's interpreter, then with each other
# version that is on PATH, and one without the global lock where there is one
# (bazel/free_threaded_python).
python3 "$@" || exit 1
own=$(python3 -c 'import sys; print(sys.version)')
home=$(getent passwd "$(id -u)" | cut -d: -f6)
place=${REMUDA_FREE_THREADED_PYTHON:-$home/.cache/remuda-free-threaded-python}
PATH=$PATH:$place/bin
for version in 9 10 11 12 13 13t; do
  other=$(python3.$version -c 'import sys; print(sys.version)' 2>/dev/null) || continue
  [ "$other" = "$own" ] && continue
  echo "again on Python $other"
  python3.$version "$@" || exit 1
done
