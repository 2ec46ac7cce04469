#!/usr/bin/env bash
#
# ipcs.sh - what a running server shares, seen from outside and from inside.
#
#   scripts/ipcs.sh     in the checkout: `make ipcs`. DATA_DIRECTORY=build/run/data names the
#                       server of `make run`; without it, server/config.yaml does
#   lottery-ipcs        in the server's container: `make docker-compose-ipcs`
#
# The System V sets with the gate's values (semaphore 0: agencies still missing,
# its `zcount`: look-ups that wait; semaphore 1: agencies connected), the POSIX
# objects in /dev/shm, and lottery-stat. Only reads. Ends with lottery-stat's
# status: 0 if there is a server.
set -euo pipefail

if [[ -x bin/lottery-stat ]]; then
    stat=(bin/lottery-stat -c server/config.yaml)
else
    stat=(lottery-stat)
fi

# A server's segment is named after the key of its semaphore set: /dev/shm/lottery-KEY.
gate_ids() {
    local segment
    for segment in /dev/shm/lottery-*; do
        ipcs -s | awk -v key="0x${segment##*-}" '$1 == key { print $2 }'
    done
}

echo "System V semaphores (ipcs -s)"
ipcs -s
for id in $(gate_ids); do
    ipcs -s -i "$id"
done
echo "POSIX objects (ls -l /dev/shm)"
ls -l /dev/shm
echo
echo "${stat[*]}"
"${stat[@]}"
