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
    for room in $(list_rooms) docs monitoring; do
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

a_message_without_a_section_is_found() {
    copy_sources
    plant 's/^MESSAGE\(5003, .*/&\nMESSAGE(5999, PLANTED, "listen", NULL)/' lib/log_messages.inc
    plant 's/LOG_WEB_STOPPED/LOG_PLANTED/' web/main.c
    expect_found 'web/main.c:[0-9]+: LT-5999 has no section in docs/runbook.md'
    expect_found 'no call names LOG_WEB_STOPPED: retire it'
}

a_section_without_a_message_is_found() {
    copy_sources
    plant '/^MESSAGE\(5003, /d' lib/log_messages.inc
    expect_found 'docs/runbook.md: there is no message LT-5003'
}

a_number_that_is_given_twice_is_found() {
    copy_sources
    plant 's/^MESSAGE\(5003, .*/&\nMESSAGE(5003, PLANTED, "listen", NULL)/' lib/log_messages.inc
    expect_found 'the number 5003 is given twice'
}

a_retired_number_that_is_given_again_is_found() {
    copy_sources
    plant 's/^MESSAGE\(5003, .*/&\nRETIRED(5002)/' lib/log_messages.inc
    expect_found 'the number 5002 is given twice, or after it was retired'
}

a_messages_wrong_action_or_level_is_found() {
    copy_sources
    plant 's/^`shutdown`, INFO\. lottery-web/`shutdown`, ERROR. lottery-web/' docs/runbook.md
    plant 's/^MESSAGE\(5001, WEB_LISTENING, "listen"/MESSAGE(5001, WEB_LISTENING, "listens"/' lib/log_messages.inc
    expect_found 'LT-5003: web stopped: begins with another action than .shutdown., or other levels than INFO'
    expect_found 'LT-5001: web listening: begins with another action than .listens.'
}

a_hint_that_is_not_the_first_step_is_found() {
    copy_sources
    plant 's/^- \*\*First:\*\* is the machine out of memory/- **First:** is it full/' docs/runbook.md
    expect_found 'LT-5002: web event lost: its first step is not the hint "is the machine out of memory"'
}

a_calls_own_action_is_found() {
    copy_sources
    plant 's/"result: success \| url:/"action: listen | result: success | url:/' web/main.c
    expect_found 'web/main.c:[0-9]+: the action stands in lib/log_messages.inc, and nowhere else'
}

a_field_without_a_name_and_an_unknown_conversion_are_found() {
    copy_sources
    plant 's/"result: success \| url: http:/"result: success | %5.2f | url: http:/' web/main.c
    expect_found 'web/main.c:[0-9]+: the field "%5.2f" has no name'
    expect_found 'web/main.c:[0-9]+: lib/log_fields.c does not know what is in'
}

a_verdict_without_a_translation_is_found() {
    copy_sources
    plant "s/'LT-3007': 'llamar[^']*',//" web/page.html
    expect_found 'web/page.html: LT-3007 has no title or no hint in Spanish'
}

a_key_that_no_page_explains_is_found() {
    copy_sources
    plant '/^\| `ring.bytes`/d' docs/operations.md
    expect_found 'key ring.bytes is not in "The server.s keys"'
}

a_key_that_is_not_there_is_found() {
    copy_sources
    plant '/^MESSAGE\(1205, /,/\)$/s/batch.inFlight/batch.in_flight/' lib/log_messages.inc
    plant '0,/`timeouts.idle`/s/`timeouts.idle`/`timeouts.silent`/' docs/runbook.md
    expect_found 'lib/log_messages.inc: there is no key batch.in_flight'
    expect_found 'docs/runbook.md: there is no key timeouts.silent'
}

a_command_that_is_not_there_is_found() {
    copy_sources
    plant 's/`lottery-admin pki agency N`/`lottery-admin certificate`/' docs/runbook.md
    expect_found 'docs/runbook.md: lottery-admin has no command certificate'
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
    plant 's/"whole.renamed"\)/"whole.moved")/' store/whole_file.c
    expect_found 'fault point whole.moved is used by no test'
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

an_alarm_that_leads_nowhere_is_found() {
    copy_sources
    plant 's/#lt-3009-.*/#lt-3009-storer/; s/#lt-3010-.*/#lt-3011-handlers-were-killed/' \
        monitoring/lottery.rules.yml
    expect_found 'the link to docs/runbook.md#lt-3009-storer is dead'
    expect_found 'LT-3010 links to lt-3011-handlers-were-killed, which is another section'
    plant '/runbook: LT-3008/d' monitoring/lottery.rules.yml
    expect_found 'a runbook_url has no runbook above it'
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
    a_message_without_a_section_is_found \
    a_section_without_a_message_is_found \
    a_number_that_is_given_twice_is_found \
    a_retired_number_that_is_given_again_is_found \
    a_messages_wrong_action_or_level_is_found \
    a_hint_that_is_not_the_first_step_is_found \
    a_calls_own_action_is_found \
    a_field_without_a_name_and_an_unknown_conversion_are_found \
    a_verdict_without_a_translation_is_found \
    a_key_that_no_page_explains_is_found \
    a_key_that_is_not_there_is_found \
    a_command_that_is_not_there_is_found \
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
    an_alarm_that_leads_nowhere_is_found \
    a_dead_link_and_a_long_line_are_found
