/*
 * test_replace.c - lottery-server --replace: one server takes the place of another, and nobody is refused.
 */
#include "lib/log.h"
#include "lib/program.h"
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { REPLACED_STATUS = 0 };

/* Starts one that replaces `old`, on the same directory, with the same environment. */
static struct server *replace(const struct server *old, const char *const *environment)
{
    return server_start_with(old->stage, old->directory, ARGUMENTS("--replace"), environment);
}

static void expect_replaced(struct server *old, const struct server *next)
{
    const struct program_end end = program_await_end(old->program);
    assert_int_equal(end.status, REPLACED_STATUS);
    assert_int_equal(old->port, next->port);
    (void)server_await_log(
        old, 1,
        stage_text(old->stage, "action: shutdown *reason: replaced by pid %d", next->program->pid));
    assert_int_equal(server_count_log(old, "action: server_exit | result: success | end: replaced"),
                     1);
}

/* ----------------------------------------------------------------- taking over ---- */

static void the_next_server_listens_where_the_one_before_did(void **state)
{
    struct stage *stage = *state;
    struct server *first = server_start(stage, NULL);
    struct peer *peer = peer_connect(first);
    peer_ask(peer, bets_batch(stage, 1, 0, 10), "server:0\r\n");
    struct server *second = replace(first, NULL);
    peer_expect_close(peer);
    expect_replaced(first, second);
    struct peer *again = peer_connect(second);
    peer_ask(again, "1:7\r\n", "server:8:10,open*\r\n");
    peer_ask(again, bets_batch(stage, 1, 10, 10), "server:0\r\n");
    (void)server_await_log(second, 1,
                           "action: inherit_listeners | result: success | kept: 1 | "
                           "opened: 0 | closed: 0");
    bets_expect_stored(second, 1, 0, 20);
}

/* Whoever comes while the old one stops, and the new one does not serve yet, waits. */
static void who_connects_in_between_waits_and_is_served(void **state)
{
    enum { WAITING = 20 };
    struct stage *stage = *state;
    struct server *first = server_start(stage, NULL);
    struct peer *stays = peer_connect(first);
    peer_ask(stays, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    pid_t storer = server_storer_pid(first);
    assert_int_equal(kill(storer, SIGSTOP), 0); /* so the old one can't end */
    struct server *second =
        server_launch_with(stage, first->directory, ARGUMENTS("--replace"), NULL);
    (void)server_await_log(first, 1, "action: stop_handlers | result: success");
    struct peer *waiting[WAITING];
    for (unsigned i = 0; i < WAITING; i++) {
        waiting[i] = peer_connect(first);
        peer_send(waiting[i], "here\n");
    }
    assert_int_equal(kill(storer, SIGCONT), 0);
    server_await_port(second);
    for (unsigned i = 0; i < WAITING; i++) {
        peer_expect(waiting[i], "here\n");
    }
    expect_replaced(first, second);
}

/* As of somebody who sends SIGHUP to every lottery-server: it is a reload of each, and ends none. */
static void a_hangup_while_it_waits_is_a_reload_when_it_serves(void **state)
{
    struct stage *stage = *state;
    struct server *first = server_start(stage, NULL);
    pid_t storer = server_storer_pid(first);
    assert_int_equal(kill(storer, SIGSTOP), 0); /* so the old one can't end */
    struct server *second =
        server_launch_with(stage, first->directory, ARGUMENTS("--replace"), NULL);
    (void)server_await_log(second, 1, "action: replace | result: in_progress");
    assert_int_equal(kill(second->program->pid, SIGHUP), 0);
    assert_int_equal(kill(storer, SIGCONT), 0);
    server_await_port(second);
    expect_replaced(first, second);
    (void)server_await_log(second, 1, "action: reload | result: success");
    struct peer *peer = peer_connect(second);
    peer_ask(peer, "here\n", "here\n");
}

/* A stranger who does nothing but connect and say one word, as fast as it can. */
struct knocker {
    pthread_t thread;
    struct sockaddr_in address;
    _Atomic bool ends;
    _Atomic uint64_t served, closed, refused; /* closed: accepted, and ended without an answer */
    int64_t longest_ms;
};

static void knock(struct knocker *knocker)
{
    char answer[8];
    const int64_t began_ms = deadline_clock_ms();
    int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(socket_, (const struct sockaddr *)&knocker->address, sizeof knocker->address) !=
        0) {
        atomic_fetch_add(&knocker->refused, 1);
    } else if (send(socket_, "here\n", 5, MSG_NOSIGNAL) == 5 &&
               recv(socket_, answer, sizeof answer, 0) == 5) {
        atomic_fetch_add(&knocker->served, 1);
        const int64_t took_ms = deadline_clock_ms() - began_ms;
        knocker->longest_ms = took_ms > knocker->longest_ms ? took_ms : knocker->longest_ms;
    } else {
        atomic_fetch_add(&knocker->closed, 1);
    }
    (void)close(socket_);
}

