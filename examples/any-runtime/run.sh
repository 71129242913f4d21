#!/usr/bin/env bash
# Usage: examples/any-runtime/run.sh [MODEL.WASM]
set -euo pipefail
source "$(dirname "$0")/../prepare.sh"

decision "$(node "$root/examples/any-runtime/decide.mjs" "$model" "$application")"
