#!/bin/sh
# Three clients of the Open Inference Protocol against the running server. Run by
# `cargo xtask test oip`, which sets
#   UNDERWRITE_BIN, UNDERWRITE_TEST_MODEL  the program, and a model of data/loan_sample.csv
#   TRITON_BIN, KSERVE_BIN, MLSERVER_BIN   the programs of a Python with that client
set -eu
here=$(cd "$(dirname "$0")" && pwd)

log=$(mktemp)
"$UNDERWRITE_BIN" serve --model "$UNDERWRITE_TEST_MODEL" --port 0 >"$log" 2>/dev/null &
server=$!
trap 'kill "$server"; rm -f "$log"' EXIT
until grep -q '^Serving on ' "$log"; do
  kill -0 "$server"
  sleep 0.1
done
url=$(sed -n 's|^Serving on \(http://[^/]*\)/.*|\1|p' "$log")

"$TRITON_BIN/python" "$here/client_triton.py" "$url"
"$KSERVE_BIN/python" "$here/client_kserve.py" "$url"
"$MLSERVER_BIN/python" "$here/client_mlserver.py" "$url"
