/*
 * test_handlers_ahead.c - handlers that were forked before a connection comes: they are there, count
 * for nothing, serve like others, and end with whatever they belong to.
 */
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/proc.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    AHEAD = 3,
    PIDS_MAX = 64,
    PATH_BYTES = 32,
    NAME_BYTES = 64,
    LINK_BYTES = 64,
    A_MOMENT_MS = 100
};

#define WITH_AHEAD ENVIRONMENT("LIMITS_HANDLERS_AHEAD=3")

static const char question[] = "1:7\r\n";
static const char answer[] = "server:8:0,open*\r\n";

/* ------------------------------------------------------------ looking on ---- */

static uint64_t waiting(const struct server *server)
{
    struct segment segment = server_attach(server);
    uint64_t count = atomic_load(&segment.shared->supervisor.handlers_ahead);
    segment_unmap(&segment);
    return count;
}

/*
 * Awaits that so many wait, that `others` have a connection, and that the process table has all of them. By
 * the process table alone one that has died, and one that is forked and has no name yet, make up for each other.
 */
static void await_ahead(const struct server *server, unsigned ahead, unsigned others)
{
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    struct segment segment = server_attach(server);
    const struct shared_supervisor *figures = &segment.shared->supervisor;
    uint64_t waiting_count = 0;
    uint64_t open = 0;
    unsigned count = 0;
    do {
        waiting_count = atomic_load(&figures->handlers_ahead);
        open = atomic_load(&figures->connections_open);
        count = server_count_handlers(server);
    } while ((waiting_count != ahead || open != others || count != ahead + others) &&
             deadline_pause(deadline));
    segment_unmap(&segment);
    assert_int_equal(waiting_count, ahead);
    assert_int_equal(open, others);
    assert_int_equal(count, ahead + others);
}

/* The handlers that are there, once all of them wait. */
static void list_ahead(const struct server *server, pid_t pids[AHEAD])
{
    await_ahead(server, AHEAD, 0);
    assert_int_equal(proc_children(server->program->pid, "lottery-handler", pids, AHEAD), AHEAD);
}

static bool is_one_of(pid_t pid, const pid_t pids[AHEAD])
{
    bool found = false;
    for (int i = 0; i < AHEAD; i++) {
        found = found || pids[i] == pid;
    }
    return found;
}

static void signal_all(const pid_t pids[AHEAD], int signal_number)
{
    for (int i = 0; i < AHEAD; i++) {
        assert_int_equal(kill(pids[i], signal_number), 0);
    }
}

/* How many sockets a process has open. */
static unsigned count_sockets(pid_t pid)
{
    char path[PATH_BYTES];
    char name[NAME_BYTES];
    char link[LINK_BYTES];
    unsigned count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry = NULL; (entry = readdir(directory)) != NULL;) {
        (void)snprintf(name, sizeof name, "%s/%.16s", path, entry->d_name);
        ssize_t got = readlink(name, link, sizeof link);
        count += got > 7 && strncmp(link, "socket:", 7) == 0 ? 1 : 0;
    }
    (void)closedir(directory);
    return count;
}

/* ---------------------------------------------------------------- serving ---- */

static void they_are_there_and_count_for_nothing(void **state)
{
    struct server *server =
        server_start(*state, ENVIRONMENT("LIMITS_HANDLERS_AHEAD=3", "LIMITS_MAX_CONNECTIONS=2",
                                         "LIMITS_CONNECTIONS_PER_ADDRESS=2"));
    await_ahead(server, AHEAD, 0);
    assert_int_equal(server_gate(server).handlers, 0);
    struct segment segment = server_attach(server);
    assert_int_equal(atomic_load(&segment.shared->supervisor.connections_open), 0);
    assert_int_equal(atomic_load(&segment.shared->supervisor.connections_accepted), 0);
    segment_unmap(&segment);
    struct peer *first = peer_connect(server);
    peer_ask(first, question, answer);
    struct peer *second = peer_connect(server);
    peer_ask(second, question, answer);
    await_ahead(server, AHEAD, 2);
    assert_int_equal(server_gate(server).handlers, 2);
    struct peer *third = peer_connect(server);
    peer_send(third, question);
    assert_false(peer_has_news(third, A_MOMENT_MS)); /* limits.max_connections */
    peer_close(first);
    peer_expect(third, answer);
    peer_close(second);
    peer_close(third);
    (void)server_await_log(server, 3, "action: reap | result: success | role: handler");
    await_ahead(server, AHEAD, 0);
    server_stop_well(server);
}

