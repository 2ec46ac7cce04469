/*
 * test_gallery_sleepers.c - the gallery of disasters, second room: processes
 * that die in their sleep, or don't wake up.
 *
 * The storer is stopped (SIGSTOP), so that what handlers wait for does not
 * come; each one is killed when the segment says that it waits for it.
 */
#include "tests/harness/deadline.h"
#include "tests/harness/faults.h"
#include "tests/harness/faults_bettor.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h> /* after what it needs */

enum { ROWS = 60, MORE_THAN_A_RING = 1500 };

static const char *const settings[] = {"NUMBER_OF_AGENCIES=2",
                                       "WINNERS_WAIT=10s",
                                       "RING_BYTES=64k",
                                       "LIMITS_MESSAGE_BYTES=16k",
                                       "TIMEOUTS_ANSWER=60s",
                                       "LIMITS_REFUSED_PER_SECOND=0",
                                       NULL};

/* Two bettors that have sent half of their bets. */
struct sleepers {
    struct lottery *lottery;
    struct bettor *first, *second;
    pid_t storer;
};

static struct sleepers begin(struct stage *stage, const char *fault, size_t rows)
{
    struct sleepers sleepers = {.lottery = lottery_open(stage, settings)};
    lottery_start(sleepers.lottery, fault);
    sleepers.first = bettor_open(sleepers.lottery, 1, rows);
    sleepers.second = bettor_open(sleepers.lottery, 2, rows);
    sleepers.storer = lottery_storer(sleepers.lottery);
    bettor_resume(sleepers.first);
    bettor_resume(sleepers.second);
    bettor_send(sleepers.first, 2);
    bettor_send(sleepers.second, 2);
    assert_true(bettor_take_answers(sleepers.first));
    assert_true(bettor_take_answers(sleepers.second));
    return sleepers;
}

static void stop_storer(const struct sleepers *sleepers)
{
    assert_int_equal(kill(sleepers->storer, SIGSTOP), 0);
    lottery_await_stopped(sleepers->lottery, sleepers->storer);
}

static void wake_storer(const struct sleepers *sleepers)
{
    assert_int_equal(kill(sleepers->storer, SIGCONT), 0);
}

/* The first bettor's handler is killed as soon as it does so. */
static void kill_when(const struct sleepers *sleepers, enum slot_activity activity)
{
    server_await_activity(sleepers->lottery->server, sleepers->first->peer->port, activity);
    server_kill_handler(sleepers->lottery->server, sleepers->first->peer->port);
    assert_null(bettor_receive(sleepers->first));
}

/* All the rest, and then the judges. */
static void end_well(struct sleepers *sleepers, struct lottery_deaths deaths)
{
    struct bettor *const bettors[] = {sleepers->first, sleepers->second};
    for (int i = 0; i < 2; i++) {
        if (!bettor_take_answers(bettors[i])) {
            bettor_resume(bettors[i]);
        }
        bettor_send_all(bettors[i]);
        bettor_say_done(bettors[i]);
    }
    bettor_take_winners(sleepers->first);
    bettor_take_winners(sleepers->second);
    const struct lottery_agency agencies[] = {sleepers->first->agency, sleepers->second->agency};
    lottery_expect_exactly_once(sleepers->lottery, agencies, 2);
    lottery_expect_deaths(sleepers->lottery, deaths);
    lottery_close(sleepers->lottery);
}

/* ------------------------------------------------------- handlers asleep ---- */

static void disaster_30_a_handler_dies_waiting_for_its_peer(void **state)
{
    struct sleepers sleepers = begin(*state, NULL, ROWS);
    kill_when(&sleepers, SLOT_RECEIVING);
    end_well(&sleepers, (struct lottery_deaths){.handlers = 1});
}

static void disaster_31_a_handler_dies_waiting_for_the_commit(void **state)
{
    struct sleepers sleepers = begin(*state, NULL, ROWS);
    stop_storer(&sleepers);
    bettor_send(sleepers.first, 2);
    bettor_send(sleepers.second, 2);
    kill_when(&sleepers, SLOT_WAITING_FOR_COMMIT);
    wake_storer(&sleepers);
    end_well(&sleepers, (struct lottery_deaths){.handlers = 1});
}

/* Sends more than the ring holds, all of which the handler finds when it wakes, and so appends. */
static void send_more_than_a_ring(const struct sleepers *sleepers, struct bettor *bettor)
{
    pid_t handler = bettor_handler(bettor);
    assert_int_equal(kill(handler, SIGSTOP), 0);
    lottery_await_stopped(sleepers->lottery, handler);
    bettor_send(bettor, MORE_THAN_A_RING / BETTOR_BATCH_ROWS);
    assert_int_equal(kill(handler, SIGCONT), 0);
    server_await_activity(sleepers->lottery->server, bettor->peer->port, SLOT_WAITING_FOR_SPACE);
}

