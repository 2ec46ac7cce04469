#!/usr/bin/env bash
#
# compose.sh - runs whichever Docker Compose there is on docker-compose-dev.yaml.
#
#   scripts/compose.sh check         says what to install where an engine or Compose is missing
#   scripts/compose.sh ARGUMENT...   docker compose (or docker-compose) ARGUMENT...
#
# With TLS=1 in the environment, on .tls/docker-compose.yaml as well (scripts/tls.sh). COMPOSE_FILES and
# COMPOSE_PROJECT name another file and project (make docker-cluster-up).
#
# Runs on any host with Docker, so it keeps to bash 3.2 and POSIX tools.
#
# Digests of the two config.yaml stand as labels in the compose file: a container
# is made anew at the next `up` when the file that it has mounted has changed.
set -euo pipefail
unset CDPATH # with it, cd goes elsewhere
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_engine() {
    local answer
    if ! command -v docker >/dev/null; then
        echo "There is no docker. Install it: sudo apt-get install docker.io docker-compose" >&2
        return 1
    fi
    if ! answer=$(docker version --format '{{.Server.Version}}' 2>&1); then
        printf '%s\n' "$answer" "No Docker engine answers. Start it: sudo systemctl start docker;" \
            "and be one of its users: sudo usermod -aG docker $(id -un), then log in again." >&2
        return 1
    fi
}

find_compose() {
    if docker compose version >/dev/null 2>&1; then
        compose=(docker compose)
    elif command -v docker-compose >/dev/null; then
        compose=(docker-compose)
    else
        echo "There is no Docker Compose. Install it: sudo apt-get install docker-compose" \
            "(or docker-compose-plugin, from Docker's own packages)" >&2
        return 1
    fi
}

digest_of() {
    cksum <"$1" | tr ' ' -
}

# check_mode MODE PATH: whether the containers' user, who is neither owner nor group, may.
check_mode() {
    [[ ! -e $2 || -n $(find -L "$2" -prune -perm -o="$1") ]] || {
        echo "$2: the containers' user may not read it. Let it: chmod o+$1 $2" >&2
        return 1
    }
}

# What is mounted keeps the modes that it has here, from a umask of 077 for instance.
check_mounted() {
    local file
    check_mode rx .data
    for file in server/config.yaml client/config.yaml .data/agency-*.csv; do
        check_mode r "$file"
    done
}

find_engine
find_compose
[[ ${1:-} != check ]] || exit 0
if [[ ${1:-} == up ]]; then
    check_mounted # its failure ends us: errexit does not count behind ||
fi
SERVER_CONFIG_DIGEST=$(digest_of server/config.yaml)
CLIENT_CONFIG_DIGEST=$(digest_of client/config.yaml)
export SERVER_CONFIG_DIGEST CLIENT_CONFIG_DIGEST
files=(-f "${COMPOSE_FILES:-docker-compose-dev.yaml}")
[[ ${TLS:-} != 1 ]] || files+=(-f .tls/docker-compose.yaml)
exec "${compose[@]}" -p "${COMPOSE_PROJECT:-tp0}" "${files[@]}" "$@"
