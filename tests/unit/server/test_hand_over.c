/*
 * test_hand_over.c - a socket and what is known of it go from one process to another.
 */
#include "server/hand_over.h"

#include "lib/log.h"
#include "server/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { SLOT = 4711, MESSAGES_MAX = 100 * 1000 };

struct fixture {
    struct hand_over_pair pair;
    int ends[2]; /* of the connection: what is sent, and its peer */
};

static int set_up(void **state)
{
    static struct fixture fixture;
    struct failure failure;
    *state = &fixture;
    log_set_threshold(LOG_LEVELS); /* nothing: the failures are wanted */
    signals_prepare_supervisor();
    assert_true(hand_over_open(&fixture.pair, &failure));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fixture.ends), 0);
    return 0;
}

static int tear_down(void **state)
{
    const struct fixture *fixture = *state;
    const int descriptors[] = {fixture->pair.give, fixture->pair.take, fixture->ends[0],
                               fixture->ends[1]};
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
        if (descriptors[i] >= 0) {
            (void)close(descriptors[i]);
        }
    }
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

static struct hand_over connection(const struct fixture *fixture)
{
    return (struct hand_over){
        .socket = fixture->ends[0], .slot_index = SLOT, .from_balancer = true, .may_return = true};
}

static void what_is_taken_is_what_was_given(void **state)
{
    const struct fixture *fixture = *state;
    const struct hand_over given = connection(fixture);
    struct hand_over taken = {.socket = -1};
    char byte = 0;
    assert_true(hand_over_give(fixture->pair.give, &given));
    assert_true(hand_over_take(fixture->pair.take, &taken));
    assert_int_equal(taken.slot_index, SLOT);
    assert_true(taken.from_balancer);
    assert_true(taken.may_return);
    assert_int_equal(fcntl(taken.socket, F_GETFD), FD_CLOEXEC);
    assert_int_equal(write(taken.socket, "x", 1), 1);
    assert_int_equal(read(fixture->ends[1], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    (void)close(taken.socket);
}

/* What was sent before the supervisor closed its end, or died, is served. */
static void what_was_given_before_the_end_is_taken(void **state)
{
    struct fixture *fixture = *state;
    const struct hand_over given = connection(fixture);
    struct hand_over taken = {.socket = -1};
    assert_true(hand_over_give(fixture->pair.give, &given));
    (void)close(fixture->pair.give);
    fixture->pair.give = -1;
    assert_true(hand_over_take(fixture->pair.take, &taken));
    (void)close(taken.socket);
    assert_false(hand_over_take(fixture->pair.take, &taken));
}

static void a_connection_without_its_socket_is_none(void **state)
{
    const struct fixture *fixture = *state;
    const uint32_t words[] = {SLOT, 0, 0};
    struct hand_over taken = {.socket = -1};
    assert_int_equal(send(fixture->pair.give, words, sizeof words, 0), sizeof words);
    assert_false(hand_over_take(fixture->pair.take, &taken));
    assert_int_equal(taken.socket, -1);
}

/* A handler that is stopped takes nothing. */
static void giving_never_waits(void **state)
{
    const struct fixture *fixture = *state;
    const struct hand_over given = connection(fixture);
    int count = 0;
    while (count < MESSAGES_MAX && hand_over_give(fixture->pair.give, &given)) {
        count++;
    }
    assert_in_range(count, 1, MESSAGES_MAX - 1);
    assert_true(errno == EAGAIN || errno == ETOOMANYREFS);
}

/* What was on its way is closed with the process that did not take it. */
static void what_nobody_takes_is_closed(void **state)
{
    struct fixture *fixture = *state;
    const struct hand_over given = connection(fixture);
    char byte = 0;
    assert_true(hand_over_give(fixture->pair.give, &given));
    (void)close(fixture->ends[0]);
    (void)close(fixture->pair.take);
    fixture->ends[0] = -1;
    fixture->pair.take = -1;
    assert_int_equal(read(fixture->ends[1], &byte, 1), 0);
    const struct hand_over another = {.socket = fixture->ends[1]};
    assert_false(hand_over_give(fixture->pair.give, &another));
    assert_true(errno == ECONNRESET || errno == EPIPE);
}

static void a_return_is_seen_once_and_an_end_always(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(hand_over_look(fixture->pair.give), HAND_OVER_NOTHING);
    assert_true(hand_over_return(fixture->pair.take));
    assert_int_equal(hand_over_look(fixture->pair.give), HAND_OVER_RETURNED);
    assert_int_equal(hand_over_look(fixture->pair.give), HAND_OVER_NOTHING);
    (void)close(fixture->pair.take);
    fixture->pair.take = -1;
    assert_int_equal(hand_over_look(fixture->pair.give), HAND_OVER_CLOSED);
    assert_int_equal(hand_over_look(fixture->pair.give), HAND_OVER_CLOSED);
}

/* The last one: this process has been asked to end from then on. */
static void sigterm_ends_the_waiting_but_not_what_has_come(void **state)
{
    const struct fixture *fixture = *state;
    const struct hand_over given = connection(fixture);
    struct hand_over taken = {.socket = -1};
    assert_true(hand_over_give(fixture->pair.give, &given));
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    signals_let_in();
    assert_true(hand_over_take(fixture->pair.take, &taken));
    (void)close(taken.socket);
    assert_false(hand_over_take(fixture->pair.take, &taken));
}

#define HAND_OVER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HAND_OVER_TEST(what_is_taken_is_what_was_given),
        HAND_OVER_TEST(what_was_given_before_the_end_is_taken),
        HAND_OVER_TEST(a_connection_without_its_socket_is_none),
        HAND_OVER_TEST(giving_never_waits),
        HAND_OVER_TEST(what_nobody_takes_is_closed),
        HAND_OVER_TEST(a_return_is_seen_once_and_an_end_always),
        HAND_OVER_TEST(sigterm_ends_the_waiting_but_not_what_has_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
