#!/bin/sh
# Signed models before the reference implementation and npm's @sigstore/verify. Run by
# `cargo xtask test signing`, which sets
#   UNDERWRITE_BIN, UNDERWRITE_TEST_MODEL  the program, and a model
#   PYTHON_BIN                             the programs of a Python with model_signing
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec "$PYTHON_BIN/python" "$here/judges.py" "$UNDERWRITE_BIN" "$UNDERWRITE_TEST_MODEL"
