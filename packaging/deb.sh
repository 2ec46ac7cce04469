#!/usr/bin/env bash
#
# deb.sh - builds the Debian packages.
#
#   packaging/deb.sh DIRECTORY
#
# Of the latest commit, or of a source archive, which has no git. What is built stands in DIRECTORY,
# which is emptied before: packages, .changes, .buildinfo, and the sources' folder. The unit tests run,
# unless DEB_BUILD_OPTIONS has nocheck. Needs no network.
set -euo pipefail
unset CDPATH
directory=$1
version=$(dpkg-parsechangelog --show-field Version)
tree=$directory/lottery-$version

rm -rf "$directory"
mkdir -p "$tree"
# A source archive may lie below a checkout that has git, and is none of that.
if [[ ! -f COMMIT ]] && git rev-parse --git-dir >/dev/null 2>&1; then
    commit=$(git rev-parse --short=12 HEAD)
    git archive --add-virtual-file="COMMIT:$commit" HEAD | tar -C "$tree" -xf -
else
    tar --exclude=./build --exclude=./bin -cf - . | tar -C "$tree" -xf -
fi

# The make that calls this has another place to build in, and says so in the environment.
cd "$tree"
env -u MAKEFLAGS -u MAKEOVERRIDES -u MFLAGS -u BUILD -u VARIANT \
    DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-} parallel=$(nproc)" \
    dpkg-buildpackage --no-sign --build=binary
ls -1 ../*.deb
