#!/usr/bin/env bash
#
# test_certificates.sh - what `make docker-compose-up TLS=1` makes and mounts, without an engine:
# scripts/certificates.sh runs here instead of in a container, and Docker is a stub.
# shellcheck disable=SC2317 # tests are called by their names
source tests/scripts/words.sh

bin=$(realpath "${LOTTERY_BIN:-bin}")

# In the containers the keys belong to another user than the folders; only root can give them away.
if [[ $(id -u) == 0 ]]; then
    owner=1234 user=10001
else
    owner=$(id -u) user=$owner
fi

# make_certificates AGENCY...: in .tls/, as scripts/tls.sh has it done; the umask is the worst one.
make_certificates() {
    mkdir -p .tls && chown "$owner" .tls && chmod 755 "$work" "$tree" .tls || exit 1
    (umask 0 && PATH=$bin:$PATH sh scripts/certificates.sh "$tree/.tls" "$user" "$@")
}

expect_file() {
    expect_equal "$1" "$(stat -c '%a %u' ".tls/$2")" "mode and owner of $2"
}

expect_verified() {
    openssl verify -x509_strict -crl_check -purpose "$1" -CAfile "$(dirname "$2")/ca.pem" \
        -CRLfile .tls/authority/crl.pem "$2" >"$work/said" 2>&1 || fail "$(<"$work/said")"
}

each_container_gets_its_own_key_and_nobody_else_reads_it() {
    make_certificates 1 2 >/dev/null || fail "status $?"
    expect_equal "agency.key agency.pem ca.pem" "$(cd .tls/client1 && echo *)" "files of client1"
    expect_equal "ca.pem crl.pem server.key server.pem" "$(cd .tls/server && echo *)" \
        "files of the server"
    expect_file "700 $owner" authority
    expect_file "755 $owner" client1
    expect_file "600 $user" client1/agency.key
    expect_file "600 $user" server/server.key
    expect_file "644 $user" server/crl.pem
    ! cmp -s .tls/client1/agency.key .tls/client2/agency.key || fail "both have one key"
    expect_verified sslclient .tls/client2/agency.pem
    expect_verified sslserver .tls/server/server.pem
    expect_match 'urn:lottery:agency:2$' "$(openssl x509 -in .tls/client2/agency.pem -noout -text)"
    expect_match 'DNS:server, DNS:localhost' \
        "$(openssl x509 -in .tls/server/server.pem -noout -text)"
}

again_makes_what_is_missing_or_old() {
    local before
    make_certificates 1 2 >/dev/null || fail "status $?"
    before=$(cksum .tls/server/* .tls/client1/* .tls/client2/*)
    expect_equal "" "$(make_certificates 1 2)" "made again"
    expect_equal "$before" "$(cksum .tls/server/* .tls/client1/* .tls/client2/*)" "files"
    touch -d '-301 days' .tls/authority/agency-2.pem
    expect_match 'agency-2.pem: serial' "$(make_certificates 1 2 3)"
    expect_match 'client3/agency.key' "$(ls .tls/client3/*)"
    expect_verified sslclient .tls/client2/agency.pem
    expect_equal "$(grep client1 <<<"$before")" "$(cksum .tls/client1/*)" "files of client1"
}

a_beginning_that_was_cut_off_goes_on() {
    make_certificates >/dev/null || fail "status $?"
    rm .tls/authority/server.pem .tls/authority/server.key
    rm -r .tls/server
    make_certificates 1 >/dev/null || fail "status $?"
    expect_verified sslserver .tls/server/server.pem
}

# Runs what tls.sh gives to a container's sh, here.
make_docker() {
    mkdir -p "$work/stub"
    cat >"$work/stub/docker" <<STUB
#!/bin/sh
echo "docker \$*" >>"$work/called"
case "\$1 \$2" in
    "version "*) echo 20.10.24 ;;
    "run "*)
        while [ "\$1" != -- ]; do shift; done
        shift 3
        PATH=$bin:\$PATH exec sh -s -- "$tree/.tls" "$user" "\$@"
        ;;
esac
STUB
    chmod +x "$work/stub/docker"
    : >"$work/called"
}

tls_1_mounts_them_and_the_compose_file_stays_as_it_is() {
    local before
    make_docker
    mkdir -p .tls && chown "$owner" .tls && chmod 755 "$work" "$tree"
    before=$(cksum docker-compose-dev.yaml)
    PATH=$work/stub:$PATH make -s docker-compose-up TLS=1 >"$work/said" 2>&1 ||
        fail "$(<"$work/said")"
    expect_equal "$before" "$(cksum docker-compose-dev.yaml)" "docker-compose-dev.yaml"
    expect_match "^docker run --rm -i --network none --user 0 -v $tree/.tls:/tls .*10001 1 2 3 4 5\$" \
        "$(<"$work/called")"
    expect_match 'compose -p tp0 -f docker-compose-dev.yaml -f .tls/docker-compose.yaml up -d' \
        "$(<"$work/called")"
    expect_equal 6 "$(grep -cE '^ +- \./\.tls/(server|client[1-5]):/tls:ro$' \
        .tls/docker-compose.yaml)" "folders that are mounted"
    expect_equal 6 "$(grep -cE '^ +(CLI_)?TLS_MODE: "required"$' .tls/docker-compose.yaml)" "modes"
    expect_no_match authority "$(<.tls/docker-compose.yaml)"
}

containers_are_made_anew_when_their_certificates_change() {
    local before
    make_certificates 1 2 3 4 5 >/dev/null || fail "status $?"
    python3 multiple_clients_compose.py --tls || fail "status $?"
    before=$(grep digest .tls/docker-compose.yaml)
    python3 multiple_clients_compose.py --tls
    expect_equal "$before" "$(grep digest .tls/docker-compose.yaml)" "digests"
    touch -d '-301 days' .tls/authority/agency-5.pem
    make_certificates 1 2 3 4 5 >/dev/null
    python3 multiple_clients_compose.py --tls
    expect_equal "$(sed 5q <<<"$before")" "$(grep digest .tls/docker-compose.yaml | sed 5q)" \
        "digests of the others"
    [[ $before != "$(grep digest .tls/docker-compose.yaml)" ]] || fail "client5's is the same"
}

without_tls_nothing_of_it_is_there() {
    make_docker
    PATH=$work/stub:$PATH make -s docker-compose-up >"$work/said" 2>&1 || fail "$(<"$work/said")"
    expect_match 'compose -p tp0 -f docker-compose-dev.yaml up -d' "$(<"$work/called")"
    [[ ! -e .tls ]] || fail "there is .tls"
}

another_value_of_tls_is_refused() {
    make_docker
    PATH=$work/stub:$PATH make -s docker-compose-up TLS=yes >"$work/said" 2>&1 && fail "it succeeds"
    expect_match 'TLS is 1, or not set' "$(<"$work/said")"
    expect_no_match ' up -d' "$(<"$work/called")"
}

run_tests \
    each_container_gets_its_own_key_and_nobody_else_reads_it \
    again_makes_what_is_missing_or_old \
    a_beginning_that_was_cut_off_goes_on \
    tls_1_mounts_them_and_the_compose_file_stays_as_it_is \
    containers_are_made_anew_when_their_certificates_change \
    without_tls_nothing_of_it_is_there \
    another_value_of_tls_is_refused
