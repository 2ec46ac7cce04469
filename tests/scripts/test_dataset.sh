#!/usr/bin/env bash
#
# test_dataset.sh - a .data/dataset.zip is what is sent, or the reason why nothing is: never are
# made-up bets taken for it. By multiple_clients_compose.py and by scripts/run.sh.
# shellcheck disable=SC2317 # tests are called by their names
source tests/scripts/words.sh

readonly row=$'Ana,Paz,30904465,1999-03-17,7574\r'

# pack NAME...: a dataset.zip of two rows a file, with these names, written as they stand here.
pack() {
    mkdir -p .data
    python3 - "$@" <<'PYTHON'
import sys, zipfile
with zipfile.ZipFile(".data/dataset.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    for name in sys.argv[1:]:
        info = zipfile.ZipInfo("x")
        info.filename, info.create_system = name, 0
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, b"Ana,Paz,30904465,1999-03-17,7574\r\n" * 2)
PYTHON
}

pack_five() {
    local prefix=${1:-agency} suffix=${2:-csv} agency names=()
    for agency in 1 2 3 4 5; do
        names+=("$prefix-$agency.$suffix")
    done
    pack "${names[@]}"
}

# patch SIGNATURE OFFSET BYTE: sets a byte of the headers that begin with these two letters.
patch() {
    python3 - "$@" <<'PYTHON'
import sys
signature, offset, value = b"PK" + bytes.fromhex(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
content = bytearray(open(".data/dataset.zip", "rb").read())
at = content.find(signature)
while at >= 0:
    content[at + offset] = value
    at = content.find(signature, at + 1)
open(".data/dataset.zip", "wb").write(content)
PYTHON
}

readonly local_header=0304 central_header=0102

set_method() {
    patch "$local_header" 8 "$1"
    patch "$central_header" 10 "$1"
}

set_flags() {
    patch "$local_header" 6 "$1"
    patch "$central_header" 8 "$1"
}

need_programs() {
    ln -s "$checkout/${LOTTERY_BIN:-bin}" bin
}

expect_bets_of_dataset() {
    local said agency
    said=$(python3 multiple_clients_compose.py 5) || fail "$1: status $?"
    expect_equal "bets: .data/dataset.zip (agencies 1-5)" "$said" "$1"
    for agency in 1 2 3 4 5; do
        expect_equal "$row"$'\n'"$row" "$(<".data/agency-$agency.csv")" "$1: agency $agency"
    done
}

# expect_refused PATTERN: by everybody, and nothing is written.
expect_refused() {
    local said status before
    before=$(cksum docker-compose-dev.yaml)
    said=$(python3 multiple_clients_compose.py 5 2>&1)
    status=$?
    expect_equal 1 "$status" "status ($said)"
    expect_match "dataset.zip.*$1" "$said"
    expect_no_match Traceback "$said"
    said=$(python3 multiple_clients_compose.py --bets 2>&1) && fail "--bets succeeds"
    said=$(bash scripts/run.sh 2>&1) && fail "run.sh succeeds"
    expect_match "^run: .*dataset.zip.*$1" "$said"
    expect_equal dataset.zip "$(ls .data)" "files in .data"
    expect_equal "$before" "$(cksum docker-compose-dev.yaml)" "compose file"
    [[ ! -e build/run/data ]] || fail "run.sh started a server"
}

files_are_found_in_any_directory_and_case() {
    pack_five agency csv && expect_bets_of_dataset "plain"
    rm .data/agency-* && pack_five dataset/agency csv && expect_bets_of_dataset "in a directory"
    rm .data/agency-* && pack_five 'dataset\agency' csv && expect_bets_of_dataset "backslashes"
    rm .data/agency-* && pack_five Agency CSV && expect_bets_of_dataset "upper case"
    rm .data/agency-* && mv .data/dataset.zip .data/Dataset.ZIP &&
        expect_bets_of_dataset "its own name"
}

run_sh_takes_them_too() {
    need_programs
    local said
    pack_five 'dataset\Agency' CSV
    said=$(bash scripts/run.sh 2>&1) || fail "status $?: $said"
    expect_match '^bets: .data/dataset.zip \(agencies 1 2 3 4 5\)$' "$said"
    expect_match '^all agencies: 10 bets stored' "$said"
}

run_sh_says_what_it_generates() {
    need_programs
    local said
    said=$(bash scripts/run.sh 2>&1) || fail "status $?: $said"
    expect_match '^bets: generated \(agencies 1 2 3 4 5\)$' "$said"
    mkdir .data
    printf '%s\n' "$row" >.data/Agency-2.CSV
    said=$(bash scripts/run.sh 2>&1) || fail "status $?: $said"
    expect_match '^bets: .data/agency-N.csv \(agencies 2\)$' "$said"
    expect_match '^bets: generated \(agencies 1 3 4 5\)$' "$said"
}

what_is_there_is_kept_and_said() {
    mkdir .data
    printf '%s\n' "$row" >.data/agency-1.csv
    printf '%s\n' "$row" >.data/AGENCY-2.csv
    expect_equal $'bets: .data/agency-N.csv (agencies 1-2)\nbets: generated (agencies 3)' \
        "$(python3 multiple_clients_compose.py 3)" "sources"
    expect_equal "$row" "$(<.data/agency-1.csv)" "agency 1"
    expect_equal "$row" "$(<.data/agency-2.csv)" "agency 2"
}

an_agency_that_it_does_not_have_is_refused() {
    need_programs
    pack agency-1.csv agency-2.csv agency-4.csv agency-5.csv
    expect_refused 'has no agency-3.csv'
    pack __MACOSX/._agency-1.csv readme.txt
    expect_refused "has no agency's file"
}

made_up_bets_beside_a_dataset_are_asked_for() {
    pack_five
    expect_equal $'bets: .data/dataset.zip (agencies 1-5)\nbets: generated (agencies 6-7)' \
        "$(python3 multiple_clients_compose.py --generate 7)" "sources"
    rm .data/agency-*
    pack readme.txt
    python3 multiple_clients_compose.py --generate 7 2>/dev/null && fail "a dataset without any"
    expect_equal dataset.zip "$(ls .data)" "files in .data"
}

two_files_of_one_agency_are_refused() {
    need_programs
    pack a/agency-1.csv b/Agency-1.csv agency-2.csv agency-3.csv agency-4.csv agency-5.csv
    expect_refused 'agency-1.csv twice: a/agency-1.csv and b/Agency-1.csv'
}

a_method_that_is_not_supported_is_refused() {
    need_programs
    pack_five
    set_method 9
    expect_refused 'agency-1.csv: .*(not supported|unsupported|compression)'
}

a_password_is_refused() {
    need_programs
    pack_five
    set_flags 1
    expect_refused 'agency-1.csv is encrypted'
}

a_damaged_file_in_it_is_refused() {
    need_programs
    pack_five
    patch "$local_header" 44 255
    expect_refused 'agency-1.csv is damaged'
}

a_truncated_or_empty_or_wrong_file_is_refused() {
    need_programs
    pack_five
    python3 -c "import os; os.truncate('.data/dataset.zip', 300)"
    expect_refused 'is no whole zip file'
    : >.data/dataset.zip
    expect_refused 'is no whole zip file'
    rm .data/dataset.zip && mkdir .data/dataset.zip
    expect_refused 'Is a directory'
}

a_link_that_leads_nowhere_is_refused() {
    need_programs
    mkdir .data
    ln -s nowhere .data/dataset.zip
    expect_refused 'No such file'
}

run_tests \
    files_are_found_in_any_directory_and_case \
    run_sh_takes_them_too \
    run_sh_says_what_it_generates \
    what_is_there_is_kept_and_said \
    an_agency_that_it_does_not_have_is_refused \
    made_up_bets_beside_a_dataset_are_asked_for \
    two_files_of_one_agency_are_refused \
    a_method_that_is_not_supported_is_refused \
    a_password_is_refused \
    a_damaged_file_in_it_is_refused \
    a_truncated_or_empty_or_wrong_file_is_refused \
    a_link_that_leads_nowhere_is_refused
