#!/bin/sh
# usage: run.sh path/to/underwrite path/to/loan.wasm
# deploy/ with real programs: prometheus, promtool and prometheus-pushgateway (Debian has them).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export UNDERWRITE=$1 LOAN=$2
venv=${VENVS:-/tmp/venvs}/deploy
if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet bcrypt grafana-foundation-sdk kubernetes-validate pyyaml pytest httpx
fi
"$venv/bin/python" -m pytest -q -p no:cacheprovider "$here"
