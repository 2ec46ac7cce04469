#!/usr/bin/env bash
#
# run.sh - verifies every model exhaustively, and shows that each can fail.
#
#   tests/model/run.sh [JOBS [PATTERN]]     those checks whose line matches, as in `bug claim`
#
# A check builds the verifier of one model with some bounds and runs it to its end: any error, a
# bound that was hit, or a search cut short fails. A mutation switches a known bug in by a macro, and
# has to be found. Needs spin and a C compiler; each verifier keeps below 7000 MB.
# The verifiers and what they print are left in build/model. Exit status 1 if anything failed.
set -euo pipefail
unset CDPATH    # with it, cd prints where it went
export LC_ALL=C # EPOCHREALTIME has a decimal comma in some locales

here=$(cd "$(dirname "$0")" && pwd)
readonly here
readonly jobs=${1:-2} pattern=${2:-.}
readonly build=build/model
readonly memory_mb=7000 depth=100000 hash_bits=25

# kind (safe: no error and no bad end; live: no cycle either; bug: has to be found), model, macros
list_checks() {
    cat <<'CHECKS'
safe lottery -DCRASHES=0 -DCUTS=1
safe lottery -DCRASHES=1 -DCUTS=2 -DWITHOUT_LATE
safe lottery -DCRASHES=0 -DCUTS=2 -DHANDS=1 -DWITHOUT_LATE
safe lottery -DCRASHES=1 -DCUTS=0
safe lottery -DCRASHES=1 -DCUTS=1 -DWITHOUT_LATE -DCARELESS
safe waiting -DCRASHES=2 -DBETS_0=0 -DBETS_1=0
safe waiting -DCRASHES=1 -DWITHOUT_DONE
safe waiting -DCRASHES=2 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE
safe waiting -DCRASHES=1 -DBETS_0=1 -DBETS_1=0
safe waiting -DFOLLOWER -DCRASHES=1 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE
safe waiting -DSHIPPER -DWITHOUT_OTHER -DCRASHES=1 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE
safe waiting -DSHIPPER -DWITHOUT_OTHER -DCRASHES=2 -DBETS_0=1 -DBETS_1=0 -DWITHOUT_DONE
live waiting -DSHIPPER -DWITHOUT_OTHER -DCRASHES=1 -DBETS_0=1 -DBETS_1=0 -DWITHOUT_DONE
safe append -DCRASHES=2
safe append -DCRASHES=4 -DWITHOUT_OTHER
live append -DCRASHES=2 -DWITHOUT_OTHER
safe flush -DTHREADS=3 -DCRASHES=0
safe flush -DCRASHES=2
safe flush -DCRASHES=1 -DFAITHFUL
safe flush -DCRASHES=0 -DCUTS=1
safe flush -DCRASHES=1 -DCUTS=1 -DBYTES=2 -DRING_BYTES=1
safe flush -DCRASHES=1 -DKILLED_IN_SYNC
safe draws -DCRASHES=1 -DCUTS=1
safe draws -DCRASHES=0 -DCUTS=2
safe draws -DCRASHES=2 -DCUTS=0
safe claims -DLOSSES=1 -DODD=2 -DSTRANGE=0
safe claims -DLOSSES=1 -DODD=1 -DSTRANGE=1
safe claim -DCRASHES=1 -DLATE=1 -DNEEDLESS=0
safe claim -DCRASHES=1 -DLATE=0 -DNEEDLESS=1
safe claim -DCRASHES=1 -DLATE=0 -DNEEDLESS=0 -DBETS_X=2
safe claim -DCRASHES=0 -DLATE=0 -DNEEDLESS=1 -DOPENINGS=1
safe claim -DCRASHES=1 -DLATE=0 -DNEEDLESS=0 -DOPENINGS=1 -DBETS_Y=0
safe claim -DCRASHES=0 -DLATE=1 -DNEEDLESS=1 -DOPENINGS=2 -DBETS_Y=0
live claims -DLOSSES=1 -DODD=1 -DSTRANGE=0
live draws -DCRASHES=0 -DCUTS=1
live flush -DCRASHES=1 -DFAILS=0
live flush -DCRASHES=0 -DNOTE_IN_ONE_STEP
live waiting -DCRASHES=1 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE
bug waiting -DCRASHES=1 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE -DPOST_BEFORE_CLEAR
bug waiting -DCRASHES=1 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE -DDRAIN_AFTER_BIT
bug waiting -DCRASHES=1 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE -DLOOK_BEFORE_BIT
bug waiting -DCRASHES=1 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE -DBIT_ONCE
bug waiting -DCRASHES=1 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE -DLOOK_BEFORE_SLEEPING
bug waiting -DCRASHES=1 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE -DNO_WAKE_EVERYBODY
bug waiting -DCRASHES=1 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE -DNO_WAKE_FOR_THE_DEAD
bug waiting -DCRASHES=1 -DWITHOUT_DONE -DNO_SECOND_ROUND
bug waiting -DCRASHES=1 -DBETS_0=2 -DBETS_1=2 -DWITHOUT_DONE -DWAITS_AT_AN_EMPTY_RING
bug waiting -DCRASHES=1 -DBETS_0=0 -DBETS_1=0 -DNO_DONE_NEWS
bug waiting -DCRASHES=1 -DBETS_0=0 -DBETS_1=0 -DTRUST_STATE
bug waiting -DSHIPPER -DWITHOUT_OTHER -DCRASHES=2 -DBETS_0=1 -DBETS_1=0 -DWITHOUT_DONE -DNO_COUNT_AT_START
bug waiting -DSHIPPER -DWITHOUT_OTHER -DCRASHES=1 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE -DSHIPPER_WAKES_NOBODY
bug waiting -DSHIPPER -DWITHOUT_OTHER -DCRASHES=1 -DBETS_0=2 -DBETS_1=0 -DWITHOUT_DONE -DSHIPPER_LOOKS_FIRST
bug append -DCRASHES=2 -DFORGET_THE_INTENT
bug append -DCRASHES=2 -DHEAD_BEFORE_INTENT
bug append -DCRASHES=2 -DRELATIVE_COUNT
bug append -DCRASHES=2 -DRELATIVE_CHECKSUM
bug append -DCRASHES=2 -DNO_FENCE
bug append -DCRASHES=2 -DNO_SPACE_CHECK
bug append -DCRASHES=2 -DWRITTEN_BEFORE_WRITE
bug flush -DCRASHES=0 -DSHARED_DESCRIPTOR
bug flush -DCRASHES=0 -DFIRST_SHARES
bug flush -DCRASHES=0 -DOPEN_FOR_EACH_SYNC
bug flush -DCRASHES=0 -DEND_AFTER_SYNC
bug flush -DCRASHES=0 -DDURABLE_GOES_BACK
bug flush -DCRASHES=0 -DREPORT_BEFORE_SYNC
bug flush -DCRASHES=0 -DWRITE_WITHOUT_LEAD
bug flush -DCRASHES=0 -DLEAD_BEFORE_WRITTEN
bug flush -DCRASHES=0 -DNO_RING_BOUND
bug flush -DCRASHES=0 -DNO_WAKE_ON_FAILURE
bug flush -DCRASHES=0 -DDEAF_TO_FAILURE
bug flush -DCRASHES=0 -DDRAINED_BY_WRITTEN
bug flush -DCRASHES=1 -DGO_ON_AFTER_FAILURE
bug flush -DCRASHES=1 -DNOTE_AT_THE_END
bug flush -DCRASHES=1 -DINHERIT_WITHOUT_SYNC
bug flush -DCRASHES=1 -DKILLED_IN_SYNC -DINHERIT_WITHOUT_REWRITE
bug flush -DCRASHES=0 -DCUTS=1 -DTRUST_PAGE_CACHE
bug claims -DLOSSES=0 -DODD=1 -DSTRANGE=0 -DMALFORMED_KEEPS_CLAIM
bug claims -DLOSSES=0 -DODD=1 -DSTRANGE=0 -DFOREIGN_ERROR_KEEPS_CLAIM
bug claims -DLOSSES=0 -DODD=1 -DSTRANGE=0 -DLOOK_BEFORE_COMMIT
bug claims -DLOSSES=0 -DODD=1 -DSTRANGE=0 -DDONE_IN_SPITE_OF_ERROR
bug claims -DLOSSES=0 -DODD=0 -DSTRANGE=1 -DUNFENCED_IS_ADMITTED
bug claims -DLOSSES=1 -DODD=1 -DSTRANGE=0 -DFORGOTTEN_IS_ADMITTED
bug claim -DCRASHES=0 -DLATE=0 -DNEEDLESS=1 -DPIPELINED
bug claim -DCRASHES=0 -DLATE=1 -DNEEDLESS=1 -DMESSAGE_IDS
bug claim -DCRASHES=0 -DLATE=1 -DNEEDLESS=0 -DNO_READ_BACK
bug claim -DCRASHES=0 -DLATE=0 -DNEEDLESS=1 -DCLAIM_WITHOUT_EXPECTATION
bug claim -DCRASHES=0 -DLATE=0 -DNEEDLESS=0 -DACK_BEFORE_REPLICATED
bug claim -DCRASHES=0 -DLATE=0 -DNEEDLESS=0 -DSHIP_BEYOND_DURABLE
bug claim -DCRASHES=0 -DLATE=0 -DNEEDLESS=1 -DCLOCK_DECIDES
bug claim -DCRASHES=1 -DLATE=0 -DNEEDLESS=1 -DCUT_BEFORE_CLAIM
bug claim -DCRASHES=1 -DLATE=0 -DNEEDLESS=0 -DCUT_AT_CLAIMS_ONLY
bug claim -DCRASHES=1 -DLATE=0 -DNEEDLESS=1 -DCLAIM_BEFORE_SYNC -DNO_COMPARISON
bug claim -DCRASHES=0 -DLATE=0 -DNEEDLESS=1 -DTRUST_AN_OLD_END
bug claim -DCRASHES=0 -DLATE=0 -DNEEDLESS=1 -DOPENINGS=1 -DOPENING_WITHOUT_EXPECTATION
bug claim -DCRASHES=0 -DLATE=0 -DNEEDLESS=0 -DOPENINGS=1 -DOPENS_BEFORE_REPLICATED
bug claim -DCRASHES=0 -DLATE=0 -DNEEDLESS=0 -DOPENINGS=1 -DOPENING_AT_OLD_OFFSETS
bug claim -DCRASHES=1 -DLATE=0 -DNEEDLESS=0 -DOPENINGS=1 -DKEEPS_BETS_AT_OPENING
bug claim -DCRASHES=0 -DLATE=0 -DNEEDLESS=1 -DOPENINGS=1 -DCOMMITS_BEFORE_BEGUN
bug claim -DCRASHES=1 -DLATE=0 -DNEEDLESS=0 -DOPENINGS=1 -DDEAF_TO_THE_DRAW
bug claim -DCRASHES=0 -DLATE=1 -DNEEDLESS=0 -DOPENINGS=2 -DKNOWS_OPENING_BY_NODE
bug lottery -DCRASHES=1 -DCUTS=0 -DNO_RECOUNT
bug lottery -DCRASHES=1 -DCUTS=0 -DNO_RECOUNT -DCOUNT_BEFORE_PHASE
bug lottery -DCRASHES=1 -DCUTS=0 -DASK_IN_TWO_STEPS
bug lottery -DCRASHES=1 -DCUTS=0 -DWITHOUT_LATE -DCARELESS -DDONE_WITHOUT_FLUSH
bug lottery -DCRASHES=0 -DCUTS=0 -DDRAW_WITHOUT_CLOSING
bug lottery -DCRASHES=0 -DCUTS=0 -DGATE_BEFORE_WINNERS
bug lottery -DCRASHES=0 -DCUTS=0 -DWITHOUT_LATE -DGATE_BEFORE_CONTROL
bug lottery -DCRASHES=0 -DCUTS=0 -DWITHOUT_LATE -DDRAWN_BEFORE_CONTROL
bug lottery -DCRASHES=0 -DCUTS=0 -DWITHOUT_LATE -DDONE_BEFORE_CONTROL
bug lottery -DCRASHES=0 -DCUTS=0 -DWITHOUT_LATE -DDURABLE_BEFORE_OPEN
bug lottery -DCRASHES=0 -DCUTS=1 -DWITHOUT_LATE -DOPEN_BEFORE_SYNC
bug lottery -DCRASHES=0 -DCUTS=1 -DWITHOUT_LATE -DCONTROL_BEFORE_DONE_SYNC
bug lottery -DCRASHES=0 -DCUTS=1 -DWITHOUT_LATE -DRENAME_BEFORE_SYNC
bug lottery -DCRASHES=0 -DCUTS=1 -DWITHOUT_LATE -DWINNERS_SAY_DRAWN
bug lottery -DCRASHES=1 -DCUTS=0 -DWITHOUT_LATE -DTRUST_CONTROL
bug lottery -DCRASHES=1 -DCUTS=0 -DWITHOUT_LATE -DSTALE_CONTROL
bug lottery -DCRASHES=1 -DCUTS=0 -DWITHOUT_LATE -DINHERIT_WITHOUT_SYNC
bug lottery -DCRASHES=1 -DCUTS=0 -DWITHOUT_LATE -DINHERIT_WITHOUT_CONTROL
bug lottery -DCRASHES=0 -DCUTS=1 -DHANDS=1 -DWITHOUT_LATE -DDEAF_TO_LINES
bug lottery -DCRASHES=0 -DCUTS=1 -DHANDS=1 -DWITHOUT_LATE -DDEAF_TO_CONTROL
bug lottery -DCRASHES=0 -DCUTS=1 -DADOPT_WITHOUT_CLOSING
bug draws -DCRASHES=0 -DCUTS=0 -DBETS_AFTER_CLOSING
bug draws -DCRASHES=0 -DCUTS=0 -DNOT_COMPLETED
bug draws -DCRASHES=0 -DCUTS=0 -DNEXT_WITHOUT_ARCHIVING
bug draws -DCRASHES=1 -DCUTS=0 -DTRUST_NAMES
bug draws -DCRASHES=0 -DCUTS=1 -DDONE_NAME_NOT_SYNCED
bug draws -DCRASHES=0 -DCUTS=1 -DADOPT_WITHOUT_CLOSING
bug draws -DCRASHES=0 -DCUTS=1 -DCLOSED_BEFORE_FLUSH
bug draws -DCRASHES=0 -DCUTS=1 -DCLOSED_BEFORE_DONES
bug draws -DCRASHES=0 -DCUTS=1 -DSEALED_BEFORE_SEAL
bug draws -DCRASHES=0 -DCUTS=1 -DSEAL_NOT_SYNCED
bug draws -DCRASHES=0 -DCUTS=1 -DSEAL_NAME_NOT_SYNCED
bug draws -DCRASHES=0 -DCUTS=1 -DTOLD_BEFORE_SEALED
bug draws -DCRASHES=0 -DCUTS=1 -DNUMBER_NOT_SYNCED
bug draws -DCRASHES=0 -DCUTS=1 -DSECOND_NUMBER
bug draws -DCRASHES=0 -DCUTS=1 -DDRAWN_BEFORE_REPORT
bug draws -DCRASHES=0 -DCUTS=1 -DREPORT_NAME_NOT_SYNCED
bug draws -DCRASHES=0 -DCUTS=1 -DARCHIVED_NOT_SYNCED
bug draws -DCRASHES=0 -DCUTS=1 -DMOVES_BEFORE_NEXT
bug draws -DCRASHES=0 -DCUTS=1 -DCLEARED_BEFORE_MOVES
bug draws -DCRASHES=0 -DCUTS=1 -DMOVES_NOT_SYNCED
bug draws -DCRASHES=0 -DCUTS=1 -DARCHIVE_NOT_SYNCED
bug draws -DCRASHES=0 -DCUTS=2 -DTRUST_CONTROL_AT_START
CHECKS
}