static void disaster_32_a_handler_dies_waiting_for_space_in_a_full_ring(void **state)
{
    struct sleepers sleepers = begin(*state, NULL, MORE_THAN_A_RING + ROWS);
    stop_storer(&sleepers);
    send_more_than_a_ring(&sleepers, sleepers.first);
    send_more_than_a_ring(&sleepers, sleepers.second); /* it is not forgotten over the dead one */
    kill_when(&sleepers, SLOT_WAITING_FOR_SPACE);
    wake_storer(&sleepers);
    end_well(&sleepers, (struct lottery_deaths){.handlers = 1});
}

static void disaster_33_a_handler_dies_waiting_for_its_done(void **state)
{
    struct sleepers sleepers = begin(*state, NULL, ROWS);
    bettor_send_all(sleepers.first);
    stop_storer(&sleepers);
    bettor_say(sleepers.first, "5");
    kill_when(&sleepers, SLOT_WAITING_FOR_DONE);
    wake_storer(&sleepers);
    end_well(&sleepers, (struct lottery_deaths){.handlers = 1});
}

static void disaster_34_a_handler_dies_waiting_at_the_gate(void **state)
{
    struct sleepers sleepers = begin(*state, NULL, ROWS);
    bettor_send_all(sleepers.first);
    bettor_say_done(sleepers.first);
    bettor_say(sleepers.first, "6");
    server_await_waiting(sleepers.lottery->server, 1);
    kill_when(&sleepers, SLOT_WAITING_AT_GATE);
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (server_gate(sleepers.lottery->server).handlers != 1 && deadline_pause(deadline)) {
    }
    assert_int_equal(server_gate(sleepers.lottery->server).handlers, 1); /* exact under SIGKILL */
    assert_int_equal(server_gate(sleepers.lottery->server).waiting, 0);
    end_well(&sleepers, (struct lottery_deaths){.handlers = 1});
}

