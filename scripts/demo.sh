#!/usr/bin/env bash
#
# demo.sh - a demonstration: a server, its page, twelve agencies at a walking pace, and a menu of
# disasters. `make demo` calls it.
#
#   scripts/demo.sh [--rate RATE]    RATE: bets a second of each agency; 150 without it
#   scripts/demo.sh --watch          lottery-stat --watch of the demonstration that runs, in another
#                                    terminal: `make demo-watch`
#
# Each entry of the menu says what to look for and what must not happen, does one thing to the
# server, and says what became of it. The menu reads a line from standard input, so it can be led by
# a pipe.
#
#   DEMO_LANG=es|en         its language; without it, that of the environment (LC_ALL, LC_MESSAGES, LANG)
#   DEMO_VIEW=page|terminal where one looks: the page, or lottery-stat --watch in this terminal while an
#                           entry is at work; without it, the page where there is a display
#
# Everything stands in build/demo/, which is removed at the end. The data directory is a small disk
# of its own, so that it can be filled: a file system in a file where root runs this, else one in
# memory (whose syncs take no time). It is mounted in a mount namespace, which ends with this
# script; where there can't be one, the disk can't be filled. Whatever happens (q, Ctrl-C, a terminal
# that is closed), every process that was started here is ended by its pid.
set -euo pipefail
unset CDPATH
language=${DEMO_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}}
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly agencies=12 minutes=7 bets_max=4000000 bytes_a_bet=52 megabytes_spare=50 demo=build/demo
readonly bin=${LOTTERY_BIN:-bin} tool=${LOTTERY_DEMO_TOOL:-build/plain/demo/lottery-lock-owner}
readonly port=${LOTTERY_DEMO_PORT:-12380}
readonly start_seconds=10 stop_seconds=10 look_seconds=${LOTTERY_DEMO_LOOK_SECONDS:-3}
readonly read_seconds=${LOTTERY_DEMO_READ_SECONDS:-2}

# ---- words -----------------------------------------------------------------------------------

# in_words ENGLISH SPANISH: prints the one that is wanted.
in_words() {
    [[ $language == es* ]] && printf '%s\n' "$2" || printf '%s\n' "$1"
}

# explain LOOK NOT, each in English and Spanish: what to look for, and what must not happen.
explain() {
    in_words "    look for:         $1" "    qué mirar:           $2"
    in_words "    must not happen:  $3" "    no tiene que pasar:  $4"
}

# What became of it.
seen() {
    in_words "    seen:             $1" "    se vio:              $2"
}

not_seen() {
    in_words "    NOT SEEN:         $1; the log is $PWD/$demo/server.log" \
        "    NO SE VIO:           $2; el log está en $PWD/$demo/server.log"
}

tell() {
    in_words "    $1" "    $2"
}

fail() {
    printf 'demo: %s\n' "$(in_words "$1" "$2")" >&2
    exit 1
}

# ---- a place of its own --------------------------------------------------------------------

# Becomes itself again in a mount namespace, if there can be one.
enter_namespace() {
    local -a way=(--mount --propagation private)
    ((EUID == 0)) || way+=(--user --map-root-user)
    if [[ -z ${LOTTERY_DEMO_INSIDE:-} ]] && unshare "${way[@]}" true 2>/dev/null; then
        LOTTERY_DEMO_INSIDE=${EUID} DEMO_LANG=$language exec unshare "${way[@]}" bash scripts/demo.sh --rate "$rate"
    fi
}

# Prints what the data directory stands on: disk, memory, or nothing of its own. The server allocates
# room for its bets ahead, 64 MiB at a time, and would notice a full disk only after that; so the disk
# is one that can't (no extents), and the memory has never so much room (keep_little_room).
mount_disk() {
    local megabytes=$((bets * bytes_a_bet / 1000000 + megabytes_spare))
    mkdir "$demo/disk"
    if [[ ${LOTTERY_DEMO_INSIDE:-} == 0 ]] && command -v mkfs.ext4 >/dev/null &&
        truncate -s "${megabytes}M" "$demo/disk.img" &&
        mkfs.ext4 -q -m 0 -O ^extent,^64bit "$demo/disk.img" && mount -o loop "$demo/disk.img" "$demo/disk" 2>/dev/null; then
        echo disk
    elif [[ -n ${LOTTERY_DEMO_INSIDE:-} ]] &&
        mount -t tmpfs -o "size=${megabytes_spare}M" tmpfs "$demo/disk" 2>/dev/null; then
        echo memory
    fi
}

# Gives a disk in memory as much room as is taken, and a bit, again and again.
keep_little_room() {
    local stored never
    trap 'exit 0' TERM
    exec {never}<> <(:)
    while true; do
        read -rt 1 -u "$never" || true
        stored=$(figure ring durable_bytes)
        mount -o "remount,size=$((${stored:-0} / 1024 + megabytes_spare * 1024))k" "$demo/disk" 2>/dev/null || true
    done
}

