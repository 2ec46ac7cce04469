#!/usr/bin/env bash
#
# test_demo.sh - `make demo` on a terminal, in both languages: each entry of its menu does what it
# says, and however it is ended, nothing is left behind.
# shellcheck disable=SC2317 # tests are called by their names
source tests/scripts/words.sh

tool=$checkout/$(dirname "$0")/../../demo/lottery-lock-owner

# lead END STEP...: in the language and view of LANG and DEMO_VIEW (tests/demo/terminal.py).
lead() {
    ln -s "$checkout/${LOTTERY_BIN:-bin}" bin
    env -u LC_ALL -u LC_MESSAGES -u DEMO_LANG TERM=xterm LOTTERY_BIN=bin LOTTERY_DEMO_TOOL="$tool" \
        LOTTERY_DEMO_PORT=0 LOTTERY_DEMO_LOOK_SECONDS=1 LOTTERY_DEMO_READ_SECONDS=1 \
        python3 "$checkout/tests/demo/terminal.py" "$@" || fail "status $?"
}

each_entry_does_what_it_says() {
    LANG=C.UTF-8 DEMO_VIEW=page lead quit \
        '1=seen: +another storer, pid [0-9]+, goes on' \
        '2=seen: +the lock was repaired' \
        '3=seen: +the others stored [1-9][0-9]* bets meanwhile' \
        '4=seen: +the server said that the disk is full|left out: this machine' \
        '5=seen: +all [1-9][0-9]* bets are there' \
        'w=kill the storer'
}

cada_opcion_hace_lo_que_dice_y_ctrl_c_termina() {
    LANG=es_AR.UTF-8 DEMO_VIEW=page lead interrupt \
        '1=se vio: +otro storer, pid [0-9]+, sigue' \
        '2=se vio: +el lock se reparó' \
        '3=se vio: +los demás guardaron [1-9][0-9]* apuestas' \
        '4=se vio: +el servidor dijo que el disco estaba lleno|no se puede: esta máquina' \
        '5=se vio: +están las [1-9][0-9]* apuestas'
}

where_there_is_no_display_the_terminal_shows_the_server_and_may_be_closed() {
    unset DISPLAY WAYLAND_DISPLAY
    LANG=es_AR.UTF-8 lead close '1=lottery-stat  build/demo(.|\n)*se vio: +otro storer'
}

what_makes_no_sense_is_refused() {
    local said
    said=$(DEMO_LANG=en bash scripts/demo.sh --rate 0 2>&1) && fail "it starts"
    expect_match 'demo: 0: not a number of bets a second' "$said"
    said=$(DEMO_LANG=es DEMO_VIEW=cine bash scripts/demo.sh 2>&1) && fail "it starts"
    expect_match 'demo: DEMO_VIEW es page o terminal, no cine' "$said"
    said=$(DEMO_LANG=es bash scripts/demo.sh --watch 2>&1) && fail "it watches"
    expect_match 'acá no hay ninguna demostración' "$said"
}

run_tests \
    each_entry_does_what_it_says \
    cada_opcion_hace_lo_que_dice_y_ctrl_c_termina \
    where_there_is_no_display_the_terminal_shows_the_server_and_may_be_closed \
    what_makes_no_sense_is_refused
