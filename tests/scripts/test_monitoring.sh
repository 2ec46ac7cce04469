#!/usr/bin/env bash
#
# test_monitoring.sh - what is in monitoring/: the alarms go off when they should, and rules and dashboard
# ask for metrics that there are.
#
#   tests/scripts/test_monitoring.sh    in the project's root, with its programs in LOTTERY_BIN
# shellcheck disable=SC2317 # tests are called by their names
source tests/scripts/words.sh

rules=$checkout/monitoring/lottery.rules.yml
rule_tests=$checkout/monitoring/lottery.rules.test.yml
dashboard=$checkout/monitoring/grafana-dashboard.json
bin=$(cd "${LOTTERY_BIN:-bin}" && pwd)

# Starts a server on $work/data; the end of the test ends it.
start_server() {
    export DATA_DIRECTORY=$work/data SERVER_PORT=0 SERVER_ADDRESS=127.0.0.1 NUMBER_OF_AGENCIES=2
    "$bin/lottery-server" >"$work/server.log" 2>&1 &
    server=$!
    trap 'kill "$server"; wait "$server"; rm -rf "$DATA_DIRECTORY"' EXIT
    await 10 "$bin/lottery-stat" --ready 2>/dev/null
}

# One bet of agency 1; returns once it is acknowledged.
store_a_bet() {
    local port answer
    port=$("$bin/lottery-stat" --prometheus | sed -n 's/^lottery_server_port //p')
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf '1:4:Ana,Paz,11111111,1980-01-31,1\n\r\n' >&3
    read -r -t 10 answer <&3 || fail "the bet has no answer"
    expect_match '^server:0' "$answer"
}

# What a server tells, and what a standby does, of whom none runs here.
list_metrics() {
    "$bin/lottery-stat" --prometheus --handlers | sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p'
    grep -oE '"lottery_standby[a-z_]*' "$checkout/stat/following.c" | tr -d '"'
    echo lottery_standby
}

# The metrics that a file names. A histogram's series end in _bucket, _sum or _count.
list_used() {
    grep -v '^ *#' "$1" | grep -oE '\blottery_[a-z_]+' | sed -E 's/_(bucket|sum|count)$//' | sort -u
}

the_rules_are_valid_and_go_off_when_they_should() {
    local said
    said=$(promtool check rules "$rules" 2>&1) || fail "$said"
    said=$(promtool test rules "$rule_tests" 2>&1) || fail "$said"
}

every_alarm_is_tested_and_every_id_has_a_section_of_the_runbook() {
    local alarm id
    while read -r alarm; do
        grep -q "\"$alarm\"" "$rule_tests" || fail "$alarm goes off in no test"
    done < <(sed -n 's/^ *- alert: //p' "$rules")
    while read -r id; do
        grep -q "^## $id\b" "$checkout/docs/runbook.md" || fail "$id has no section in the runbook"
    done < <(sed -n 's/^ *runbook: //p' "$rules" | sort -u
        sed -nE 's/^MESSAGE\((3[0-9]{3}), .*/LT-\1/p' "$checkout/lib/log_messages.inc")
}

every_metric_that_is_asked_for_is_told() {
    local metric file told
    start_server
    told=$(list_metrics)
    for file in "$rules" "$rule_tests" "$dashboard"; do
        while read -r metric; do
            grep -qx "$metric" <<<"$told" || fail "$file: nothing tells $metric"
        done < <(list_used "$file")
    done
}

promtool_has_nothing_to_say_of_the_metrics() {
    local said
    start_server
    store_a_bet
    "$bin/lottery-stat" --prometheus --handlers >"$work/metrics"
    said=$(promtool check metrics <"$work/metrics" 2>&1) || fail "$said"
    expect_equal '' "$said" "promtool check metrics"
    expect_match '^lottery_ack_seconds_count [1-9]' "$(cat "$work/metrics")"
    expect_match '^lottery_storer_sync_duration_seconds_bucket\{le="\+Inf"\} [1-9]' "$(cat "$work/metrics")"
    expect_match '^lottery_up 1$' "$(cat "$work/metrics")"
}

the_dashboard_is_json_and_no_panel_covers_another() {
    python3 - "$dashboard" <<'PYTHON' || fail "the dashboard"
import json, sys
panels = json.load(open(sys.argv[1]))['panels']
taken = {}
for panel in panels:
    place = panel['gridPos']
    assert panel['targets'], panel['title']
    assert place['x'] + place['w'] <= 24, panel['title']
    for x in range(place['x'], place['x'] + place['w']):
        for y in range(place['y'], place['y'] + place['h']):
            assert (x, y) not in taken, (panel['title'], taken[x, y])
            taken[x, y] = panel['title']
assert len({panel['id'] for panel in panels}) == len(panels)
PYTHON
}

run_tests the_rules_are_valid_and_go_off_when_they_should \
    every_alarm_is_tested_and_every_id_has_a_section_of_the_runbook \
    every_metric_that_is_asked_for_is_told \
    promtool_has_nothing_to_say_of_the_metrics \
    the_dashboard_is_json_and_no_panel_covers_another
