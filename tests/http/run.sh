#!/bin/sh
# usage: run.sh path/to/underwrite path/to/loan.wasm path/to/points.wasm
# The old services' own kind of tests, and schemathesis, against the running server.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export UNDERWRITE=$1 LOAN=$2 POINTS=$3
venv=${VENVS:-/tmp/venvs}/schema
if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet 'schemathesis==4.32.5' pytest httpx
fi
"$venv/bin/python" -m pytest -q -p no:cacheprovider "$here/contract.py"

check() {
  model=$1
  shift
  log=$(mktemp)
  "$UNDERWRITE" serve --model "$model" --port 0 >"$log" 2>/dev/null &
  server=$!
  trap 'kill "$server"' EXIT
  until grep -q '^Serving on ' "$log"; do
    kill -0 "$server"
    sleep 0.1
  done
  url=$(sed -n 's|^Serving on \(http://[^/]*\)/.*|\1|p' "$log")
  rm -f "$log"
  "$venv/bin/schemathesis" "$@" run "$url/openapi.json" --checks all --max-examples "${EXAMPLES:-100}" --no-color
  kill "$server"
  trap - EXIT
}
folder=$(mktemp -d)
cd "$folder"
check "$POINTS"
check "$LOAN" --config-file "$here/schemathesis-loan.toml"
rm -rf "$folder"
