#!/usr/bin/env bash
#
# twice.sh - the packages have the same bytes whoever builds them, and where.
#
#   packaging/twice.sh DIRECTORY    # of `make deb`
#
# Builds them once more: in a deeper place, under another umask, time zone, locale and home, by one
# processor. The commit has to be that of DIRECTORY. What differs is shown by diffoscope, where it is.
set -euo pipefail
unset CDPATH
readonly directory=$1

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
(
    umask 077
    export TZ=Pacific/Kiritimati LC_ALL=es_ES.UTF-8 HOME=$place DEB_BUILD_OPTIONS=nocheck
    taskset --cpu-list 0 bash packaging/deb.sh "$place/some/where/else"
) >"$place/log" 2>&1 || { tail -n 20 "$place/log"; exit 1; }

status=0
for package in "$directory"/*.deb; do
    again=$place/some/where/else/${package##*/}
    cmp "$package" "$again" || {
        status=1
        ! command -v diffoscope >/dev/null || diffoscope "$package" "$again" || true
    }
done
((status == 0)) && echo "built twice, the same bytes"
exit "$status"
