#!/usr/bin/env bash
#
# test_rooms.sh - scripts/rooms.py lets the sources pass as they are, and no wall be broken.
# shellcheck disable=SC2317 # tests are called by their names
source tests/scripts/words.sh

# Into the copy: the sources of all rooms, that is of all folders at the root that have any.
copy_rooms() {
    local room
    for room in "$checkout"/*/; do
        room=$(basename "$room")
        case $room in
        build | bin | data | docs | tests | scripts) continue ;;
        esac
        mkdir -p "$room"
        cp -R "$checkout/$room"/. "$room"
    done
}

# plant FILE INCLUDED: a line more in a source.
plant() {
    [[ -f $1 ]] || fail "there is no $1"
    printf '#include "%s"\n' "$2" >>"$1"
}

# Exactly this is said, and the status is 1.
expect_violation() {
    local said status=0
    said=$(python3 scripts/rooms.py 2>&1) || status=$?
    expect_equal 1 "$status" "status"
    expect_equal "$1" "$said" "what it says"
}

expect_no_violation() {
    local said
    said=$(python3 scripts/rooms.py 2>&1) || fail "status $?: $said"
    expect_equal "" "$said" "what it says"
}

the_tree_as_it_is_has_no_violation() {
    copy_rooms
    expect_no_violation
}

the_disk_s_room_may_not_know_shared_memory() {
    copy_rooms
    plant store/checkpoint.c shm/segment.h
    expect_violation 'store/checkpoint.c: store may not know shm ("shm/segment.h")'
}

a_process_may_not_know_another_process() {
    copy_rooms
    plant server/handler/handler.c server/storer/storer.h
    expect_violation \
        'server/handler/handler.c: server/handler may not know server/storer ("server/storer/storer.h")'
}

what_processes_share_may_not_know_one_of_them() {
    copy_rooms
    plant server/heritage.h server/handler/handler.h
    expect_violation \
        'server/heritage.h: server may not know server/handler ("server/handler/handler.h")'
}

the_agency_may_not_know_the_server() {
    copy_rooms
    plant client/session.c server/heritage.h
    expect_violation 'client/session.c: client may not know server ("server/heritage.h")'
}

the_lowest_room_knows_no_other() {
    copy_rooms
    plant lib/text.h bet/bet.h
    expect_violation 'lib/text.h: lib may not know bet ("bet/bet.h")'
}

no_room_may_know_the_tests() {
    copy_rooms
    mkdir -p tests/harness
    touch tests/harness/peer.h
    plant lib/text.c tests/harness/peer.h
    expect_violation 'lib/text.c: lib may not know tests ("tests/harness/peer.h")'
}

a_unit_test_that_starts_a_program_is_one() {
    copy_rooms
    mkdir -p tests/unit/lib
    touch tests/unit/lib/test_text.c
    plant tests/unit/lib/test_text.c tests/harness/program.h
    expect_violation \
        'tests/unit/lib/test_text.c: a unit test starts no program ("tests/harness/program.h")'
}

an_include_of_a_file_that_is_not_there_is_one() {
    copy_rooms
    plant shm/ring.c shm/nowhere.h
    expect_violation 'shm/ring.c: includes "shm/nowhere.h", which is not there'
}

every_violation_is_named() {
    copy_rooms
    plant store/checkpoint.c shm/segment.h
    plant client/session.c server/heritage.h
    local said
    said=$(python3 scripts/rooms.py 2>&1) && fail "it succeeds"
    expect_match '^store/checkpoint.c: ' "$said"
    expect_match '^client/session.c: ' "$said"
    expect_equal 2 "$(wc -l <<<"$said")" "lines"
}

however_it_is_written_an_include_is_one() {
    copy_rooms
    printf '  #  include  "shm/segment.h" /* why not */\n' >>store/checkpoint.c
    expect_violation 'store/checkpoint.c: store may not know shm ("shm/segment.h")'
}

its_own_room_and_the_language_s_headers_are_none() {
    copy_rooms
    plant store/checkpoint.c store/draw.h
    printf '#include <semaphore.h>\n' >>store/checkpoint.c
    expect_no_violation
}

every_folder_with_sources_is_a_room() {
    local folder rooms
    rooms=$(python3 scripts/rooms.py --table)
    copy_rooms
    while read -r folder; do
        # The backquotes are the table's.
        # shellcheck disable=SC2016
        expect_match "$(printf '^\\| `%s/` \\| .* \\| .* \\|$' "$folder")" "$rooms"
    done < <(find . -name '*.[ch]' -not -path './tests/*' -printf '%P\n' | xargs -n 1 dirname | sort -u)
}

run_tests \
    the_tree_as_it_is_has_no_violation \
    the_disk_s_room_may_not_know_shared_memory \
    a_process_may_not_know_another_process \
    what_processes_share_may_not_know_one_of_them \
    the_agency_may_not_know_the_server \
    the_lowest_room_knows_no_other \
    no_room_may_know_the_tests \
    a_unit_test_that_starts_a_program_is_one \
    an_include_of_a_file_that_is_not_there_is_one \
    every_violation_is_named \
    however_it_is_written_an_include_is_one \
    its_own_room_and_the_language_s_headers_are_none \
    every_folder_with_sources_is_a_room
