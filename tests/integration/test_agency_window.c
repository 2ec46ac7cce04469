/*
 * test_agency_window.c - how much the real lottery-agency sends before anything is answered.
 *
 * An agency that is stopped sends nothing more, and what it has sent still arrives. So the bytes up to
 * the end of the connection are its window, and no silence has to be waited for.
 */
#include "client/congestion.h"
#include "tests/harness/rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h> /* after what it needs */

enum { ROWS = 20000, BATCH_BYTES_MAX = 8192, READ_BYTES = 1 << 16 };

/* Reads batches of at least so many bytes; returns how many bytes they have. */
static size_t read_batches(struct rig *rig, size_t least_bytes)
{
    size_t bytes = 0;
    while (bytes < least_bytes) {
        bytes += rig_expect_message(rig, MESSAGE_BET).bytes;
    }
    return bytes;
}

/* Stops the agency; returns how many more bytes it has sent. */
static size_t stop_and_drain(struct rig *rig)
{
    char bytes[READ_BYTES];
    size_t rest = rig->received_bytes - rig->taken;
    rig_expect_graceful_stop(rig);
    ssize_t got = 0;
    while ((got = recv(rig->connection, bytes, sizeof bytes, 0)) > 0) {
        rest += (size_t)got;
    }
    assert_true(got == 0 || errno == ECONNRESET);
    return rest;
}

static void by_itself_it_begins_with_128_kib(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_BATCH_INFLIGHT=1024", "CLI_BATCH_MAXAMOUNT=150", NULL};
    rig_begin(rig, ROWS, settings);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    size_t sent = read_batches(rig, CONGESTION_FIRST_BYTES);
    sent += stop_and_drain(rig);
    assert_in_range(sent, CONGESTION_FIRST_BYTES, CONGESTION_FIRST_BYTES + BATCH_BYTES_MAX);
    rig_expect_printed(rig, "batch.inFlight: 1024 | batch.window: auto");
}

static void with_one_batch_in_flight_it_waits_for_each_answer(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_BATCH_INFLIGHT=1", "CLI_BATCH_MAXAMOUNT=10", NULL};
    rig_begin(rig, ROWS, settings);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    for (unsigned batch = 0; batch < 3; batch++) {
        rig_expect_batch(rig, 10 * batch + 1, 10 * batch + 10);
        assert_int_equal(rig->received_bytes, rig->taken);
        rig_answer(rig, RIG_ACK);
    }
    rig_expect_batch(rig, 31, 40);
    assert_int_equal(stop_and_drain(rig), 0);
}

static void a_fixed_window_has_always_as_many_batches(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_BATCH_INFLIGHT=40", "CLI_BATCH_WINDOW=fixed",
                                    "CLI_BATCH_MAXAMOUNT=150", NULL};
    rig_begin(rig, ROWS, settings);
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    for (unsigned batch = 0; batch < 40; batch++) {
        (void)rig_expect_message(rig, MESSAGE_BET);
    }
    assert_int_equal(stop_and_drain(rig), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(by_itself_it_begins_with_128_kib),
        RIG_TEST(with_one_batch_in_flight_it_waits_for_each_answer),
        RIG_TEST(a_fixed_window_has_always_as_many_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
