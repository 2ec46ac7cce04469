/*
 * test_agency_probes.c - the real lottery-agency probes its server before it bets.
 */
#include "tests/harness/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { ROW_BYTES = RIG_ROW_BYTES };

/* Accepts a probe and reads its line, which has to be number `number`. */
static void expect_probe(struct rig *rig, unsigned number, char line[ROW_BYTES])
{
    rig_accept(rig);
    (void)snprintf(line, ROW_BYTES, "[CLIENT 2] Message N°%u\n", number);
    while (rig->received_bytes < strlen(line)) {
        rig_receive_more(rig);
    }
    assert_int_equal(rig->received_bytes, strlen(line));
    assert_memory_equal(rig->received, line, rig->received_bytes);
}

static void probes_come_back_one_connection_each_before_the_bets(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=3", NULL};
    char line[ROW_BYTES];
    rig_begin(rig, 1, settings);
    for (unsigned number = 1; number <= 3; number++) {
        expect_probe(rig, number, line);
        rig_answer(rig, line);
    }
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 1);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
    rig_expect_printed(rig, "action: receive_message | result: success | client_id: 2 | "
                            "msg: [CLIENT 2] Message N°3");
    rig_expect_printed(rig, "action: loop_finished | result: success | client_id: 2");
}

static void only_probes_need_no_file_where_none_was_named(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=1", "CLI_BETS_FILE=", NULL};
    char line[ROW_BYTES];
    rig_listen(rig);
    rig_start(rig, settings);
    expect_probe(rig, 1, line);
    rig_answer(rig, line);
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "action: loop_finished | result: success | client_id: 2");
}

static void a_probe_that_comes_back_changed_is_a_failure(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=3", NULL};
    char line[ROW_BYTES];
    rig_begin(rig, 1, settings);
    expect_probe(rig, 1, line);
    rig_answer(rig, "[CLIENT 1] Message N°1\n");
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "action: receive_message | result: fail | client_id: 2");
}

static void a_probe_that_is_not_answered_is_a_failure(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=3", NULL};
    char line[ROW_BYTES];
    rig_begin(rig, 1, settings);
    expect_probe(rig, 1, line);
    rig_hang_up(rig);
    rig_expect_exit(rig, EXIT_FAILURE);
    rig_expect_printed(rig, "the server closed the connection");
}

static void it_stops_between_two_probes(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=3", "CLI_LOOP_PERIOD=1h", NULL};
    char line[ROW_BYTES];
    rig_begin(rig, 1, settings);
    expect_probe(rig, 1, line);
    rig_answer(rig, line);
    rig_await_output(rig, "action: socket_closed");
    rig_expect_graceful_stop(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(probes_come_back_one_connection_each_before_the_bets),
        RIG_TEST(only_probes_need_no_file_where_none_was_named),
        RIG_TEST(a_probe_that_comes_back_changed_is_a_failure),
        RIG_TEST(a_probe_that_is_not_answered_is_a_failure),
        RIG_TEST(it_stops_between_two_probes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
