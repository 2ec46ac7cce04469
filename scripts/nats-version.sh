#!/usr/bin/env bash
#
# nats-version.sh - refuses a nats-server that loses what it has acknowledged.
#
#   scripts/nats-version.sh VERSION    what `nats-server --version` prints, or a package's version
#
# Exit status: 0 for a version that may be used; 1, with the reason, for any other.
set -euo pipefail

readonly oldest=2.10.23

version=$(grep -oE '[0-9]+\.[0-9]+\.[0-9]+' <<<"$*" | head -n 1) || {
    echo "nats-server: \"$*\" holds no version" >&2
    exit 1
}
if ! printf '%s\n' "$oldest" "$version" | sort --check=quiet --version-sort; then
    echo "nats-server $version is too old, $oldest is the oldest to use: 2.9 can't sync before it" \
        "answers and lost acknowledged records when it was killed, 2.10 before .23 lost streams" >&2
    exit 1
fi
