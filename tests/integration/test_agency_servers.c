/*
 * test_agency_servers.c - the real lottery-agency with a list of servers: who serves is found, and what
 * is stored there decides what is sent.
 */
#include "lib/program.h"
#include "tests/harness/agency.h"
#include "tests/harness/ports.h"
#include "tests/harness/reckoning.h"
#include "tests/harness/rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { PLACES = 2, SETTING_BYTES = 160, BACKLOG_MAX = 16 };

/* ------------------------------------------------ servers that play a part ---- */

/* Where the rig's server can be. Nobody listens at any of them at first. */
struct places {
    int listeners[PLACES]; /* -1: gone */
    char addresses[PLACES][RIG_ROW_BYTES];
    char setting[SETTING_BYTES];
};

static struct places open_places(struct rig *rig)
{
    struct places places;
    for (int i = 0; i < PLACES; i++) {
        if (i > 0) {
            rig_bind(rig);
        }
        places.listeners[i] = rig->listener;
        memcpy(places.addresses[i], rig->address, sizeof rig->address);
    }
    (void)snprintf(places.setting, sizeof places.setting, "CLI_SERVER_ADDRESS=%s,%s",
                   places.addresses[0], places.addresses[1]);
    rig->listener = -1;
    return places;
}

/* The rig is the server at this place from now on; it listens. */
static void serve_at(struct rig *rig, const struct places *places, int place)
{
    rig->listener = places->listeners[place];
    rig_listen(rig);
}

/* The machine at the place is gone, and its connection with it. */
static void lose(struct rig *rig, struct places *places, int place)
{
    rig_hang_up(rig);
    (void)close(places->listeners[place]);
    places->listeners[place] = -1;
    rig->listener = -1;
}

static void close_places(const struct rig *rig, const struct places *places)
{
    for (int i = 0; i < PLACES; i++) {
        if (places->listeners[i] >= 0 && places->listeners[i] != rig->listener) {
            (void)close(places->listeners[i]);
        }
    }
}

static void start(struct rig *rig, const struct places *places, unsigned rows, const char *setting)
{
    rig_write_bets(rig, rows, 0);
    rig_start(rig, ENVIRONMENT(places->setting, setting));
}

/* What the log says of the server that a connection is to. */
static void expect_told(const struct rig *rig, const struct places *places, int now, int before)
{
    char line[2 * SETTING_BYTES];
    if (before < 0) {
        (void)snprintf(line, sizeof line, "INFO     action: connect | result: success | server: %s",
                       places->addresses[now]);
    } else {
        (void)snprintf(line, sizeof line,
                       "WARNING  action: connect | result: success | server: %s | before: %s | "
                       "reason: ",
                       places->addresses[now], places->addresses[before]);
    }
    rig_expect_printed(rig, line);
}

static void the_one_that_serves_is_found_behind_one_that_does_not(void **state)
{
    struct rig *rig = *state;
    struct places places = open_places(rig);
    serve_at(rig, &places, 1);
    start(rig, &places, 2, "CLI_LOOP_LAPSE=20s");
    rig_accept_and_tell(rig, "server:8:0,open\r\n");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
    expect_told(rig, &places, 1, -1);
    rig_expect_printed(rig, ": Connection refused (is the server running there?) | pid: ");
    assert_int_equal(rig_count_printed(rig, " WARNING "), 0);
    close_places(rig, &places);
}

static void bets_go_on_at_the_next_server_after_what_it_has_stored(void **state)
{
    struct rig *rig = *state;
    const struct rig_stored stored = {.rows = 2};
    struct places places = open_places(rig);
    serve_at(rig, &places, 0);
    start(rig, &places, 6, "CLI_LOOP_LAPSE=20s");
    rig_accept_and_tell_stored(rig, &(struct rig_stored){.rows = 0}, "open");
    rig_expect_batch(rig, 1, 2);
    rig_expect_batch(rig, 3, 4);
    rig_answer(rig, RIG_ACK);
    rig_await_output(rig, "cantidad: 2 | pid: ");
    lose(rig, &places, 0);
    serve_at(rig, &places, 1);
    rig_accept_and_tell_stored(rig, &stored, "open");
    rig_expect_batch(rig, 3, 4);
    rig_expect_batch(rig, 5, 6);
    rig_answer(rig, RIG_ACK RIG_ACK);
    rig_end_without_winners(rig);
    expect_told(rig, &places, 0, -1);
    expect_told(rig, &places, 1, 0);
    rig_expect_printed(rig,
                       "apuesta_enviada | result: success | cantidad: 6 | guardadas: 6 | pid: ");
    close_places(rig, &places);
}