# Becomes lottery-stat --watch of the demonstration that runs, in its namespace.
watch_from_outside() {
    local pid inside
    local -a way=()
    { read -r pid inside <"$demo/pid" && kill -0 "$pid"; } 2>/dev/null ||
        fail "no demonstration runs here: make demo" "acá no hay ninguna demostración en marcha: make demo"
    if [[ $inside == 0 ]]; then
        way=(nsenter --target "$pid" --mount)
    elif [[ $inside != none ]]; then
        way=(nsenter --target "$pid" --user --mount --preserve-credentials)
    fi
    exec "${way[@]}" env DATA_DIRECTORY="$PWD/$demo/disk/data" "$(realpath "$bin")/lottery-stat" --watch
}

# ---- programs --------------------------------------------------------------------------------

pids=()

# start LOG NAME=VALUE... PROGRAM ARGUMENT...: its pid is the last of `pids` then. Of the caller's
# environment it gets what debuggers and sanitizers need, and nothing that configures a server.
start() {
    local log=$demo/$1.log name
    local -a kept=(PATH="$PATH")
    shift
    for name in CONFINEMENT ASAN_OPTIONS UBSAN_OPTIONS; do
        [[ ! -v $name ]] || kept+=("$name=${!name}")
    done
    env -i "${kept[@]}" "$@" >>"$log" 2>&1 </dev/null {lock}>&- &
    pids+=($!)
}

# start_server PORT; 0: any that is free.
start_server() {
    start server DATA_DIRECTORY="$demo/disk/data" SERVER_ADDRESS=127.0.0.1 SERVER_PORT="$1" \
        NUMBER_OF_AGENCIES=$agencies LIMITS_HANDLERS_AHEAD=0 RING_BYTES=256k \
        LIMITS_BETS_PER_SECOND="$rate" "$bin/lottery-server"
    server=${pids[-1]}
}

# Prints what sed makes of a line of a log, as soon as there is one.
await() {
    local found='' end=$((SECONDS + start_seconds))
    until [[ -n $found ]]; do
        ((SECONDS < end)) || fail "see $(tail -n 3 "$demo/$1.log")" "ver $(tail -n 3 "$demo/$1.log")"
        found=$(sed -nE "$2" "$demo/$1.log" 2>/dev/null | tail -n 1)
        sleep 0.05
    done
    echo "$found"
}

# figure SECTION NAME: one figure of lottery-stat; nothing where no server answers.
figure() {
    DATA_DIRECTORY=$demo/disk/data "$bin/lottery-stat" --json 2>/dev/null |
        sed -nE "/^  \"$1\"/s/.*\"$2\": ([0-9]+|true|false).*/\1/p"
}

# Awaits that a figure is something else than VALUE, and prints it; false where it is not, in time.
# await_other SECTION NAME VALUE
await_other() {
    local now end=$((SECONDS + start_seconds + 4 * look_seconds))
    while ((SECONDS < end)); do
        now=$(figure "$1" "$2")
        if [[ -n $now && $now != "$3" ]]; then
            echo "$now"
            return 0
        fi
        sleep 0.05
    done
    return 1
}

# Pids of handlers.
handlers() {
    ps -o pid=,comm= --ppid "$server" | awk '$2 == "lottery-handler" { print $1 }'
}

