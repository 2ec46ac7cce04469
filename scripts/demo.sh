#!/usr/bin/env bash
#
# demo.sh - a demonstration: a server, its page, twelve agencies at a walking pace, and a menu of
# disasters. `make demo` calls it.
#
#   scripts/demo.sh [RATE]        RATE: bets a second of each agency; 150 without it
#
# Each entry of the menu does one thing to the server, says what to look for on the page, and what
# must not happen. The menu reads a line from standard input, so it can be led by a pipe.
#
# Everything stands in build/demo/, which is removed at the end. The data directory is a small disk
# of its own, so that it can be filled: a file system in a file where root runs this, else one in
# memory (whose syncs take no time). It is mounted in a mount namespace, which ends with this
# script; where there can't be one, the disk can't be filled. Whatever happens, every process that
# was started here is ended by its pid.
set -euo pipefail
unset CDPATH
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly agencies=12 bets=700000 disk_megabytes=60 demo=build/demo
readonly bin=${LOTTERY_BIN:-bin} tool=${LOTTERY_DEMO_TOOL:-build/plain/demo/lottery-lock-owner}
readonly rate=${1:-150} port=${LOTTERY_DEMO_PORT:-12380}
readonly start_seconds=10 stop_seconds=10 look_seconds=${LOTTERY_DEMO_LOOK_SECONDS:-3}

# ---- a place of its own --------------------------------------------------------------------

# Becomes itself again in a mount namespace, if there can be one.
enter_namespace() {
    local -a way=(--mount --propagation private)
    ((EUID == 0)) || way+=(--user --map-root-user)
    if [[ -z ${LOTTERY_DEMO_INSIDE:-} ]] && unshare "${way[@]}" true 2>/dev/null; then
        LOTTERY_DEMO_INSIDE=${EUID} exec unshare "${way[@]}" bash scripts/demo.sh "$rate"
    fi
}

# Prints what the data directory stands on: disk, memory, or nothing of its own.
mount_disk() {
    mkdir "$demo/disk"
    if [[ ${LOTTERY_DEMO_INSIDE:-} == 0 ]] && command -v mkfs.ext4 >/dev/null &&
        truncate -s "${disk_megabytes}M" "$demo/disk.img" &&
        mkfs.ext4 -q -m 0 "$demo/disk.img" && mount -o loop "$demo/disk.img" "$demo/disk" 2>/dev/null; then
        echo disk
    elif [[ -n ${LOTTERY_DEMO_INSIDE:-} ]] &&
        mount -t tmpfs -o "size=${disk_megabytes}M" tmpfs "$demo/disk" 2>/dev/null; then
        echo memory
    fi
}

# ---- programs --------------------------------------------------------------------------------

pids=()

# start LOG NAME=VALUE... PROGRAM ARGUMENT...: its pid is the last of `pids` then.
start() {
    local log=$demo/$1.log
    shift
    env -i PATH="$PATH" "$@" >>"$log" 2>&1 </dev/null &
    pids+=($!)
}

start_server() {
    start server DATA_DIRECTORY="$demo/disk/data" SERVER_ADDRESS=127.0.0.1 SERVER_PORT=0 \
        NUMBER_OF_AGENCIES=$agencies LIMITS_HANDLERS_AHEAD=0 RING_BYTES=256k \
        LIMITS_BETS_PER_SECOND="$rate" "$bin/lottery-server"
    server=${pids[-1]}
    server_port=$(await server 's/.*action: listen .*success.*port: ([0-9]+).*/\1/p')
}

# Prints what sed makes of a line of a log, as soon as there is one.
await() {
    local found='' end=$((SECONDS + start_seconds))
    until [[ -n $found ]]; do
        ((SECONDS < end)) || fail "see $(tail -n 3 "$demo/$1.log")"
        found=$(sed -nE "$2" "$demo/$1.log" 2>/dev/null | tail -n 1)
        sleep 0.05
    done
    echo "$found"
}

# figure SECTION NAME: one figure of lottery-stat.
figure() {
    DATA_DIRECTORY=$demo/disk/data "$bin/lottery-stat" --json 2>/dev/null |
        sed -nE "/^  \"$1\"/s/.*\"$2\": ([0-9]+).*/\\1/p"
}

# Pids of handlers.
handlers() {
    ps -o pid=,comm= --ppid "$server" | awk '$2 == "lottery-handler" { print $1 }'
}

fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

leave() {
    local status=$? pid
    trap - EXIT
    trap '' INT TERM
    for pid in "${pids[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    [[ -z ${stopped:-} ]] || kill -CONT "$stopped" 2>/dev/null || true
    for pid in "${pids[@]}"; do
        timeout "$stop_seconds" tail -f /dev/null --pid="$pid" 2>/dev/null ||
            kill -KILL "$pid" 2>/dev/null || true
    done
    wait
    ! mountpoint -q "$demo/disk" || umount "$demo/disk"
    rm -rf "$demo"
    exit "$status"
}

