#!/usr/bin/env bash
#
# run.sh - goes through the exercises of the course's guide on a real Docker
# engine, typed as the guide has them, and judges by logs, exit codes, image ids
# and what is left behind. `make test-docker` calls it.
#
#   tests/docker/run.sh [DATASET.zip]
#
# ONLY='*exercise_4*' goes through those alone (a shell pattern).
#
# Works in a copy of the checkout, because it changes configurations and writes
# .data/; with the modes of a clone under umask 077. The names of containers and networks are the guide's: while it runs,
# there can't be another tp0 on this engine. With the course's dataset.zip, or
# one in .data/, the bets are real ones; otherwise they are made up.
set -uo pipefail
unset CDPATH
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

readonly checkout=$PWD
readonly patience_seconds=60
dataset=${1:-.data/dataset.zip}
dataset=$(realpath -m "$dataset")
work=$(mktemp -d)
passed=0
failed=0

# ---- words that the tests are written in -----------------------------------------

# Ends the test that calls it.
fail() {
    printf '    %s\n' "$*" >&2
    exit 1
}

expect_equal() {
    [[ $1 == "$2" ]] || fail "$3: expected '$1', got '$2'"
}

# expect_log CONTAINER PATTERN: the container's log has such a line by now.
expect_log() {
    docker logs "$1" 2>&1 | grep -E "$2" >/dev/null || {
        docker logs --tail 15 "$1" >&2
        fail "the log of $1 has no line like: $2"
    }
}

# await_log CONTAINER PATTERN: the container's log has such a line soon.
await_log() {
    grep -qE "$2" < <(timeout "$patience_seconds" docker logs -f "$1" 2>&1) ||
        fail "the log of $1 got no line like: $2"
}

# `make docker-compose-logs` shows the first line of so many containers.
expect_compose_logs_of() {
    awk -v wanted="$1" '/action: config/ { gsub(/\033\[[0-9;]*[A-Za-z]/, ""); seen[$1] }
        length(seen) == wanted { exit } END { exit length(seen) != wanted }' \
        < <(timeout "$patience_seconds" make docker-compose-logs 2>&1) ||
        fail "make docker-compose-logs does not show $1 containers"
}

without_colours() {
    sed -E 's/\x1b\[[0-9;]*[A-Za-z]//g' "$@"
}

expect_exit() {
    local code
    code=$(timeout "$patience_seconds" docker wait "$1") || fail "$1 does not end"
    [[ $code == 0 ]] || docker logs --tail 15 "$1" >&2
    expect_equal 0 "$code" "exit code of $1"
}

quietly() {
    local status=0
    "$@" >"$work/said" 2>&1 || status=$?
    ((status == 0)) || {
        tail -n 20 "$work/said" >&2
        fail "$* ended with status $status"
    }
}

image_ids() {
    docker image inspect --format '{{.Id}}' server:latest client:latest
}

clients_of_engine() {
    docker ps -a --format '{{.Names}}' | grep -cE '^client[0-9]+$'
}

winners_in() {
    tr -d '\r' <"$1" | grep -cE ',0*7574$'
}

# The draw's outcome in every client's log, against the files.
expect_winners() {
    local agency
    for ((agency = 1; agency <= $1; agency++)); do
        expect_exit "client$agency"
        expect_log "client$agency" "action: consulta_ganadores \| result: success \| cant_ganadores: $(
            winners_in ".data/agency-$agency.csv"
        )( |\$)"
    done
}

# set_key FILE KEY VALUE: in a config.yaml, whose keys' last parts are all different.
set_key() {
    grep -qE "^ +$2:" "$1" || fail "$1 has no key $2"
    sed -i -E "s/^( +)$2:.*/\1$2: $3/" "$1"
}

slow_down_betting() {
    set_key client/config.yaml maxAmount 10
    set_key client/config.yaml inFlight 1
}

restore_configs() {
    cp "$checkout/server/config.yaml" server/
    cp "$checkout/client/config.yaml" client/
}

# Whatever the test before has left.
start_anew() {
    quietly make docker-compose-down
    restore_configs
}

# Nothing of the project is left on the engine.
expect_nothing_left() {
    local left
    left=$(docker ps -aq --filter label=com.docker.compose.project=tp0)
    left+=$(docker network ls -q --filter label=com.docker.compose.project=tp0)
    left+=$(docker volume ls -q --filter label=com.docker.compose.project=tp0)
    expect_equal "" "$left" "containers, networks and volumes that are left"
}