/* One that is fenced closes without an answer: what it was sent is stored when another one says so. */
static void a_server_that_closes_without_an_answer_has_acknowledged_nothing(void **state)
{
    struct rig *rig = *state;
    const struct rig_stored nothing = {.rows = 0};
    struct places places = open_places(rig);
    serve_at(rig, &places, 1);
    serve_at(rig, &places, 0);
    start(rig, &places, 2, "CLI_LOOP_LAPSE=20s");
    rig_accept_and_tell_stored(rig, &nothing, "open");
    rig_expect_batch(rig, 1, 2);
    rig_hang_up(rig); /* and it is still listening */
    serve_at(rig, &places, 1);
    rig_accept_and_tell_stored(rig, &nothing, "open");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
    expect_told(rig, &places, 1, 0);
    rig_expect_printed(rig,
                       "apuesta_enviada | result: success | cantidad: 2 | guardadas: 2 | pid: ");
    close_places(rig, &places);
}

static void
a_server_that_closes_at_once_is_not_taken_for_one_that_does_not_know_status(void **state)
{
    struct rig *rig = *state;
    struct places places = open_places(rig);
    serve_at(rig, &places, 0);
    start(rig, &places, 2, "CLI_LOOP_LAPSE=20s");
    for (int i = 0; i < 6; i++) {
        rig_accept(rig);
        (void)rig_expect_message(rig, MESSAGE_STATUS);
        rig_hang_up(rig);
    }
    rig_accept_and_tell_stored(rig, &(struct rig_stored){.rows = 0}, "open");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
    assert_int_equal(rig_count_printed(rig, "a server that does not know STATUS"), 0);
    close_places(rig, &places);
}

/* A handler that was killed is no reason to leave. */
static void a_connection_that_brought_something_is_followed_by_one_to_the_same_server(void **state)
{
    struct rig *rig = *state;
    const struct rig_stored stored = {.rows = 2};
    struct places places = open_places(rig);
    serve_at(rig, &places, 1);
    serve_at(rig, &places, 0);
    start(rig, &places, 4, "CLI_LOOP_LAPSE=20s");
    rig_accept_and_tell_stored(rig, &(struct rig_stored){.rows = 0}, "open");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_await_output(rig, "cantidad: 2 | pid: ");
    rig_hang_up(rig);
    rig_accept_and_tell_stored(rig, &stored, "open");
    rig_expect_batch(rig, 3, 4);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
    assert_int_equal(rig_count_printed(rig, "| before: "), 0);
    close_places(rig, &places);
}

/* A machine that is paused, or cut off, does not say so. */
static void a_server_that_falls_silent_is_left(void **state)
{
    struct rig *rig = *state;
    const struct rig_stored stored = {.rows = 2};
    struct places places = open_places(rig);
    serve_at(rig, &places, 1);
    serve_at(rig, &places, 0);
    start(rig, &places, 4, "CLI_LOOP_LAPSE=1s");
    rig_accept_and_tell_stored(rig, &(struct rig_stored){.rows = 0}, "open");
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_expect_batch(rig, 3, 4); /* and nothing more is said here */
    serve_at(rig, &places, 1);
    rig_accept_and_tell_stored(rig, &stored, "open");
    rig_expect_batch(rig, 3, 4);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
    expect_told(rig, &places, 1, 0);
    rig_expect_printed(rig, "| reason: the server does not answer");
    close_places(rig, &places);
}

/* Fills the queue of a listener, so that a further connection is not answered at all. */
static unsigned fill_queue(const struct places *places, int place, int waiting[BACKLOG_MAX])
{
    struct sockaddr_in address;
    socklen_t bytes = sizeof address;
    unsigned count = 0;
    assert_int_equal(listen(places->listeners[place], 0), 0);
    assert_int_equal(getsockname(places->listeners[place], (struct sockaddr *)&address, &bytes), 0);
    while (count < BACKLOG_MAX) {
        waiting[count] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(waiting[count] >= 0);
        assert_int_equal(connect(waiting[count], (const struct sockaddr *)&address, bytes), -1);
        assert_int_equal(errno, EINPROGRESS);
        struct pollfd ready = {.fd = waiting[count++], .events = POLLOUT};
        if (poll(&ready, 1, 0) == 0) { /* over loopback, an answer is there when connect returns */
            return count;
        }
    }
    fail_msg("the queue takes %d connections", BACKLOG_MAX);
    return count;
}

static void an_address_that_hangs_costs_a_moment_and_only_once(void **state)
{
    struct rig *rig = *state;
    int waiting[BACKLOG_MAX];
    struct places places = open_places(rig);
    unsigned count = fill_queue(&places, 0, waiting);
    serve_at(rig, &places, 1);
    uint64_t begin_ms = rig_now_ms();
    start(rig, &places, 4, "CLI_LOOP_LAPSE=20s");
    rig_accept_and_tell_stored(rig, &(struct rig_stored){.rows = 0}, "open");
    assert_in_range(rig_now_ms() - begin_ms, 1500, 4500); /* 5 s is the limit of an only server */
    rig_expect_batch(rig, 1, 2);
    rig_answer(rig, RIG_ACK);
    rig_await_output(rig, "cantidad: 2 | pid: ");
    rig_hang_up(rig);
    begin_ms = rig_now_ms();
    rig_accept_and_tell_stored(rig, &(struct rig_stored){.rows = 2}, "open");
    assert_in_range(rig_now_ms() - begin_ms, 0, 1400);
    rig_expect_batch(rig, 3, 4);
    rig_answer(rig, RIG_ACK);
    rig_end_without_winners(rig);
    for (unsigned i = 0; i < count; i++) {
        (void)close(waiting[i]);
    }
    close_places(rig, &places);
}

