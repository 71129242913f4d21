#!/usr/bin/env bash
# Runs every example on one model, and checks that all of them print the same decision, byte for
# byte. Usage: examples/run.sh [MODEL.WASM]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

expected=
for script in "$here"/*/run.sh; do
    name=$(basename "$(dirname "$script")")
    decision=$("$script" "$@")
    if [ -n "$expected" ] && [ "$decision" != "$expected" ]; then
        printf '%s decided otherwise:\n%s\n%s\n' "$name" "$expected" "$decision" >&2
        exit 1
    fi
    expected=$decision
    printf '%-16s same decision\n' "$name"
done
printf '%s\n' "$expected"