# ---- the menu -------------------------------------------------------------------------------

say() {
    printf '%s\n' "$*"
}

# explain LOOK NOT: what to look for, and what must not happen.
explain() {
    printf '    look for:         %s\n    must not happen:  %s\n' "$1" "$2"
}

kill_storer() {
    explain "the storer's circle, a red line among the syncs, two lines under \"What has happened\"" \
        "that an agency notices more than a pause, or a bet is lost"
    local pid
    pid=$(figure storer pid)
    [[ -n $pid ]] || { say "    there is no storer just now" && return; }
    kill -KILL "$pid" && say "    the storer, pid $pid, is dead"
}

kill_lock_owner() {
    explain "everybody stands still: dots with a red rim; then the lock is taken over" \
        "that they stand still for ever, or that half a batch is stored"
    local pid
    pid=$("$tool" "$demo/disk/data") || return 0
    stopped=$pid
    say "    $(ps -o comm= -p "$pid"), pid $pid, was stopped with the lock in its hand; it dies in $look_seconds s"
    sleep "$look_seconds"
    kill -KILL "$pid" && say "    it is dead"
    stopped=''
}

stop_handler() {
    explain "one dot keeps its place for $look_seconds s, and its agency's bar stands; the others go on" \
        "that anybody else waits for it"
    local pid
    pid=$(handlers | head -n 1)
    [[ -n $pid ]] || { say "    there is no handler just now" && return; }
    stopped=$pid
    kill -STOP "$pid" && say "    the handler with pid $pid is stopped"
    sleep "$look_seconds"
    kill -CONT "$pid" && say "    it goes on"
    stopped=''
}

fill_disk() {
    [[ -n $place ]] || { say "    left out: this machine gives the demonstration no disk of its own" && return; }
    explain "\"The disk is full\"; the ring fills up, handlers wait for the disk, then for space" \
        "that the server ends, that an agency is told anything wrong, or a bet is lost"
    cat /dev/zero >"$demo/disk/filler" 2>/dev/null || true
    say "    the disk is full for $((4 * look_seconds)) s"
    sleep $((4 * look_seconds))
    rm -f "$demo/disk/filler"
    say "    there is room again"
}

stop_server() {
    explain "the page says that the server is gone, and finds it again" \
        "that a bet is lost: the agencies go on where they were"
    local before
    before=$server_port
    kill -TERM "$server"
    timeout "$stop_seconds" tail -f /dev/null --pid="$server" || true
    say "    the server has ended; it is started again in $look_seconds s"
    sleep "$look_seconds"
    start server DATA_DIRECTORY="$demo/disk/data" SERVER_ADDRESS=127.0.0.1 SERVER_PORT="$before" \
        NUMBER_OF_AGENCIES=$agencies LIMITS_HANDLERS_AHEAD=0 RING_BYTES=256k \
        LIMITS_BETS_PER_SECOND="$rate" "$bin/lottery-server"
    server=${pids[-1]}
}

menu() {
    local choice
    while true; do
        cat <<'END'

    1  kill the storer                  4  fill the disk
    2  kill the one who holds the lock  5  stop the server, and start it again
    3  stop a handler                   q  end
END
        printf '> '
        read -r choice || return 0
        case $choice in
            1) kill_storer ;;
            2) kill_lock_owner ;;
            3) stop_handler ;;
            4) fill_disk ;;
            5) stop_server ;;
            q) return 0 ;;
            *) ;;
        esac
    done
}

# ---- the whole ------------------------------------------------------------------------------

[[ $rate =~ ^[1-9][0-9]*$ ]] || fail "$rate: not a number of bets a second"
enter_namespace
mkdir -p build
exec {lock}>build/demo.lock
flock -n "$lock" || fail "another demonstration is using $demo"
rm -rf "$demo"
mkdir "$demo" "$demo/bets"
trap leave EXIT
trap 'exit 130' INT TERM
place=$(mount_disk)
"$bin/lottery-generate" -d "$demo/bets" -a $agencies -n $bets >/dev/null
start_server
start web DATA_DIRECTORY="$demo/disk/data" "$bin/lottery-web" --port "$port"
url=$(await web 's|.*url: (http://127[^ ]*).*|\1|p')
for ((agency = 1; agency <= agencies; agency++)); do
    start "agency-$agency" CLI_ID=$agency CLI_SERVER_ADDRESS="127.0.0.1:$server_port" \
        CLI_BETS_FILE="$demo/bets/agency-$agency.csv" CLI_LOOP_LAPSE=1h \
        CLI_WINNERS_FILE="$demo/winners-$agency.csv" "$bin/lottery-agency"
done
say "The page: $url (Español: ${url}?lang=es)"
menu
say "stored: $(figure server bets) bets; nothing of it stays"