leave() {
    local status=$? pid
    trap - EXIT
    trap '' INT TERM HUP
    stop_watching
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

kill_storer() {
    local pid
    pid=$(figure storer pid)
    [[ -n $pid ]] || { tell "there is no storer just now" "ahora no hay ningún storer" && return; }
    kill -KILL "$pid" && tell "the storer, pid $pid, is dead" "el storer, pid $pid, está muerto"
    if pid=$(await_other storer pid "$pid") && await_other server bets "$(figure server bets)" >/dev/null; then
        seen "another storer, pid $pid, goes on; bets are stored again" \
            "otro storer, pid $pid, sigue; se vuelven a guardar apuestas"
    else
        not_seen "another storer" "otro storer"
    fi
}

kill_lock_owner() {
    local pid repaired
    repaired=$(figure deaths lock_recoveries)
    if ! pid=$("$tool" "$demo/disk/data" 2>/dev/null); then
        tell "nobody was caught with the lock: try again" "no se encontró a nadie con el lock: hay que probar otra vez"
        return
    fi
    stopped=$pid
    tell "$(ps -o comm= -p "$pid"), pid $pid, was stopped with the lock in its hand; it dies in $look_seconds s" \
        "$(ps -o comm= -p "$pid"), pid $pid, quedó detenido con el lock tomado; muere en $look_seconds s"
    sleep "$look_seconds"
    kill -KILL "$pid" && tell "it is dead" "está muerto"
    stopped=''
    if await_other deaths lock_recoveries "$repaired" >/dev/null &&
        await_other server bets "$(figure server bets)" >/dev/null; then
        seen "the lock was repaired; bets are stored again" "el lock se reparó; se vuelven a guardar apuestas"
    else
        not_seen "that the lock is repaired" "que se repare el lock"
    fi
}

stop_handler() {
    local pid before
    pid=$(handlers | head -n 1)
    [[ -n $pid ]] || { tell "there is no handler just now" "ahora no hay ningún handler" && return; }
    stopped=$pid
    before=$(figure server bets)
    kill -STOP "$pid" && tell "the handler with pid $pid is stopped" "el handler con pid $pid está detenido"
    sleep "$look_seconds"
    if before=$(($(await_other server bets "$before" || echo "$before") - before)) && ((before > 0)); then
        seen "the others stored $before bets meanwhile" "los demás guardaron $before apuestas mientras tanto"
    else
        not_seen "that the others go on" "que los demás sigan"
    fi
    kill -CONT "$pid" && tell "it goes on" "ya sigue"
    stopped=''
}

fill_disk() {
    [[ -n $place ]] || {
        tell "left out: this machine gives the demonstration no disk of its own" \
            "no se puede: esta máquina no le da a la demostración un disco propio"
        return
    }
    cat /dev/zero >"$demo/disk/filler" 2>/dev/null || true
    tell "the disk is full for $((4 * look_seconds)) s" "el disco está lleno durante $((4 * look_seconds)) s"
    local full
    full=$(await_other storer no_room false) || true
    sleep $((4 * look_seconds))
    rm -f "$demo/disk/filler"
    tell "there is room again" "hay lugar otra vez"
    if [[ $full == true ]] && await_other storer no_room true >/dev/null &&
        await_other server bets "$(figure server bets)" >/dev/null; then
        seen "the server said that the disk is full, waited, and goes on" \
            "el servidor dijo que el disco estaba lleno, esperó, y sigue"
    else
        not_seen "that the disk was full, and is not" "que el disco estuvo lleno y ya no"
    fi
}

stop_server() {
    local before
    before=$(figure server bets)
    kill -TERM "$server"
    timeout "$stop_seconds" tail -f /dev/null --pid="$server" || true
    tell "the server has ended; it is started again in $look_seconds s" \
        "el servidor terminó; empieza de nuevo en $look_seconds s"
    sleep "$look_seconds"
    start_server "$server_port"
    if await_other server bets "${before:-0}" >/dev/null && (($(figure server bets) > ${before:-0})); then
        seen "all ${before:-0} bets are there, and the agencies go on from where they were" \
            "están las ${before:-0} apuestas, y las agencias siguen desde donde estaban"
    else
        not_seen "that the agencies go on" "que las agencias sigan"
    fi
}

explain_storer() {
    explain "the storer's pid, a pause in the syncs; on the page a red line, and two lines in \"What has happened\"" \
        "el pid del storer, una pausa en los syncs; en la página una línea roja, y dos líneas en \"Qué ha pasado\"" \
        "that an agency notices more than a pause, or a bet is lost" \
        "que una agencia note más que una pausa, o que se pierda una apuesta"
}

explain_lock_owner() {
    explain "everybody stands still: no bets, on the page dots with a red rim; then the lock is taken over" \
        "se paran todos: no entran apuestas, en la página puntos con borde rojo; después alguien toma el lock" \
        "that they stand still for ever, or that half a batch is stored" \
        "que queden parados para siempre, o que se guarde medio lote"
}

explain_handler() {
    explain "one handler keeps its place for $look_seconds s, and its agency's bets stand; the others go on" \
        "un handler queda en su lugar $look_seconds s, y las apuestas de su agencia no avanzan; los demás siguen" \
        "that anybody else waits for it" \
        "que alguien más lo espere"
}

explain_disk() {
    explain "the disk is full: the ring fills up, handlers wait for the disk, then for space" \
        "el disco está lleno: el anillo se llena, los handlers esperan al disco, después espacio" \
        "that the server ends, that an agency is told anything wrong, or a bet is lost" \
        "que el servidor termine, que a una agencia se le diga algo falso, o que se pierda una apuesta"
}

explain_server() {
    explain "the server is gone, and is found again" \
        "el servidor no está, y vuelve a aparecer" \
        "that a bet is lost: the agencies go on where they were" \
        "que se pierda una apuesta: las agencias siguen desde donde estaban"
}

stop_watching() {
    [[ -n ${watcher:-} ]] || return 0
    kill -TERM "$watcher" 2>/dev/null || true
    wait "$watcher" 2>/dev/null || true
    watcher=''
}

watch_server() {
    DATA_DIRECTORY=$demo/disk/data "$bin/lottery-stat" --watch {lock}>&-
}

# go_through NAME ACTION: explains it and does it; where there is no page, beside the server's figures.
go_through() {
    "explain_$1"
    if [[ $view == page ]]; then
        "$2"
        return
    fi
    sleep "$read_seconds"
    watch_server </dev/null &
    watcher=$!
    sleep "$read_seconds"
    "$2" >"$demo/said"
    sleep "$read_seconds"
    stop_watching
    "explain_$1"
    cat "$demo/said"
}

show_menu() {
    [[ $(figure draw drawn) != true ]] || {
        echo
        in_words "All agencies are done, and the draw has been held. A smaller RATE lasts longer." \
            "Terminaron todas las agencias y se hizo el sorteo. Con RATE más chico dura más."
    }
    in_words "
    1  kill the storer                  4  fill the disk
    2  kill the one who holds the lock  5  stop the server, and start it again
    3  stop a handler                   w  watch the server here (q: back)
                                        q  end" "
    1  matar al storer                  4  llenar el disco
    2  matar a quien tiene el lock      5  parar el servidor, y empezarlo de nuevo
    3  detener un handler               w  mirar el servidor acá (q: volver)
                                        q  terminar"
    printf '> '
}

menu() {
    local choice
    while true; do
        show_menu
        read -r choice || return 0
        case $choice in
            1) go_through storer kill_storer ;;
            2) go_through lock_owner kill_lock_owner ;;
            3) go_through handler stop_handler ;;
            4) go_through disk fill_disk ;;
            5) go_through server stop_server ;;
            w) watch_server || true ;;
            q) return 0 ;;
            *) ;;
        esac
    done
}

