# Sourced by every run.sh with its own arguments. Sets:
#   root         the repository
#   model        absolute path of the model.wasm: $1, else $MODEL, else one trained here
#   application  absolute path of the request that the example sends
#   work         an empty folder for this example's files, below the target folder

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
application=$root/examples/application.json
work=$target/examples/$(basename "$(cd "$(dirname "$0")" && pwd)")
rm -rf "$work"
mkdir -p "$work"

model=${1:-${MODEL:-}}
if [ -z "$model" ]; then
    underwrite=${UNDERWRITE_BIN:-$target/release/underwrite}
    model=$target/examples/model.wasm
    if [ ! -f "$model" ]; then
        "$underwrite" train --data "$root/data/loan_sample.csv" --schema "$root/data/loan.toml" \
            --out "$model" >&2
    fi
fi
model=$(cd "$(dirname "$model")" && pwd)/$(basename "$model")

# Prints a decision; fails unless it is one.
decision() {
    case $1 in
        '{"prediction":'*'"approve":'*) printf '%s\n' "$1" ;;
        *)
            printf 'not a decision: %s\n' "$1" >&2
            return 1
            ;;
    esac
}
