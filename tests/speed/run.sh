#!/bin/sh
# usage: run.sh path/to/underwrite path/to/bare path/to/loan.wasm [SECONDS] [ROUNDS]
# Requests a second over loopback with wrk, the server and a bare axum handler in turn; then
# the start, the memory, and batches. Prints Markdown.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
underwrite=$1 bare=$2 model=$3 seconds=${4:-5} rounds=${5:-5}
work=$(mktemp -d)
pids=
export UNDERWRITE_CACHE_DIR="$work/cache"
trap 'kill $pids 2>/dev/null; rm -rf "$work"' EXIT

address() {
  until grep -q '^Serving on ' "$1"; do sleep 0.01; done
  sed -n 's|^Serving on \(http://[^/]*\)/.*|\1|p' "$1"
}
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
memory() { awk '/VmRSS/ {printf "%.1f", $2 / 1024}' "/proc/$1/status"; }

"$underwrite" serve --model "$model" --port 0 >"$work/ours" 2>/dev/null &
ours=$!
"$bare" >"$work/bare" &
theirs=$!
pids="$ours $theirs"
our_url=$(address "$work/ours") bare_url=$(address "$work/bare")
idle=$(memory "$ours")

echo "| round | server | requests a second | p50 | p99 | CPU, µs a request |"
echo "|---|---|---|---|---|---|"
for round in $(seq "$rounds"); do
  for which in bare underwrite; do
    case $which in bare) url=$bare_url pid=$theirs ;; *) url=$our_url pid=$ours ;; esac
    before=$(ticks "$pid")
    wrk -t1 -c32 -d"${seconds}s" --latency -s "$here/predict.lua" "$url/predict" >"$work/wrk"
    after=$(ticks "$pid")
    awk -v name="$which" -v round="$round" -v ticks=$((after - before)) '
      /50%/ {p50 = $2} /99%/ {p99 = $2} /requests in/ {n = $1} /Requests\/sec/ {rate = $2}
      END {printf "| %d | %s | %d | %s | %s | %.1f |\n", round, name, rate, p50, p99, ticks * 10000 / n}' "$work/wrk"
    if grep -q 'Non-2xx\|Socket errors' "$work/wrk"; then cat "$work/wrk"; fi
  done
done
echo
echo "Memory: $idle MB idle, $(memory "$ours") MB after these rounds."

python3 "$here/batch.py" "$our_url"

echo
echo "| start to first answer, ms: with a cache of compiled modules | with an empty one | without |"
echo "|---|---|---|"
for round in $(seq 5); do
  with=$(python3 "$here/start.py" "$underwrite" "$model")
  empty=$(UNDERWRITE_CACHE_DIR="$work/empty$round" python3 "$here/start.py" "$underwrite" "$model")
  without=$(UNDERWRITE_NO_CACHE=true python3 "$here/start.py" "$underwrite" "$model")
  echo "| $with | $empty | $without |"
done