tell_where_to_look() {
    in_words "The page: $url" "La página: ${url}?lang=es"
    in_words "In another terminal, or another pane of tmux: make demo-watch" \
        "En otra terminal, u otro panel de tmux: make demo-watch"
    [[ $view == page ]] || in_words "There is no display here: each entry shows lottery-stat --watch in this terminal." \
        "Acá no hay pantalla gráfica: cada opción muestra lottery-stat --watch en esta terminal."
}

# ---- the whole ------------------------------------------------------------------------------

rate=150 wanted=demo
while (($# > 0)); do
    case $1 in
        --rate) rate=${2:-} && shift $(($# > 1 ? 2 : 1)) ;;
        --watch) wanted=watch && shift ;;
        *) fail "$1: usage: demo.sh [--rate RATE | --watch]" "$1: uso: demo.sh [--rate RATE | --watch]" ;;
    esac
done
[[ $wanted == demo ]] || watch_from_outside
[[ $rate =~ ^[1-9][0-9]{0,5}$ ]] ||
    fail "$rate: not a number of bets a second, 1 to 999999" "$rate: no es una cantidad de apuestas por segundo, de 1 a 999999"
view=${DEMO_VIEW:-page}
[[ -n ${DEMO_VIEW:-} || -n ${DISPLAY:-}${WAYLAND_DISPLAY:-} || ! -t 1 ]] || view=terminal
[[ $view == page || $view == terminal ]] ||
    fail "DEMO_VIEW is page or terminal, not $view" "DEMO_VIEW es page o terminal, no $view"
enter_namespace
readonly bets=$((rate * agencies * minutes * 60 < bets_max ? rate * agencies * minutes * 60 : bets_max))
mkdir -p build
exec {lock}>build/demo.lock
flock -n "$lock" || fail "another demonstration is using $demo" "otra demostración está usando $demo"
rm -rf "$demo"
mkdir "$demo" "$demo/bets"
trap leave EXIT
trap 'exit 130' INT TERM HUP
echo "$$ ${LOTTERY_DEMO_INSIDE:-none}" >"$demo/pid"
place=$(mount_disk)
"$bin/lottery-generate" -d "$demo/bets" -a $agencies -n $bets >/dev/null
start_server 0
server_port=$(await server 's/.*action: listen .*success.*port: ([0-9]+).*/\1/p')
start web DATA_DIRECTORY="$demo/disk/data" "$bin/lottery-web" --port "$port"
url=$(await web 's|.*url: (http://127[^ ]*).*|\1|p')
for ((agency = 1; agency <= agencies; agency++)); do
    start "agency-$agency" CLI_ID=$agency CLI_SERVER_ADDRESS="127.0.0.1:$server_port" \
        CLI_BETS_FILE="$demo/bets/agency-$agency.csv" CLI_LOOP_LAPSE=1h \
        CLI_WINNERS_FILE="$demo/winners-$agency.csv" "$bin/lottery-agency"
done
if [[ $place == memory ]]; then
    keep_little_room {lock}>&- &
    pids+=($!)
fi
tell_where_to_look
menu
in_words "stored: $(figure server bets) bets; nothing of it stays" \
    "guardadas: $(figure server bets) apuestas; no queda nada de todo esto"
