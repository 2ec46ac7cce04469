#!/usr/bin/env bash
#
# test_pages.sh - manual pages and completions are what the programs' tables say.
# shellcheck disable=SC2317 # tests are called by their names
source tests/scripts/words.sh

make_pages() {
    mkdir -p docs
    cp "$checkout"/docs/{protocol,operations,draws}.md docs
    bash scripts/pages.sh "$(realpath "$checkout/$LOTTERY_BIN")" .
}

pages_and_completions_are_what_the_tables_say() {
    make_pages
    if ! diff -r man "$checkout/man" || ! diff -r completion "$checkout/completion"; then
        fail "an option, a key, a status or the protocol has changed: make pages"
    fi
}

# statuses_of PAGE: those of its section EXIT STATUS.
statuses_of() {
    sed -n '/^\.SH EXIT STATUS/,/^\.SH EXAMPLES/s/^\\fB\([0-9]*\)\\fR$/\1/p' "$1"
}

# section FILE FROM TO: the lines between two of its headings.
section() {
    sed -n "/^#* $2\$/,/^#* $3\$/p" "$checkout/docs/$1"
}

# expect_statuses PROGRAM TEXT: its table of exit statuses is that of the program.
expect_statuses() {
    expect_equal "$(statuses_of "$checkout/man/$1.1")" \
        "$(sed -n 's/^| \([0-9][0-9]*\) | .*/\1/p' <<<"$2")" "the exit statuses of $1"
}

exit_statuses_are_those_that_operations_explains() {
    expect_statuses lottery-server "$(section operations.md 'Start, stop, check' Signals)"
    expect_statuses lottery-agency "$(section operations.md 'An agency' 'The window of an agency')"
    expect_statuses lottery-admin "$(section operations.md lottery-admin 'What the log says')"
}

every_program_has_a_page() {
    local name
    # shellcheck disable=SC2016 # what is looked for is make's
    while read -r name; do
        [[ -s $checkout/man/$name.1 && -s $checkout/completion/$name ]] ||
            fail "$name has no page: scripts/pages.sh"
    done < <(sed -n 's/^\$(eval $(call program,\([^,]*\),.*/\1/p' "$checkout/Makefile")
}

an_option_that_no_page_has_is_found() {
    make_pages
    cp -R "$checkout/man" kept
    sed -i '/data\\-group\|data.group/d' kept/lottery-server.yaml.5
    ! diff -r man kept >/dev/null || fail "a page without data.group is not told from one with it"
}

no_page_has_a_warning() {
    command -v groff >/dev/null || return 0
    local page said
    for page in "$checkout"/man/*; do
        said=$(groff -man -ww -Tutf8 -z "$page" 2>&1)
        expect_equal '' "$said" "$page"
    done
}

no_page_is_wider_than_a_terminal() {
    command -v man >/dev/null || return 0
    local page wide
    for page in "$checkout"/man/*; do
        wide=$(MANWIDTH=80 LC_ALL=C.UTF-8 man -l "$page" 2>&1 |
            python3 -c 'import sys; [print(line) for line in sys.stdin if len(line) > 81]')
        expect_equal '' "$wide" "what is cut off of $page"
    done
}

# complete PROGRAM WORD...: what is offered for the last word.
complete_words() {
    local function=_${1//-/_}
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    "$function"
    printf '%s\n' "${COMPREPLY[*]}"
}

completions_offer_options_files_and_commands() {
    # shellcheck disable=SC1091
    source "$checkout/completion/lottery-server"
    # shellcheck disable=SC1091
    source "$checkout/completion/lottery-admin"
    expect_equal '--config' "$(complete_words lottery-server --conf)" "an option"
    expect_equal '' "$(complete_words lottery-server x)" "no operand"
    touch some.yaml
    expect_equal 'some.yaml' "$(complete_words lottery-server -c some)" "a file"
    expect_match '(^| )close( |$)' "$(complete_words lottery-admin clo)"
    expect_equal 'revoke' "$(complete_words lottery-admin pki rev)" "a second word"
    expect_equal 'status' "$(complete_words lottery-admin -c some.yaml sta)" "a command after options"
    expect_equal 'status' "$(complete_words lottery-admin --config = some.yaml sta)" "and after one with ="
    expect_equal '' "$(complete_words lottery-admin show sta)" "the operand of a command"
    expect_equal 'some.yaml' "$(complete_words lottery-admin --config = so)" "a file after ="
    mkdir somewhere
    expect_equal 'somewhere' "$(complete_words lottery-admin --directory some)" "a directory"
    # shellcheck disable=SC1091
    source "$checkout/completion/lottery-feed"
    expect_equal 'csv json' "$(complete_words lottery-feed --format '')" "values"
    expect_equal 'json' "$(complete_words lottery-feed --format = j)" "values after ="
}

run_tests \
    pages_and_completions_are_what_the_tables_say \
    every_program_has_a_page \
    exit_statuses_are_those_that_operations_explains \
    an_option_that_no_page_has_is_found \
    no_page_has_a_warning \
    no_page_is_wider_than_a_terminal \
    completions_offer_options_files_and_commands
