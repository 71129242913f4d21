#!/bin/sh
# deploy/ with real programs. Run by `cargo xtask test deploy`, which sets
#   UNDERWRITE_BIN, UNDERWRITE_TEST_MODEL  the program, and a model of data/loan_sample.csv
#   PROMETHEUS, PROMTOOL, PUSHGATEWAY      those programs (Debian: prometheus, prometheus-pushgateway)
#   PYTHON_BIN                             the programs of a Python with what the tests import
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"$PYTHON_BIN/python" -m pytest -q -p no:cacheprovider "$here"
