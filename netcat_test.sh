#!/usr/bin/env bash
#
# netcat_test.sh - does the server answer? Sends it a line and expects it back.
#
#   bash netcat_test.sh [HOST [PORT]]
#
# netcat runs in a container of the client's image on the network of the
# compose file: nothing is installed on the host and no port is exposed.
# Prints `Netcat test passed` and exits with 0, or `Netcat test failed` and 1.
#
# Runs on any host with Docker, so it keeps to bash 3.2 and POSIX tools.
set -euo pipefail

readonly host=${1:-server} port=${2:-12345}
readonly network=tp0_testing_net image=client:latest
readonly answer_seconds=3 container_seconds=15 kill_seconds=2
readonly message="netcat test $$-$RANDOM"

# Ends process $1 after $2 seconds, by SIGKILL if it does not listen; SIGTERM calls it off.
end_late() {
    local signal seconds=$2 sleeping=
    trap 'kill "$sleeping" 2>/dev/null; exit 0' TERM
    for signal in TERM KILL; do
        sleep "$seconds" &
        sleeping=$!
        wait "$sleeping"
        kill -"$signal" "$1" 2>/dev/null || exit 0
        seconds=$kill_seconds
    done
}

# limited SECONDS COMMAND...: as timeout(1), which macOS does not have.
limited() {
    local command watchdog status=0
    "${@:2}" &
    command=$!
    end_late "$command" "$1" >/dev/null 2>&1 &
    watchdog=$!
    trap 'kill "$command" "$watchdog" 2>/dev/null; exit 130' INT TERM # background jobs ignore INT
    wait "$command" 2>/dev/null || status=$?
    kill "$watchdog" 2>/dev/null || true
    wait "$watchdog" 2>/dev/null || true
    return "$status"
}

# Both ends have a time limit: netcat's own, and one for an engine that does not answer.
ask_server() {
    # shellcheck disable=SC2016 # the shell in the container expands it
    limited "$container_seconds" \
        docker run --rm --pull never --init --network "$network" --entrypoint /bin/sh "$image" -c \
        'printf "%s\n" "$1" | timeout "$2" nc -N -w "$2" "$3" "$4"' \
        sh "$message" "$answer_seconds" "$host" "$port"
}

if answer=$(ask_server) && [[ $answer == "$message" ]]; then
    echo "Netcat test passed"
else
    echo "Netcat test failed"
    exit 1
fi
