#!/usr/bin/env bash
#
# run.sh - builds for arm64, and runs tests on an emulated machine with Debian's arm64 kernel.
#
#   tests/arm64/run.sh [PROGRAM...]    # default: all unit tests, and what only a kernel can show
#
# Why it exists: filters of system calls, atomics in shared memory and the code for vector units differ
# from machine to machine, and a compiler alone does not show it. Everything is in memory: the
# machine's root is an initramfs, so no module of its kernel is needed. Nothing of arm64 is executed
# on this one. The sources are those of the last commit. Tests are some twenty times slower than here.
#
# Needs root or sudo for Debian's packages of scripts/setup.sh, group arm64.
set -euo pipefail
unset CDPATH
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly release=bookworm mirror=http://deb.debian.org/debian
readonly in_the_machine=bash,coreutils,diffutils,findutils,gawk,gnutls-bin,grep,iproute2,linux-image-arm64,\
mount,openssl,procps,python3,sed,util-linux
readonly to_build=libc6-dev,libcmocka-dev,libjansson-dev,libmicrohttpd-dev,libnats-dev,libpq-dev,libseccomp-dev,\
libssl-dev,libyaml-dev
readonly patience=12 memory=6G

directory=$(mktemp -d)
readonly directory root=$directory/root source=$directory/root/lottery
trap 'rm -rf --one-file-system "$directory"' EXIT
trap 'exit 130' INT TERM

# The packages are unpacked, and not set up: no program of theirs runs here.
make_root() {
    mmdebstrap --quiet --arch=arm64 --variant=extract --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
        --include="$in_the_machine,$to_build" "$release" "$root" "$mirror"
    printf 'root:x:0:0::/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n' >"$root/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
    ln -sf gawk "$root/usr/bin/awk"
    ln -sf bash "$root/usr/bin/sh"
    mv "$root"/boot/vmlinuz-* "$directory/kernel"
}

build() {
    mkdir "$source"
    git archive HEAD | tar -x -C "$source"
    git rev-parse --short=12 HEAD >"$source/COMMIT"
    PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/aarch64-linux-gnu/pkgconfig \
        make -C "$source" -j"$(nproc)" WERROR=1 AR=aarch64-linux-gnu-ar \
        CC="aarch64-linux-gnu-gcc --sysroot=$root" build-tests
}

# What a program needs to run stays: the machine's memory is its disk.
make_small() {
    rm -rf "${root:?}"/{boot,usr/include,usr/lib/modules,usr/lib/firmware,usr/share/{doc,locale,man},var/{cache,lib}/apt}
    find "$root" -xdev -name '*.[oad]' -type f -delete
}

write_init() {
    cat >"$root/init" <<EOF
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t devpts pts /dev/pts
for place in /dev/shm /tmp; do mount -t tmpfs -o mode=1777 tmpfs \$place; done
ip link set lo up
uname -srm
cd /lottery
LOTTERY_BIN=bin LOTTERY_TEST_PATIENCE=$patience bash scripts/run-tests.sh '*' $*
echo o >/proc/sysrq-trigger
sleep infinity
EOF
    chmod +x "$root/init"
}

run_machine() {
    (cd "$root" && find . -xdev | cpio --quiet -o -H newc) >"$directory/initramfs"
    qemu-system-aarch64 -machine virt -cpu cortex-a72 -smp "$(nproc)" -m "$memory" -nographic -net none \
        -no-reboot -kernel "$directory/kernel" -initrd "$directory/initramfs" \
        -append 'console=ttyAMA0 quiet panic=1 rdinit=/init' </dev/null | sed -u 's/\r$//' | tee "$directory/said"
}

bash scripts/setup.sh arm64
make_root
build
make_small
programs=("$@")
if (($# == 0)); then
    mapfile -t programs < <(cd "$source" && find build/plain/tests/unit -name 'test_*' -type f ! -name '*.*' | sort)
    programs+=(build/plain/tests/integration/test_confinement build/plain/tests/faults/test_gallery_{points,sleepers})
fi
write_init "${programs[@]}"
run_machine
# The machine has no exit status: its last sum says how it went.
grep -qE '^[1-9][0-9]* passed, 0 failed' "$directory/said"
