#!/bin/sh
# usage: log.sh path/to/underwrite path/to/loan.wasm [SECONDS] [ROUNDS] [FOLDER]
# Decisions a second over loopback with wrk, of one server with a decision log and one without,
# in turn, beside the disk's own sync. FOLDER is on the disk to measure. Prints Markdown.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
underwrite=$1 model=$2 seconds=${3:-5} rounds=${4:-3}
work=$(mktemp -d -p "${5:-.}")
pids=
export UNDERWRITE_CACHE_DIR="$work/cache"
trap 'kill $pids 2>/dev/null; wait; rm -rf "$work"' EXIT

address() {
  until grep -q '^Serving on ' "$1"; do sleep 0.01; done
  sed -n 's|^Serving on \(http://[^/]*\)/.*|\1|p' "$1"
}
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
memory() { awk '/VmRSS/ {printf "%.1f", $2 / 1024}' "/proc/$1/status"; }

"$underwrite" serve --model "$model" --port 0 >"$work/bare" 2>/dev/null &
bare=$!
"$underwrite" serve --model "$model" --port 0 --decision-log "$work/log" >"$work/logs" 2>"$work/errors" &
logs=$!
pids="$bare $logs"
bare_url=$(address "$work/bare") logs_url=$(address "$work/logs")

echo "Median sync of 1 KiB on this disk: $(python3 "$here/sync.py" "$work") ms."
echo
echo "| round | connections | decision log | decisions a second | p50 | p99 | CPU, µs a decision | memory, MB |"
echo "|---|---|---|---|---|---|---|---|"
for round in $(seq "$rounds"); do
  for connections in 32 128; do
    for which in no yes; do
      case $which in no) url=$bare_url pid=$bare ;; *) url=$logs_url pid=$logs ;; esac
      before=$(ticks "$pid")
      wrk -t1 -c"$connections" -d"${seconds}s" --latency -s "$here/predict.lua" "$url/predict" >"$work/wrk"
      after=$(ticks "$pid")
      awk -v head="| $round | $connections | $which |" -v ticks=$((after - before)) -v memory="$(memory "$pid")" '
        /50%/ {p50 = $2} /99%/ {p99 = $2} /requests in/ {n = $1} /Requests\/sec/ {rate = $2}
        END {printf "%s %d | %s | %s | %.1f | %s |\n", head, rate, p50, p99, ticks * 10000 / n, memory}' "$work/wrk"
      if grep -q 'Non-2xx\|Socket errors' "$work/wrk"; then cat "$work/wrk"; fi
    done
  done
done