static void a_connection_gets_one_that_waits_and_it_is_replaced(void **state)
{
    pid_t pids[AHEAD];
    struct server *server = server_start(*state, WITH_AHEAD);
    list_ahead(server, pids);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(*state, 1, 0, 10), "server:0\r\n");
    assert_true(is_one_of(server_handler_pid(server, peer->port), pids));
    await_ahead(server, AHEAD, 1);
    peer_close(peer);
    await_ahead(server, AHEAD, 0);
    bets_expect_stored(server, 1, 0, 10);
    server_stop_well(server);
}

static void a_burst_beyond_them_is_served(void **state)
{
    enum { BURST = 40, ROUNDS = 3 };
    struct peer *peers[BURST];
    struct server *server = server_start(*state, WITH_AHEAD);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BURST; i++) {
            peers[i] = peer_connect(server);
            peer_send(peers[i], question);
        }
        for (int i = 0; i < BURST; i++) {
            peer_expect(peers[i], answer);
        }
        await_ahead(server, AHEAD, BURST);
        for (int i = 0; i < BURST; i++) {
            peer_close(peers[i]);
        }
        await_ahead(server, AHEAD, 0);
    }
    server_stop_well(server);
}

static void none_holds_another_connections_socket(void **state)
{
    pid_t pids[PIDS_MAX];
    struct server *server = server_start(*state, WITH_AHEAD);
    await_ahead(server, AHEAD, 0);
    struct peer *first = peer_connect(server);
    struct peer *second = peer_connect(server);
    peer_ask(first, question, answer);
    peer_ask(second, question, answer);
    await_ahead(server, AHEAD, 2);
    unsigned count = proc_children(server->program->pid, NULL, pids, PIDS_MAX);
    assert_int_equal(count, AHEAD + 3);
    for (unsigned i = 0; i < count; i++) { /* its end, or its connection; the storer: none */
        unsigned expected = pids[i] == server_storer_pid(server) ? 0 : 1;
        struct deadline deadline = deadline_in(DEADLINE_MS); /* it may have been forked just now */
        while (count_sockets(pids[i]) != expected && deadline_pause(deadline)) {
        }
        assert_int_equal(count_sockets(pids[i]), expected);
    }
    server_stop_well(server);
}

/* ------------------------------------------------------------------ dying ---- */

static void those_that_are_killed_are_replaced(void **state)
{
    pid_t pids[AHEAD];
    static const int signals[] = {SIGKILL, SIGABRT, SIGTERM};
    struct server *server = server_start(*state, WITH_AHEAD);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        list_ahead(server, pids);
        signal_all(pids, signals[i]);
        (void)server_await_log(server, AHEAD * (i + 1), "reason: it was forked ahead, and had no");
        await_ahead(server, AHEAD, 0);
    }
    struct peer *peer = peer_connect(server);
    peer_ask(peer, question, answer);
    server_stop_well(server);
}

/* The sixth storer in a row to die without having stored anything is replaced after a pause. */
static void they_give_way_while_there_is_no_storer(void **state)
{
    enum { DEATHS = 6 };
    struct server *server = server_start(*state, WITH_AHEAD);
    await_ahead(server, AHEAD, 0);
    pid_t killed = 0;
    for (unsigned i = 1; i <= DEATHS; i++) {
        struct deadline deadline = deadline_in(DEADLINE_MS);
        while (server_storer_pid(server) == killed && deadline_pause(deadline)) {
        }
        killed = server_storer_pid(server);
        server_kill_storer(server);
        (void)server_await_log(server, i, "role: storer * ended_by: signal 9");
    }
    await_ahead(server, 0, 0);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(*state, 1, 0, 10), "server:0\r\n");
    server_stop_well(server);
}

/*
 * A connection whose handler has been stopped before it got it. The others are served, and one is
 * forked in its place.
 */
static struct peer *connect_to_one_that_is_stopped(const struct server *server, unsigned others)
{
    pid_t pids[PIDS_MAX];
    await_ahead(server, AHEAD, others);
    unsigned count = proc_children(server->program->pid, "lottery-handler", pids, PIDS_MAX);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(kill(pids[i], SIGSTOP), 0);
    }
    struct peer *peer = peer_connect(server);
    peer_send(peer, question);
    pid_t pid = server_handler_pid(server, peer->port);
    bool was_there = false;
    for (unsigned i = 0; i < count; i++) {
        was_there = was_there || pids[i] == pid;
        if (pids[i] != pid) {
            assert_int_equal(kill(pids[i], SIGCONT), 0);
        }
    }
    assert_true(was_there);
    return peer;
}

static void one_that_is_stopped_costs_its_own_connection_at_most(void **state)
{
    struct server *server = server_start(*state, WITH_AHEAD);
    struct peer *late = connect_to_one_that_is_stopped(server, 0);
    struct peer *other = peer_connect(server);
    peer_ask(other, question, answer);
    assert_false(peer_has_news(late, 0));
    assert_int_equal(kill(server_handler_pid(server, late->port), SIGCONT), 0);
    peer_expect(late, answer);
    server_stop_well(server);
}

