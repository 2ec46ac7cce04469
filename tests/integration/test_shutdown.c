/*
 * test_shutdown.c - whoever is asked to stop, stops well, soon, and leaves nothing behind.
 */
#include "bet/message.h"
#include "lib/program.h"
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/peer.h"
#include "tests/harness/processes.h"
#include "tests/harness/reckoning.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h> /* after what it needs */

/* The agency has been asked to stop: it ends in time, with a status that says so. */
static void expect_agency_stops(struct program *agency)
{
    struct program_end end = program_stop(agency, SIGTERM);
    if (end.status != PROGRAM_EXIT_STOPPED || end.elapsed_ms > server_stop_limit_ms()) {
        program_show(agency);
        fail_msg("the agency ended with %d after %lld ms", end.status, (long long)end.elapsed_ms);
    }
}

/* ------------------------------------------------------------------ server ---- */

static void an_idle_server_stops_in_order_and_leaves_nothing(void **state)
{
    static const char *const steps[] = {"action: shutdown | result: in_progress",
                                        "action: close_listener | result: success",
                                        "action: stop_handlers | result: success",
                                        "action: stop_storer | result: success",
                                        "action: remove_shared_memory | result: success",
                                        "action: server_exit | result: success"};
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    server_stop_well(server);
    stage_expect_nothing_left(stage);
    const char *log = program_log(server->program);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const char *step = strstr(log, steps[i]);
        if (step == NULL) {
            stage_fail_at(__FILE__, __LINE__, "\"%s\" does not stand where it should in\n%s",
                          steps[i], log);
        }
        log = step;
    }
}

static void a_server_stops_at_sigint_and_sigquit_too(void **state)
{
    static const int signals[] = {SIGINT, SIGQUIT};
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct server *server = server_start(stage, NULL);
        struct peer *peer = peer_connect(server);
        peer_ask(peer, bets_batch(stage, 1, (unsigned)i, 1), "server:0\r\n");
        server_stop_well_at(server, signals[i], __FILE__, __LINE__);
        peer_expect_close(peer);
        stage_expect_nothing_left(stage);
        bets_expect_stored(server, 1, 0, (unsigned)i + 1);
    }
}

