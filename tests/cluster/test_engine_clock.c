/*
 * test_engine_clock.c - the engine behind nats-server, where the wall clock is set back.
 *
 * In this program the wall clock of whoever asks is an hour ahead of the kernel's. So the kernel sees an end of
 * a wait that lies in an hour: as it does where the clock is set back by an hour while somebody waits.
 */
#include "tests/harness/cluster.h"
#include "tests/harness/deadline.h"
#include "tests/harness/engine_client.h"
#include "tests/harness/streams.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { AHEAD_S = 3600, READ_MS = 300 };

#define STREAM "BETS_a"

/* In the place of the C library's, for this program and for libnats. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    const long result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME) {
        now->tv_sec += AHEAD_S;
    }
    return (int)result;
}

/* A standby that waits for the next record would else not see that the primary is silent. */
static void a_wait_is_no_longer_where_the_clock_is_set_back(void **state)
{
    static const char *const subjects[] = {"lottery.a.bets"};
    struct cluster *cluster = cluster_start(*state, 1, "");
    const struct engine_access access = engine_client_access(cluster->servers);
    struct engine *engine = engine_client_open_with(*state, &access, DEADLINE_MS);
    struct engine_message message;
    struct failure failure;
    streams_make(engine, STREAM, subjects, 1, 1);
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    assert_int_equal(engine_read(engine, STREAM, 1, READ_MS, &message, &failure), ENGINE_NOTHING);
    assert_int_equal(engine_read(engine, STREAM, 1, READ_MS, &message, &failure), ENGINE_NOTHING);
    assert_true(deadline_pause(deadline)); /* it is not over */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_wait_is_no_longer_where_the_clock_is_set_back),
    };
    sigset_t all;
    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_BLOCK, &all, NULL) != 0) {
        return EXIT_FAILURE;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
