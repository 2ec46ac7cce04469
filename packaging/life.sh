#!/bin/bash
#
# life.sh - a package's life on a machine with systemd, as an administrator has it.
#
#   bash life.sh      as root, on a machine that may be spoilt, packages beside it (test-deb.sh)
#
# Prints each command and what it says; the first thing that is not as docs/service.md and
# docs/upgrade.md have it ends it with status 1.
set -euo pipefail
unset CDPATH
cd "$(dirname "${BASH_SOURCE[0]}")"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
readonly unit=lottery-server configuration=/etc/lottery/server.yaml

fail() {
    printf 'life: %s\n' "$*" >&2
    systemctl status --no-pager --full $unit >&2 || true
    exit 1
}

# run COMMAND...: said, and done; its output is shown where it fails.
run() {
    printf '# %s\n' "$*"
    "$@" >log 2>&1 || { cat log; fail "$* ended with status $?"; }
}

value() {
    systemctl show --value --property "$1" $unit
}

# another_version VERSION: packages of the same files, in the directory of that name.
another_version() {
    local package name
    mkdir "$1"
    for package in lottery-server_*.deb lottery-agency_*.deb lottery-tools_*.deb lottery-feed-postgres_*.deb; do
        name=${package%%_*}
        dpkg-deb -R "$package" tree
        sed -i "s/^Version: .*/Version: $1/; s/(= [^)]*)/(= $1)/" tree/DEBIAN/control
        # What dpkg has to ask about: a default that changes from version to version.
        [[ $name != lottery-server ]] || echo "# defaults of $1" >>tree"$configuration"
        dpkg-deb --root-owner-group -Znone -b tree "$1/${name}_$1.deb" >/dev/null
        rm -r tree
    done
}

# as_lottery COMMAND...
as_lottery() {
    setpriv --reuid=lottery --regid=lottery --clear-groups "$@"
}

expect_serving() {
    [[ $(value ActiveState) == active ]] || fail "the server does not run"
    as_lottery lottery-stat -c $configuration --ready || fail "the server is not ready"
}

# apt-get does the same, and asks its lists first.
install() {
    run dpkg --force-confold --install "$@"
}

printf '== installed, and not started\n'
another_version 0.9
another_version 9.0
install ./0.9/*.deb
[[ $(value ActiveState) == inactive && $(value UnitFileState) == disabled ]] || fail "the installation has started it"

printf '== a configuration that is wrong, and a port that is taken\n'
cp $configuration kept
sed -i 's/^agencies:/agencias:/' $configuration
! systemctl start $unit 2>/dev/null || fail "it starts with a wrong configuration"
[[ $(value ExecMainStatus) == 78 || $(value Result) == exit-code ]] || fail "status: $(value ExecMainStatus)"
[[ $(value NRestarts) == 0 ]] || fail "systemd starts it again and again"
cp kept $configuration
python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", 12345)); print(flush=True); time.sleep(60)' >taken &
holder=$!
until [[ -s taken ]]; do sleep 0.05; done
! systemctl start $unit 2>/dev/null || fail "it starts on a port that is taken"
journalctl --no-pager -o cat -u $unit | grep -m 1 'in use' || fail "the journal does not say which port is taken"
systemctl stop $unit
kill $holder

printf '== started, and kept through an upgrade and back\n'
run systemctl start $unit
expect_serving
before=$(value MainPID)
echo '# mine' >>$configuration
install ./9.0/*.deb
expect_serving
[[ $(value MainPID) != "$before" ]] || fail "the server of before runs on"
grep -q '# mine' $configuration || fail "the operator's configuration is gone"
diff $configuration $configuration.dpkg-dist || true
install ./0.9/*.deb
expect_serving

printf '== an upgrade with a configuration that would not start: the package is installed, the server waits\n'
sed -i 's/^agencies:/agencias:/' $configuration
install ./9.0/*.deb
[[ $(dpkg-query -W -f '${db:Status-Status}' lottery-server) == installed ]] || fail "dpkg is left with a half"
[[ $(value ActiveState) != active ]] || fail "it runs with a wrong configuration"
sed -i 's/^agencias:/agencies:/' $configuration
run systemctl start $unit
expect_serving

printf '== removed, installed again, purged\n'
run apt-get remove -y -q lottery-server
[[ $(value ActiveState) == inactive && -z $(find /dev/shm -name 'lottery-*') ]] || fail "removed, and it runs"
[[ -e $configuration && -e /var/lib/lottery/bets.csv ]] || fail "removal takes what is the operator's"
install ./9.0/lottery-server_9.0.deb
grep -q '# mine' $configuration || fail "installed again, the configuration is another one"
run systemctl start $unit
expect_serving
run apt-get purge -y -q lottery-server lottery-agency lottery-tools lottery-feed-postgres
grep 'is not empty, and stays' log
[[ -e /var/lib/lottery/bets.csv ]] || fail "purging takes the bets"
left=$(find / -xdev \( -name '*lottery*' -o -path '/etc/lottery*' \) ! -path '/packages*' ! -path '/proc/*' \
    ! -path '/var/lib/lottery*' ! -path '/var/cache/*' 2>/dev/null || true)
[[ -z $left ]] || fail "purged, and there is: $left"
echo "installed, broken, upgraded, downgraded, removed, installed again, purged"