static void *knock_on(void *context)
{
    struct knocker *knocker = context;
    while (!atomic_load(&knocker->ends)) {
        knock(knocker);
    }
    return NULL;
}

static void three_replacements_under_load_refuse_nobody_and_store_each_bet_once(void **state)
{
    enum { AGENCIES = 3, BETS = 120000, REPLACEMENTS = 3 };
    static const char *const environment[] = {"NUMBER_OF_AGENCIES=3", "LIMITS_HANDLERS_AHEAD=8",
                                              "LIMITS_STRANGERS_PER_SECOND=0", NULL};
    /* They still bet when the last one comes, however slow the machine is: 30 s each, if left alone. */
    static const char *const slowly[] = {"NUMBER_OF_AGENCIES=3", "LIMITS_HANDLERS_AHEAD=8",
                                         "LIMITS_STRANGERS_PER_SECOND=0",
                                         "LIMITS_BETS_PER_SECOND=4000", NULL};
    struct stage *stage = *state;
    struct server *server = server_start(stage, slowly);
    struct knocker knocker = {.address = {.sin_family = AF_INET,
                                          .sin_port = htons((uint16_t)server->port),
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    struct program *agencies[AGENCIES];
    agency_generate(stage, AGENCIES, BETS);
    for (uint32_t i = 0; i < AGENCIES; i++) {
        agencies[i] = agency_start(server, i + 1, agency_bets_file(stage, i + 1),
                                   ENVIRONMENT("CLI_BATCH_MAXAMOUNT=5", "CLI_LOOP_LAPSE=30s"));
    }
    assert_int_equal(pthread_create(&knocker.thread, NULL, knock_on, &knocker), 0);
    for (unsigned i = 0; i < REPLACEMENTS; i++) {
        (void)server_await_log(server, 20, "action: apuesta_recibida | result: success");
        struct server *next = replace(server, i + 1 < REPLACEMENTS ? slowly : environment);
        expect_replaced(server, next);
        server = next;
    }
    for (uint32_t i = 0; i < AGENCIES; i++) {
        agency_expect_success(agencies[i]);
    }
    atomic_store(&knocker.ends, true);
    assert_int_equal(pthread_join(knocker.thread, NULL), 0);
    assert_int_equal(atomic_load(&knocker.refused), 0);
    /* one that was accepted, and had not yet sent its word when its handler was asked to end */
    assert_true(atomic_load(&knocker.closed) <= REPLACEMENTS);
    assert_true(atomic_load(&knocker.served) > REPLACEMENTS);
    const struct reckoning *stored = reckoning_read(stage, server_file(server, "bets.csv"));
    for (uint32_t i = 0; i < AGENCIES; i++) {
        reckoning_expect_file(stage, stored, i + 1, agency_bets_file(stage, i + 1), SIZE_MAX);
    }
    (void)server_await_log(server, 1, "action: sorteo | result: success");
    print_message("%llu connections served, the longest one in %lld ms\n",
                  (unsigned long long)knocker.served, (long long)knocker.longest_ms);
}

/* -------------------------------------------------------------------- refusals ---- */

static struct program *replace_in_vain(const struct server *old, const char *const *environment,
                                       struct program_end *end)
{
    return server_start_in_vain(old->stage, old->directory, ARGUMENTS("--replace"), environment,
                                end);
}

static void a_wrong_configuration_leaves_the_old_server_alone(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    struct program_end end;
    (void)replace_in_vain(server, ENVIRONMENT("LIMITS_MAX_CONNECTIONS=0"), &end);
    assert_int_equal(end.status, PROGRAM_EXIT_CONFIG);
    peer_ask(peer, bets_batch(stage, 1, 1, 1), "server:0\r\n");
    assert_int_equal(server_count_log(server, "action: replace"), 0);
}

/* It is found when the new one has the sockets, and before the old one stops. */
static void an_address_that_can_not_be_opened_leaves_the_old_server_alone(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    struct program_end end;
    struct program *vain = replace_in_vain(server, ENVIRONMENT("SERVER_ADDRESS=203.0.113.7"), &end);
    assert_int_equal(end.status, EXIT_FAILURE);
    assert_non_null(strstr(program_errors(vain), "203.0.113.7"));
    (void)server_await_log(server, 1, "action: replace | result: fail *has gone *goes on");
    peer_ask(peer, bets_batch(stage, 1, 1, 1), "server:0\r\n");
    struct peer *late = peer_connect(server);
    peer_ask(late, "here\n", "here\n");
}

static void other_addresses_are_opened_and_unwanted_ones_closed(void **state)
{
    struct stage *stage = *state;
    struct server *first = server_start(stage, ENVIRONMENT("SERVER_ADDRESS=localhost"));
    struct server *second =
        replace(first, ENVIRONMENT(stage_text(stage, "SERVER_PORT=%u", first->port)));
    expect_replaced(first, second);
    (void)server_await_log(second, 1, "inherit_listeners | result: success | kept: 1 | opened: 0");
    struct server *third = replace(second, ENVIRONMENT("SERVER_ADDRESS=localhost"));
    (void)server_await_log(third, 1,
                           "inherit_listeners | result: success | kept: 1 | opened: [01]");
    expect_replaced(second, third);
}

static void without_a_server_it_is_an_ordinary_start(void **state)
{
    struct server *server = server_start_with(*state, NULL, ARGUMENTS("--replace"), NULL);
    (void)server_await_log(server, 1, "WARNING *action: replace *no server runs in");
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "here\n", "here\n");
}

static void a_standby_can_not_replace(void **state)
{
    struct program_end end;
    struct program *program =
        server_start_in_vain(*state, NULL, ARGUMENTS("--replace", "--follow"), NULL, &end);
    assert_int_equal(end.status, PROGRAM_EXIT_USAGE);
    assert_non_null(strstr(program_errors(program), "--follow and --replace"));
}

/* ------------------------------------------------------------------- by hand ---- */

/* Asks at the operator's socket as a replacer does, the `count`-th time; returns the connection. */
static int ask_for_sockets(const struct server *server, size_t count)
{
    static const char request[] = "replace\n\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/admin.sock", server->directory);
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(connection, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(connection, request, sizeof request - 1, 0), sizeof request - 1);
    (void)server_await_log(server, count, "INFO *action: replace *it has the listening sockets");
    return connection;
}

