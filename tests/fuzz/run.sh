#!/usr/bin/env bash
#
# run.sh - runs one fuzz target for a time, from the project's root.
#
#   tests/fuzz/run.sh BIN TARGET SECONDS
#
# Inputs that reach new code go to BIN/corpus-TARGET, inputs that break a promise to
# tests/fuzz/findings/TARGET. Prints one line; exit status 1 if anything was found.
set -euo pipefail

readonly bin=$1 target=$2 seconds=$3
readonly findings=tests/fuzz/findings/$target new=$bin/corpus-$target log=$bin/$target.log

mkdir -p "$findings" "$new"
status=0
"$bin/fuzz_$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$findings/" \
    "$new" "tests/fuzz/corpus/$target" "$findings" >"$log" 2>&1 || status=$?
executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
if ((status == 0)); then
    printf 'ok      fuzz %-10s %10s executions in %s s\n' "$target" "$executions" "$seconds"
else
    tail -n 40 "$log"
    printf 'FAILED  fuzz %-10s %10s executions; its input is in %s, the log in %s\n' \
        "$target" "${executions:-?}" "$findings" "$log"
    exit 1
fi
