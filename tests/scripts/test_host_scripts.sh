#!/usr/bin/env bash
#
# test_host_scripts.sh - what a user of Docker calls, on a host that has bash, python3, POSIX's
# tools and Docker: macOS for instance, whose bash is 3.2. Docker is a stub that notes how it was
# called.
# shellcheck disable=SC2317 # tests are called by their names
source tests/scripts/words.sh

readonly host_scripts=(netcat_test.sh validar-echo-server.sh generar-compose.sh scripts/compose.sh
    scripts/tls.sh scripts/commit.sh)

# POSIX's utilities (XCU, chapter 4) that a script may want; and the three that come with a host.
readonly posix_tools=(
    awk basename cat chmod cksum cmp cp cut date dirname env expr find grep head id kill ln ls mkdir
    mkfifo mv od printf ps pwd rm rmdir sed sh sleep sort tail tee test touch tr true uname uniq wc
    xargs bash
)

make_posix_path() {
    local tool
    mkdir -p "$work/posix"
    for tool in "${posix_tools[@]}"; do
        ln -sf "$(command -v "$tool")" "$work/posix/$tool"
    done
    # What stands in the path may be a script that finds it.
    ln -sf "$(python3 -c 'import sys; print(sys.executable)')" "$work/posix/python3"
}

# Answers as an engine with Compose v2 does, and echoes what netcat is to send, unless $work/answer
# says what else to do.
make_docker() {
    cat >"$work/posix/docker" <<STUB
#!/bin/sh
echo "\$PWD: docker \$*" >>"$work/called"
case "\$1 \$2" in
    "version "*) echo 20.10.24 ;;
    "compose version") [ ! -e "$work/without-v2" ] ;;
    "run "*)
        while [ "\$1" != sh ] && [ \$# -gt 1 ]; do shift; done
        if [ -e "$work/answer" ]; then . "$work/answer"; else echo "\$2"; fi
        ;;
esac
STUB
    chmod +x "$work/posix/docker"
    : >"$work/called"
    rm -f "$work/answer" "$work/without-v2" "$work/posix/docker-compose"
}

# on_host COMMAND...: with a PATH of just those, in an environment of nothing else.
on_host() {
    make_posix_path
    [[ -e $work/posix/docker ]] || make_docker
    env -i HOME="$work" PATH="$work/posix" ${VARIABLES:+"${VARIABLES[@]}"} "$@"
}

compose_v2_is_called_with_the_arguments() {
    make_posix_path
    make_docker
    on_host bash scripts/compose.sh up -d || fail "status $?"
    expect_match "^$tree: docker compose -p tp0 -f docker-compose-dev.yaml up -d\$" \
        "$(<"$work/called")"
}

compose_v1_does_as_well() {
    make_posix_path
    make_docker
    touch "$work/without-v2"
    printf '#!/bin/sh\necho "docker-compose $*"\n' >"$work/posix/docker-compose"
    chmod +x "$work/posix/docker-compose"
    expect_equal "docker-compose -p tp0 -f docker-compose-dev.yaml logs -f" \
        "$(on_host bash scripts/compose.sh logs -f)" "called"
    rm "$work/posix/docker-compose"
}

without_an_engine_it_says_what_to_install() {
    make_posix_path
    rm -f "$work/posix/docker"
    local said
    said=$(env -i PATH="$work/posix" bash scripts/compose.sh check 2>&1) && fail "it succeeds"
    expect_match 'apt-get install docker.io' "$said"
}

a_search_path_for_cd_leads_nowhere_else() {
    make_posix_path
    make_docker
    mkdir -p "$work/elsewhere/scripts" "$work/elsewhere/server"
    VARIABLES=(CDPATH="$work/elsewhere:.")
    on_host bash scripts/compose.sh logs || fail "status $?"
    expect_match "^$tree: docker compose .* logs\$" "$(<"$work/called")"
    expect_no_match elsewhere "$(<"$work/called")"
}

a_configuration_that_containers_cannot_read_is_told_with_the_remedy() {
    make_posix_path
    make_docker
    chmod 600 client/config.yaml
    local said
    said=$(on_host bash scripts/compose.sh up 2>&1) && fail "it succeeds"
    expect_match 'chmod o\+r client/config.yaml' "$said"
    chmod 644 client/config.yaml
    mkdir .data && chmod 700 .data
    said=$(on_host bash scripts/compose.sh up 2>&1) && fail "it succeeds with .data"
    expect_match 'chmod o\+rx .data' "$said"
    chmod 755 .data
    touch .data/agency-1.csv && chmod 600 .data/agency-1.csv
    said=$(on_host bash scripts/compose.sh up 2>&1) && fail "it succeeds with a file"
    expect_match 'chmod o\+r .data/agency-1.csv' "$said"
}

