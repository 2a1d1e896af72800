#!/usr/bin/env bash
# Feeds every parser of what strangers wrote with whatever bytes there can be, each for some seconds (60 unless said).
#   fuzz.sh [SECONDS] [TARGET …]
# What was learned stays in cargo's target folder, so the next run goes on from there. An input that breaks something is left
# there too, and its path is printed.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then targets=(pipeline compose project_file); fi
folder=${CARGO_TARGET_DIR:-$HOME/.cache/pierhead/target}/fuzz
triple=$(rustc -vV | sed -n 's/^host: //p')

# What libFuzzer needs to know which branches were taken; no unstable part of the compiler is used.
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags="$flags -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
CARGO_TARGET_DIR=$folder RUSTFLAGS="${RUSTFLAGS:-} $flags --cfg fuzzing" \
    cargo build --quiet --release --manifest-path fuzz/Cargo.toml --target "$triple"

for target in "${targets[@]}"; do
    mkdir -p "$folder/corpus/$target" "$folder/broken/$target"
    echo "fuzzing $target for $seconds s"
    "$folder/$triple/release/$target" "$folder/corpus/$target" "fuzz/seeds/$target" -max_total_time="$seconds" \
        -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 -verbosity=0 -artifact_prefix="$folder/broken/$target/" 2>&1 |
        grep -vE '^"|^#####'
done
