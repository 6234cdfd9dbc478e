#!/bin/bash
# Runs one Python acceptance test against the binary among its runfiles.
# Debian's own interpreter: the tests need nothing beyond it.
set -euo pipefail
export REMUDA_BINARY="$PWD/cli/remuda"
exec /usr/bin/python3 -u "$1" -v
