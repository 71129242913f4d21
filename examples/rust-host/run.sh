#!/usr/bin/env bash
# Usage: examples/rust-host/run.sh [MODEL.WASM]
set -euo pipefail
source "$(dirname "$0")/../prepare.sh"

# Always this selection of packages: for another one cargo would compile wasmtime again.
(cd "$root" && cargo build --quiet --release --locked --workspace --exclude edge-worker \
    --example rust-host)
decision "$("$target/release/examples/rust-host" "$model" "$application")"
