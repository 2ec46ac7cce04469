#!/usr/bin/env bash
#
# test_docs.sh - the pages say what the sources say, and scripts/docs.py finds it where they don't:
# each kind of difference is planted once, in the sources or in a page, and has to be found.
# shellcheck disable=SC2317,SC2016 # tests are called by their names; backticks are the pages'
source tests/scripts/words.sh

# The rooms that are folders of the checkout, as scripts/rooms.py has them.
list_rooms() {
    python3 scripts/rooms.py --table | sed -nE 's/^\| `([a-z]+)\/`.*/\1/p'
}

# The tree of words.sh has what is run; the pages and the sources are read here.
copy_sources() {
    local room
    for room in $(list_rooms) docs; do
        cp -R "$checkout/$room" .
    done
    cp "$checkout/README.md" "$checkout/LEEME.md" "$checkout/LICENSE" .
    cp -R "$checkout/tests" .
}

# plant SED FILE: a change that has to change something.
plant() {
    local before
    before=$(cksum <"$2")
    sed -i -E "$1" "$2"
    [[ $before != "$(cksum <"$2")" ]] || fail "nothing is planted in $2 by $1"
}

# expect_found PATTERN: docs.py ends with 1, and says that.
expect_found() {
    local said status
    said=$(python3 scripts/docs.py 2>&1)
    status=$?
    expect_equal 1 "$status" "status ($said)"
    expect_match "$1" "$said"
    expect_no_match Traceback "$said"
}

pages_and_sources_agree() {
    copy_sources
    local said
    said=$(python3 scripts/docs.py 2>&1) || fail "$said"
    expect_equal '' "$said" "what it says"
}

an_action_that_no_page_explains_is_found() {
    copy_sources
    printf 'void f(void) { log_info("action: no_page_has_it | result: success"); }\n' >lib/planted.c
    expect_found 'lib/planted.c:1: action no_page_has_it is not in "The server.s actions"'
}

an_action_that_no_program_logs_is_found() {
    copy_sources
    plant 's/^\| `listen` \|/| `listens` |/' docs/operations.md
    expect_found 'no log call has the action listens'
    expect_found 'action listen is not in'
}

an_actions_wrong_level_is_found() {
    copy_sources
    plant 's/^\| `listen` \| INFO/| `listen` | DEBUG/' docs/operations.md
    expect_found 'listen has the levels INFO in the sources, not DEBUG'
}

a_key_that_no_page_explains_is_found() {
    copy_sources
    plant '/^\| `ring.bytes`/d' docs/operations.md
    expect_found 'key ring.bytes is not in "The server.s keys"'
}

a_keys_other_environment_variable_is_found() {
    copy_sources
    plant 's/"RING_BYTES"/"RING_SIZE"/' server/server_keys.c
    expect_found 'ring.bytes is set by RING_SIZE, not by RING_BYTES'
    expect_found 'server/config.yaml: does not name RING_SIZE'
}

a_key_that_the_readme_invents_is_found() {
    copy_sources
    plant 's/^\| `agencies.expected` \|/| `agencies.awaited` |/' README.md
    expect_found '"Configuration": there is no key `agencies.awaited`'
}

a_key_that_the_delivered_file_does_not_have_is_found() {
    copy_sources
    plant '/^  inFlight:/d' client/config.yaml
    expect_found 'key batch.inFlight is not in client/config.yaml'
}

a_counter_that_is_not_there_is_found() {
    copy_sources
    plant 's/lottery_ack_seconds/lottery_ack_minutes/' docs/operations.md
    expect_found 'lottery_ack_minutes is no counter'
}

a_disaster_that_is_there_twice_is_found() {
    copy_sources
    plant 's/disaster_41_/disaster_01_/' tests/faults/test_gallery_servers.c
    expect_found 'disaster 1 is there twice'
    expect_found 'there is no disaster 41'
}

a_disaster_that_no_table_has_is_found() {
    copy_sources
    plant 's/disaster_89_/disaster_199_/' tests/faults/test_gallery_people.c
    expect_found 'disaster 199 .* is in no table'
}

a_test_that_is_not_there_is_found() {
    copy_sources
    plant 's/`test_backup: /`test_backup: it_is_said_that_/' docs/reliability.md
    expect_found 'tests/integration/test_backup.c has no test it_is_said_that_'
}

a_threat_that_nothing_shows_is_found() {
    copy_sources
    plant 's/`test_tls: a_certificate_speaks/`test_tls: no_certificate_speaks/' docs/security.md
    printf '| a stranger | nothing stops it | | |\n' >>docs/security.md
    expect_found 'tests/integration/test_tls.c has no test no_certificate_speaks'
    expect_found '"a stranger" names nothing that shows it'
}

a_fault_point_that_no_test_uses_is_found() {
    copy_sources
    plant 's/fault_point\("storer.born"\)/fault_point("storer.unborn")/' server/storer/storer.c
    expect_found 'fault point storer.unborn is used by no test'
    expect_found 'there is no fault point storer.born'
}

another_table_of_rooms_is_found() {
    copy_sources
    plant 's/^\| `shm\/` \| .* \|$/| `shm\/` | shared memory | lib |/' docs/architecture.md
    expect_found 'its table of rooms is not what'
}

a_step_that_leads_nowhere_is_found() {
    copy_sources
    printf '1. `server/main.c: main_of_another`, `server/nowhere.c: main`\n' >>docs/reading.md
    expect_found 'server/main.c has no main_of_another'
    expect_found 'there is no file server/nowhere.c'
}

a_dead_link_and_a_long_line_are_found() {
    copy_sources
    printf '[there](nowhere.md) and [here](#nowhere)\n%0130d\n' 0 >>docs/protocol.md
    expect_found 'the link to nowhere.md is dead'
    expect_found 'the link to #nowhere is dead: no such heading'
    expect_found 'is longer than 120 columns'
}

run_tests \
    pages_and_sources_agree \
    an_action_that_no_page_explains_is_found \
    an_action_that_no_program_logs_is_found \
    an_actions_wrong_level_is_found \
    a_key_that_no_page_explains_is_found \
    a_keys_other_environment_variable_is_found \
    a_key_that_the_readme_invents_is_found \
    a_key_that_the_delivered_file_does_not_have_is_found \
    a_counter_that_is_not_there_is_found \
    a_disaster_that_is_there_twice_is_found \
    a_disaster_that_no_table_has_is_found \
    a_test_that_is_not_there_is_found \
    a_threat_that_nothing_shows_is_found \
    a_fault_point_that_no_test_uses_is_found \
    another_table_of_rooms_is_found \
    a_step_that_leads_nowhere_is_found \
    a_dead_link_and_a_long_line_are_found
