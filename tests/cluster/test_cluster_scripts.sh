#!/usr/bin/env bash
#
# test_cluster_scripts.sh - `make cluster` loses its primary and keeps every bet; a round of chaos does.
# shellcheck disable=SC2317 # tests are called by their names
source tests/scripts/words.sh

# The programs that run in this test's copy of the project.
programs_of_ours() {
    local process
    for process in /proc/[0-9]*; do
        [[ $(readlink "$process/cwd" 2>/dev/null) != "$tree" ]] || grep -oE '^(nats-server|lottery-.*)' "$process/comm"
    done
}

expect_nothing_left() {
    local key
    expect_equal '' "$(programs_of_ours)" 'programs that still run'
    while read -r _ key; do
        [[ ! -e /dev/shm/lottery-$key ]] || fail "/dev/shm/lottery-$key is left"
    done < <(grep -h '^ipc_key ' build/cluster/node-*/control)
}

the_primary_is_lost_and_every_bet_is_there_once() {
    ln -s "$checkout/${LOTTERY_BIN:-bin}" bin
    local said
    said=$(python3 scripts/cluster.py --bets 40000 2>&1) || fail "status $?: $said"
    expect_match 'node-1: killed, all of its processes' "$said"
    expect_match 'node-1: bets.csv, done.csv, seal.json, draw.json are those of node-2, byte for byte' "$said"
    expect_match '^bets stored in the end, each once +40,000$' "$said"
    expect_nothing_left
    # The sheet for a class shows that run, and looks at its files.
    printf '%s\n' "$said" >said
    python3 "$checkout/tests/documents/lab.py" "$checkout/docs/lab/4-relevo.md" 'make cluster=cat said' ||
        fail "status $?"
}

an_interrupt_ends_all_that_was_started() {
    ln -s "$checkout/${LOTTERY_BIN:-bin}" bin
    python3 scripts/cluster.py --bets 40000 >said 2>&1 &
    local run=$!
    await 60 grep -q 'node-1: killed' said
    kill -INT "$run"
    wait "$run" && fail 'it says that all is well'
    expect_match 'interrupted by SIGINT' "$(<said)"
    expect_nothing_left
}

a_round_of_chaos_loses_nothing() {
    local said
    said=$(CHAOS_DIRECTORY=$work/chaos SEED=20 ROUND=0 python3 "$checkout/tests/cluster/chaos.py" 2>&1) ||
        fail "status $?: $said"
    expect_match 'kills survived in 1 rounds' "$said"
    grep '^skipped: ' <<<"$said" || true
}

run_tests the_primary_is_lost_and_every_bet_is_there_once \
    an_interrupt_ends_all_that_was_started \
    a_round_of_chaos_loses_nothing