static void a_second_one_is_refused_while_the_first_one_tests(void **state)
{
    struct server *server = server_start(*state, NULL);
    int first = ask_for_sockets(server, 1);
    struct program_end end;
    struct program *second = replace_in_vain(server, NULL, &end);
    assert_int_equal(end.status, EXIT_FAILURE);
    assert_non_null(strstr(program_errors(second), "another process is about to replace"));
    (void)close(first);
    (void)server_await_log(server, 1, "action: replace | result: fail *has gone");
    struct server *third = replace(server, NULL);
    expect_replaced(server, third);
}

/* Killed after it has the sockets, and after the old one has stopped everything for it. */
static void a_replacer_that_is_killed_leaves_a_server_that_serves(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    for (unsigned i = 1; i <= 2; i++) {
        int replacer = ask_for_sockets(server, i);
        assert_int_equal(send(replacer, "g", 1, 0), 1);
        (void)shutdown(replacer, SHUT_RDWR);
        (void)close(replacer);
        (void)server_await_log(server, i, "WARNING *action: replace *this server serves again");
        (void)server_await_log(server, i + 1, "action: listen | result: success");
        struct peer *next = peer_connect(server);
        peer_ask(next, bets_batch(stage, 1, i, 1), "server:0\r\n");
    }
    bets_expect_stored(server, 1, 0, 3);
    server_stop_well(server);
}

