#!/bin/sh
# Clients that are generated from /openapi.json. Run by `cargo xtask test openapi`, which sets
#   UNDERWRITE_BIN, UNDERWRITE_TEST_MODEL  the program, and a model of data/loan_sample.csv
#   PYTHON_BIN                             the programs of a Python with the generators and Go
# and has run `npm ci` in tests/. The generator for Go brings the Java that it runs on.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH="$PYTHON_BIN:$PATH" "$PYTHON_BIN/python" -m pytest -q -p no:cacheprovider "$here"
