#!/usr/bin/env bash
#
# test_documents.sh - README.md and LEEME.md name the same commands, each of which is run or left out
# for a reason, and what they show is what is printed (tests/documents/commands.py).
# shellcheck disable=SC2317 # tests are called by their names
source tests/scripts/words.sh

commands=$checkout/tests/documents/commands.py

# All that a clone has, and the programs that are there; a make that does not build them anew
# because the tree stands elsewhere.
copy_whole_tree() {
    tar -C "$checkout" --exclude=./build --exclude=./bin --exclude=./.git --exclude=./.data \
        --exclude=./data --exclude=./.tls -cf - . | tar -C "$tree" -xf -
    mkdir -p build tools
    ln -s "$checkout/build/plain" build/plain
    ln -s "$checkout/bin" bin
    printf '#!/bin/sh\nexec %q PLACE=%q COMMIT=%q --no-print-directory "$@"\n' "$(command -v make)" \
        "-ffile-prefix-map=$checkout=." "$(<"$checkout/build/plain/commit")" >tools/make
    chmod +x tools/make
    PATH=$tree/tools:$PATH
    unset MAKELEVEL
}

# plant SED-SCRIPT FILE: a mistake.
plant() {
    sed -i "$1" "$2"
    ! cmp -s "$2" "$checkout/$2" || fail "the mistake '$1' is not in $2"
}

both_name_the_same_commands_and_each_has_its_place() {
    cp "$checkout"/*.md .
    python3 "$commands" compare || fail "status $?"
}

a_command_that_is_in_one_page_alone_is_found() {
    cp "$checkout"/*.md .
    # shellcheck disable=SC2016 # as the page has it
    plant 's/`make ipcs`/`make ipsc`/' LEEME.md
    local said
    said=$(python3 "$commands" compare 2>&1) && fail "it passes"
    expect_match 'README.md does not have .make ipsc.' "$said"
    expect_match 'LEEME.md does not have .make ipcs.' "$said"
    expect_match '.make ipsc. is neither run nor left out' "$said"
}

the_native_ones_work_and_print_what_is_shown() {
    [[ ${LOTTERY_BIN:-bin} == bin ]] || return 0 # the pages are of the plain programs
    copy_whole_tree
    env -u SERVER_PORT -u DATA_DIRECTORY python3 "$commands" native || fail "status $?"
}

docker_s_are_gone_through_by_its_suite() {
    cp "$checkout"/*.md .
    python3 "$commands" docker-suite "$checkout/tests/docker/run.sh" || fail "status $?"
}

an_output_that_is_not_printed_is_found() {
    cp "$checkout"/*.md .
    plant 's/^Netcat test passed$/Netcat test went well/' LEEME.md
    printf 'echo Netcat test passed\n' >netcat_test.sh
    printf 'echo "action: test_echo_server | result: success"\n' >validar-echo-server.sh
    printf 'docker-compose-ipcs:\n' >Makefile
    local said
    said=$(python3 "$commands" docker 2>&1) && fail "it passes"
    expect_match 'LEEME.md: .bash netcat_test.sh. prints something else' "$said"
    expect_no_match 'README.md|validar' "$said"
}

# On a machine that has no time for it, nobody may be caught with the lock: the sheet says to begin anew.
type_sheet() {
    local said status=0 tries
    for tries in 1 2 3; do
        status=0
        said=$(env -u SERVER_PORT -u DATA_DIRECTORY python3 tests/documents/lab.py "$1" 2>&1) || status=$?
        [[ $said == *'nobody was caught with the lock'* && $tries -lt 3 ]] || break
    done
    [[ $status == 0 ]] || printf '%s\n' "$said"
    return "$status"
}

# The fourth sheet is typed by tests/cluster/test_cluster_scripts.sh, which has its cluster at hand.
the_sheets_for_a_class_work_and_print_what_they_show() {
    [[ ${LOTTERY_BIN:-bin} == bin ]] || return 0
    local sheet
    copy_whole_tree
    for sheet in docs/lab/[123]-*.md; do
        type_sheet "$sheet" || fail "$sheet: status $?"
        rm -r build/lab
    done
    expect_equal "docs/lab/1-mutex.md docs/lab/2-durabilidad.md docs/lab/3-puerta.md docs/lab/4-relevo.md" \
        "$(echo docs/lab/[0-9]*.md)" "sheets that are tested"
}

what_a_sheet_does_not_print_is_found() {
    copy_whole_tree
    plant 's/^semaforo 1: value 2, zcount 0$/semaforo 1: value 3, zcount 0/' docs/lab/3-puerta.md
    local said
    said=$(python3 tests/documents/lab.py docs/lab/3-puerta.md 2>&1) && fail "it passes"
    expect_match '3-puerta.md:[0-9]+: .puerta. prints something else than shown' "$said"
}

run_tests \
    both_name_the_same_commands_and_each_has_its_place \
    a_command_that_is_in_one_page_alone_is_found \
    the_native_ones_work_and_print_what_is_shown \
    docker_s_are_gone_through_by_its_suite \
    an_output_that_is_not_printed_is_found \
    the_sheets_for_a_class_work_and_print_what_they_show \
    what_a_sheet_does_not_print_is_found
