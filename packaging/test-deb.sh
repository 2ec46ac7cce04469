#!/usr/bin/env bash
#
# test-deb.sh - installs the packages on a Debian of their own, and does the main job with them.
#
#   packaging/test-deb.sh DIRECTORY
#
# That Debian is a container, because packages make users and may stay on the machine. In it runs what
# autopkgtest runs (debian/tests/main-job); then the packages are purged, and what was stored has to be
# there still. Exit status 77 where there is no Docker engine.
set -euo pipefail
unset CDPATH
readonly directory=$1 left_out=77

docker info >/dev/null 2>&1 || { echo "there is no Docker engine"; exit "$left_out"; }
container=$(docker create --init debian:bookworm-slim sleep infinity)
trap 'docker rm --force "$container" >/dev/null' EXIT
docker start "$container" >/dev/null
docker exec "$container" mkdir /packages
for package in "$directory"/lottery-{server,agency,tools}_*.deb debian/tests/main-job; do
    docker cp -q "$package" "$container:/packages/" >/dev/null
done

docker exec -i "$container" bash -euo pipefail <<'END'
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null
apt-get install -y -q --no-install-recommends python3 /packages/*.deb >/packages/install.log 2>&1 ||
    { tail -n 20 /packages/install.log; exit 1; }
bash /packages/main-job
touch /var/lib/lottery/kept
apt-get purge -y -q lottery-server lottery-agency lottery-tools >/packages/purge.log 2>&1 ||
    { tail -n 20 /packages/purge.log; exit 1; }
test -e /var/lib/lottery/kept
! ls -d /etc/lottery /usr/bin/lottery-* /var/lib/lottery-agency 2>/dev/null
echo "installed, used and purged"
END
