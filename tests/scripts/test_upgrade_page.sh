#!/usr/bin/env bash
#
# test_upgrade_page.sh - docs/upgrade.md names the versions of formats that the sources have.
# shellcheck disable=SC2016,SC2317 # code spans of Markdown; tests are called by their names
source tests/scripts/words.sh

# shellcheck disable=SC2154 # checkout and work are those of words.sh
page=$checkout/docs/upgrade.md

# constant NAME FILE...: the number that an enum of these sources gives it.
constant() {
    local name=$1
    shift
    (cd "$checkout" && sed -n "s/.*\b$name = \([0-9]*\).*/\1/p" "$@" | grep .) || fail "no $name in $*"
}

# row PATTERN: the table's row that begins so; its second column is what counts now.
row() {
    grep -E "^\| $1" "$page" || fail "$page: no row '$1'"
}

# expect_now ROW NUMBER: the second column begins with this number.
expect_now() {
    local line
    line=$(row "$1") || exit 1
    expect_match "^\| [^|]* \| $2 \|" "$line"
}

each_format_has_the_version_of_its_header() {
    expect_now '`control`' "$(constant CONTROL_VERSION store/control.h)"
    expect_now '`checkpoint`' "$(constant CHECKPOINT_VERSION store/checkpoint.h)"
    expect_now 'shared memory' "$(constant SHARED_LAYOUT_VERSION shm/layout.h)"
    expect_now 'protocol' "$(constant MESSAGE_PROTOCOL_VERSION bet/message.h)"
}

the_program_says_the_same() {
    local said name
    said=$("$checkout/$LOTTERY_BIN/lottery-server" --version) || fail "lottery-server --version"
    while IFS=': ' read -r name number; do
        case $name in
        segment) expect_now 'shared memory \(`segment`\)' "$number" ;;
        protocol) expect_now 'protocol' "$number" ;;
        commit) ;;
        *) expect_now "\`$name\`" "$number" ;;
        esac
    done < <(tail -n +2 <<<"$said")
}

an_older_control_is_taken_as_the_page_says() {
    expect_match "a server takes $(constant CONTROL_VERSION_OLDEST store/control.c) and $(constant CONTROL_VERSION store/control.h)\." \
        "$(row '`control`')"
    expect_match "\`lottery data $(constant CONTROL_VERSION store/control.h)\`" "$(row '`control`')"
    expect_match "\`LTRCPKT$(constant CHECKPOINT_VERSION store/checkpoint.h)\`" "$(row '`checkpoint`')"
}

# Of these the number stands in the text that is written: "lottery seal 1".
formats_that_are_text_have_the_number_of_the_page() {
    local kind number found
    for kind in seal draw proof replication; do
        number=$(cd "$checkout" && grep -ohE "\"lottery $kind [0-9]+" seal/*.c store/*.c | grep -oE '[0-9]+$' | sort -u)
        [[ $number =~ ^[0-9]+$ ]] || fail "'lottery $kind NUMBER' stands once in the sources, not: $number"
        found='`seal.json`, `draw.json`, proofs'
        [[ $kind != replication ]] || found='`replication`'
        expect_now "$found" "$number"
    done
}

run_tests \
    each_format_has_the_version_of_its_header \
    the_program_says_the_same \
    an_older_control_is_taken_as_the_page_says \
    formats_that_are_text_have_the_number_of_the_page
