/*
 * test_signals.c - whatever signal comes: the server serves on, or it has ended and left
 * nothing behind.
 */
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/peer.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { SIGNALS = 64 };

/* What a signal does to the supervisor. */
enum fate { STOPS, CRASHES, SERVES, NOT_TRIED };

static enum fate fate_of(int number)
{
#ifdef __SANITIZE_ADDRESS__
    if (number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL) {
        return NOT_TRIED; /* the sanitizer takes them for the program's own */
    }
#endif
    switch (number) {
    case SIGTERM:
    case SIGINT:
    case SIGQUIT:
    case SIGXCPU:
        return STOPS;
    case SIGKILL:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case SIGBUS:
    case SIGFPE:
    case SIGSEGV:
    case SIGSYS:
        return CRASHES;
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGCONT:
        return NOT_TRIED;
    default:
        /* Between SIGSYS and SIGRTMIN are those that the C library keeps for itself: whoever starts
         * a program by posix_spawn, as make does, has it ignore them; else they end it. */
        return number > SIGSYS && number < SIGRTMIN ? NOT_TRIED : SERVES;
    }
}

static struct server *start(struct stage *stage)
{
    return server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2"));
}

/* One more bet of agency 1 is stored, over a connection of its own. */
static void expect_service(const struct server *server, unsigned *bets)
{
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(server->stage, 1, (*bets)++, 1), "server:0\r\n");
    peer_close(peer);
}

/* ------------------------------------------------------------- all of them ---- */

static void a_signal_that_says_stop_stops_the_server_well(void **state)
{
    struct stage *stage = *state;
    for (int number = 1; number <= SIGNALS; number++) {
        if (fate_of(number) == STOPS) {
            struct server *server = start(stage);
            struct peer *peer = peer_connect(server);
            peer_ask(peer, "here\n", "here\n");
            server_stop_well_at(server, number, __FILE__, __LINE__);
            peer_expect_close(peer);
            stage_expect_nothing_left(stage);
            const char *who =
                stage_text(stage, "action: shutdown*reason: SIG%s from pid %d, uid %u",
                           sigabbrev_np(number), (int)getpid(), (unsigned)getuid());
            assert_int_equal(server_count_log(server, who), 1);
        }
    }
}

static void a_signal_that_kills_the_supervisor_leaves_nothing_behind(void **state)
{
    const struct rlimit no_core = {0};
    struct stage *stage = *state;
    assert_int_equal(setrlimit(RLIMIT_CORE, &no_core), 0);
    for (int number = 1; number <= SIGNALS; number++) {
        if (fate_of(number) == CRASHES) {
            struct server *server = start(stage);
            struct peer *peer = peer_connect(server);
            peer_ask(peer, "here\n", "here\n");
            peer_send(peer, bets_batch(stage, 2, (unsigned)number, 1));
            assert_int_not_equal(program_stop(server->program, number).status, EXIT_SUCCESS);
            peer_expect(peer, "server:0\r\n");
            peer_expect_close(peer);
            server_await_orphans(server);
            stage_expect_nothing_left(stage);
        }
    }
}

static void any_other_signal_disturbs_nobody(void **state)
{
    unsigned bets = 0;
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    pid_t storer = server_storer_pid(server);
    pid_t handler = server_handler_pid(server, peer->port);
    for (int number = 1; number <= SIGNALS; number++) {
        if (fate_of(number) == SERVES) {
            assert_int_equal(kill(server->program->pid, number), 0);
            assert_int_equal(kill(storer, number), 0);
            assert_int_equal(kill(handler, number), 0);
            expect_service(server, &bets);
            peer_ask(peer, "here\n", "here\n");
        }
    }
    assert_int_equal(server_storer_pid(server), storer);
    bets_expect_stored(server, 1, 0, bets);
    server_stop_well(server);
    assert_int_equal(server_count_log(server, "action: storer_start"), 1);
    assert_int_equal(server_count_log(server, "action: reap | result: fail"), 0);
    stage_expect_nothing_left(stage);
}

