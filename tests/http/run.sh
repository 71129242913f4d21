#!/bin/sh
# The old services' own kind of tests, and schemathesis, against the running server. Run by
# `cargo xtask test http`, which sets
#   UNDERWRITE_BIN            the program
#   UNDERWRITE_TEST_MODELS_DIR  loan.wasm, points.wasm and german_credit.wasm
#   PYTHON_BIN                the programs of a Python with schemathesis, pytest and httpx
#   EXAMPLES, SEED            requests that schemathesis makes up for each operation (default
#                             100), and what makes them the same ones each time (default: none)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
models=$(cd "$UNDERWRITE_TEST_MODELS_DIR" && pwd)
"$PYTHON_BIN/python" -m pytest -q -p no:cacheprovider "$here/contract.py"

check() {
  model=$1
  shift
  log=$(mktemp)
  "$UNDERWRITE_BIN" serve --model "$models/$model.wasm" --port 0 >"$log" 2>/dev/null &
  server=$!
  trap 'kill "$server"' EXIT
  until grep -q '^Serving on ' "$log"; do
    kill -0 "$server"
    sleep 0.1
  done
  url=$(sed -n 's|^Serving on \(http://[^/]*\)/.*|\1|p' "$log")
  rm -f "$log"
  # A list of applications is answered 200, and each refused row in its place: that what does not
  # fit the schema is refused as a whole is no rule of these routes.
  lists='(/predict/batch|/explain)$'
  made_up="--max-examples ${EXAMPLES:-100} ${SEED:+--seed $SEED} --no-color"
  # shellcheck disable=SC2086
  "$PYTHON_BIN/schemathesis" "$@" run "$url/openapi.json" --checks all $made_up \
    --exclude-path-regex "$lists"
  # shellcheck disable=SC2086
  "$PYTHON_BIN/schemathesis" "$@" run "$url/openapi.json" $made_up --include-path-regex "$lists" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance
  kill "$server"
  trap - EXIT
}
folder=$(mktemp -d)
cd "$folder"
check points
for model in loan german_credit; do
  check $model --config-file "$here/schemathesis-adjustments.toml"
done
cd /
rm -rf "$folder"