static void a_server_with_idle_connections_stops_and_closes_them(void **state)
{
    enum { PEERS = 10 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peers[PEERS];
    for (int i = 0; i < PEERS; i++) {
        peers[i] = peer_connect(server);
        peer_ask(peers[i], "here\n", "here\n");
    }
    server_stop_well(server);
    for (int i = 0; i < PEERS; i++) {
        peer_expect_close(peers[i]);
    }
    stage_expect_nothing_left(stage);
}

/*
 * Batches of ten bets, to be sent at once: of many small segments, TCP keeps
 * all but ten back until they are acknowledged, and so they would not have arrived.
 */
static const char *join_batches(struct stage *stage, unsigned batches)
{
    const char *joined = "";
    for (unsigned i = 0; i < batches; i++) {
        joined = stage_text(stage, "%s%s", joined, bets_batch(stage, 1, i * 10, 10));
    }
    return joined;
}

static void what_has_arrived_when_a_server_stops_is_answered(void **state)
{
    enum { BATCHES = 60 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "here\n", "here\n");
    peer_send(peer, join_batches(stage, BATCHES));
    server_stop_well(server);
    peer_expect(peer, bets_repeat(stage, "server:0\r\n", BATCHES));
    peer_expect_close(peer);
    bets_expect_stored(server, 1, 0, BATCHES * 10);
    stage_expect_nothing_left(stage);
}

/* True when this signal waits for the process, which is stopped, to go on. */
static bool is_signal_pending(struct stage *stage, pid_t pid, int signal_number)
{
    static const char field[] = "ShdPnd:\t";
    char status[4096] = "";
    FILE *file = fopen(stage_text(stage, "/proc/%d/status", (int)pid), "re");
    if (file == NULL) {
        return false;
    }
    status[fread(status, 1, sizeof status - 1, file)] = '\0';
    (void)fclose(file);
    const char *pending = strstr(status, field);
    return pending != NULL &&
           (strtoull(pending + sizeof field - 1, NULL, 16) >> (signal_number - 1) & 1) != 0;
}

/* The handler finds both at once when it wakes up: the batches, and that it is to leave. */
static void what_a_handler_has_not_even_read_when_a_server_stops_is_answered(void **state)
{
    enum { BATCHES = 30 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    pid_t handler = server_handler_pid(server, peer->port);
    struct deadline deadline = deadline_in(DEADLINE_MS);
    peer_ask(peer, "here\n", "here\n");
    assert_int_equal(kill(handler, SIGSTOP), 0);
    peer_send(peer, join_batches(stage, BATCHES));
    assert_int_equal(kill(server->program->pid, SIGTERM), 0);
    while (!is_signal_pending(stage, handler, SIGTERM) && deadline_pause(deadline)) {
    }
    assert_int_equal(kill(handler, SIGCONT), 0);
    server_stop_well(server);
    peer_expect(peer, bets_repeat(stage, "server:0\r\n", BATCHES));
    peer_expect_close(peer);
    bets_expect_stored(server, 1, 0, BATCHES * 10);
    stage_expect_nothing_left(stage);
}

static void half_a_message_does_not_keep_a_server_from_stopping(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    const char *batch = bets_batch(stage, 1, 5, 5);
    peer_ask(peer, bets_batch(stage, 1, 0, 5), "server:0\r\n");
    peer_send_bytes(peer, batch, strlen(batch) - 1);
    server_await_activity(server, peer->port, SLOT_RECEIVING);
    server_stop_well(server);
    peer_expect_close(peer);
    bets_expect_stored(server, 1, 0, 5);
    stage_expect_nothing_left(stage);
}

static void look_ups_that_wait_get_their_answer_when_a_server_stops(void **state)
{
    enum { LOOK_UPS = 8 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("WINNERS_WAIT=1h"));
    struct peer *peers[LOOK_UPS];
    for (int i = 0; i < LOOK_UPS; i++) {
        peers[i] = peer_connect(server);
        peer_send(peers[i], "1:6\r\n");
    }
    server_await_waiting(server, LOOK_UPS);
    server_stop_well(server);
    for (int i = 0; i < LOOK_UPS; i++) {
        peer_expect(peers[i], "server:2\r\n");
        peer_expect_close(peers[i]);
    }
    stage_expect_nothing_left(stage);
}

static void a_peer_that_does_not_read_does_not_keep_a_server_from_stopping(void **state)
{
    enum { PROBES = 10000 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *deaf = peer_connect(server);
    const char *probe = stage_text(stage, "%s\n", bets_repeat(stage, "x", MESSAGE_PROBE_BYTES_MAX));
    peer_send(deaf, bets_repeat(stage, probe, PROBES));
    server_stop_well(server);
    stage_expect_nothing_left(stage);
}

/* A child's whole life: probes without a pause, their echoes read and thrown away. */
static int say_and_hear_for_ever(void *context)
{
    enum { PROBES = 500, PROBE_BYTES = 2 };
    const struct peer *peer = context;
    char probes[PROBES * PROBE_BYTES];
    char echoes[sizeof probes];
    for (size_t i = 0; i < PROBES; i++) {
        memcpy(probes + i * PROBE_BYTES, "x\n", PROBE_BYTES);
    }
    for (;;) {
        bool sent = send(peer->socket, probes, sizeof probes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
        ssize_t heard = recv(peer->socket, echoes, sizeof echoes, MSG_DONTWAIT);
        if (heard == 0 || (!sent && heard < 0 && errno != EAGAIN)) {
            return EXIT_SUCCESS;
        }
    }
}

static void a_peer_that_never_pauses_does_not_keep_a_server_from_stopping(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("LOGGING_LEVEL=INFO"));
    struct peer *peer = peer_connect(server);
    struct processes processes;
    processes_open(&processes);
    (void)processes_start(&processes, say_and_hear_for_ever, peer);
    processes_release(&processes);
    (void)server_await_log(server, 1, "action: log_limit | *suppressed: ");
    server_stop_well(server);
    processes_close(&processes);
    stage_expect_nothing_left(stage);
}

/* A buffer holds far more tiny messages than a handler serves between two looks at SIGTERM. */
static void a_handler_that_is_asked_to_stop_serves_no_more_than_its_turn(void **state)
{
    enum { MESSAGES = 5000, TURN = 1024, ANSWER_BYTES = sizeof "server:1\r\n" - 1 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "here\n", "here\n");
    pid_t handler = server_handler_pid(server, peer->port);
    assert_int_equal(kill(handler, SIGSTOP), 0);
    peer_send(peer, bets_repeat(stage, "x:5\r\n", MESSAGES));
    assert_int_equal(kill(handler, SIGTERM), 0);
    assert_int_equal(kill(handler, SIGCONT), 0);
    (void)server_await_log(server, 1, "action: reap | result: success | role: handler");
    size_t bytes = peer_drain(peer);
    /* The turn that had begun, and the one about what has arrived. */
    assert_in_range(bytes, ANSWER_BYTES * TURN, ANSWER_BYTES * 2 * TURN);
    server_stop_well(server);
}

static void a_handler_that_had_to_be_killed_is_a_failure(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("TIMEOUTS_SHUTDOWN=200ms"));
    struct peer *peer = peer_connect(server);
    pid_t handler = server_handler_pid(server, peer->port);
    assert_int_equal(kill(handler, SIGSTOP), 0);
    assert_int_equal(server_stop(server).status, EXIT_FAILURE);
    assert_int_equal(server_count_log(server, "action: stop_handlers | result: fail"), 1);
    assert_int_equal(server_count_log(server, "action: server_exit | result: fail"), 1);
    peer_expect_close(peer);
}

static void a_server_stops_in_the_middle_of_an_agencys_bets(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    agency_generate(stage, 1, 200000);
    struct program *agency = agency_start(server, 1, agency_bets_file(stage, 1), NULL);
    (void)server_await_log(server, 20, "action: apuesta_recibida | result: success");
    server_stop_well(server);
    stage_expect_nothing_left(stage);
    expect_agency_stops(agency);
    const struct reckoning *stored = reckoning_read(stage, server_file(server, "bets.csv"));
    assert_in_range(stored->count, 20, 200000);
    reckoning_expect_file(stage, stored, 1, agency_bets_file(stage, 1), stored->count);
}

static void a_server_that_has_drawn_stops_as_well(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:5\r\n1:6\r\n", "server:0\r\nserver:3:\r\n");
    server_stop_well(server);
    peer_expect_close(peer);
    stage_expect_nothing_left(stage);
}

/* ------------------------------------------------------------------ agency ---- */

static void an_agency_stops_in_the_middle_of_its_bets(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    agency_generate(stage, 1, 200000);
    struct program *agency = agency_start(server, 1, agency_bets_file(stage, 1), NULL);
    (void)server_await_log(server, 20, "action: apuesta_recibida | result: success");
    expect_agency_stops(agency);
    (void)server_await_log(server, 1, "action: reap | result: success | role: handler");
    server_stop_well(server); /* the storer may still be writing what the handler left */
    const struct reckoning *stored = reckoning_read(stage, server_file(server, "bets.csv"));
    reckoning_expect_file(stage, stored, 1, agency_bets_file(stage, 1), stored->count);
}

static void an_agency_that_waits_at_the_gate_and_its_server_stop(void **state)
{
    struct stage *stage = *state;
    struct server *server =
        server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2", "WINNERS_WAIT=1h"));
    agency_generate(stage, 2, 200);
    struct program *first =
        agency_start(server, 1, agency_bets_file(stage, 1), ENVIRONMENT("CLI_LOOP_LAPSE=1m"));
    server_await_waiting(server, 1);
    expect_agency_stops(first);
    struct program *second =
        agency_start(server, 1, agency_bets_file(stage, 1), ENVIRONMENT("CLI_LOOP_LAPSE=1m"));
    server_await_waiting(server, 2); /* the first one's look-up still waits there */
    server_stop_well(server);
    stage_expect_nothing_left(stage);
    expect_agency_stops(second);
}

int main(void)
{
    (void)signal(SIGINT, SIG_DFL); /* this test may be in the background, where it is ignored */
    (void)signal(SIGQUIT, SIG_DFL);
    const struct CMUnitTest tests[] = {
        STAGE_TEST(an_idle_server_stops_in_order_and_leaves_nothing),
        STAGE_TEST(a_server_stops_at_sigint_and_sigquit_too),
        STAGE_TEST(a_server_with_idle_connections_stops_and_closes_them),
        STAGE_TEST(what_has_arrived_when_a_server_stops_is_answered),
        STAGE_TEST(what_a_handler_has_not_even_read_when_a_server_stops_is_answered),
        STAGE_TEST(half_a_message_does_not_keep_a_server_from_stopping),
        STAGE_TEST(look_ups_that_wait_get_their_answer_when_a_server_stops),
        STAGE_TEST(a_peer_that_does_not_read_does_not_keep_a_server_from_stopping),
        STAGE_TEST(a_peer_that_never_pauses_does_not_keep_a_server_from_stopping),
        STAGE_TEST(a_handler_that_is_asked_to_stop_serves_no_more_than_its_turn),
        STAGE_TEST(a_handler_that_had_to_be_killed_is_a_failure),
        STAGE_TEST(a_server_stops_in_the_middle_of_an_agencys_bets),
        STAGE_TEST(a_server_that_has_drawn_stops_as_well),
        STAGE_TEST(an_agency_stops_in_the_middle_of_its_bets),
        STAGE_TEST(an_agency_that_waits_at_the_gate_and_its_server_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
