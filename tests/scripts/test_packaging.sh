#!/usr/bin/env bash
#
# test_packaging.sh - what is installed is found, works where it is, and is removed again; the source
# archive has the same bytes each time; units are right, and harden what they start.
# shellcheck disable=SC2317 # tests are called by their names
source tests/scripts/words.sh

# make_here TARGET ARGUMENT...: of the checkout, by the make that runs the tests, in its variant.
make_here() {
    make -s -C "$checkout" "$@" || fail "make $*"
}

# shellcheck disable=SC2154 # checkout and work are those of words.sh
installed=$work/installed
install_all() {
    rm -rf "$installed"
    make_here install DESTDIR="$installed" PREFIX=/usr >"$work/install.log"
}

files_of() {
    (cd "$1" && find . ! -type d | sort)
}

uninstall_leaves_what_is_not_ours_and_nothing_else() {
    mkdir -p "$installed/usr/bin" && touch "$installed/usr/bin/not-ours"
    make_here install DESTDIR="$installed" PREFIX=/usr >/dev/null
    local file
    for file in usr/bin/lottery-server usr/lib/systemd/system/lottery-agency@.service \
        usr/lib/sysusers.d/lottery-server.conf usr/lib/tmpfiles.d/lottery-agency.conf \
        usr/share/man/man5/lottery-files.5 etc/lottery/server.yaml etc/default/lottery-web; do
        [[ -s $installed/$file ]] || fail "$file is not installed"
    done
    make_here uninstall DESTDIR="$installed" PREFIX=/usr >/dev/null
    expect_equal ./usr/bin/not-ours "$(files_of "$installed")" "what is left"
    expect_equal '' "$(find "$installed" -name '*lottery*')" "directories that are left"
}

a_configuration_that_was_changed_survives_both() {
    install_all
    echo '# mine' >>"$installed/etc/lottery/server.yaml"
    make_here install DESTDIR="$installed" PREFIX=/usr >/dev/null
    expect_match '^# mine$' "$(cat "$installed/etc/lottery/server.yaml")"
    make_here uninstall DESTDIR="$installed" PREFIX=/usr >/dev/null
    expect_equal ./etc/lottery/server.yaml "$(files_of "$installed")" "what is left"
}

nothing_depends_on_the_umask() {
    (umask 077 && install_all)
    expect_equal '' "$(find "$installed"/* -type d ! -perm 755)" "directories that are not open"
    expect_equal '' "$(find "$installed" -type f ! -perm 644 ! -perm 755)" "files that are not open"
}

units_name_the_programs_where_they_are() {
    make_here install DESTDIR="$installed" PREFIX=/opt/lottery SYSCONFDIR=/opt/etc >/dev/null
    local unit program
    for unit in "$installed"/opt/lottery/lib/systemd/system/*.service; do
        while read -r program; do
            [[ -x $installed$program || $program == /bin/kill ]] || fail "$unit: no $program"
        done < <(sed -n 's/^Exec[A-Za-z]*=\([^ ]*\).*/\1/p' "$unit")
        expect_no_match '/usr/bin|[= ]-?/etc' "$(cat "$unit")"
    done
}

configurations_that_are_installed_are_right() {
    install_all
    CONFINEMENT=off DATA_DIRECTORY=$work/data SERVER_PORT=0 \
        "$installed/usr/bin/lottery-server" -t -c "$installed/etc/lottery/server.yaml" ||
        fail "server.yaml"
    touch bets.csv
    CLI_ID=1 "$installed/usr/bin/lottery-agency" -t -c "$installed/etc/lottery/agency.yaml" \
        --bets bets.csv || fail "agency.yaml"
}

# What verify looks for besides: the machine's targets.
add_targets() {
    local target
    for target in sysinit basic shutdown network-online network multi-user; do
        printf '[Unit]\nDescription=%s\n' "$target" >"$installed/usr/lib/systemd/system/$target.target"
    done
    mkdir -p "$installed/bin" && cp /bin/true "$installed/bin/kill"
}

systemd_takes_the_units_and_finds_them_hardened() {
    command -v systemd-analyze >/dev/null || return 0
    install_all
    local unit said
    for unit in "$checkout"/packaging/systemd/*.service; do
        said=$(systemd-analyze security --no-pager --offline=true --threshold=15 "$unit" 2>&1) ||
            fail "$unit is exposed: $said"
    done
    add_targets
    said=$(systemd-analyze verify --man=no --root="$installed" \
        "$installed"/usr/lib/systemd/system/lottery-*.service 2>&1)
    expect_equal '' "$said" "systemd-analyze verify"
}

the_source_archive_is_the_same_each_time() {
    git -C "$checkout" rev-parse --git-dir >/dev/null 2>&1 || return 0
    local head archive
    head=$(git -C "$checkout" rev-parse --short=12 HEAD)
    archive=$checkout/build/lottery-$head.tar.gz
    make_here dist 2>/dev/null && mv "$archive" first.tar.gz
    make_here dist 2>/dev/null
    cmp first.tar.gz "$archive" || fail "two archives of $head differ"
    expect_equal "$head" "$(tar -xzOf "$archive" "lottery-$head/COMMIT")" "COMMIT"
    rm -f "$archive"
}

the_packages_have_what_make_installs() {
    install_all
    local file
    while read -r file; do
        grep -qE "^(debian/tmp/)?${file//./\\.}( |\$)" "$checkout"/debian/*.{install,manpages} ||
            fail "no package has $file"
    done < <(cd "$installed" && find . ! -type d | sed 's|^\./||; s|^usr/lib/systemd|lib/systemd|')
}

run_tests \
    uninstall_leaves_what_is_not_ours_and_nothing_else \
    a_configuration_that_was_changed_survives_both \
    nothing_depends_on_the_umask \
    units_name_the_programs_where_they_are \
    configurations_that_are_installed_are_right \
    systemd_takes_the_units_and_finds_them_hardened \
    the_source_archive_is_the_same_each_time \
    the_packages_have_what_make_installs
