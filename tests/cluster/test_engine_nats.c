/*
 * test_engine_nats.c - the engine behind nats-server: what any engine does, and what nodes that die,
 * stand still or are cut off do to it.
 */
#include "lib/thread.h"
#include "tests/harness/cluster.h"
#include "tests/harness/deadline.h"
#include "tests/harness/engine_cases.h"
#include "tests/harness/engine_client.h"
#include "tests/harness/ports.h"
#include "tests/harness/streams.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nats/nats.h>

#include <cmocka.h> /* after what it needs */

enum {
    NODES = 3,
    PATIENCE_MS = 2 * DEADLINE_MS, /* nodes may take 30 s to tell each other that they are there */
    SHORT_MS = 300,
    APPEND_MS = 2000,
    BEFORE_FAULT = 50, /* messages */
    AFTER_FAULT = 50,
    PIPELINED = 400,
    CLAIM_AFTER = 200,
    SENT_AHEAD = 500, /* messages, so that some are still coming */
    READERS = 60
};

#define STREAM  "BETS_a"
#define SUBJECT "lottery.a.bets"

static struct failure failure;

/* For engine_cases.h, whose cases close it themselves. */
static struct engine *open_client(void *context)
{
    const struct cluster *cluster = context;
    const struct engine_access access = engine_client_access(cluster->servers);
    struct engine *engine = engine_open_nats(&access, PATIENCE_MS, &failure);
    if (engine == NULL) {
        print_error("%s\n", failure.text);
    }
    return engine;
}

/* A client that goes with the stage, and has made the stream. */
static struct engine *open_writer(struct cluster *cluster)
{
    const char *subjects[] = {SUBJECT};
    const struct engine_access access = engine_client_access(cluster->servers);
    struct engine *engine = engine_client_open_with(cluster->stage, &access, PATIENCE_MS);
    streams_make(engine, STREAM, subjects, 1, cluster->count);
    return engine;
}

static const char *text_of(uint64_t sequence)
{
    static char text[32];
    (void)snprintf(text, sizeof text, "message %llu", (unsigned long long)sequence);
    return text;
}

static enum engine_answer append_once(struct engine *engine, uint64_t expected)
{
    uint64_t sequence = 0;
    const char *text = text_of(expected + 1);
    const struct engine_append append = {.stream = STREAM,
                                         .subject = SUBJECT,
                                         .expected = expected,
                                         .bytes = text,
                                         .count = strlen(text)};
    return engine_append(engine, &append, APPEND_MS, &sequence, &failure);
}

/* Appends as a shipper does: after a doubt it reads, and then the same again. False after the deadline. */
static bool append_surely(struct engine *engine, uint64_t expected)
{
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    do {
        struct engine_message message;
        if (append_once(engine, expected) == ENGINE_STORED) {
            return true;
        }
        if (engine_read(engine, STREAM, expected + 1, 0, &message, &failure) == ENGINE_READ) {
            return true;
        }
    } while (deadline_pause(deadline));
    print_error("append after %llu: %s\n", (unsigned long long)expected, failure.text);
    return false;
}

static void append_all(struct engine *engine, uint64_t from, uint64_t to)
{
    for (uint64_t expected = from; expected < to; expected++) {
        assert_true(append_surely(engine, expected));
    }
}

/* Reads as a follower does: it asks again while nobody answers. */
static void expect_all(struct engine *engine, uint64_t last)
{
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    for (uint64_t sequence = 1; sequence <= last; sequence++) {
        struct engine_message message;
        while (engine_read(engine, STREAM, sequence, SHORT_MS, &message, &failure) != ENGINE_READ) {
            if (!deadline_pause(deadline)) {
                fail_msg("message %llu: %s", (unsigned long long)sequence, failure.text);
            }
        }
        assert_int_equal(message.sequence, sequence);
        assert_int_equal(message.count, strlen(text_of(sequence)));
        assert_memory_equal(message.bytes, text_of(sequence), message.count);
    }
}

static void expect_exactly(struct engine *engine, uint64_t last)
{
    uint64_t sequence = 0;
    expect_all(engine, last);
    assert_int_equal(engine_last_sequence(engine, STREAM, PATIENCE_MS, &sequence, &failure),
                     ENGINE_READ);
    assert_int_equal(sequence, last);
}

/* ------------------------------------------------------------------- faults ---- */