# ---- the exercises -----------------------------------------------------------------

exercise_1_up_builds_and_starts_a_server_and_five_clients() {
    quietly make docker-compose-up
    expect_equal 5 "$(clients_of_engine)" "clients"
    expect_equal healthy "$(docker inspect --format '{{.State.Health.Status}}' server)" "server"
    expect_compose_logs_of 6
}

exercise_7_every_client_gets_its_winners_after_the_draw() {
    expect_winners 5
    expect_log server 'action: sorteo \| result: success'
    docker logs server 2>&1 | sed '/action: sorteo | result: success/q' >"$work/before-draw"
    ! grep -qE 'consulta_ganadores .*cant_ganadores' "$work/before-draw" ||
        fail "there were winners before the draw"
}

exercise_6_batches_of_the_configured_size_are_stored() {
    expect_log server 'action: apuesta_recibida \| result: success .*cantidad: 150'
    docker run --rm -i --network tp0_testing_net --entrypoint nc client:latest -N -w 3 server 12345 \
        >"$work/answer" <<<$'1:4:Ana,Paz,no-digits,2000-01-01,1\n\r'
    expect_equal $'server:1\r' "$(<"$work/answer")" "answer to a bad batch"
    expect_log server 'action: apuesta_recibida \| result: fail'
}

# The supervisor, the storer, and the handlers that wait for a connection.
exercise_8_no_process_is_left_behind() {
    local waiting
    waiting=$(docker exec server lottery-stat --json | grep -oE '"handlers_ahead": [0-9]+' | grep -oE '[0-9]+')
    expect_equal "$((2 + waiting))" "$(docker top server -eo pid | tail -n +2 | wc -l)" "processes beside the clients'"
}

containers_are_locked_up() {
    local name format='{{.ReadonlyRootfs}} {{.CapDrop}} {{.SecurityOpt}} {{.PortBindings}}'
    for name in server client1; do
        expect_equal 'true [ALL] [no-new-privileges:true] map[]' \
            "$(docker inspect --format "{{with .HostConfig}}$format{{end}}" "$name")" "$name"
        expect_equal lottery "$(docker inspect --format '{{.Config.User}}' "$name")" "user of $name"
    done
    expect_equal 10001 "$(docker exec server id -u)" "user id in the server"
}

modes_in_the_images_are_not_the_clone_s() {
    expect_equal 755 "$(docker exec server stat -c %a /usr/local/bin/lottery-ipcs)" "lottery-ipcs"
    expect_equal 755 "$(docker exec server stat -c %a /usr/local/bin/lottery-server)" "lottery-server"
    expect_equal 755 "$(docker exec server stat -c %a /usr/local/bin/lottery-admin)" "lottery-admin"
    expect_equal "700 lottery" "$(docker exec server stat -c '%a %U' /data)" "/data"
}

# The images are built of a copy of the checkout; so it is told which commit that is of.
version_names_the_commit_that_the_images_are_built_of() {
    local commit name
    commit=$(bash scripts/commit.sh 2>/dev/null)
    for name in server agency; do
        expect_equal "commit: $commit" \
            "$(docker run --rm --entrypoint "lottery-$name" "${name/agency/client}:latest" --version | grep '^commit: ')" \
            "lottery-$name --version"
    done
    [[ $commit != unknown || ! -e $checkout/.git ]] || fail "there is git, and no commit"
}

ipcs_shows_the_gate_and_lottery_stat() {
    make -s docker-compose-ipcs >"$work/ipcs" 2>&1 || fail "no ipcs: $(tail -n 3 "$work/ipcs")"
    local word
    for word in 'Semaphore Arrays' 'semnum' 'lottery-[0-9a-f]+' 'gate +missing +0'; do
        grep -qE "$word" "$work/ipcs" || fail "ipcs does not show $word"
    done
}

the_commands_of_the_pages_print_what_these_show() {
    python3 tests/documents/commands.py docker || fail "status $?"
}

exercise_2_up_again_changes_nothing_and_clients_get_their_winners_again() {
    local ids server
    ids=$(image_ids)
    server=$(docker inspect --format '{{.Id}} {{.State.StartedAt}}' server)
    quietly make docker-compose-up
    expect_equal "$ids" "$(image_ids)" "images"
    expect_equal "$server" "$(docker inspect --format '{{.Id}} {{.State.StartedAt}}' server)" "server"
    expect_winners 5
}

