#!/usr/bin/env bash
#
# test-deb.sh - what a Debian of its own makes of the packages: autopkgtest, and a package's life.
#
#   packaging/test-deb.sh DIRECTORY
#
# That Debian is a container with systemd as its process 1, because packages make users and may stay on
# a machine. autopkgtest runs debian/tests in it; packaging/life.sh installs, breaks, upgrades,
# downgrades, removes and purges the packages in another one.
#
# Exit status 77 where there is no Docker engine. Where there is no autopkgtest, or no systemd comes up
# in a container, that is named as left out, and debian/tests/main-job runs without them.
set -euo pipefail
unset CDPATH
readonly directory=$1 left_out=77 image=lottery-test-deb
packages=("$directory"/lottery-{server,agency,tools,feed-postgres}_*.deb)
readonly packages

docker info >/dev/null 2>&1 || { echo "there is no Docker engine"; exit "$left_out"; }
place=$(mktemp -d)
container=
# shellcheck disable=SC2317 # called by trap
clean_up() {
    [[ -z $container ]] || docker rm --force "$container" >/dev/null
    rm -rf "$place"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# What the packages depend on is in the image, so that they install without a network each time.
docker build -q -t "$image" - >"$place/image.log" 2>&1 <<'END' || { cat "$place/image.log"; exit 1; }
FROM debian:bookworm-slim
RUN echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe-io && apt-get update -q && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends systemd-sysv dbus procps \
    python3 libjansson4 libmicrohttpd12 libnats3.4 libpq5 libseccomp2 libssl3 libyaml-0-2
END

# systemd mounts, and looks into its services' processes. It needs no more, so it gets no more.
readonly with_systemd=(--cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add SYS_PTRACE
    --security-opt seccomp=unconfined --security-opt apparmor=unconfined --cgroupns=host
    --volume /sys/fs/cgroup:/sys/fs/cgroup --tmpfs /run --tmpfs /run/lock --stop-signal SIGRTMIN+3)

# True once systemd is up: started, or degraded by what a container does not let it do.
has_booted() {
    local state
    for ((i = 0; i < 100; i++)); do
        state=$(docker exec "$container" systemctl is-system-running 2>/dev/null || true)
        [[ $state != running && $state != degraded ]] || return 0
        sleep 0.1
    done
    return 1
}

# The tests in a tree that counts as built: nothing of it is to be built in the container.
run_autopkgtest() {
    mkdir -p "$place/tree" && cp -R debian "$place/tree/" && touch "$place/tree/debian/files"
    local status=0
    autopkgtest --no-built-binaries --output-dir="$place/output" --timeout-test=120 "${packages[@]}" "$place/tree/" \
        -- docker "$@" >"$place/autopkgtest.log" 2>&1 || status=$?
    cat "$place/output/summary"
    # 2: a test was skipped, for want of what the container gives.
    ((status == 0 || status == 2)) || { tail -n 60 "$place/autopkgtest.log"; return 1; }
}

copy_in() {
    docker exec "$container" mkdir -p /packages
    for file in "${packages[@]}" debian/tests/main-job packaging/life.sh; do
        docker cp -q "$file" "$container:/packages/" >/dev/null
    done
}

run_main_job() {
    docker rm --force "$container" >/dev/null
    container=$(docker run --detach --init "$image" sleep infinity)
    copy_in
    docker exec "$container" sh -c 'apt-get install -y -q /packages/*.deb >/packages/log 2>&1 ||
        { tail -n 20 /packages/log; exit 1; }; bash /packages/main-job'
}

container=$(docker run --detach "${with_systemd[@]}" "$image" /sbin/init)
if has_booted; then
    copy_in
    docker exec "$container" bash /packages/life.sh
    systemd=(--init "$image" -- "${with_systemd[@]}")
else
    echo "left out: a package's life under systemd, which does not come up in a container here"
    systemd=("$image")
fi
if bash scripts/setup.sh autopkgtest; then
    run_autopkgtest "${systemd[@]}"
else
    echo "left out: autopkgtest, which is not here; debian/tests/main-job runs without it"
    run_main_job
fi
