#!/usr/bin/env bash
#
# run.sh - the main job on one machine: a server, five agencies at once, the
# draw, every agency's winners, and a graceful end. `make run` calls it.
#
# Everything it makes stands in build/run/, anew for each run:
#
#   bets/agency-N.csv     what the agencies send: .data/agency-N.csv where there
#                         is one, else out of .data/dataset.zip, else, where there is
#                         no dataset.zip, generated
#   data/                 the server's data directory: bets.csv, winners.csv
#   winners/agency-N.csv  what each agency won
#   *.log                 what each program said
#
# server/config.yaml and client/config.yaml hold what is set; no variable of the caller's
# environment reaches the programs, but those in `kept_variables`.
#
# Ends with 0 only if everything worked; otherwise shows the lines of the logs
# that tell why. Whatever happens, every process that it started is stopped by
# its pid before it ends.
set -euo pipefail
unset CDPATH
export LC_ALL=C # EPOCHREALTIME has a decimal comma in some locales, and gawk may not take it

readonly agencies=5
readonly run=build/run
readonly start_seconds=10 stop_seconds=10
readonly log_lines_shown=8

readonly kept_variables=(PATH HOME TMPDIR TERM TZ CONFINEMENT) # the last one for debuggers

declare -A pid_of=() status_of=() # the programs by name: those that run, those that have ended
server_port=''
spawning=''       # while a program is started, its pid has to be learnt first
interrupted_by='' # the signal that asked us to end
trouble=''
trouble_logs=()
has_begun='' # before that, what stands in build/run is another run's

say() {
    printf '%s\n' "$*"
}

# Notes what went wrong and whose logs tell more, for the last words, and leaves.
fail() {
    trouble=$1
    trouble_logs=("${@:2}")
    exit 1
}

# ---- programs, and what becomes of them --------------------------------------

# Starts a program and learns its pid. A keeper of its own waits for it and
# reports to the pipe `events` how it ended: bash's `wait -n` overlooks children
# that are gone before it is called, and hangs after it was interrupted.
spawn() {
    local name=$1
    shift
    spawning=1
    {
        trap '' INT # a Ctrl-C goes to the whole terminal; who is to end is for us to say
        "$@" {lock}>&- {events}>&- &
        echo "$name started $!" >&"$events"
        wait "$!" && status=0 || status=$?
        echo "$name ended $status" >&"$events"
    } {lock}>&- &
    # A Ctrl-C that hits a keeper before it has begun leaves no program, and no event.
    until [[ -n ${pid_of[$name]:-}${status_of[$name]:-} ]]; do
        next_event 1 || [[ -z $interrupted_by ]] || break
    done
    spawning=''
    [[ -z $interrupted_by ]] || exit 1
}

# Waits for the next event; false if there is none in so many seconds.
next_event() {
    local name event value
    # shellcheck disable=SC2086 # no argument, or an option and its value
    read -r ${1:+-t "$1"} name event value <&"$events" || return 1
    case $event in
        started) pid_of[$name]=$value ;;
        ended)
            unset "pid_of[$name]"
            status_of[$name]=$value
            ;;
    esac
}

# Asks programs to end and waits for them; one that does not listen is killed.
stop_programs() {
    local name
    for name in "$@"; do
        [[ -z ${pid_of[$name]:-} ]] || kill -TERM "${pid_of[$name]}" 2>/dev/null || true
    done
    for name in "$@"; do
        while [[ -n ${pid_of[$name]:-} ]]; do
            next_event "$stop_seconds" || kill -KILL "${pid_of[$name]}" 2>/dev/null || true
        done
    done
}

# ---- before the server -------------------------------------------------------

# Two runs at once would take each other's files; the lock goes with its last holder.
start_afresh() {
    mkdir -p build
    exec {lock}>build/run.lock
    flock -n "$lock" || fail "another run is using $run"
    rm -rf "$run"
    mkdir -p "$run/bets" "$run/generated" "$run/winners"
    mkfifo "$run/events"
    exec {events}<>"$run/events"
    has_begun=1
}