static void a_leader_is_killed_between_appends_and_nothing_is_lost(void **state)
{
    struct cluster *cluster = cluster_start(*state, NODES, "");
    struct engine *engine = open_writer(cluster);
    append_all(engine, 0, BEFORE_FAULT);
    const unsigned leader = cluster_leader_of(cluster, STREAM);
    cluster_kill_node(cluster, leader);
    append_all(engine, BEFORE_FAULT, BEFORE_FAULT + AFTER_FAULT);
    expect_exactly(engine, BEFORE_FAULT + AFTER_FAULT);
    cluster_start_node(cluster, leader);
    cluster_await_ready(cluster);
    expect_exactly(open_writer(cluster), BEFORE_FAULT + AFTER_FAULT);
}

static void a_leader_that_stands_still_is_left_and_may_come_back(void **state)
{
    struct cluster *cluster = cluster_start(*state, NODES, "");
    struct engine *engine = open_writer(cluster);
    append_all(engine, 0, BEFORE_FAULT);
    const unsigned leader = cluster_leader_of(cluster, STREAM);
    cluster_pause_node(cluster, leader);
    append_all(engine, BEFORE_FAULT, BEFORE_FAULT + AFTER_FAULT);
    cluster_resume_node(cluster, leader);
    append_all(engine, BEFORE_FAULT + AFTER_FAULT, BEFORE_FAULT + 2 * AFTER_FAULT);
    expect_exactly(engine, BEFORE_FAULT + 2 * AFTER_FAULT);
}

static void without_a_majority_nothing_is_acknowledged(void **state)
{
    struct cluster *cluster = cluster_start(*state, NODES, "");
    struct engine *engine = open_writer(cluster);
    append_all(engine, 0, BEFORE_FAULT);
    cluster_kill_node(cluster, 0);
    cluster_kill_node(cluster, 1);
    assert_int_equal(append_once(engine, BEFORE_FAULT), ENGINE_UNKNOWN);
    assert_int_equal(append_once(engine, BEFORE_FAULT), ENGINE_UNKNOWN);
    cluster_start_node(cluster, 0);
    append_all(engine, BEFORE_FAULT, BEFORE_FAULT + AFTER_FAULT);
    expect_exactly(engine, BEFORE_FAULT + AFTER_FAULT);
}

static void all_nodes_are_killed_and_what_was_acknowledged_is_there(void **state)
{
    struct cluster *cluster = cluster_start(*state, NODES, "");
    struct engine *engine = open_writer(cluster);
    struct engine_state described;
    append_all(engine, 0, BEFORE_FAULT);
    for (unsigned node = 0; node < NODES; node++) {
        cluster_kill_node(cluster, node);
    }
    for (unsigned node = 0; node < NODES; node++) {
        cluster_start_node(cluster, node);
    }
    append_all(engine, BEFORE_FAULT, BEFORE_FAULT + AFTER_FAULT);
    expect_exactly(engine, BEFORE_FAULT + AFTER_FAULT);
    engine_describe(engine, &described);
    assert_true(described.connected);
    assert_true(described.reconnects >= 1);
}

static void a_follower_reads_on_while_nodes_die_one_after_the_other(void **state)
{
    struct cluster *cluster = cluster_start(*state, NODES, "");
    struct engine *writer = open_writer(cluster);
    struct engine *reader = open_writer(cluster);
    uint64_t end = BEFORE_FAULT;
    append_all(writer, 0, end);
    expect_all(reader, end);
    for (unsigned node = 0; node < NODES; node++) {
        cluster_kill_node(cluster, node);
        append_all(writer, end, end + AFTER_FAULT);
        end += AFTER_FAULT;
        expect_all(reader, end);
        cluster_start_node(cluster, node);
        cluster_await_ready(cluster);
    }
    expect_exactly(reader, end);
}

static void without_any_server_a_client_waits_and_then_works(void **state)
{
    struct cluster *cluster = cluster_start(*state, 1, "");
    const char *subjects[] = {SUBJECT};
    uint64_t sequence = 0;
    const struct engine_access access = engine_client_access(cluster->servers);
    cluster_kill_node(cluster, 0);
    struct engine *engine = engine_client_open_with(*state, &access, 0);
    assert_int_equal(append_once(engine, 0), ENGINE_UNKNOWN);
    assert_int_equal(engine_last_sequence(engine, STREAM, SHORT_MS, &sequence, &failure),
                     ENGINE_AWAY);
    cluster_start_node(cluster, 0);
    assert_int_equal(engine_make_stream(engine, STREAM, subjects, 1, 1, PATIENCE_MS, &failure),
                     ENGINE_STORED);
    append_all(engine, 0, BEFORE_FAULT);
    expect_exactly(engine, BEFORE_FAULT);
}