/* ---------------------------------------------------------- what people expect ---- */

static void a_hangup_is_answered_in_the_log(void **state)
{
    unsigned bets = 0;
    struct server *server = start(*state);
    assert_int_equal(kill(server->program->pid, SIGHUP), 0);
    (void)server_await_log(server, 1,
                           "action: reload | result: success | configuration: unchanged");
    expect_service(server, &bets);
    server_stop_well(server);
}

/* As nohup, and a shell that puts a command into the background, start it. */
static void what_was_ignored_when_the_server_was_started_stays_ignored(void **state)
{
    static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT};
    enum { IGNORED = sizeof ignored / sizeof ignored[0] };
    unsigned bets = 0;
    struct stage *stage = *state;
    for (size_t i = 0; i < IGNORED; i++) {
        assert_true(signal(ignored[i], SIG_IGN) != SIG_ERR);
    }
    struct server *server = start(stage);
    for (size_t i = 0; i < IGNORED; i++) {
        assert_true(signal(ignored[i], SIG_DFL) != SIG_ERR);
        assert_int_equal(kill(server->program->pid, ignored[i]), 0);
        expect_service(server, &bets);
    }
    server_stop_well(server);
    assert_int_equal(server_count_log(server, "action: reload"), 0);
    stage_expect_nothing_left(stage);
}

static void an_ignored_sigterm_stops_a_server_all_the_same(void **state)
{
    struct stage *stage = *state;
    assert_true(signal(SIGTERM, SIG_IGN) != SIG_ERR);
    struct server *server = start(stage);
    assert_true(signal(SIGTERM, SIG_DFL) != SIG_ERR);
    server_stop_well(server);
    stage_expect_nothing_left(stage);
}

static void an_agency_in_the_background_survives_an_interrupt_that_it_ignores(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2"));
    agency_generate(stage, 2, 200);
    assert_true(signal(SIGINT, SIG_IGN) != SIG_ERR);
    struct program *agency =
        agency_start(server, 1, agency_bets_file(stage, 1), ENVIRONMENT("CLI_LOOP_LAPSE=1m"));
    assert_true(signal(SIGINT, SIG_DFL) != SIG_ERR);
    (void)server_await_log(server, 1, "action: agencia_terminada | result: success | agency: 1");
    assert_int_equal(kill(agency->pid, SIGINT), 0);
    struct program *other = agency_start(server, 2, agency_bets_file(stage, 2), NULL);
    agency_expect_success_at(other, __FILE__, __LINE__);
    agency_expect_success_at(agency, __FILE__, __LINE__);
    (void)program_await_log(agency, 1, "action: consulta_ganadores | result: success");
}

/* ---------------------------------------------------------------- the storer ---- */

static void a_storer_that_replaced_another_ends_without_a_complaint(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    server_kill_storer(server);
    (void)server_await_log(server, 2, "action: storer_start | result: success");
    server_stop_well(server);
    assert_int_equal(server_count_log(server, "CRITICAL"), 0);
    assert_int_equal(server_count_log(server, "action: storer_stop | result: success"), 1);
    stage_expect_nothing_left(stage);
}

int main(void)
{
    static const int reset[] = {SIGHUP, SIGINT, SIGQUIT}; /* this test may be in the background */
    for (size_t i = 0; i < sizeof reset / sizeof reset[0]; i++) {
        (void)signal(reset[i], SIG_DFL);
    }
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_signal_that_says_stop_stops_the_server_well),
        STAGE_TEST(a_signal_that_kills_the_supervisor_leaves_nothing_behind),
        STAGE_TEST(any_other_signal_disturbs_nobody),
        STAGE_TEST(a_hangup_is_answered_in_the_log),
        STAGE_TEST(what_was_ignored_when_the_server_was_started_stays_ignored),
        STAGE_TEST(an_ignored_sigterm_stops_a_server_all_the_same),
        STAGE_TEST(an_agency_in_the_background_survives_an_interrupt_that_it_ignores),
        STAGE_TEST(a_storer_that_replaced_another_ends_without_a_complaint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