netcat_test_passes_when_the_line_comes_back() {
    make_posix_path
    make_docker
    expect_equal "Netcat test passed 0" "$(on_host bash netcat_test.sh) $?" "answer"
    expect_match ' server 12345$' "$(<"$work/called")"
}

netcat_test_fails_when_it_does_not() {
    make_posix_path
    make_docker
    echo 'echo something else' >"$work/answer"
    expect_equal "Netcat test failed 1" "$(on_host bash netcat_test.sh) $?" "another line"
    echo 'exit 125' >"$work/answer"
    expect_equal "Netcat test failed 1" "$(on_host bash netcat_test.sh 2>&1) $?" "no container"
}

netcat_test_does_not_wait_for_an_engine_that_hangs() {
    make_posix_path
    make_docker
    sed -i 's/container_seconds=15/container_seconds=1/' netcat_test.sh
    echo 'exec sleep 1000' >"$work/answer"
    local started=$SECONDS
    expect_equal "Netcat test failed 1" "$(on_host bash netcat_test.sh) $?" "a hanging engine"
    ((SECONDS - started < 60)) || fail "it took $((SECONDS - started)) s"
}

validar_echo_server_says_it_in_the_course_s_words() {
    make_posix_path
    make_docker
    cd / || exit 1
    expect_equal "action: test_echo_server | result: success 0" \
        "$(on_host bash "$tree/validar-echo-server.sh") $?" "an echo"
    echo 'exit 1' >"$work/answer"
    expect_equal "action: test_echo_server | result: fail 1" \
        "$(on_host bash "$tree/validar-echo-server.sh") $?" "none"
}

generar_compose_writes_the_file_for_so_many_clients() {
    on_host bash generar-compose.sh docker-compose-3.yaml 3 >"$work/said" || fail "status $?"
    expect_equal 3 "$(grep -cE '^  client[0-9]+:$' docker-compose-3.yaml)" "clients"
    expect_match 'bets: generated \(agencies 1-3\)' "$(<"$work/said")"
    on_host bash generar-compose.sh docker-compose-dev.yaml 5 >"$work/said" || fail "status $?"
    cmp docker-compose-dev.yaml "$checkout/docker-compose-dev.yaml" || fail "not the usual file"
    local said
    said=$(on_host bash generar-compose.sh docker-compose-3.yaml 2>&1) && fail "no number succeeds"
    expect_match '^usage: ' "$said"
    said=$(on_host bash generar-compose.sh docker-compose-3.yaml x 2>&1) && fail "x succeeds"
    expect_match '^usage: ' "$said"
}

what_is_no_file_is_not_replaced_by_one() {
    local said
    mkfifo pipe
    ln -s /dev/null device
    said=$(on_host bash generar-compose.sh pipe 1 2>&1) && fail "a pipe succeeds"
    expect_match 'pipe is no regular file' "$said"
    said=$(on_host bash generar-compose.sh device 1 2>&1) && fail "a device succeeds"
    [[ -p pipe && -L device ]] || fail "they are gone"
}

the_example_bet_stands_in_every_client_s_environment() {
    on_host bash generar-compose.sh one.yaml 2 --example-bet || fail "status $?"
    expect_equal 2 "$(grep -c '^      NOMBRE: "Santiago Lionel"$' one.yaml)" "names"
    expect_equal 2 "$(grep -c '^      NUMERO: "7574"$' one.yaml)" "numbers"
    expect_equal "" "$(ls .data)" "files of bets"
    cp one.yaml docker-compose-dev.yaml
    on_host python3 multiple_clients_compose.py --bets || fail "status $?"
    expect_equal "" "$(ls .data)" "files of bets by --bets"
}

scripts_without_exec_bits_work() {
    make_posix_path
    make_docker
    find . -name '*.sh' -exec chmod 644 {} +
    PATH=$work/posix:$PATH make -s docker-compose-logs || fail "status $?"
    expect_match 'docker compose .* logs -f$' "$(<"$work/called")"
}

