/*
 * test_agency_stop.c - the real lottery-agency is asked to stop, wherever it is waiting.
 */
#include "lib/program.h"
#include "tests/harness/rig.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

static void it_stops_while_nobody_listens(void **state)
{
    struct rig *rig = *state;
    rig_write_bets(rig, 1, 0);
    rig_start(rig, NULL);
    rig_await_output(rig, "action: connect | result: fail");
    rig_expect_graceful_stop(rig);
}

static void it_stops_while_the_name_is_unknown(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_SERVER_ADDRESS=no-such-host.invalid:1", NULL};
    rig_write_bets(rig, 1, 0);
    rig_start(rig, settings);
    rig_await_output(rig, "action: config");
    rig_expect_graceful_stop(rig);
}

static void it_stops_while_it_waits_for_the_first_answer(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 1, NULL);
    rig_accept(rig);
    (void)rig_expect_message(rig, MESSAGE_STATUS);
    rig_expect_graceful_stop(rig);
    rig_expect_printed(rig, "action: socket_closed | result: success");
}

static void it_stops_with_batches_on_their_way(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 9, NULL);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_expect_graceful_stop(rig);
    rig_expect_printed(rig, "action: socket_closed | result: success");
}

static void it_stops_while_the_server_does_not_read(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_BATCH_INFLIGHT=1024", "CLI_BATCH_MAXAMOUNT=150", NULL};
    rig_begin(rig, 200000, settings);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_await_readable(rig->connection, "the first batch");
    rig_expect_graceful_stop(rig);
}

static void it_stops_while_it_waits_for_the_draw(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_PERIOD=1h", NULL};
    rig_begin(rig, 1, settings);
    rig_accept_and_tell(rig, "server:8:1,done\r\n");
    rig_acknowledge_done(rig);
    rig_answer(rig, "server:2\r\n");
    rig_expect_graceful_stop(rig);
}

static void it_stops_while_it_waits_for_the_winners(void **state)
{
    struct rig *rig = *state;
    rig_begin(rig, 1, NULL);
    rig_accept_and_tell(rig, "server:8:1,done\r\n");
    rig_acknowledge_done(rig);
    rig_expect_graceful_stop(rig);
}

/* The agency is kept where it reads its configuration: from a pipe that nobody has filled. */
static void it_stops_when_the_signal_came_before_it_had_read_its_configuration(void **state)
{
    struct rig *rig = *state;
    char config[PATH_MAX];
    (void)snprintf(config, sizeof config, "%s/config.yaml", rig->scratch.path);
    rig_write_bets(rig, 1, 0);
    rig_listen(rig);
    assert_int_equal(mkfifo(config, 0600), 0);
    rig_start(rig, NULL);
    int pipe = open(config, O_WRONLY | O_CLOEXEC); /* returns once the agency has opened it */
    int removed = unlink(config);
    assert_true(pipe >= 0 && removed == 0);
    assert_int_equal(kill(rig->agency, SIGTERM), 0);
    (void)close(pipe);
    rig_expect_exit(rig, PROGRAM_EXIT_STOPPED);
    rig_expect_printed(rig, "action: shutdown | result: in_progress | signal: SIGTERM");
    rig_expect_printed(rig, "action: agency_exit | result: success");
    assert_false(rig_is_readable(rig->listener));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(it_stops_while_nobody_listens),
        RIG_TEST(it_stops_while_the_name_is_unknown),
        RIG_TEST(it_stops_while_it_waits_for_the_first_answer),
        RIG_TEST(it_stops_with_batches_on_their_way),
        RIG_TEST(it_stops_while_the_server_does_not_read),
        RIG_TEST(it_stops_while_it_waits_for_the_draw),
        RIG_TEST(it_stops_while_it_waits_for_the_winners),
        RIG_TEST(it_stops_when_the_signal_came_before_it_had_read_its_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