exercise_2_a_changed_configuration_takes_effect_without_a_new_image() {
    local ids
    ids=$(image_ids)
    set_key client/config.yaml maxAmount 77
    set_key server/config.yaml wait 1500ms
    quietly make docker-compose-up
    expect_equal "$ids" "$(image_ids)" "images"
    expect_log client1 'action: config .*batch.maxAmount: 77'
    expect_log server 'action: config .*winners.wait: (1500ms|1s500ms)'
    expect_winners 5
    expect_log server "action: recover .*bets: $(cat .data/agency-{1..5}.csv | wc -l)"
}

exercise_3_netcat_says_whether_the_server_answers() {
    expect_equal "Netcat test passed" "$(bash netcat_test.sh)" "against a running server"
    expect_equal "action: test_echo_server | result: success" "$(bash validar-echo-server.sh)" \
        "by its other name"
    quietly make docker-compose-stop
    local said status started=$SECONDS
    said=$(bash netcat_test.sh 2>/dev/null)
    status=$?
    expect_equal "Netcat test failed 1" "$said $status" "against none"
    expect_equal "action: test_echo_server | result: fail" \
        "$(bash validar-echo-server.sh 2>/dev/null)" "by its other name"
    ((SECONDS - started < 20)) || fail "it took $((SECONDS - started)) s"
    ! command -v file >/dev/null || ! file netcat_test.sh scripts/*.sh | grep -q CRLF ||
        fail "scripts have CRLF line ends"
}

bets_survive_stop_and_a_killed_container() {
    local bets
    bets=$(cat .data/agency-{1..5}.csv | wc -l)
    quietly make docker-compose-up
    expect_log server "action: recover .*bets: $bets"
    docker kill server >/dev/null
    quietly make docker-compose-up
    expect_winners 5
    expect_equal "$bets" "$(docker exec server cat /data/bets.csv | wc -l)" "stored bets"
}

an_operator_verifies_a_draw_and_opens_the_next_one_in_the_container() {
    local said
    said=$(docker exec server lottery-admin status) || fail "no status"
    grep -q ': drawn' <<<"$said" || fail "the status does not say drawn: $said"
    quietly docker exec server lottery-verify /data
    quietly docker exec server lottery-admin open 2026-W49 --number 7574
    quietly make docker-compose-up
    expect_winners 5
    quietly docker exec server lottery-verify --all /data
    expect_equal 2 "$(docker exec server lottery-admin list | grep -cE '^[^ ]+ +drawn ')" "draws held"
}

exercise_4_down_in_the_middle_of_betting_is_graceful() {
    start_anew
    slow_down_betting
    quietly make docker-compose-up
    docker events --filter event=die --filter event=kill --format \
        '{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}} {{.Actor.Attributes.signal}}' \
        >"$work/events" &
    local events=$! logs
    make docker-compose-logs >"$work/logs" 2>&1 &
    logs=$!
    await_log server 'action: apuesta_(recibida|almacenada)'
    quietly make docker-compose-down
    timeout 10 tail -f /dev/null --pid="$logs"
    kill "$events"
    ! grep '^kill .* 9$' "$work/events" >&2 || fail "somebody needed SIGKILL"
    # A slow docker-compose-logs can lose the last lines to the removal; down itself shows them.
    without_colours "$work/logs" "$work/said" >"$work/shown"
    local name
    for name in server client{1..5}; do
        grep -q "^die $name 0 " "$work/events" || fail "$name did not exit with 0"
        grep -qE "^$name .*action: (server|agency)_exit \| result: success" "$work/shown" ||
            fail "the logs do not show how $name ended"
    done
    for name in close_listener stop_handlers stop_storer remove_shared_memory; do
        grep -q "action: $name | result: success" "$work/shown" || fail "no step $name in the logs"
    done
    expect_nothing_left
}

exercise_1_1_the_script_refuses_what_is_no_number() {
    local before arguments
    before=$(sha256sum docker-compose-dev.yaml)
    for arguments in "" -1 x 5x 1.5 "3 4" 1e3 99999; do
        # shellcheck disable=SC2086 # words are what is tried
        python3 multiple_clients_compose.py $arguments >"$work/said" 2>&1
        expect_equal 1 $? "status for '$arguments'"
        grep -q '^usage: ' "$work/said" || fail "no usage for '$arguments'"
    done
    expect_equal "$before" "$(sha256sum docker-compose-dev.yaml)" "the old file"
    quietly python3 multiple_clients_compose.py 5
    expect_equal "$before" "$(sha256sum docker-compose-dev.yaml)" "five clients again"
}

exercise_1_1_seven_agencies_take_part_in_the_draw() {
    start_anew
    quietly python3 multiple_clients_compose.py --generate 7
    quietly make docker-compose-up
    expect_equal 7 "$(clients_of_engine)" "clients"
    expect_winners 7
    expect_log server 'action: config .*agencies.expected: 7'
}

exercise_1_1_none_is_a_server_alone() {
    start_anew
    quietly python3 multiple_clients_compose.py 0
    quietly make docker-compose-up
    expect_equal 0 "$(clients_of_engine)" "clients"
    expect_equal "Netcat test passed" "$(bash netcat_test.sh)" "against a server alone"
    quietly make docker-compose-down
    expect_nothing_left
}

exercise_5_one_bet_for_each_client_from_its_environment() {
    start_anew
    quietly python3 multiple_clients_compose.py 2
    sed -i -e 's/^      CLI_ID: "1"/&\n      NOMBRE: Santiago Lionel\n      APELLIDO: Lorca\
      DOCUMENTO: "30904465"\n      NACIMIENTO: "1999-03-17"\n      NUMERO: "7574"/' \
        -e 's/^      CLI_ID: "2"/&\n      CLI_NOMBRE: María\n      CLI_APELLIDO: Núñez\
      CLI_DOCUMENTO: "21689196"\n      CLI_NACIMIENTO: "2000-05-10"\n      CLI_NUMERO: "9325"/' \
        docker-compose-dev.yaml
    quietly make docker-compose-up
    expect_exit client1
    expect_exit client2
    expect_log client1 'action: apuesta_enviada \| result: success \| dni: 30904465 \| numero: 7574'
    expect_log client2 'action: apuesta_enviada \| result: success \| dni: 21689196 \| numero: 9325'
    expect_log server 'action: apuesta_almacenada \| result: success \| dni: 30904465 \| numero: 7574'
    expect_log server 'action: apuesta_almacenada \| result: success \| dni: 21689196 \| numero: 9325'
}

exercise_5_the_example_bet_stands_in_the_generated_file() {
    start_anew
    quietly bash generar-compose.sh docker-compose-dev.yaml 1 --example-bet
    quietly make docker-compose-up
    expect_exit client1
    expect_log client1 'action: apuesta_enviada \| result: success \| dni: 30904465 \| numero: 7574'
    expect_log server 'action: apuesta_almacenada \| result: success \| dni: 30904465 \| numero: 7574'
}

a_volume_that_was_kept_begins_drawn_and_the_log_says_what_to_do() {
    start_anew
    quietly bash generar-compose.sh docker-compose-dev.yaml 1
    quietly make docker-compose-up
    expect_winners 1
    quietly bash scripts/compose.sh down -t 1
    quietly make docker-compose-up
    expect_log server 'action: recover .*drawn: yes .*lottery-admin open NAME.*docker compose down -v'
    quietly make docker-compose-down
    quietly make docker-compose-up
    expect_winners 1
    ! docker logs server 2>&1 | grep -q 'drawn: yes' || fail "a new volume is drawn"
}

# expect_mounts CONTAINER: of .tls/ it has its own folder alone, and can't write there.
expect_mounts() {
    local format='{{range .Mounts}}{{if eq .Destination "/tls"}}{{.Source}} {{.RW}}{{end}}{{end}}'
    expect_equal "$work/.tls/$1 false" "$(docker inspect --format "$format" "$1")" "/tls of $1"
}

tls_1_encrypts_and_every_container_has_its_own_key() {
    start_anew
    quietly bash generar-compose.sh docker-compose-dev.yaml 3
    local before clients
    before=$(sha256sum docker-compose-dev.yaml)
    quietly make docker-compose-up TLS=1
    expect_equal "$before" "$(sha256sum docker-compose-dev.yaml)" "the compose file"
    expect_winners 3
    expect_equal "600 lottery" "$(docker exec server stat -c '%a %U' /tls/server.key)" "server's key"
    expect_equal "600 10001" "$(stat -c '%a %u' .tls/client1/agency.key)" "a client's key"
    expect_mounts server
    expect_mounts client1
    expect_mounts client3
    clients=$(docker inspect --format '{{.Id}}' client1 client2 client3)
    quietly make docker-compose-up TLS=1
    expect_equal "$clients" "$(docker inspect --format '{{.Id}}' client1 client2 client3)" "clients"
    expect_winners 3
    docker run --rm -i --network tp0_testing_net --entrypoint nc client:latest -N -w 3 server 12345 \
        >"$work/answer" <<<$'1:5\r'
    grep -q 'ERROR.*TLS' "$work/answer" || fail "plain text is answered: $(<"$work/answer")"
    quietly make docker-compose-down
    expect_nothing_left
    rm -r .tls || fail ".tls can't be removed"
}

the_earlier_clients_echo_and_finish_their_loop() {
    start_anew
    quietly python3 multiple_clients_compose.py 1
    set_key client/config.yaml amount 3
    set_key client/config.yaml period 100ms
    quietly make docker-compose-up
    expect_exit client1
    expect_log client1 'action: receive_message \| result: success .*msg: .*N°3'
    expect_log client1 'action: loop_finished'
}

await_health() {
    local status second
    for ((second = 0; second < patience_seconds; second++)); do
        status=$(docker inspect --format '{{.State.Health.Status}}' "$1")
        [[ $status != healthy ]] || return 0
        sleep 1
    done
    fail "$1 is $status"
}

# Nothing is mounted but bets and volumes; both programs' settings come from the environment.
the_environment_alone_does() {
    start_anew
    docker network create tp0_quorum >/dev/null
    docker run -d --name quorum --network tp0_quorum -v tp0_quorum:/data -e SERVER_PORT=5678 \
        -e AGENCY_QUORUM_MIN=1 server:latest >/dev/null || fail "the server does not start"
    await_health quorum
    mkdir -m 755 output
    docker run --name quorum-0 --network tp0_quorum -v "$PWD/.data:/bets:ro" \
        -v "$PWD/output:/output" -e SERVER_HOST=quorum -e SERVER_PORT=5678 -e AGENCY_ID=5 \
        -e INPUT_FILE=/bets/agency-5.csv -e OUTPUT_FILE=/output/won.csv client:latest \
        >"$work/said" 2>&1 && fail "it writes into a directory of root"
    grep -q 'belongs to user 0 .*chown 10001' "$work/said" || fail "no remedy: $(<"$work/said")"
    chown 10001 output
    docker start quorum-0 >/dev/null
    expect_exit quorum-0
    [[ -f output/won.csv ]] || fail "no winners in output"
    expect_equal 700 "$(docker exec quorum stat -c %a /data)" "mode of /data"
    docker stop -t 2 quorum >/dev/null
    expect_exit quorum
    forget_the_quorum
}

an_ini_file_as_the_course_s_server_has_it_does() {
    start_anew
    docker network create tp0_quorum >/dev/null
    printf '%s\n' '[DEFAULT]' 'SERVER_PORT = 5679' 'SERVER_IP = server' \
        'SERVER_LISTEN_BACKLOG = 5' 'LOGGING_LEVEL = DEBUG' >"$work/config.ini"
    chmod 644 "$work/config.ini"
    docker run -d --name quorum --network tp0_quorum -v "$work/config.ini:/config.ini:ro" \
        -v tp0_quorum:/data server:latest >/dev/null || fail "the server does not start"
    await_health quorum
    expect_log quorum \
        'action: config .*\| port: 5679 \| listen_backlog: 5 \| logging_level: DEBUG'
    forget_the_quorum
}

# run_agency NAME OPTION...: an agency by the names of the course's 2026 edition.
run_agency() {
    docker run -d --name "$1" --network tp0_quorum -v "$PWD/.data:/bets:ro" -v tp0_quorum:/data \
        -v "$PWD/client/config.yaml:/config.yaml:ro" -e SERVER_HOST=quorum -e SERVER_PORT=5678 \
        "${@:2}" client:latest >/dev/null || fail "$1 does not start"
}

the_names_of_the_2026_edition_work() {
    start_anew
    docker network create tp0_quorum >/dev/null
    docker run -d --name quorum --network tp0_quorum -v "$PWD/server/config.yaml:/config.yaml:ro" \
        -v tp0_quorum:/data -e SERVER_PORT=5678 -e AGENCY_QUORUM_MIN=2 server:latest >/dev/null ||
        fail "the server does not start"
    await_log quorum 'action: listen \| result: success .*port: 5678'
    run_agency quorum-0 -e AGENCY_ID=0 -e INPUT_FILE=/bets/agency-4.csv \
        -e OUTPUT_FILE=/data/won-0.csv -e BATCH_SIZE=20
    await_log quorum-0 'action: apuesta_enviada \| result: success'
    docker stop -t 2 quorum-0 >/dev/null
    expect_exit quorum-0
    run_agency quorum-1 -e AGENCY_ID=1 -e INPUT_FILE=/bets/agency-5.csv -e BATCH_SIZE=40
    docker start quorum-0 >/dev/null
    expect_exit quorum-1
    expect_exit quorum-0
    expect_log quorum 'apuesta_recibida \| result: success .*cantidad: 20'
    expect_log quorum 'apuesta_recibida \| result: success .*cantidad: 40'
    expect_equal "$(tr -d '\r' <.data/agency-4.csv | grep ',7574$' | sort)" \
        "$(docker exec quorum cat /data/won-0.csv | tr -d '\r' | sort)" "the winners' rows"
    docker stop -t 2 quorum >/dev/null
    expect_exit quorum
}

forget_the_quorum() {
    docker rm -f quorum quorum-0 quorum-1
    docker volume rm tp0_quorum
    docker network rm tp0_quorum
} >/dev/null 2>&1

# ---- going through them --------------------------------------------------------------

run_test() {
    local started=$SECONDS name=${1//_/ }
    # shellcheck disable=SC2053 # a pattern is what is wanted
    [[ $1 == ${ONLY:-*} ]] || return 0
    if (
        trap 'kill $(jobs -p) 2>/dev/null' EXIT
        "$1"
    ); then
        passed=$((passed + 1))
        printf 'ok      %s (%d s)\n' "$name" $((SECONDS - started))
    else
        failed=$((failed + 1))
        printf 'FAILED  %s\n' "$name"
    fi
}

copy_checkout() {
    tar -C "$checkout" --exclude=./build --exclude=./bin --exclude=./.git --exclude=./.data --exclude=./.tls \
        --exclude=./data -cf - . | tar -C "$work" -xf - || exit 1
    chmod -R go-rwx "$work"
    chmod o+r "$work/server/config.yaml" "$work/client/config.yaml"
    bash scripts/commit.sh >"$work/COMMIT" # .git stays behind
    mkdir "$work/.data"
    [[ ! -f $dataset ]] || cp "$dataset" "$work/.data/dataset.zip"
}

clean_up() {
    forget_the_quorum
    bash scripts/compose.sh down -t 1 -v --remove-orphans >/dev/null 2>&1
    cd "$checkout" && rm -rf "$work"
}

bash scripts/compose.sh check || exit 1
if docker ps -a --format '{{.Names}}' | grep -qE '^(server|client[0-9]+)$'; then
    echo "There are containers of the project already: make docker-compose-down" >&2
    exit 1
fi
copy_checkout
cd "$work" || exit 1
trap clean_up EXIT
trap 'exit 130' INT TERM
python3 multiple_clients_compose.py 5
# Each test would try to build them again, for minutes.
if ! (quietly make docker-image); then
    echo "FAILED  the images are built: no test can run without them"
    echo "0 passed, 1 failed"
    exit 1
fi

run_test exercise_1_up_builds_and_starts_a_server_and_five_clients
run_test exercise_7_every_client_gets_its_winners_after_the_draw
run_test exercise_6_batches_of_the_configured_size_are_stored
run_test exercise_8_no_process_is_left_behind
run_test containers_are_locked_up
run_test modes_in_the_images_are_not_the_clone_s
run_test version_names_the_commit_that_the_images_are_built_of
run_test ipcs_shows_the_gate_and_lottery_stat
run_test the_commands_of_the_pages_print_what_these_show
run_test exercise_2_up_again_changes_nothing_and_clients_get_their_winners_again
run_test exercise_2_a_changed_configuration_takes_effect_without_a_new_image
run_test exercise_3_netcat_says_whether_the_server_answers
run_test bets_survive_stop_and_a_killed_container
run_test an_operator_verifies_a_draw_and_opens_the_next_one_in_the_container
run_test exercise_4_down_in_the_middle_of_betting_is_graceful
run_test exercise_1_1_the_script_refuses_what_is_no_number
run_test exercise_1_1_seven_agencies_take_part_in_the_draw
run_test exercise_1_1_none_is_a_server_alone
run_test exercise_5_one_bet_for_each_client_from_its_environment
run_test exercise_5_the_example_bet_stands_in_the_generated_file
run_test a_volume_that_was_kept_begins_drawn_and_the_log_says_what_to_do
run_test tls_1_encrypts_and_every_container_has_its_own_key
run_test the_earlier_clients_echo_and_finish_their_loop
run_test the_environment_alone_does
run_test an_ini_file_as_the_course_s_server_has_it_does
run_test the_names_of_the_2026_edition_work
echo "$passed passed, $failed failed"
((failed == 0))
