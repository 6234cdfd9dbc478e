#!/bin/bash
# Runs a Python test with the machine's interpreter.
exec python3 "$@"