/* A real one, killed while the old one can't end yet: the old one serves again. */
static void a_replacer_that_dies_while_it_waits_leaves_a_server_that_serves(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    pid_t storer = server_storer_pid(server);
    assert_int_equal(kill(storer, SIGSTOP), 0);
    struct server *replacer =
        server_launch_with(stage, server->directory, ARGUMENTS("--replace"), NULL);
    (void)server_await_log(server, 1, "action: stop_handlers | result: success");
    assert_int_equal(kill(replacer->program->pid, SIGKILL), 0);
    (void)program_await_end(replacer->program);
    struct peer *waits = peer_connect(server);
    peer_send(waits, bets_batch(stage, 1, 1, 1));
    assert_int_equal(kill(storer, SIGCONT), 0);
    peer_expect(waits, "server:0\r\n");
    (void)server_await_log(server, 1, "WARNING *action: replace *this server serves again");
    bets_expect_stored(server, 1, 0, 2);
    server_stop_well(server);
}

/* The old one is killed while it stops for the new one, which recovers as after any death. */
static void an_old_server_that_is_killed_is_replaced_all_the_same(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 5), "server:0\r\n");
    pid_t storer = server_storer_pid(server);
    assert_int_equal(kill(storer, SIGSTOP), 0);
    struct server *next =
        server_launch_with(stage, server->directory, ARGUMENTS("--replace"), NULL);
    (void)server_await_log(server, 1, "action: stop_handlers | result: success");
    server_kill_supervisor(server);
    assert_int_equal(kill(storer, SIGCONT), 0);
    server_await_orphans(server);
    server_await_port(next);
    struct peer *again = peer_connect(next);
    peer_ask(again, "1:7\r\n", "server:8:5,open*\r\n");
}

/* It is found before the old one stops. */
static void other_terms_leave_the_old_server_alone(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 5), "server:0\r\n");
    struct program_end end;
    struct program *vain = replace_in_vain(server, ENVIRONMENT("NUMBER_OF_AGENCIES=7"), &end);
    assert_int_equal(end.status, EXIT_FAILURE);
    assert_non_null(strstr(program_errors(vain), "of other terms than the configuration"));
    peer_ask(peer, bets_batch(stage, 1, 5, 1), "server:0\r\n");
    assert_int_equal(server_count_log(server, "action: replace"), 0);
}

/* What the new one can't recover from is said exactly. */
static void a_recovery_that_fails_says_that_nobody_serves(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 5), "server:0\r\n");
    int bets = open(server_file(server, "bets.csv"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(bets, "2", 1, 0), 1); /* the agency of the first row */
    struct program_end end;
    struct program *next = replace_in_vain(server, NULL, &end);
    assert_int_equal(end.status, EXIT_FAILURE);
    assert_int_equal(program_count_log(next, "action: replace | result: fail *nobody listens now"),
                     1);
    assert_int_equal(program_await_end(server->program).status, REPLACED_STATUS);
    assert_int_equal(pwrite(bets, "1", 1, 0), 1);
    (void)close(bets);
    struct server *again = server_start_with(stage, server->directory, NULL, NULL);
    struct peer *comes = peer_connect(again);
    peer_ask(comes, "1:7\r\n", "server:8:5,open*\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(the_next_server_listens_where_the_one_before_did),
        STAGE_TEST(who_connects_in_between_waits_and_is_served),
        STAGE_TEST(a_hangup_while_it_waits_is_a_reload_when_it_serves),
        STAGE_TEST(three_replacements_under_load_refuse_nobody_and_store_each_bet_once),
        STAGE_TEST(a_wrong_configuration_leaves_the_old_server_alone),
        STAGE_TEST(an_address_that_can_not_be_opened_leaves_the_old_server_alone),
        STAGE_TEST(other_addresses_are_opened_and_unwanted_ones_closed),
        STAGE_TEST(without_a_server_it_is_an_ordinary_start),
        STAGE_TEST(a_standby_can_not_replace),
        STAGE_TEST(a_second_one_is_refused_while_the_first_one_tests),
        STAGE_TEST(a_replacer_that_is_killed_leaves_a_server_that_serves),
        STAGE_TEST(a_replacer_that_dies_while_it_waits_leaves_a_server_that_serves),
        STAGE_TEST(an_old_server_that_is_killed_is_replaced_all_the_same),
        STAGE_TEST(other_terms_leave_the_old_server_alone),
        STAGE_TEST(a_recovery_that_fails_says_that_nobody_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
