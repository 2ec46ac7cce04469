/*
 * test_gallery_points.c - the gallery of disasters, first room: a process dies at a named place.
 *
 * One table: the fault point where a handler or the storer dies, and what the
 * server has to say about it afterwards. Around it the same lottery each time: two
 * agencies of raw connections that keep the books (faults_bettor.h) and a
 * lottery-agency that resumes, all the way to the winners.
 *
 * docs/reliability.md refers to disasters by their numbers.
 */
#include "tests/harness/agency.h"
#include "tests/harness/faults.h"
#include "tests/harness/faults_bettor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { BETTORS = 2, BETTOR_ROWS = 120, PROGRAM_ID = 3, PROGRAM_BETS = 600 };

enum death {
    HANDLER_DIES,
    HANDLER_DIES_LOCKING,
    STORER_DIES,
    STORER_DIES_LOCKING,
    HANDLER_IS_FORBIDDEN,
    HANDLER_IS_FORBIDDEN_LOCKING,
    STORER_IS_FORBIDDEN
};

/* What the server has to say of each. */
static const struct lottery_deaths deaths[] = {
    [HANDLER_DIES] = {.handlers = 1},
    [HANDLER_DIES_LOCKING] = {.handlers = 1, .recoveries = 1},
    [STORER_DIES] = {.storers = 1},
    [STORER_DIES_LOCKING] = {.storers = 1, .recoveries = 1},
    [HANDLER_IS_FORBIDDEN] = {.handlers = 1, .forbidden = 1},
    [HANDLER_IS_FORBIDDEN_LOCKING] = {.handlers = 1, .recoveries = 1, .forbidden = 1},
    [STORER_IS_FORBIDDEN] = {.storers = 1, .forbidden = 1},
};

struct disaster {
    const char *fault; /* LOTTERY_FAULT */
    enum death death;
    const char *expected_log; /* or NULL */
};

/* Both send at the same time, so that their handlers are in the same places together. */
static void bet(struct bettor *const bettors[BETTORS])
{
    for (int i = 0; i < BETTORS; i++) {
        bettor_resume(bettors[i]);
    }
    while (bettors[0]->acknowledged < BETTOR_ROWS || bettors[1]->acknowledged < BETTOR_ROWS) {
        for (int i = 0; i < BETTORS; i++) {
            bettor_send(bettors[i], 3);
        }
        for (int i = 0; i < BETTORS; i++) {
            if (!bettor_take_answers(bettors[i])) {
                bettor_resume(bettors[i]);
            }
        }
    }
}

/* The first one looks its winners up before the last one is done: it has to wait at the gate. */
static void finish(struct bettor *const bettors[BETTORS])
{
    bettor_say_done(bettors[0]);
    if (!bettor_is_told_to_wait(bettors[0])) {
        bettor_resume(bettors[0]);
    }
    bettor_say_done(bettors[1]);
    for (int i = 0; i < BETTORS; i++) {
        bettor_take_winners(bettors[i]);
    }
}

static void judge(struct lottery *lottery, struct bettor *const bettors[BETTORS],
                  const struct disaster *disaster)
{
    struct stage *stage = lottery->stage;
    const struct lottery_agency agencies[] = {
        bettors[0]->agency,
        bettors[1]->agency,
        {.id = PROGRAM_ID,
         .bets = agency_bets_file(stage, PROGRAM_ID),
         .winners = agency_winners_file(stage, PROGRAM_ID)},
    };
    lottery_expect_exactly_once(lottery, agencies, sizeof agencies / sizeof agencies[0]);
    lottery_expect_deaths(lottery, deaths[disaster->death]);
    if (disaster->expected_log != NULL) {
        (void)server_await_log(lottery->server, 1, disaster->expected_log);
    }
    lottery_close(lottery);
}

