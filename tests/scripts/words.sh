# shellcheck shell=bash
#
# words.sh - what the tests of scripts are written in. Read by tests/scripts/test_*.sh
# and tests/cluster/test_*.sh.
#
# A test is a function, named as a sentence, that runs in a subshell and in a copy of the
# project's scripts of its own ($tree). It prints what cmocka prints, so that
# scripts/run-tests.sh counts it like the others. The tests start in the project's root,
# with its programs in $LOTTERY_BIN.
set -uo pipefail
unset CDPATH

# A sanitizer's own system calls are in no list (tests/harness/program.c).
[[ ${LOTTERY_BIN:-} != *asan* ]] || export CONFINEMENT=off

checkout=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree

# Ends the test that calls it.
fail() {
    printf '    %s\n' "$*" >&2
    exit 1
}

expect_equal() {
    [[ $1 == "$2" ]] || fail "$3: expected '$1', got '$2'"
}

# expect_match PATTERN TEXT: a line of the text is like the extended regular expression.
expect_match() {
    grep -qE "$1" <<<"$2" || fail "no line like '$1' in: $2"
}

expect_no_match() {
    ! grep -qE "$1" <<<"$2" || fail "a line like '$1' in: $2"
}

# await SECONDS COMMAND...: until it succeeds. LOTTERY_TEST_PATIENCE multiplies the seconds.
await() {
    local seconds=$(($1 * ${LOTTERY_TEST_PATIENCE:-1}))
    local end=$((SECONDS + seconds))
    shift
    until "$@"; do
        ((SECONDS < end)) || fail "not within $seconds s: $*"
        sleep 0.05
    done
}

# A copy of what is run, not of what is built, without what the last test left.
copy_tree() {
    rm -rf "$tree"
    mkdir -p "$tree/server" "$tree/client"
    cp -R "$checkout"/scripts "$checkout"/*.sh "$checkout"/*.py "$checkout"/Makefile "$tree"
    cp "$checkout"/docker-compose-dev.yaml "$checkout"/.dockerignore "$tree"
    cp "$checkout"/server/config.yaml "$tree/server"
    cp "$checkout"/client/config.yaml "$tree/client"
    cd "$tree" || exit 1
}

# One after the other; the last lines are cmocka's.
run_tests() {
    local name passed=0 failed=()
    printf '[==========] Running %d test(s).\n' $#
    for name in "$@"; do
        printf '[ RUN      ] %s\n' "$name"
        if (copy_tree && "$name"); then
            passed=$((passed + 1))
            printf '[       OK ] %s\n' "$name"
        else
            failed+=("$name")
            printf '[  FAILED  ] %s\n' "$name"
        fi
    done
    printf '[==========] %d test(s) run.\n[  PASSED  ] %d test(s).\n' $# "$passed"
    ((${#failed[@]} == 0)) && exit 0
    printf '[  FAILED  ] %d test(s), listed below:\n' "${#failed[@]}"
    printf '[  FAILED  ] %s\n' "${failed[@]}"
    exit 1
}