# Builds the verifier in a directory of its own and runs it; what it printed is in its log.
verify() {
    local directory=$1 kind=$2 model=$3 mode=-DSAFETY optimise=-O2 option=()
    shift 3
    if [[ $kind == bug ]]; then
        optimise=-O0 # found in no time: building takes longer than searching
    fi
    if [[ $kind == live ]]; then
        mode=-DNP option=(-l) # no label says "progress", so every cycle is reported
    fi
    mkdir -p "$directory"
    cd "$directory"
    spin -a "$@" "$here/$model.pml" >spin.log
    "${CC:-cc}" "$optimise" -w "$mode" -DMEMLIM="$memory_mb" -DCOLLAPSE -o pan pan.c
    ./pan -m"$depth" -w"$hash_bits" "${option[@]}" >pan.log 2>&1
}

# "safe waiting -DA=1": one line that says what became of it; status 1 where that is not right.
check() {
    local kind model
    read -r kind model _ <<<"$1"
    local directory=$build/${1//[^A-Za-z0-9=]/_} started=$EPOCHREALTIME verdict=ok
    # shellcheck disable=SC2086 # the macros are words
    (verify "$directory" $1) || true
    local log=$directory/pan.log
    local errors states
    errors=$(sed -nE 's/.* errors: ([0-9]+)$/\1/p' "$log" 2>/dev/null || true)
    states=$(sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1/p' "$log" 2>/dev/null || true)
    if [[ $kind == bug ]]; then
        grep -q '^pan:1: ' "$log" && [[ $errors == 1 ]] || verdict=FAILED
    elif [[ $errors != 0 ]] || grep -qiE 'search was|max search depth|out of memory|truncated' "$log"; then
        verdict=FAILED
    fi
    awk -v verdict="$verdict" -v check="$1" -v states="${states:-?}" -v from="$started" -v to="$EPOCHREALTIME" \
        'BEGIN { printf "%-7s %-75s %11s states %6.1f s\n", verdict, check, states, to - from }'
    [[ $verdict == ok ]] || { echo "        see $log" && return 1; }
}

export -f verify check
export here build memory_mb depth hash_bits
# shellcheck disable=SC2016 # the inner shell expands it
list_checks | grep -E -e "$pattern" | xargs -P "$jobs" -d '\n' -I '{}' bash -c 'check "$1"' check '{}'
