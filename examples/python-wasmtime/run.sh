#!/usr/bin/env bash
# Usage: examples/python-wasmtime/run.sh [MODEL.WASM]
#
# PYTHON names an interpreter that has the packages of requirements.txt; without it they are
# installed into a virtual environment below the target folder.
set -euo pipefail
source "$(dirname "$0")/../prepare.sh"

here=$root/examples/python-wasmtime
if [ -z "${PYTHON:-}" ]; then
    venv=$target/examples/python-venv
    PYTHON=$venv/bin/python3
    if ! "$PYTHON" -c 'import wasmtime' 2>/dev/null; then
        python3 -m venv "$venv"
        "$PYTHON" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
    fi
fi

decision "$("$PYTHON" "$here/decide.py" "$model" "$application")"
