#!/usr/bin/env bash
#
# netcat_test.sh - does the server answer? Sends it a line and expects it back.
#
#   bash netcat_test.sh [HOST [PORT]]
#
# netcat runs in a container of the client's image on the network of the
# compose file: nothing is installed on the host and no port is exposed.
# Prints `Netcat test passed` and exits with 0, or `Netcat test failed` and 1.
set -euo pipefail

readonly host=${1:-server} port=${2:-12345}
readonly network=tp0_testing_net image=client:latest
readonly answer_seconds=3 container_seconds=15
readonly message="netcat test $$-$RANDOM"

# Both ends have a time limit: netcat's own, and one for an engine that does not answer.
ask_server() {
    # shellcheck disable=SC2016 # the shell in the container expands it
    timeout -k 2 "$container_seconds" \
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
