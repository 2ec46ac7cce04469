#!/usr/bin/env bash
#
# tls.sh - makes what `make docker-compose-up TLS=1` adds to docker-compose-dev.yaml, in .tls/:
# certificates for the server and each client, and a compose file that mounts them.
#
# Called after the images are built: the server's image has lottery-admin. Runs on any host with
# Docker, so it keeps to bash 3.2 and POSIX tools. All of .tls/ can be removed while no container
# uses it; the next call makes a new authority then.
set -euo pipefail
unset CDPATH
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly user=10001 # lottery, in both images

agencies=$(sed -n 's/^  client\([0-9][0-9]*\):$/\1/p' docker-compose-dev.yaml)
mkdir -p .tls
chmod 755 .tls # whatever the umask is: the containers' user has to reach its own files
# shellcheck disable=SC2086 # one word each
docker run --rm -i --network none --user 0 -v "$PWD/.tls:/tls" --entrypoint sh server:latest \
    -s -- /tls "$user" $agencies <scripts/certificates.sh
python3 multiple_clients_compose.py --tls
