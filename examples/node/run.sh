#!/usr/bin/env bash
# Usage: examples/node/run.sh [MODEL.WASM]
set -euo pipefail
source "$(dirname "$0")/../prepare.sh"

decision "$(node "$root/examples/node/decide.mjs" "$model" "$application")"