static void a_process_dies_there(void **state)
{
    struct stage *stage = *state;
    const struct disaster *disaster = stage->given;
    if (strstr(disaster->fault, ":CALL") != NULL && !program_is_confined()) {
        skip();
    }
    struct lottery *lottery =
        lottery_open(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=3", "WINNERS_WAIT=50ms",
                                        "RING_BYTES=64k", "LIMITS_MESSAGE_BYTES=16k"));
    agency_generate(stage, PROGRAM_ID, PROGRAM_BETS);
    lottery_arm(lottery);
    lottery_start(lottery, disaster->fault);
    struct bettor *const bettors[BETTORS] = {bettor_open(lottery, 1, BETTOR_ROWS),
                                             bettor_open(lottery, 2, BETTOR_ROWS)};
    struct program *agency =
        agency_start(lottery->server, PROGRAM_ID, agency_bets_file(stage, PROGRAM_ID),
                     ENVIRONMENT("CLI_BATCH_MAXAMOUNT=20", "CLI_LOOP_PERIOD=10ms"));
    bet(bettors);
    finish(bettors);
    agency_expect_success(agency);
    lottery_await_fault(lottery);
    judge(lottery, bettors, disaster);
}

/* cmocka wants names and functions; here the function is always the same. */
#define DISASTER(sentence, place, who_dies, log_line)                                              \
    STAGE_TEST_GIVEN(                                                                              \
        sentence, a_process_dies_there,                                                            \
        (&(struct disaster){.fault = (place), .death = (who_dies), .expected_log = (log_line)}))