/* Says nonsense without reading what it is answered, until the handler waits for us to read. */
static void fill_with_answers(const struct bettor *bettor)
{
    enum { NONSENSE_BYTES = 8192, STANDSTILL_MS = 200 };
    char *nonsense = stage_allocate(bettor->lottery->stage, NONSENSE_BYTES);
    (void)memset(nonsense, '\n', NONSENSE_BYTES); /* each byte gets an ERROR */
    struct pollfd room = {.fd = bettor->peer->socket, .events = POLLOUT};
    while (poll(&room, 1, STANDSTILL_MS) > 0) {
        (void)send(bettor->peer->socket, nonsense, NONSENSE_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void disaster_35_a_handler_dies_waiting_for_its_peer_to_read(void **state)
{
    struct sleepers sleepers = begin(*state, NULL, ROWS);
    fill_with_answers(sleepers.first);
    server_kill_handler(sleepers.lottery->server, sleepers.first->peer->port);
    bettor_hang_up(sleepers.first);
    bettor_resume(sleepers.first);
    end_well(&sleepers, (struct lottery_deaths){.handlers = 1});
}

/* ---------------------------------------------------------------- storers ---- */

static void disaster_36_the_storer_dies_asleep(void **state)
{
    struct sleepers sleepers = begin(*state, NULL, ROWS);
    struct deadline deadline = deadline_in(DEADLINE_MS);
    const struct shared_storer *storer = &sleepers.lottery->segment.shared->storer;
    while (atomic_load(&storer->sleeping) == 0 && deadline_pause(deadline)) {
    }
    server_kill_storer(sleepers.lottery->server);
    end_well(&sleepers, (struct lottery_deaths){.storers = 1});
}

/* Awaits that another storer than this one has said that it is ready. */
static pid_t await_successor(const struct lottery *lottery, unsigned storers)
{
    (void)server_await_log(lottery->server, storers, "action: storer_start | result: success");
    return lottery_storer(lottery);
}

static void disaster_37_the_storer_dies_twenty_times_in_a_row_under_load(void **state)
{
    enum { DEATHS = 20, LOAD_ROWS = 2000 };
    struct sleepers sleepers = begin(*state, NULL, LOAD_ROWS);
    for (unsigned death = 0; death < DEATHS; death++) {
        bettor_send(sleepers.first, 3);
        bettor_send(sleepers.second, 3);
        assert_int_equal(kill(sleepers.storer, SIGKILL), 0);
        sleepers.storer = await_successor(sleepers.lottery, death + 2);
    }
    end_well(&sleepers, /* under load a storer takes the lock for each checkpoint */
             (struct lottery_deaths){.storers = DEATHS, .recoveries_by_chance = DEATHS});
}

/* -------------------------------------------------------- stopped handlers ---- */

/* The place at any of the first arrivals: which one is a matter of when the fault is armed. */
static const char *at_any_arrival(struct stage *stage, const char *place)
{
    const char *faults = "";
    for (int arrival = 1; arrival <= 9; arrival++) {
        faults = stage_text(stage, "%s %s:%d:STOP", faults, place, arrival);
    }
    return faults;
}

/* The first bettor's handler stops there, with two batches in its hands. */
static pid_t stop_handler(const struct sleepers *sleepers)
{
    pid_t handler = bettor_handler(sleepers->first);
    lottery_arm(sleepers->lottery);
    bettor_send(sleepers->first, 2);
    lottery_await_fault(sleepers->lottery);
    lottery_await_stopped(sleepers->lottery, handler);
    return handler;
}

static void disaster_38_a_handler_stops_holding_nothing_and_the_others_go_on(void **state)
{
    struct sleepers sleepers = begin(*state, at_any_arrival(*state, "append.before"), ROWS);
    pid_t handler = stop_handler(&sleepers);
    struct peer *stopped = sleepers.first->peer;
    bettor_send_all(sleepers.second);
    bettor_say_done(sleepers.second);
    sleepers.first->peer = NULL; /* not closed: its handler will want to answer */
    bettor_hang_up(sleepers.first);
    bettor_resume(sleepers.first);
    bettor_send_all(sleepers.first);
    assert_int_equal(kill(handler, SIGCONT), 0);
    peer_expect(stopped, "server:1\r\nserver:1\r\n"); /* fenced: a newer connection has asked */
    end_well(&sleepers, (struct lottery_deaths){0});
}

static void disaster_39_a_handler_stops_holding_the_mutex_and_the_others_wait_for_it(void **state)
{
    struct sleepers sleepers = begin(*state, at_any_arrival(*state, "append.copied"), ROWS);
    pid_t handler = stop_handler(&sleepers);
    bettor_send(sleepers.second, 2);
    assert_int_equal(kill(handler, SIGCONT), 0);
    end_well(&sleepers, (struct lottery_deaths){0});
}

static void disaster_40_a_handler_stopped_holding_the_mutex_dies_and_the_others_go_on(void **state)
{
    struct sleepers sleepers = begin(*state, at_any_arrival(*state, "append.moved"), ROWS);
    pid_t handler = stop_handler(&sleepers);
    bettor_send(sleepers.second, 2);
    assert_int_equal(kill(handler, SIGKILL), 0);
    end_well(&sleepers, (struct lottery_deaths){.handlers = 1, .recoveries = 1});
}

static void disaster_65_a_dead_agencys_done_is_heard_late_and_closes_nothing(void **state)
{
    struct sleepers sleepers = begin(*state, at_any_arrival(*state, "append.before"), ROWS);
    pid_t handler = bettor_handler(sleepers.first);
    struct peer *dead = sleepers.first->peer;
    lottery_arm(sleepers.lottery);
    bettor_send(sleepers.first, 2);
    bettor_say(sleepers.first, "5"); /* pipelined: without awaiting that its bets are stored */
    lottery_await_fault(sleepers.lottery);
    lottery_await_stopped(sleepers.lottery, handler);
    sleepers.first->peer = NULL;
    bettor_hang_up(sleepers.first);
    bettor_resume(sleepers.first);
    assert_int_equal(kill(handler, SIGCONT), 0);
    peer_expect(dead, "server:1\r\nserver:1\r\nserver:1\r\n");
    end_well(&sleepers, (struct lottery_deaths){0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(disaster_30_a_handler_dies_waiting_for_its_peer),
        STAGE_TEST(disaster_31_a_handler_dies_waiting_for_the_commit),
        STAGE_TEST(disaster_32_a_handler_dies_waiting_for_space_in_a_full_ring),
        STAGE_TEST(disaster_33_a_handler_dies_waiting_for_its_done),
        STAGE_TEST(disaster_34_a_handler_dies_waiting_at_the_gate),
        STAGE_TEST(disaster_35_a_handler_dies_waiting_for_its_peer_to_read),
        STAGE_TEST(disaster_36_the_storer_dies_asleep),
        STAGE_TEST(disaster_37_the_storer_dies_twenty_times_in_a_row_under_load),
        STAGE_TEST(disaster_38_a_handler_stops_holding_nothing_and_the_others_go_on),
        STAGE_TEST(disaster_39_a_handler_stops_holding_the_mutex_and_the_others_wait_for_it),
        STAGE_TEST(disaster_40_a_handler_stopped_holding_the_mutex_dies_and_the_others_go_on),
        STAGE_TEST(disaster_65_a_dead_agencys_done_is_heard_late_and_closes_nothing),
    };
    faults_use_programs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
