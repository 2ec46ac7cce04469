#!/usr/bin/env bash
#
# validar-echo-server.sh - does the server answer? By the course's name, in its words.
#
#   bash validar-echo-server.sh [HOST [PORT]]
#
# The same test as netcat_test.sh. Prints `action: test_echo_server | result: success` and
# exits with 0, or `... | result: fail` and 1.
set -euo pipefail
unset CDPATH

if bash "$(dirname "${BASH_SOURCE[0]}")/netcat_test.sh" "$@" >/dev/null; then
    echo "action: test_echo_server | result: success"
else
    echo "action: test_echo_server | result: fail"
    exit 1
fi
