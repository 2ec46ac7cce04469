#!/usr/bin/env bash
#
# setup.sh - installs the packages that are missing for a task.
#
#   scripts/setup.sh GROUP...     groups: build, test, lint, dataset, docker
#
# Quick and silent when nothing is missing. Installs by apt where it may (root,
# or sudo without a password); otherwise prints the command to type, and stops
# with status 1.
set -euo pipefail

# What is there is found by what it is for, not by package name: a compiler that
# came some other way is as good. Each line is "group:package:check".
readonly needs=(
    "build:gcc:have cc"
    "build:libc6-dev:have_header stdio.h"
    "build:make:have make"
    "build:libyaml-dev:have_header yaml.h"
    "test:libcmocka-dev:have_header stddef.h stdarg.h stdint.h setjmp.h cmocka.h"
    "test:python3:have python3"
    "test:util-linux:have ipcs"
    "test:procps:have ps"
    "lint:clang-format:have clang-format"
    "lint:clang-tidy:have clang-tidy"
    "lint:cppcheck:have cppcheck"
    "lint:shellcheck:have shellcheck"
    "lint:python3:have python3"
    "clang:clang:have clang"
    "dataset:unzip:have unzip"
    "docker:docker.io:have docker"
    "docker:docker-compose:have_compose"
)

have() {
    command -v "$1" >/dev/null
}

# True when the headers, included in this order, are found by the compiler.
have_header() {
    have cc && printf '#include <%s>\n' "$@" | cc -E -x c - >/dev/null 2>&1
}

have_compose() {
    have docker-compose || docker compose version >/dev/null 2>&1
}

find_missing() {
    local need group package check
    for need in "${needs[@]}"; do
        IFS=: read -r group package check <<<"$need"
        [[ " $* " == *" $group "* ]] || continue
        # shellcheck disable=SC2086 # the check is a command and its arguments
        $check || echo "$package"
    done | sort -u
}

# Prints what to put before apt-get to have the right to install; false if nothing helps.
find_privilege() {
    have apt-get || return 1
    if ((EUID == 0)); then
        echo env
    elif have sudo && sudo -n true 2>/dev/null; then
        echo sudo
    else
        return 1
    fi
}

install_packages() {
    local privilege log
    if ! privilege=$(find_privilege); then
        printf 'setup: missing: %s. To install, type:\n\n    %s\n\n' "$*" \
            "sudo apt-get update && sudo apt-get install -y $*" >&2
        return 1
    fi
    echo "setup: installing $*" >&2
    log=$(mktemp)
    if ! { "$privilege" apt-get update -q &&
        "$privilege" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
            --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "setup: apt-get could not install $*; all it said is in $log" >&2
        return 1
    fi
    rm -f "$log"
}

if (($# == 0)); then
    echo "usage: setup.sh build|test|lint|clang|dataset|docker ..." >&2
    exit 2
fi
mapfile -t missing < <(find_missing "$@")
((${#missing[@]} == 0)) || install_packages "${missing[@]}"