static const struct CMUnitTest tests[] = {
    DISASTER(disaster_01_a_handler_dies_before_its_append, "append.before:2:KILL", HANDLER_DIES,
             NULL),
    DISASTER(disaster_02_a_handler_dies_holding_the_mutex_with_its_bytes_copied,
             "append.copied:2:KILL", HANDLER_DIES_LOCKING, "repaired_by: *intent: forgotten"),
    DISASTER(disaster_03_a_handler_dies_holding_the_mutex_with_its_intent_noted,
             "append.noted:2:KILL", HANDLER_DIES_LOCKING, "repaired_by: *intent: forgotten"),
    DISASTER(disaster_04_a_handler_dies_holding_the_mutex_after_head_moved, "append.moved:2:KILL",
             HANDLER_DIES_LOCKING, "repaired_by: *intent: finished"),
    DISASTER(disaster_05_a_handler_dies_holding_the_mutex_after_its_agency_was_counted,
             "append.counted:2:KILL", HANDLER_DIES_LOCKING, "repaired_by: *intent: finished"),
    DISASTER(disaster_06_a_handler_dies_after_its_append_before_it_wakes_the_storer,
             "append.after:2:KILL", HANDLER_DIES, NULL),
    DISASTER(disaster_07_a_handler_dies_about_to_wait_for_the_commit, "wait.commit:2:KILL",
             HANDLER_DIES, NULL),
    DISASTER(disaster_08_a_handler_dies_with_its_bets_durable_before_it_answers,
             "answer.before:2:KILL", HANDLER_DIES, NULL),
    DISASTER(disaster_09_a_handler_dies_while_it_adds_its_agency_to_the_table,
             "agencies.adding:1:KILL", HANDLER_DIES_LOCKING, NULL),
    DISASTER(disaster_10_a_handler_dies_while_it_takes_an_agency_over, "agencies.claiming:1:KILL",
             HANDLER_DIES_LOCKING, NULL),
    DISASTER(disaster_11_a_handler_dies_between_closing_its_agency_and_telling_the_storer,
             "done.marked:1:KILL", HANDLER_DIES_LOCKING, NULL),
    DISASTER(disaster_12_a_handler_dies_about_to_wait_for_its_done, "wait.done:1:KILL",
             HANDLER_DIES, NULL),
    DISASTER(disaster_13_a_handler_dies_about_to_wait_at_the_gate, "gate.waiting:1:KILL",
             HANDLER_DIES, NULL),
    DISASTER(disaster_14_the_storer_dies_before_it_writes, "storer.before_write:2:KILL",
             STORER_DIES, NULL),
    DISASTER(disaster_15_the_storer_dies_having_written_and_not_said_so, "storer.unreported:2:KILL",
             STORER_DIES, NULL),
    DISASTER(disaster_16_the_storer_dies_between_write_and_sync, "storer.written:2:KILL",
             STORER_DIES, NULL),
    DISASTER(disaster_17_the_storer_dies_having_synced_and_not_said_so, "storer.synced:2:KILL",
             STORER_DIES, NULL),
    DISASTER(disaster_18_the_storer_dies_after_the_sync_before_it_wakes_anybody,
             "storer.reported:2:KILL", STORER_DIES, NULL),
    DISASTER(disaster_19_the_storer_dies_with_a_waiter_struck_off_and_not_woken,
             "storer.waking:2:KILL", STORER_DIES, NULL),
    DISASTER(disaster_20_the_storer_dies_before_it_writes_a_done, "done.before_write:1:KILL",
             STORER_DIES, NULL),
    DISASTER(disaster_21_the_storer_dies_between_write_and_sync_of_a_done, "done.written:1:KILL",
             STORER_DIES, NULL),
    DISASTER(disaster_22_the_storer_dies_with_a_done_synced_and_nobody_told, "done.synced:1:KILL",
             STORER_DIES, NULL),
    DISASTER(disaster_23_the_storer_dies_with_a_done_marked_and_not_counted, "done.counting:1:KILL",
             STORER_DIES, NULL),
    DISASTER(disaster_24_the_storer_dies_writing_the_last_done, "done.written:3:KILL", STORER_DIES,
             NULL),
    DISASTER(disaster_25_the_storer_dies_holding_the_mutex_as_it_closes_the_bets,
             "draw.closing:1:KILL", STORER_DIES_LOCKING, NULL),
    DISASTER(disaster_26_the_storer_dies_as_the_draw_begins, "draw.begun:1:KILL", STORER_DIES,
             NULL),
    DISASTER(disaster_27_the_storer_dies_before_the_winners_are_put_into_place,
             "draw.synced:1:KILL", STORER_DIES, NULL),
    DISASTER(disaster_28_the_storer_dies_after_the_winners_were_put_into_place,
             "draw.renamed:1:KILL", STORER_DIES, NULL),
    DISASTER(disaster_29_the_storer_dies_after_the_draw_before_the_gate_opens,
             "draw.before_gate:1:KILL", STORER_DIES, NULL),
    DISASTER(disaster_90_the_storer_dies_with_the_draw_noted_and_nobody_told, "draw.noted:1:KILL",
             STORER_DIES, "sorteo | result: success"),
    DISASTER(disaster_91_the_storer_dies_before_control_is_put_into_place, "control.synced:3:KILL",
             STORER_DIES, NULL),
    DISASTER(disaster_92_the_storer_dies_after_control_was_put_into_place, "control.renamed:3:KILL",
             STORER_DIES, NULL),
    DISASTER(disaster_230_a_handler_makes_a_forbidden_call_before_its_append,
             "append.before:2:CALL", HANDLER_IS_FORBIDDEN,
             "confinement | result: fail | role: handler | pid: * | call: execve"),
    DISASTER(disaster_231_a_handler_makes_a_forbidden_call_holding_the_mutex, "append.noted:2:CALL",
             HANDLER_IS_FORBIDDEN_LOCKING,
             "confinement | result: fail | role: handler | pid: * | call: execve"),
    DISASTER(disaster_232_the_storer_makes_a_forbidden_call_between_write_and_sync,
             "storer.written:2:CALL", STORER_IS_FORBIDDEN,
             "confinement | result: fail | role: storer | pid: * | call: execve"),
};

int main(void)
{
    faults_use_programs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
