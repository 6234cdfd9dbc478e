#!/bin/bash
# Runs the test with Debian's own Python, which has its libraries.
set -euo pipefail
export REMUDA_BINARY="$PWD/cli/remuda"
exec /usr/bin/python3 -u deploy/kubernetes/manifests_test.py -v
