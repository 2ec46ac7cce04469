#!/usr/bin/env bash
#
# commit.sh - prints the commit that an image is built of, for `lottery-server --version` in it.
#
#   scripts/commit.sh
#
# An image holds what .dockerignore lets through, and no configuration (exercise 2: a changed
# config.yaml is no new image). So this is the last commit that has changed any of that, with
# "-dirty" after it where files of it were changed since: any other commit leaves the images as they
# are. The file COMMIT of a source archive has it where there is no git; "unknown" is printed, and
# standard error says why, where neither is there.
#
# Runs on any host with Docker, so it keeps to bash 3.2 and POSIX tools.
set -euo pipefail
unset CDPATH
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly digits=12

# What .dockerignore lets through, as git's path specifications.
files=(':(exclude)*/config.yaml')
while IFS= read -r line; do
    [[ $line != '!'* ]] || files+=("${line#!}")
done <.dockerignore

if [[ -f COMMIT ]]; then
    cat COMMIT
elif commit=$(git log -1 --format=%H -- "${files[@]}" 2>/dev/null) && [[ -n $commit ]]; then
    git diff --quiet HEAD -- "${files[@]}" || changed=-dirty
    echo "${commit:0:digits}${changed:-}"
else
    echo "docker-image: no git and no file COMMIT here: the images' --version says commit: unknown" >&2
    echo unknown
fi
