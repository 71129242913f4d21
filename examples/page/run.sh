#!/usr/bin/env bash
# Usage: examples/page/run.sh [MODEL.WASM]
#
# Puts the page, ready for any static host, into the target folder, and checks that it decides.
# CHROMIUM names a browser to check it in.
set -euo pipefail
source "$(dirname "$0")/../prepare.sh"

here=$root/examples/page
cp "$here/index.html" "$work/"
cp "$model" "$work/model.wasm"
node "$here/model-js.mjs" "$model" "$work/model.js"
printf 'the page is in %s\n' "$work" >&2
decision "$(node "$here/check.mjs" "$work")"
