#!/usr/bin/env bash
#
# test_run_script.sh - `make run` under other people's environments, terminals and Ctrl-C; and how
# run-tests.sh counts.
# shellcheck disable=SC2317 # tests are called by their names
source tests/scripts/words.sh

copy_with_programs() {
    ln -s "$checkout/${LOTTERY_BIN:-bin}" bin
    mkdir .data
    local agency
    for agency in 1 2 3 4 5; do
        printf 'Ana,Paz,3090446%s,1999-03-17,7574\n' "$agency" >".data/agency-$agency.csv"
    done
}

the_caller_s_variables_do_not_reach_the_programs() {
    copy_with_programs
    local said
    said=$(AGENCIES_ALLOWED=7 WINNING_NUMBER=1 NUMBER_OF_CLIENTS=9 SERVER_PORT=1 RING_BYTES=1 \
        NOMBRE=x CLI_BATCH_MAXAMOUNT=0 CLI_LOG_LEVEL=nonsense LOG_LEVEL=nonsense \
        CDPATH=/tmp bash scripts/run.sh 2>&1) || fail "status $?: $said"
    expect_match '^all agencies: 5 bets stored' "$said"
    expect_match 'agency 5: bets: 1 \| winners: 1' "$said"
    expect_match 'agencies.allowed:  \|' "$(<build/run/server.log)"
}

a_comma_for_a_decimal_point_is_no_trouble() {
    copy_with_programs
    local said
    said=$(LC_ALL=es_AR.UTF-8 LC_NUMERIC=es_AR.UTF-8 bash scripts/run.sh 2>/dev/null) || fail "$?"
    expect_match 'drawn in [0-9]+\.[0-9][0-9] s$' "$said"
    expect_match 'export LC_ALL=C' "$(<scripts/run.sh)"
    expect_match 'export LC_ALL=C' "$(<scripts/run-tests.sh)"
    expect_match 'export LC_ALL=C' "$(<"$checkout/tests/model/run.sh")"
}

# on_terminal TERM COMMAND: what it writes to a terminal of that kind.
on_terminal() {
    TERM=$1 python3 - "${@:2}" <<'PYTHON'
import pty, sys
sys.exit(pty.spawn(sys.argv[1:]) >> 8)
PYTHON
}

a_terminal_that_moves_no_cursor_gets_no_bars() {
    copy_with_programs
    on_terminal dumb bash scripts/run.sh >"$work/said" || fail "status $?"
    grep -q 'all agencies: 5 bets' "$work/said" || fail "no result: $(<"$work/said")"
    ! grep -q $'\x1b' "$work/said" || fail "escapes: $(cat -v "$work/said")"
    on_terminal xterm bash scripts/run.sh >"$work/said" || fail "status $?"
    grep -q $'\x1b' "$work/said" || fail "no bars on a terminal that has them"
}

# Stops it where it takes its lock: the lock file is a pipe that nobody reads.
ended_before_it_began_it_shows_no_other_run_s_log() {
    copy_with_programs
    mkdir -p build/run
    echo 'ERROR of the run before' | tee build/run/server.log >build/run/agency-1.log
    mkfifo build/run.lock
    bash scripts/run.sh >"$work/said" 2>&1 &
    local pid=$!
    await 30 blocks_on_lock "$pid"
    kill -TERM "$pid"
    wait "$pid" && fail "it succeeds"
    expect_match 'interrupted by SIGTERM' "$(<"$work/said")"
    expect_no_match 'the run before' "$(<"$work/said")"
}

a_ctrl_c_that_ends_a_step_is_told_as_one() {
    copy_with_programs
    mkdir tools
    printf '#!/bin/sh\nexit 130\n' >tools/tr && chmod +x tools/tr
    PATH=$PWD/tools:$PATH bash scripts/run.sh >"$work/said" 2>&1 && fail "it succeeds"
    expect_match '^run: interrupted by SIGINT$' "$(<"$work/said")"
}

blocks_on_lock() {
    grep -qE 'fifo|wait_for_partner|pipe' "/proc/$1/wchan" 2>/dev/null ||
        { [[ $(ps -o stat= -p "$1") == S* ]] && [[ -z $(ps -o pid= --ppid "$1") ]]; }
}

another_run_s_files_are_left_alone() {
    copy_with_programs
    mkdir -p build/run
    echo 'ERROR of the run before' >build/run/server.log
    local said
    exec {lock}>build/run.lock
    flock "$lock"
    said=$(bash scripts/run.sh 2>&1) && fail "it succeeds"
    expect_match 'another run is using' "$said"
    expect_no_match 'the run before' "$said"
    [[ -e build/run/server.log ]] || fail "its log is gone"
}

# ---- setup.sh ------------------------------------------------------------------------

on_fedora_the_packages_have_fedora_s_names() {
    local said tool
    mkdir tools
    for tool in bash cat env sort; do
        ln -s "$(command -v "$tool")" tools/
    done
    printf '#!/bin/sh\n' >tools/dnf && chmod +x tools/dnf
    said=$(PATH=$PWD/tools bash scripts/setup.sh build docker looking 2>&1) && fail "it succeeds"
    expect_match "^ +sudo dnf install -y cnats-devel docker-compose gcc glibc-devel jansson-devel \
libmicrohttpd-devel libseccomp-devel libyaml-devel make moby-engine netcat openssl-devel$" "$said"
    rm tools/dnf
    said=$(PATH=$PWD/tools bash scripts/setup.sh build looking 2>&1) && fail "it succeeds"
    expect_match "^ +sudo apt-get update .* gcc libc6-dev libjansson-dev libmicrohttpd-dev libnats-dev \
libseccomp-dev libssl-dev libyaml-dev make netcat-openbsd$" "$said"
}

# ---- run-tests.sh ------------------------------------------------------------------

# test_program NAME STATUS LINE...: a program that prints these lines and ends so.
test_program() {
    printf '#!/bin/sh\n' >"$1"
    printf "echo '%s'\n" "${@:3}" >>"$1"
    printf 'exit %s\n' "$2" >>"$1"
    chmod +x "$1"
}

a_skipped_test_is_no_passed_one() {
    local said
    test_program one 0 'skipped: emulated, no locks' '[  PASSED  ] 2 test(s).' \
        '[  SKIPPED ] 3 test(s), listed below:' '[  SKIPPED ] name'
    said=$(bash scripts/run-tests.sh '*' ./one) || fail "status $?"
    expect_match '^ok .* 2 tests .*, 3 skipped$' "$said"
    expect_match '^ +skipped: emulated, no locks$' "$said"
    expect_match '^2 passed, 0 failed, 3 skipped$' "$said"
}

a_failed_test_fails_the_run() {
    local said
    test_program one 1 '[  PASSED  ] 2 test(s).' '[  FAILED  ] 1 test(s), listed below:'
    test_program two 9
    said=$(bash scripts/run-tests.sh '*' ./one ./two) && fail "it succeeds"
    expect_match '^2 passed, 2 failed$' "$said"
}

run_tests \
    the_caller_s_variables_do_not_reach_the_programs \
    a_comma_for_a_decimal_point_is_no_trouble \
    a_terminal_that_moves_no_cursor_gets_no_bars \
    ended_before_it_began_it_shows_no_other_run_s_log \
    a_ctrl_c_that_ends_a_step_is_told_as_one \
    another_run_s_files_are_left_alone \
    on_fedora_the_packages_have_fedora_s_names \
    a_skipped_test_is_no_passed_one \
    a_failed_test_fails_the_run
