#!/bin/bash
# Runs a Python test with the machine's interpreter, then with each other
# version that is on PATH.
python3 "$@" || exit 1
own=$(python3 -c 'import sys; print(sys.version)')
for version in 9 10 11 12 13 13t; do
  other=$(python3.$version -c 'import sys; print(sys.version)' 2>/dev/null) || continue
  [ "$other" = "$own" ] && continue
  echo "again on Python $other"
  python3.$version "$@" || exit 1
done
