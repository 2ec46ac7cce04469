#!/usr/bin/env bash
#
# generar-compose.sh - writes a compose file for N clients, by the course's name for it.
#
#   bash generar-compose.sh FILE N [OPTION...]
#
# The same as `python3 multiple_clients_compose.py --file FILE N`, and its options. FILE
# belongs into this directory: the paths in it are relative. Agencies of which a good
# .data/dataset.zip has no file get made-up bets, and a line says so.
set -euo pipefail
unset CDPATH

if (($# < 2)); then
    echo "usage: bash generar-compose.sh FILE N [--example-bet]" >&2
    exit 1
fi
file=$1 clients=$2
shift 2
exec python3 "$(dirname "${BASH_SOURCE[0]}")/multiple_clients_compose.py" \
    --file "$file" --generate "$@" "$clients"