files_missing() {
    local agency
    for ((agency = 1; agency <= agencies; agency++)); do
        [[ -f $run/bets/agency-$agency.csv ]] || echo "$agency"
    done
}

# Names may be written in any case: so are those that Windows packs.
link_bets_from() {
    local agency file
    for agency in $(files_missing); do
        file=$({ find "$1" -maxdepth 1 -iname "agency-$agency.csv" 2>/dev/null || true; } |
            sort | tail -n 1)
        [[ ! -f $file ]] || ln -s "$PWD/$file" "$run/bets/agency-$agency.csv"
    done
}

# say_source SOURCE AGENCY...: where these agencies' bets come from.
say_source() {
    (($# == 1)) || say "bets: $1 (agencies ${*:2})"
}

have_dataset() {
    [[ -n $(find .data -maxdepth 1 -iname dataset.zip 2>/dev/null) ]]
}

# A dataset.zip that is there has to give what is missing: nobody mistakes generated bets for it.
take_out_of_dataset() {
    bash scripts/setup.sh dataset
    mkdir "$run/dataset"
    # shellcheck disable=SC2046 # a number a word
    python3 multiple_clients_compose.py --extract "$run/dataset" $(files_missing) \
        2>"$run/dataset.log" || fail "$(tail -n 1 "$run/dataset.log")"
    # shellcheck disable=SC2046
    say_source .data/dataset.zip $(files_missing)
    link_bets_from "$run/dataset"
}

generate_bets() {
    bin/lottery-generate -d "$run/generated" -a "$agencies" >"$run/generate.log" 2>&1 ||
        fail "no bets could be generated" "$run/generate.log"
    # shellcheck disable=SC2046
    say_source generated $(files_missing)
    link_bets_from "$run/generated"
}

provide_bets() {
    local agency
    local -a there=()
    link_bets_from .data
    for ((agency = 1; agency <= agencies; agency++)); do
        [[ ! -f $run/bets/agency-$agency.csv ]] || there+=("$agency")
    done
    say_source .data/agency-N.csv "${there[@]}"
    [[ -n $(files_missing) ]] || return 0
    if have_dataset; then
        take_out_of_dataset
    else
        generate_bets
    fi
}

# ---- the server ----------------------------------------------------------------

# Becomes a program, which sees of our environment what `kept_variables` names, and NAME=VALUE...
# run_clean NAME=VALUE... PROGRAM ARGUMENT...
run_clean() {
    local name
    local -a kept=()
    for name in "${kept_variables[@]}"; do
        [[ -z ${!name:-} ]] || kept+=("$name=${!name}")
    done
    exec env -i "${kept[@]}" "$@"
}

# The port is read from the server's log (await_port), whatever level is configured.
run_server() {
    exec >>"$run/server.log" 2>&1
    run_clean LOGGING_LEVEL=INFO SERVER_ADDRESS=127.0.0.1 SERVER_PORT=0 \
        DATA_DIRECTORY="$run/data" NUMBER_OF_AGENCIES="$agencies" \
        bin/lottery-server -c server/config.yaml
}

start_server() {
    : >"$run/server.log" # await_port may look at it before the server does
    spawn server run_server
    server_port=$(await_port)
    [[ -n $server_port ]] || fail "the server does not listen" "$run/server.log"
}

# Prints the port as soon as the server's log tells it; nothing if it ends first, or too late.
await_port() {
    { timeout --foreground "$start_seconds" \
        tail -n +1 -s 0.1 -f --pid="${pid_of[server]:-0}" "$run/server.log" || true; } |
        sed -nE '/action: listen .*result: success/{s/.*port: ([0-9]+).*/\1/p;q}'
}

stop_server() {
    stop_programs server
    [[ ${status_of[server]} == 0 ]] ||
        fail "the server ended with status ${status_of[server]}" "$run/server.log"
}

# ---- the agencies --------------------------------------------------------------

run_agency() {
    local agency=$1
    shift
    exec >"$run/agency-$agency.log"
    can_draw_bars || exec 2>&1
    run_clean CLI_ID="$agency" CLI_SERVER_ADDRESS="127.0.0.1:$server_port" \
        CLI_BETS_FILE="$run/bets/agency-$agency.csv" \
        CLI_WINNERS_FILE="$run/winners/agency-$agency.csv" \
        bin/lottery-agency -c client/config.yaml "$@"
}

# A terminal that moves its cursor; "dumb" is the name of those that don't.
can_draw_bars() {
    [[ -t 2 && ${TERM:-dumb} != dumb ]]
}

# On a terminal each agency draws its bar in a line of its own, so many above the cursor.
start_agencies() {
    local agency
    local -a bar=()
    ! can_draw_bars || printf '\n%.0s' $(seq "$agencies") >&2
    for ((agency = 1; agency <= agencies; agency++)); do
        ! can_draw_bars || bar=(-P $((agencies - agency + 1)))
        spawn "agency-$agency" run_agency "$agency" "${bar[@]}"
    done
}

# The first one that fails ends the run: the others would wait for a draw that never comes.
await_agencies() {
    local name ended=0
    while ((ended < agencies)); do
        ended=0
        for name in "${!status_of[@]}"; do
            ((status_of[$name] == 0)) ||
                fail "$name ended with status ${status_of[$name]}" "$run/$name.log" "$run/server.log"
            ((++ended))
        done
        ((ended == agencies)) || next_event
    done
}

bets_of() {
    wc -l <"$run/bets/agency-$1.csv"
}

show_winners() {
    local agency winners
    for ((agency = 1; agency <= agencies; agency++)); do
        winners=$run/winners/agency-$agency.csv
        say "agency $agency: bets: $(bets_of "$agency") | winners: $(wc -l <"$winners")"
        tr -d '\r' <"$winners" | sed 's/^/    /'
    done
}

# ---- the end -------------------------------------------------------------------

show_trouble() {
    local log
    printf '\nrun: %s\n' "${trouble:-a step failed}" >&2
    [[ -n $has_begun ]] || return 0
    for log in "${trouble_logs[@]}"; do
        [[ -s $log ]] || continue
        printf -- '---- %s\n' "$log" >&2
        { grep -aE 'WARNING|ERROR|CRITICAL|result: fail' "$log" || tail -n "$log_lines_shown" "$log"; } |
            tail -n "$log_lines_shown" >&2
    done
}

interrupt() {
    interrupted_by=$1
    trouble="interrupted by $1"
    trouble_logs=("$run/server.log")
    [[ -n $spawning ]] || exit 1
}

leave() {
    local status=$?
    trap '' INT TERM
    trap - EXIT
    local agency
    local -a names=()
    for ((agency = 1; agency <= agencies; agency++)); do
        names+=("agency-$agency")
    done
    stop_programs "${names[@]}"
    stop_programs server
    # A Ctrl-C that hit a step (wc, sed) ends us by that step's status, and no trap is called.
    ((status != 130)) || trouble=${trouble:-interrupted by SIGINT}
    ((status == 0)) || show_trouble
    exit "$status"
}
trap leave EXIT
trap 'interrupt SIGINT' INT
trap 'interrupt SIGTERM' TERM

start_afresh
provide_bets
start_server
say "server: listening on 127.0.0.1:$server_port, data directory $run/data"
started=$EPOCHREALTIME
start_agencies
await_agencies
say "all agencies: $(wc -l <"$run/data/bets.csv") bets stored and drawn in $(
    awk -v from="$started" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.2f", to - from }'
) s"
show_winners
stop_server
say "server: stopped"
say "stored bets: $run/data/bets.csv"
say "winners:     $run/data/winners.csv, each agency's own in $run/winners/"
