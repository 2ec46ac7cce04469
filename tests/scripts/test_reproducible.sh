#!/usr/bin/env bash
#
# test_reproducible.sh - the same sources give the same program wherever they are built, and it names
# their commit. One program of each kind of flags is enough, and lottery-generate is the smallest.
# shellcheck disable=SC2317 # tests are called by their names
source tests/scripts/words.sh

# build PLACE: a source archive, as it has no git, built there.
build() {
    local room
    mkdir -p "$1"
    for room in lib bet generate; do
        cp -R "$checkout/$room" "$1"
    done
    cp "$checkout/Makefile" "$1"
    echo 0123456789ab >"$1/COMMIT"
    make_plainly "$1" -j2 >"$work/build.log" 2>&1 || fail "building in $1: $(cat "$work/build.log")"
}

# The make that runs the tests may build another variant, and hands that on.
make_plainly() {
    local place=$1
    shift
    env -u MAKEFLAGS -u MAKEOVERRIDES make -s -C "$place" VARIANT=plain "$@" bin/lottery-generate
}

two_builds_in_two_places_are_the_same_bytes() {
    build "$work/here"
    (umask 077 && export TZ=Pacific/Kiritimati LC_ALL=es_ES.UTF-8 && build "$work/some/where/else") || exit 1
    cmp "$work/here/bin/lottery-generate" "$work/some/where/else/bin/lottery-generate" ||
        fail "the programs differ"
    ! grep -qaF "$work" "$work/here/bin/lottery-generate" || fail "it holds the place of its build"
    expect_match '^commit: 0123456789ab$' "$("$work/here/bin/lottery-generate" --version)"
}

another_commit_is_told_by_the_next_build() {
    build "$work/here"
    echo ba9876543210 >"$work/here/COMMIT"
    make_plainly "$work/here" >/dev/null 2>&1
    expect_match '^commit: ba9876543210$' "$("$work/here/bin/lottery-generate" --version)"
}

run_tests \
    two_builds_in_two_places_are_the_same_bytes \
    another_commit_is_told_by_the_next_build