/* --------------------------------------------------------- pipelined appends ---- */

static natsStatus publish_without_waiting(natsConnection *connection, const char *inbox,
                                          uint64_t expected, const char *text)
{
    natsMsg *message = NULL;
    char after[32];
    (void)snprintf(after, sizeof after, "%llu", (unsigned long long)expected);
    natsStatus status = natsMsg_Create(&message, SUBJECT, inbox, text, (int)strlen(text));
    status = status != NATS_OK ? status
                               : natsMsgHeader_Set(message, "Nats-Expected-Last-Sequence", after);
    status = status != NATS_OK ? status : natsConnection_PublishMsg(connection, message);
    natsMsg_Destroy(message);
    return status;
}

/* How many of the answers say that a message was stored. */
static unsigned count_stored(natsSubscription *answers)
{
    unsigned stored = 0;
    for (unsigned i = 0; i < PIPELINED; i++) {
        natsMsg *answer = NULL;
        assert_int_equal(natsSubscription_NextMsg(&answer, answers, PATIENCE_MS), NATS_OK);
        stored += strstr(natsMsg_GetData(answer), "\"error\"") == NULL ? 1 : 0;
        natsMsg_Destroy(answer);
    }
    return stored;
}

/*
 * Why one append is in flight, and no more: each of these names the sequence that it follows, as ours
 * do. A rival's claim comes between two of them, and all but one of the rest are stored after it.
 */
static void pipelined_appends_are_not_fenced_by_a_claim(void **state)
{
    struct cluster *cluster = cluster_start(*state, NODES, "");
    struct engine *rival = open_writer(cluster);
    natsConnection *connection = NULL;
    natsSubscription *answers = NULL;
    natsInbox *inbox = NULL;
    assert_int_equal(natsConnection_ConnectTo(&connection, cluster->servers), NATS_OK);
    assert_int_equal(natsInbox_Create(&inbox), NATS_OK);
    assert_int_equal(natsConnection_SubscribeSync(&answers, connection, inbox), NATS_OK);
    for (uint64_t i = 0; i < CLAIM_AFTER; i++) {
        assert_int_equal(publish_without_waiting(connection, inbox, i, "old"), NATS_OK);
    }
    uint64_t last = 0;
    assert_int_equal(natsConnection_Flush(connection), NATS_OK);
    while (last < CLAIM_AFTER) {
        assert_int_equal(engine_last_sequence(rival, STREAM, PATIENCE_MS, &last, &failure),
                         ENGINE_READ);
    }
    assert_int_equal(append_once(rival, CLAIM_AFTER), ENGINE_STORED);
    for (uint64_t i = CLAIM_AFTER; i < PIPELINED; i++) {
        assert_int_equal(publish_without_waiting(connection, inbox, i, "old"), NATS_OK);
    }
    assert_int_equal(count_stored(answers), PIPELINED - 1);
    assert_int_equal(append_once(rival, CLAIM_AFTER), ENGINE_REFUSED);
    natsSubscription_Destroy(answers);
    natsInbox_Destroy(inbox);
    natsConnection_Destroy(connection);
}

/* ------------------------------------------------------- a server that says no version ---- */

/* A server that lets in the first one who comes, says so, and closes the connection of all others. */
struct mute {
    int listener, client;
    pthread_t thread;
};

static void *let_one_in(void *context)
{
    static const char info[] = "INFO {\"server_id\":\"MUTE\",\"version\":\"2.10.27\","
                               "\"proto\":1,\"headers\":true,\"max_payload\":1048576}\r\n";
    static const char pong[] = "PONG\r\n";
    struct mute *mute = context;
    char heard[1024];
    mute->client = accept(mute->listener, NULL, NULL);
    if (mute->client < 0 || send(mute->client, info, sizeof info - 1, MSG_NOSIGNAL) < 0 ||
        recv(mute->client, heard, sizeof heard, 0) <= 0 ||
        send(mute->client, pong, sizeof pong - 1, MSG_NOSIGNAL) < 0) {
        return NULL;
    }
    for (int other = 0; (other = accept(mute->listener, NULL, NULL)) >= 0;) {
        (void)close(other);
    }
    return NULL;
}

