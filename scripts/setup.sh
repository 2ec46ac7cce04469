#!/usr/bin/env bash
#
# setup.sh - installs the packages that are missing for a task.
#
#   scripts/setup.sh GROUP...     groups: build, test, lint, clang, dataset, docker, looking, browser,
#                                 engine, packaging, autopkgtest, arm64, peers
#
# Quick and silent when nothing is missing. Installs by apt where it may (root,
# or sudo without a password); otherwise prints the command to type, and stops
# with status 1.
set -euo pipefail
scripts=${BASH_SOURCE[0]%/*}
readonly scripts

# What is there is found by what it is for, not by package name: a compiler that
# came some other way is as good. Each line is "group:Debian's package:Fedora's:check".
readonly needs=(
    "build:gcc:gcc:have cc"
    "build:libc6-dev:glibc-devel:have_header stdio.h"
    "build:make:make:have make"
    "build:libyaml-dev:libyaml-devel:have_header yaml.h"
    "build:libssl-dev:openssl-devel:have_header openssl/evp.h"
    "build:libseccomp-dev:libseccomp-devel:have_header seccomp.h"
    "build:libjansson-dev:jansson-devel:have_header jansson.h"
    "build:libnats-dev:cnats-devel:have_header nats/nats.h"
    "build:libmicrohttpd-dev:libmicrohttpd-devel:have_header microhttpd.h"
    "test:libcmocka-dev:libcmocka-devel:have_header stddef.h stdarg.h stdint.h setjmp.h cmocka.h"
    "test:python3:python3:have python3"
    "test:openssl:openssl:have openssl"
    "test:gnutls-bin:gnutls-utils:have gnutls-cli"
    "test:util-linux:util-linux:have ipcs"
    "test:procps:procps-ng:have ps"
    "test:prometheus:golang-github-prometheus:have promtool"
    "lint:clang-format:clang-tools-extra:have clang-format"
    "lint:clang-tidy:clang-tools-extra:have clang-tidy"
    "lint:cppcheck:cppcheck:have cppcheck"
    "lint:shellcheck:ShellCheck:have shellcheck"
    "lint:python3:python3:have python3"
    "clang:clang:clang:have clang"
    "dataset:python3:python3:have python3"
    "packaging:build-essential:gcc-c++:have_package build-essential"
    "packaging:debhelper:debhelper:have dh"
    "packaging:dpkg-dev:dpkg-dev:have dpkg-buildpackage"
    "packaging:lintian:lintian:have lintian"
    "packaging:libcmocka-dev:libcmocka-devel:have_header stddef.h stdarg.h stdint.h setjmp.h cmocka.h"
    "packaging:pkg-config:pkgconf:have pkg-config"
    "packaging:libpq-dev:libpq-devel:have_library libpq"
    "autopkgtest:autopkgtest:autopkgtest:have autopkgtest"
    "browser:chromium:chromium:have_browser"
    "docker:docker.io:moby-engine:have docker"
    "docker:docker-compose:docker-compose:have_compose"
    "looking:netcat-openbsd:netcat:have nc"
    "engine:nats-server:nats-server:have_nats"
    "arm64:mmdebstrap:mmdebstrap:have mmdebstrap"
    "arm64:gcc-aarch64-linux-gnu:gcc-aarch64-linux-gnu:have aarch64-linux-gnu-gcc"
    "arm64:qemu-system-arm:qemu-system-aarch64:have qemu-system-aarch64"
    "arm64:cpio:cpio:have cpio"
    "peers:python3:python3:have python3"
    "peers:pkg-config:pkgconf:have pkg-config"
    "peers:strace:strace:have strace"
    "peers:postgresql:postgresql-server:have_postgresql"
    "peers:libpq-dev:libpq-devel:have_library libpq"
    "peers:redis-server:redis:have redis-server"
    "peers:libhiredis-dev:hiredis-devel:have_library hiredis"
    "peers:nats-server:nats-server:have_nats"
    "peers:libnats-dev:cnats-devel:have_library libnats"
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

have_browser() {
    have chromium || have chromium-browser || have google-chrome
}

have_library() {
    have pkg-config && pkg-config --exists "$1"
}

# dpkg-buildpackage asks for the package, whatever compiler is there. Others than Debian have none.
have_package() {
    ! have dpkg-query || [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Debian keeps PostgreSQL's server out of PATH.
have_postgresql() {
    have postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null
}

have_nats() {
    have nats-server && bash "$scripts/nats-version.sh" "$(nats-server --version)"
}

# True when one of the packages starts a service when it is installed, or has to come from elsewhere.
have_services() {
    local package
    for package in "$@"; do
        case $package in
            nats-server | postgresql | prometheus | redis-server) return 0 ;;
        esac
    done
    return 1
}

# Prints the missing packages of the groups, by Debian's names or by Fedora's.
# find_missing debian|fedora GROUP...
find_missing() {
    local system=$1 need group debian fedora check
    shift
    for need in "${needs[@]}"; do
        # shellcheck disable=SC2034 # the packages are read by ${!system}
        IFS=: read -r group debian fedora check <<<"$need"
        [[ " $* " == *" $group "* ]] || continue
        # shellcheck disable=SC2086 # the check is a command and its arguments
        $check || echo "${!system}"
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

# Says what to type where it is not for us to install.
explain_install() {
    local command="sudo apt-get update && sudo apt-get install -y $*"
    local -a packages
    if have apt-get && have_services "$@"; then
        command="sudo bash scripts/setup.sh ${groups[*]}"
    fi
    if ! have apt-get && have dnf; then
        mapfile -t packages < <(find_missing fedora "${groups[@]}")
        command="sudo dnf install -y ${packages[*]}"
    fi
    printf 'setup: missing: %s. To install, type:\n\n    %s\n\n' "$*" "$command" >&2
}

install_packages() {
    local privilege log
    # shellcheck disable=SC2016 # the shell in there expands it
    local -a install=(sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install \
        -y -q --no-install-recommends "$@"' sh)
    if have_services "$@"; then
        install=(bash "$scripts/install-services.sh")
    fi
    if ! privilege=$(find_privilege); then
        explain_install "$@"
        return 1
    fi
    echo "setup: installing $*" >&2
    log=$(mktemp)
    if ! "$privilege" "${install[@]}" "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "setup: apt-get could not install $*; all it said is in $log" >&2
        return 1
    fi
    rm -f "$log"
}

if (($# == 0)); then
    echo "usage: setup.sh build|test|lint|clang|dataset|docker|looking|browser|engine|packaging|autopkgtest|peers ..." >&2
    exit 2
fi
readonly groups=("$@")
mapfile -t missing < <(find_missing debian "${groups[@]}")
((${#missing[@]} == 0)) || install_packages "${missing[@]}"