bash_3_2_and_posix_tools_suffice() {
    local newer='mapfile|readarray|declare -[Ag]|local -[An]|EPOCH(REALTIME|SECONDS)|BASHPID'
    newer+='|wait -n|coproc|&>>|\|&|\$\{[A-Za-z_]+(\^|,)|\[\[ -v|\$\{[A-Za-z_]+@|printf .*%\('
    local gnu='sha[0-9]*sum|(^|[ (])timeout |seq |tac |realpath|readlink -f|sed -i|grep -P|stat -'
    gnu+='|date -d|-maxdepth|mktemp|xargs -[dr]|sort -V|head -c|flock|setsid|nproc'
    local script found
    for script in "${host_scripts[@]}"; do
        # What netcat_test.sh runs in its container is Debian's.
        found=$(grep -vE '^ *#|nc -N' "$script" | grep -nE "$newer|$gnu") && fail "$script: $found"
    done
    return 0
}

make_build_is_more_than_a_folder_s_name() {
    mkdir -p build
    cd "$checkout" || exit 1
    expect_match 'CC|gcc|cc' "$(make -n VARIANT=never CC=cc build)"
}

# The engine's reading of .dockerignore, as far as this one needs it.
an_image_s_context_holds_what_it_is_built_of() {
    local path
    mkdir "$work/context"
    sed -n 's/^!//p' "$checkout/.dockerignore" | while read -r path; do
        mkdir -p "$work/context/$(dirname "$path")"
        cp -R "$checkout/$path" "$work/context/$path"
    done
    cd "$work/context" || exit 1
    make -n CC=cc unit all >/dev/null || fail "make finds less than it needs: see .dockerignore"
    [[ -f scripts/ipcs.sh ]] || fail "no scripts/ipcs.sh"
}

# commit_of_image: the words of scripts/commit.sh; what it complains of stands in $work/complaint.
commit_of_image() {
    bash scripts/commit.sh 2>"$work/complaint"
}

change_and_commit() {
    echo "$RANDOM" >>"$1"
    git add -f "$1"
    git -c user.name=t -c user.email=t@example commit -qm "$1" >/dev/null
}

an_image_s_commit_is_the_last_one_of_what_it_is_built_of() {
    command -v git >/dev/null || return 0
    local first
    cp "$checkout/.dockerignore" .
    git init -q .
    change_and_commit Makefile
    first=$(git rev-parse --short=12 HEAD)
    expect_equal "$first" "$(commit_of_image)" "the first commit"
    change_and_commit README.md
    change_and_commit client/config.yaml
    echo '# mine' >>server/config.yaml
    expect_equal "$first" "$(commit_of_image)" "after changes of a page and of configurations"
    echo '# mine' >>Makefile
    expect_equal "$first-dirty" "$(commit_of_image)" "after a change of a source"
    change_and_commit Makefile
    expect_equal "$(git rev-parse --short=12 HEAD)" "$(commit_of_image)" "after its commit"
    expect_equal "" "$(<"$work/complaint")" "complaints"
}

without_git_an_image_s_commit_is_that_of_the_archive_or_unknown() {
    cp "$checkout/.dockerignore" .
    expect_equal unknown "$(commit_of_image)" "without git"
    expect_match 'no git and no file COMMIT' "$(<"$work/complaint")"
    echo 0123456789ab >COMMIT
    expect_equal 0123456789ab "$(commit_of_image)" "in an archive"
}

run_tests \
    compose_v2_is_called_with_the_arguments \
    compose_v1_does_as_well \
    without_an_engine_it_says_what_to_install \
    a_search_path_for_cd_leads_nowhere_else \
    a_configuration_that_containers_cannot_read_is_told_with_the_remedy \
    netcat_test_passes_when_the_line_comes_back \
    netcat_test_fails_when_it_does_not \
    netcat_test_does_not_wait_for_an_engine_that_hangs \
    validar_echo_server_says_it_in_the_course_s_words \
    generar_compose_writes_the_file_for_so_many_clients \
    what_is_no_file_is_not_replaced_by_one \
    the_example_bet_stands_in_every_client_s_environment \
    scripts_without_exec_bits_work \
    bash_3_2_and_posix_tools_suffice \
    make_build_is_more_than_a_folder_s_name \
    an_image_s_context_holds_what_it_is_built_of \
    an_image_s_commit_is_the_last_one_of_what_it_is_built_of \
    without_git_an_image_s_commit_is_that_of_the_archive_or_unknown