static void one_that_dies_before_it_has_taken_its_connection_leaves_nothing(void **state)
{
    struct server *server =
        server_start(*state, ENVIRONMENT("LIMITS_HANDLERS_AHEAD=3", "LIMITS_MAX_CONNECTIONS=1"));
    struct peer *lost = connect_to_one_that_is_stopped(server, 0);
    server_kill_handler(server, lost->port);
    peer_expect_close(lost);
    await_ahead(server, AHEAD, 0);
    struct peer *next = peer_connect(server); /* the place and the slot are free again */
    peer_ask(next, question, answer);
    server_stop_well(server);
}

static void a_stop_ends_those_that_are_stopped(void **state)
{
    pid_t pids[AHEAD];
    struct server *server = server_start(*state, WITH_AHEAD);
    list_ahead(server, pids);
    signal_all(pids, SIGSTOP);
    server_stop_well(server);
}

static void they_end_with_their_supervisor(void **state)
{
    struct server *server = server_start(*state, WITH_AHEAD);
    await_ahead(server, AHEAD, 0);
    server_kill_supervisor(server);
    server_await_orphans(server);
}

static void the_next_draw_has_others(void **state)
{
    struct stage *stage = *state;
    pid_t before[AHEAD];
    pid_t after[AHEAD];
    struct program_end end;
    struct server *server = server_start(stage, WITH_AHEAD);
    list_ahead(server, before);
    struct program *admin = program_run(
        stage,
        &(struct program_plan){
            .name = "lottery-admin",
            .arguments = ARGUMENTS("open", "w2", "--abandon", "--agencies", "1-5"),
            .environment = ENVIRONMENT(stage_text(stage, "DATA_DIRECTORY=%s", server->directory))},
        &end);
    if (end.status != 0) {
        program_show(admin);
    }
    assert_int_equal(end.status, 0);
    list_ahead(server, after);
    for (int i = 0; i < AHEAD; i++) {
        assert_false(is_one_of(after[i], before));
    }
    struct peer *peer = peer_connect(server);
    peer_ask(peer, question, answer);
    server_stop_well(server);
}

/* --------------------------------------------------- more than one connection ---- */

#define WITH_RETURN                                                                                \
    ENVIRONMENT("LIMITS_HANDLERS_AHEAD=3", "LIMITS_CONNECTIONS_PER_HANDLER=3",                     \
                "AGENCIES_ALLOWED=any")

/* Those that have returned wait beside the others. */
static void await_any(const struct server *server)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (waiting(server) < AHEAD && deadline_pause(deadline)) {
    }
    assert_true(waiting(server) >= AHEAD);
}

/* A handler ends some time after its peer has closed. */
static void await_nobody(const struct server *server)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (server_gate(server).handlers > 0 && deadline_pause(deadline)) {
    }
    assert_int_equal(server_gate(server).handlers, 0);
}

/* Which process has served a connection that asked this. All of them wait before, and after. */
static pid_t serve_one(const struct server *server, const char *host, const char *text,
                       const char *expected)
{
    await_any(server);
    struct peer *peer = host == NULL ? peer_connect(server) : peer_connect_from(server, host);
    peer_ask(peer, text, expected);
    pid_t pid = server_handler_pid(server, peer->port);
    assert_int_equal(server_gate(server).handlers, 1);
    peer_close(peer);
    await_nobody(server);
    return pid;
}

static void await_returned(const struct server *server, uint64_t count)
{
    struct segment segment = server_attach(server);
    const struct shared_supervisor *counters = &segment.shared->supervisor;
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while ((atomic_load(&counters->handlers_returned) < count ||
            atomic_load(&counters->connections_open) > 0) &&
           deadline_pause(deadline)) {
    }
    assert_int_equal(atomic_load(&counters->handlers_returned), count);
    assert_int_equal(atomic_load(&counters->connections_open), 0);
    segment_unmap(&segment);
}

static void a_handler_serves_as_many_as_it_may_and_ends(void **state)
{
    struct server *server = server_start(*state, WITH_RETURN);
    pid_t first = serve_one(server, NULL, "1:7\r\n", answer);
    await_returned(server, 1);
    assert_int_equal(serve_one(server, NULL, "1:7\r\n", answer), first);
    await_returned(server, 2);
    assert_int_equal(serve_one(server, NULL, "1:7\r\n", answer), first);
    (void)server_await_log(server, 1, "reap | result: success | * | ended_by: status 0 | ip");
    assert_int_not_equal(serve_one(server, NULL, "1:7\r\n", answer), first);
    await_returned(server, 3);
    server_stop_well(server);
}