static void start_mute(struct mute *mute, unsigned port)
{
    const int yes = 1;
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    *mute = (struct mute){.client = -1};
    mute->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(mute->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
    assert_int_equal(bind(mute->listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(mute->listener, PIPELINED), 0);
    assert_int_equal(thread_start(&mute->thread, let_one_in, mute), 0);
}

static void stop_mute(struct mute *mute)
{
    (void)shutdown(mute->listener, SHUT_RDWR);
    (void)close(mute->listener);
    (void)shutdown(mute->client, SHUT_RDWR);
    (void)pthread_join(mute->thread, NULL);
    (void)close(mute->client);
}

/* Its version was forgotten when the other one said none, and it was taken for one that is too old. */
static void a_server_is_used_again_after_one_that_said_no_version(void **state)
{
    struct cluster *cluster = cluster_start(*state, 1, "");
    const unsigned port = ports_choose();
    const char *servers = stage_text(*state, "%s,nats://127.0.0.1:%u", cluster->servers, port);
    const struct engine_access access = engine_client_access(servers);
    struct engine *engine = engine_client_open_with(*state, &access, PATIENCE_MS);
    const char *subjects[] = {SUBJECT};
    struct mute mute;
    assert_int_equal(engine_make_stream(engine, STREAM, subjects, 1, 1, PATIENCE_MS, &failure),
                     ENGINE_STORED);
    append_all(engine, 0, 1);
    cluster_kill_node(cluster, 0);
    start_mute(&mute, port);
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    do {
        assert_int_not_equal(append_once(engine, 1), ENGINE_STORED);
    } while (strstr(failure.text, stage_text(*state, ":%u", port)) == NULL &&
             deadline_pause(deadline));
    assert_non_null(strstr(failure.text, stage_text(*state, ":%u", port)));
    cluster_start_node(cluster, 0);
    cluster_await_ready(cluster);
    stop_mute(&mute);
    append_all(engine, 1, 2);
    expect_exactly(engine, 2);
}

static void expect_readable(struct engine *engine, uint64_t sequence)
{
    struct engine_message message;
    assert_int_equal(engine_read(engine, STREAM, sequence, PATIENCE_MS, &message, &failure),
                     ENGINE_READ);
    assert_int_equal(message.sequence, sequence);
}

/* Its process crashed, one in eight: libnats was about to give messages to what had been freed. */
static void a_reader_may_turn_back_and_end_while_messages_come(void **state)
{
    struct cluster *cluster = cluster_start(*state, 1, "");
    struct engine *writer = open_writer(cluster);
    append_all(writer, 0, SENT_AHEAD);
    for (int i = 0; i < READERS; i++) {
        struct engine *reader = open_client(cluster);
        assert_non_null(reader);
        for (uint64_t sequence = 1; sequence <= 3; sequence++) {
            expect_readable(reader, sequence);
        }
        for (uint64_t sequence = 1; sequence <= 3; sequence++) {
            expect_readable(reader, sequence);
        }
        engine_close(reader);
    }
    expect_exactly(writer, SENT_AHEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_leader_is_killed_between_appends_and_nothing_is_lost),
        STAGE_TEST(a_leader_that_stands_still_is_left_and_may_come_back),
        STAGE_TEST(without_a_majority_nothing_is_acknowledged),
        STAGE_TEST(all_nodes_are_killed_and_what_was_acknowledged_is_there),
        STAGE_TEST(a_follower_reads_on_while_nodes_die_one_after_the_other),
        STAGE_TEST(without_any_server_a_client_waits_and_then_works),
        STAGE_TEST(pipelined_appends_are_not_fenced_by_a_claim),
        STAGE_TEST(a_server_is_used_again_after_one_that_said_no_version),
        STAGE_TEST(a_reader_may_turn_back_and_end_while_messages_come),
    };
    sigset_t all;
    void *stage = NULL;
    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_BLOCK, &all, NULL) != 0 || stage_set_up(&stage) != 0) {
        return EXIT_FAILURE;
    }
    struct cluster *cluster = cluster_start(stage, NODES, "");
    struct engine_cases cases = {.open_client = open_client, .context = cluster, .replicas = NODES};
    int failed = engine_cases_run("every engine", &cases);
    failed += stage_tear_down(&stage);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
