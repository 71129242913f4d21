#!/usr/bin/env bash
# Runs the commands of the guides, so that they keep running: the blocks marked `sh`, in order,
# each guide in a folder of its own with data/ and examples/.
# Usage: docs/guides/run.sh [GUIDE.md...]; UNDERWRITE_BIN names the program.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
export UNDERWRITE_BIN=${UNDERWRITE_BIN:-$target/release/underwrite}
PATH=$(cd "$(dirname "$UNDERWRITE_BIN")" && pwd):$PATH
# No tracker or server of this machine has a part in it.
unset MLFLOW_TRACKING_URI WANDB_API_KEY HF_TOKEN API_KEY ADMIN_KEY METRICS_KEY

free_port() {
    local port
    port=$((20000 + RANDOM % 20000))
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    echo "$port"
}

[ $# -gt 0 ] || set -- "$here"/*.md "$root"/docs/operations.md "$root"/docs/javascript.md
failed=0
for guide in "$@"; do
    name=$(basename "$guide" .md)
    folder=$target/guides/$name
    rm -rf "$folder"
    mkdir -p "$folder"
    cp -r "$root/data" "$folder/data"
    ln -s "$root/examples" "$folder/examples"
    {
        # A command that fails must not leave the guide's server behind.
        echo 'trap '\''kill $(jobs -p) 2> /dev/null || true'\'' EXIT'
        awk '/^ *```sh$/ { on = 1; next } /^ *```$/ { on = 0 } on' "$guide" |
            sed "s/8080/$(free_port)/g; s/9464/$(free_port)/g; s/8081/$(free_port)/g; s/8082/$(free_port)/g; s/8443/$(free_port)/g"
    } >"$folder/commands.sh"
    # Job control: a guide stops its server by `kill %1`.
    if (cd "$folder" && timeout 600 bash -m -e -o pipefail commands.sh >output.log 2>&1 </dev/null); then
        printf '%-20s its commands run\n' "$name"
    else
        printf '%-20s FAILED: the end of %s/output.log\n' "$name" "$folder"
        tail -20 "$folder/output.log"
        failed=1
    fi
done
exit $failed