static void another_address_gets_another_process(void **state)
{
    struct server *server = server_start(*state, WITH_RETURN);
    pid_t first = serve_one(server, NULL, "1:7\r\n", answer);
    await_returned(server, 1);
    pid_t second = serve_one(server, "127.0.0.2", "2:7\r\n", answer);
    assert_int_not_equal(second, first);
    await_returned(server, 2);
    assert_int_equal(serve_one(server, NULL, "1:7\r\n", answer), first);
    await_returned(server, 3);
    assert_int_equal(serve_one(server, "127.0.0.2", "2:7\r\n", answer), second);
    server_stop_well(server);
}

/* Each connection of an address that has no handler makes room for fresh ones. */
static void more_addresses_than_handlers_are_served(void **state)
{
    enum { ADDRESSES = 8 };
    struct server *server = server_start(*state, WITH_RETURN);
    for (unsigned i = 1; i <= ADDRESSES; i++) {
        const char *host = stage_text(*state, "127.0.1.%u", i);
        struct peer *peer = peer_connect_from(server, host);
        peer_ask(peer, stage_text(*state, "%u:7\r\n", i), answer);
        peer_close(peer);
    }
    await_nobody(server);
    (void)serve_one(server, NULL, "1:7\r\n", answer);
    server_stop_well(server);
}

/* Its peer has never said who it is, or what it said was wrong, or it ended in the middle. */
static void only_a_good_end_lets_a_handler_wait_again(void **state)
{
    static const char *const bad[] = {"hello\n", "nonsense\r\n", "1:7\r\n1:4:A,"};
    struct server *server = server_start(*state, WITH_RETURN);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        await_any(server);
        struct peer *peer = peer_connect(server);
        peer_send(peer, bad[i]);
        peer_half_close(peer);
        (void)peer_drain(peer);
        peer_close(peer);
        (void)server_await_log(server, i + 1, "reap | * | role: handler | * | ended_by: status 0");
    }
    await_returned(server, 0);
    server_stop_well(server);
}

/* What the first connection has claimed is not the second one's. */
static void nothing_of_a_connection_is_left_for_the_next_one(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, WITH_RETURN);
    await_any(server);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, question, answer);
    peer_ask(peer, bets_batch(stage, 1, 0, 10), "server:0\r\n");
    pid_t first = server_handler_pid(server, peer->port);
    peer_close(peer);
    await_returned(server, 1);
    assert_int_equal(serve_one(server, NULL, bets_batch(stage, 1, 10, 10), "server:1\r\n"), first);
    bets_expect_stored(server, 1, 0, 10);
    server_stop_well(server);
}

static void one_that_waits_again_and_dies_leaves_nothing(void **state)
{
    struct server *server =
        server_start(*state, ENVIRONMENT("LIMITS_HANDLERS_AHEAD=3", "LIMITS_MAX_CONNECTIONS=1",
                                         "LIMITS_CONNECTIONS_PER_HANDLER=100"));
    pid_t pid = serve_one(server, NULL, question, answer);
    await_returned(server, 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    (void)server_await_log(server, 1, "ended_by: signal 9 * had no connection");
    struct peer *peer = peer_connect(server);
    peer_ask(peer, question, answer);
    server_kill_handler(server, peer->port);
    peer_expect_close(peer);
    await_any(server);
    assert_int_not_equal(serve_one(server, NULL, question, answer), pid);
    server_stop_well(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(they_are_there_and_count_for_nothing),
        STAGE_TEST(a_connection_gets_one_that_waits_and_it_is_replaced),
        STAGE_TEST(a_burst_beyond_them_is_served),
        STAGE_TEST(none_holds_another_connections_socket),
        STAGE_TEST(those_that_are_killed_are_replaced),
        STAGE_TEST(they_give_way_while_there_is_no_storer),
        STAGE_TEST(one_that_is_stopped_costs_its_own_connection_at_most),
        STAGE_TEST(one_that_dies_before_it_has_taken_its_connection_leaves_nothing),
        STAGE_TEST(a_stop_ends_those_that_are_stopped),
        STAGE_TEST(they_end_with_their_supervisor),
        STAGE_TEST(the_next_draw_has_others),
        STAGE_TEST(a_handler_serves_as_many_as_it_may_and_ends),
        STAGE_TEST(another_address_gets_another_process),
        STAGE_TEST(more_addresses_than_handlers_are_served),
        STAGE_TEST(only_a_good_end_lets_a_handler_wait_again),
        STAGE_TEST(nothing_of_a_connection_is_left_for_the_next_one),
        STAGE_TEST(one_that_waits_again_and_dies_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