static void a_server_that_does_not_know_status_is_none_of_a_list(void **state)
{
    struct rig *rig = *state;
    struct places places = open_places(rig);
    serve_at(rig, &places, 0);
    start(rig, &places, 2, "CLI_LOOP_LAPSE=20s");
    rig_accept_and_tell(rig, "server:1\r\n");
    (void)rig_expect_message(rig, MESSAGE_STATUS);
    rig_answer(rig, "server:1\r\n");
    rig_expect_closed(rig);
    rig_expect_exit(rig, PROGRAM_EXIT_REFUSED);
    rig_expect_printed(rig, "a list of servers goes on with no server that does not answer it");
    close_places(rig, &places);
}

static void where_nobody_serves_an_agency_waits_for_a_takeover_and_says_so_of_each(void **state)
{
    struct rig *rig = *state;
    char reason[2 * SETTING_BYTES];
    struct places places = open_places(rig);
    start(rig, &places, 2, "CLI_LOOP_LAPSE=300ms");
    rig_expect_exit(rig, PROGRAM_EXIT_UNREACHABLE);
    (void)snprintf(reason, sizeof reason,
                   "connecting to 127.0.0.1 port %s: Connection refused (is the server running "
                   "there?); connecting to 127.0.0.1 port %s: Connection refused (is the server "
                   "running there?) | ",
                   strchr(places.addresses[0], ':') + 1, strchr(places.addresses[1], ':') + 1);
    rig_expect_printed(rig, reason);
    rig_expect_printed(rig, "| gave_up_after_ms: 900 | pid: ");
    assert_int_equal(rig_count_printed(rig, " WARNING "), 1);
    close_places(rig, &places);
}

/* -------------------------------------------------------------- two servers ---- */

enum { BETS = 100000 };

/*
 * The primary's machine is lost in the middle, and a standby, which has the same bytes, takes over at
 * another address.
 */
static void the_bets_are_stored_once_where_another_server_takes_over(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    unsigned port = ports_choose();
    struct server *primary = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    agency_generate(stage, 1, BETS);
    struct program *agency =
        agency_start(primary, 1, agency_bets_file(stage, 1),
                     ENVIRONMENT(stage_text(stage, "CLI_SERVER_ADDRESS=127.0.0.1:%u,127.0.0.1:%u",
                                            primary->port, port),
                                 "CLI_LOOP_LAPSE=20s"));
    (void)server_await_log(primary, 50, "action: apuesta_recibida | result: success");
    server_kill_everything(primary);
    const char *directory = stage_path(stage, "standby");
    const struct program_plan copy = {.name = "cp",
                                      .arguments = ARGUMENTS("-a", primary->directory, directory)};
    (void)program_run(stage, &copy, &end);
    assert_int_equal(end.status, 0);
    struct server *standby = server_start_with(
        stage, directory, NULL,
        ENVIRONMENT("NUMBER_OF_AGENCIES=1", stage_text(stage, "SERVER_PORT=%u", port)));
    agency_expect_success_at(agency, __FILE__, __LINE__);
    assert_int_equal(
        program_count_log(agency, stage_text(stage,
                                             "connect | result: success | server: *:%u | "
                                             "before: *:%u | reason: ",
                                             port, primary->port)),
        1);
    assert_int_equal(program_count_log(agency, "WARNING*the server had acknowledged"), 0);
    const struct reckoning *stored = reckoning_read(stage, server_file(standby, "bets.csv"));
    reckoning_expect_file(stage, stored, 1, agency_bets_file(stage, 1), SIZE_MAX);
    server_stop_well(standby);
    stage_expect_nothing_left(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(the_one_that_serves_is_found_behind_one_that_does_not),
        RIG_TEST(bets_go_on_at_the_next_server_after_what_it_has_stored),
        RIG_TEST(a_server_that_closes_without_an_answer_has_acknowledged_nothing),
        RIG_TEST(a_server_that_closes_at_once_is_not_taken_for_one_that_does_not_know_status),
        RIG_TEST(a_connection_that_brought_something_is_followed_by_one_to_the_same_server),
        RIG_TEST(a_server_that_falls_silent_is_left),
        RIG_TEST(an_address_that_hangs_costs_a_moment_and_only_once),
        RIG_TEST(a_server_that_does_not_know_status_is_none_of_a_list),
        RIG_TEST(where_nobody_serves_an_agency_waits_for_a_takeover_and_says_so_of_each),
        STAGE_TEST(the_bets_are_stored_once_where_another_server_takes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
