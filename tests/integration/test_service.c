/*
 * test_service.c - what a running server tells the service manager that has started it.
 */
#include "tests/harness/deadline.h"
#include "tests/harness/notify_socket.h"
#include "tests/harness/server.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { QUIET_MS = 1500, VARIABLE_BYTES = 160 };

#define WATCHDOG "WATCHDOG_USEC=400000"

/* Starts a server that tells this socket. */
static struct server *start(struct stage *stage, const struct notify_socket *notify)
{
    char variable[VARIABLE_BYTES];
    (void)snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", notify->address);
    return server_start(stage, ENVIRONMENT(variable, WATCHDOG, "NUMBER_OF_AGENCIES=3"));
}

static void it_is_ready_when_it_serves_and_says_that_it_stops(void **state)
{
    struct notify_socket *notify = notify_socket_open(*state, false);
    struct server *server = start(*state, notify);
    notify_socket_await(notify, *state, "STATUS=Starts: *");
    notify_socket_await(notify, *state, "STATUS=Serves at port *0 of 3 agencies done*");
    notify_socket_await(notify, *state, "WATCHDOG_USEC=400000");
    notify_socket_await(notify, *state, "READY=1");
    server_stop_well(server);
    notify_socket_await(notify, *state, "STOPPING=1");
    notify_socket_await(notify, *state, "STATUS=Stops: *");
}

/* The sockets are the manager's before it hears that the server serves. */
static void the_manager_keeps_the_sockets(void **state)
{
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct server *server = start(*state, notify);
    notify_socket_await(notify, *state, "FDSTOREREMOVE=1");
    assert_string_equal(notify_socket_await(notify, *state, "FDSTORE=1"),
                        "FDSTORE=1\nFDNAME=lottery-listener");
    notify_socket_await(notify, *state, "READY=1");
    server_stop_well(server);
}

/* The one before says who it is, because the manager believes nobody else; then that one speaks. */
static void the_one_that_replaces_it_is_the_main_process(void **state)
{
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct server *server = start(*state, notify);
    notify_socket_await(notify, *state, "READY=1");
    char variable[VARIABLE_BYTES];
    (void)snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", notify->address);
    struct server *next =
        server_start_with(*state, server->directory, ARGUMENTS("--replace"),
                          ENVIRONMENT(variable, WATCHDOG, "NUMBER_OF_AGENCIES=3"));
    notify_socket_await(notify, *state, "WATCHDOG_USEC=86400000000");
    notify_socket_await(notify, *state, stage_text(*state, "MAINPID=%d", next->program->pid));
    notify_socket_await(notify, *state, "FDSTORE=1");
    notify_socket_await(notify, *state, "READY=1");
    assert_int_equal(program_await_end(server->program).status, 0);
    notify_socket_await(notify, *state, "WATCHDOG=1");
    server_stop_well(next);
}

/* Twice in an interval, however short that is: the status' second does not hold it back. */
static void beats_come_more_often_than_the_status(void **state)
{
    enum { BEATS = 15, SOON_MS = 6000 }; /* 3 s; at one a second it would be 15 s */
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct server *server = start(*state, notify);
    notify_socket_await(notify, *state, "READY=1");
    const int64_t began_ms = deadline_clock_ms();
    for (unsigned i = 0; i < BEATS; i++) {
        notify_socket_await(notify, *state, "WATCHDOG=1");
    }
    assert_in_range(deadline_clock_ms() - began_ms, 0, SOON_MS);
    server_stop_well(server);
}

static void a_hangup_is_a_reload_that_ends(void **state)
{
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct server *server = start(*state, notify);
    notify_socket_await(notify, *state, "READY=1");
    assert_int_equal(kill(server->program->pid, SIGHUP), 0);
    notify_socket_await(notify, *state, "RELOADING=1");
    notify_socket_await(notify, *state, "READY=1");
    server_stop_well(server);
}

static void a_supervisor_that_is_stopped_beats_no_more(void **state)
{
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct server *server = start(*state, notify);
    notify_socket_await(notify, *state, "READY=1");
    notify_socket_await(notify, *state, "WATCHDOG=1");
    notify_socket_await(notify, *state, "WATCHDOG=1");
    assert_int_equal(kill(server->program->pid, SIGSTOP), 0);
    (void)notify_socket_is_silent(notify, QUIET_MS);
    notify_socket_drain(notify); /* what was on its way */
    assert_true(notify_socket_is_silent(notify, QUIET_MS));
    assert_int_equal(kill(server->program->pid, SIGCONT), 0);
    notify_socket_await(notify, *state, "WATCHDOG=1");
    server_stop_well(server);
}

/* Who asks for the address of a socket that is not there is told, and serves all the same. */
static void a_manager_that_is_not_there_is_a_warning(void **state)
{
    struct server *server =
        server_start(*state, ENVIRONMENT("NOTIFY_SOCKET=/nowhere/notify", WATCHDOG));
    server_await_log(server, 1, "*WARNING*action: service_manager*connect to /nowhere/notify*");
    server_stop_well(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(it_is_ready_when_it_serves_and_says_that_it_stops),
        STAGE_TEST(the_manager_keeps_the_sockets),
        STAGE_TEST(the_one_that_replaces_it_is_the_main_process),
        STAGE_TEST(beats_come_more_often_than_the_status),
        STAGE_TEST(a_hangup_is_a_reload_that_ends),
        STAGE_TEST(a_supervisor_that_is_stopped_beats_no_more),
        STAGE_TEST(a_manager_that_is_not_there_is_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
