#!/usr/bin/env bash
#
# pages.sh - writes the manual pages and the completions that the programs' own tables say.
#
#   scripts/pages.sh PROGRAMS DIRECTORY
#
# PROGRAMS is where the programs are (bin); DIRECTORY gets man/ and completion/. `make pages` writes
# them into the checkout, where they are kept, so that installing needs to run no program;
# tests/scripts/test_pages.sh fails where they are not what the tables say now.
set -euo pipefail
programs=$1 directory=$2

mkdir -p "$directory/man" "$directory/completion"
for program in server agency stat admin verify generate feed web shipper; do
    name=lottery-$program
    "$programs/$name" --print-page >"$directory/man/$name.1"
    "$programs/$name" --print-completion >"$directory/completion/$name"
done
for program in server agency; do
    "$programs/lottery-$program" --print-keys-page >"$directory/man/lottery-$program.yaml.5"
done
page() {
    python3 "${BASH_SOURCE[0]%/*}/page.py" "$@"
}
page lottery-protocol 7 "how agencies and the lottery's server talk" docs/protocol.md \
    >"$directory/man/lottery-protocol.7"
page lottery-files 5 "what stands in the directory of the lottery's server" \
    "docs/operations.md#The data directory" docs/draws.md#Formats >"$directory/man/lottery-files.5"
