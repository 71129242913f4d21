#!/bin/sh
# usage: run.sh path/to/underwrite path/to/loan-model.wasm
set -eu
here=$(cd "$(dirname "$0")" && pwd)
underwrite=$1
model=$2
venvs=${VENVS:-/tmp/venvs}

venv() {
  name=$1
  shift
  if [ ! -x "$venvs/$name/bin/python" ]; then
    python3 -m venv "$venvs/$name"
    "$venvs/$name/bin/pip" install --quiet "$@"
  fi
}
venv triton 'tritonclient[http]==2.73.0'
venv kserve 'kserve==0.21.0'
venv mlserver 'mlserver==1.7.1' 'uvloop<0.22'

log=$(mktemp)
"$underwrite" serve --model "$model" --port 0 >"$log" 2>/dev/null &
server=$!
trap 'kill "$server"; rm -f "$log"' EXIT
until grep -q '^Serving on ' "$log"; do
  kill -0 "$server"
  sleep 0.1
done
url=$(sed -n 's|^Serving on \(http://[^/]*\)/.*|\1|p' "$log")

for client in triton kserve mlserver; do
  "$venvs/$client/bin/python" "$here/client_$client.py" "$url"
done
