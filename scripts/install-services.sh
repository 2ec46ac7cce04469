#!/usr/bin/env bash
#
# install-services.sh - installs systems that run as services, and starts none of them: the engine that
# `make test-cluster` needs, what `make bench-peers` measures, and Prometheus, whose promtool tests the
# rules of alarms.
#
#   scripts/install-services.sh PACKAGE...    as root; scripts/setup.sh test, engine or peers calls it
#
# The installation starts no service, nor does the next boot, and PostgreSQL gets no cluster. A
# service that was there before is left as it is.
# nats-server comes from Debian 13 where this Debian's is too old: an apt source, and a pin for this
# one package, are there during the installation, so that nothing else is upgraded.
set -euo pipefail
unset CDPATH
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly scripts

readonly suite=trixie mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
readonly source=/etc/apt/sources.list.d/lottery-services.list
readonly pin=/etc/apt/preferences.d/lottery-services
readonly policy=/usr/sbin/policy-rc.d policy_before=/usr/sbin/policy-rc.d.lottery-services
readonly postgresql=/etc/postgresql-common/createcluster.d
readonly services=(redis-server nats-server prometheus) # packages, and services of the same name

made='' # says which directories were not there before

# Debian asks policy-rc.d before it starts a service: 101 forbids it.
forbid_services() {
    [[ ! -e $policy ]] || mv "$policy" "$policy_before"
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=$(mkdir -pv "$postgresql")
    echo 'create_main_cluster = false' >"$postgresql/lottery-services.conf"
}

clean_up() {
    rm -f "$source" "$pin" "$postgresql/lottery-services.conf" "$policy"
    [[ ! -e $policy_before ]] || mv "$policy_before" "$policy"
    [[ -z $made ]] || rmdir --ignore-fail-on-non-empty -p "$postgresql"
}

# True when what apt would install keeps what it has acknowledged.
offers_nats() {
    "$BASH" "$scripts/nats-version.sh" "$(apt-cache policy nats-server | grep Candidate)" 2>/dev/null
}

add_suite() {
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$source"
    printf 'Package: *\nPin: release n=%s\nPin-Priority: -1\n\nPackage: nats-server\nPin: release n=%s\nPin-Priority: 990\n' \
        "$suite" "$suite" >"$pin"
    apt-get update -q
}

is_installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# For the next boot, by systemd (which does it for System V, too) or by System V alone.
disable_service() {
    if command -v systemctl >/dev/null; then
        systemctl disable "$1.service"
    else
        update-rc.d "$1" disable
    fi
}

trap clean_up EXIT
trap 'exit 130' INT TERM
forbid_services
apt-get update -q
[[ " $* " != *" nats-server "* ]] || offers_nats || add_suite
new=()
for service in "${services[@]}"; do
    [[ " $* " != *" $service "* ]] || is_installed "$service" || new+=("$service")
done
DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get install -y -q --no-install-recommends "$@"
for service in "${new[@]}"; do
    disable_service "$service"
done
