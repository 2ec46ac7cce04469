#!/usr/bin/env bash
#
# run-tests.sh - runs cmocka test programs one after the other and sums them up.
#
#   scripts/run-tests.sh PATTERN PROGRAM...
#
# PATTERN is a shell pattern that a program's name has to match. Each program
# is one line; what it printed stands in PROGRAM.log, and is shown if it failed
# (V=1 shows it always). One program at a time: integration tests look at the
# machine's ipcs and process list. Exit status 1 if anything failed.
# TEST_TIMEOUT is the time that one program may take, in seconds; LOTTERY_TEST_PATIENCE multiplies
# it, and every limit inside the tests, on a slow machine. A skipped test is no passed one.
set -euo pipefail
export LC_ALL=C # EPOCHREALTIME has a decimal comma in some locales, and gawk may not take it

readonly pattern=$1
shift
readonly timeout_seconds=$((${TEST_TIMEOUT:-300} * ${LOTTERY_TEST_PATIENCE:-1}))
passed=0 failed=0 skipped=0 current=
failed_programs=()

# Sums cmocka's closing lines of one kind: "[  PASSED  ] 12 test(s)." A program has
# one for each group.
count_of() {
    sed -nE "s/^\[  $1 +\] ([0-9]+) test\(s\).*/\1/p" "$2" | awk '{ sum += $1 } END { print sum + 0 }'
}

# The program runs in a process group of its own, so that an interrupt has to be handed on.
hand_on_interrupt() {
    [[ -z $current ]] || kill -TERM "$current" 2>/dev/null || true
    exit 130
}
trap hand_on_interrupt INT TERM

run_program() {
    local program=$1 log=$1.log status=0 started=$EPOCHREALTIME
    timeout -k 5 "$timeout_seconds" "$program" >"$log" 2>&1 &
    current=$!
    wait "$current" 2>/dev/null || status=$?
    current=
    local seconds
    seconds=$(awk -v from="$started" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.2f", to - from }')
    report_program "$program" "$log" "$status" "$seconds"
}

report_program() {
    local program=$1 log=$2 status=$3 seconds=$4 name=${1#*/tests/}
    local good bad left_out
    good=$(count_of PASSED "$log")
    bad=$(count_of FAILED "$log")
    left_out=$(count_of SKIPPED "$log")
    if ((status != 0 && bad == 0)); then
        bad=1 # it crashed, or hung, before cmocka could count
    fi
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left_out))
    if ((status == 0)); then
        printf 'ok      %-40s %4d tests %7s s%s\n' "$name" "$good" "$seconds" \
            "$( ((left_out == 0)) || echo ", $left_out skipped")"
        grep -h '^skipped: ' "$log" | sort -u | sed 's/^/        /' || true
        [[ ${V:-0} == 0 ]] || cat "$log"
        return
    fi
    failed_programs+=("$name")
    cat "$log"
    printf 'FAILED  %-40s %s\n' "$name" "$(describe_status "$status"), after $seconds s; log: $log"
}

describe_status() {
    case $1 in
        124) echo "no end within $timeout_seconds s" ;;
        129 | 1[3-9]?) echo "killed by signal $(($1 - 128))" ;;
        *) echo "exit status $1" ;;
    esac
}

for program in "$@"; do
    # shellcheck disable=SC2053 # a pattern is what is wanted
    [[ ${program##*/} == $pattern ]] || continue
    run_program "$program"
done

((${#failed_programs[@]} == 0)) || printf 'failed: %s\n' "${failed_programs[@]}"
if ((passed + failed + skipped == 0)); then
    echo "no test program is named $pattern"
    exit 1
fi
echo "$passed passed, $failed failed$( ((skipped == 0)) || echo ", $skipped skipped")"
((failed == 0))
