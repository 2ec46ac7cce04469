/*
 * test_service_manager.c - what a service manager is told, by both kinds of sockets, and that nothing
 * waits for it.
 */
#include "server/service_manager.h"

#include "lib/descriptor_message.h"
#include "tests/harness/deadline.h"
#include "tests/harness/notify_socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { NUMBER_BYTES = 24, LONG_NAME_BYTES = 200, MANY = 4096 };

/* The environment that a manager gives; NULL: the variable is not there. */
static void set_environment(const char *socket, const char *interval, const char *pid)
{
    const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};
    const char *const values[] = {socket, interval, pid};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(values[i] == NULL ? unsetenv(names[i]) : setenv(names[i], values[i], 1),
                         0);
    }
}

static void open_manager(struct service_manager *manager, struct notify_socket *notify,
                         const char *interval)
{
    struct failure failure;
    set_environment(notify->address, interval, NULL);
    assert_true(service_manager_open(manager, &failure));
    assert_true(manager->listens);
}

static void tells_all_of_it(struct stage *stage, bool is_abstract)
{
    struct notify_socket *notify = notify_socket_open(stage, is_abstract);
    struct service_manager manager;
    open_manager(&manager, notify, NULL);
    service_manager_ready(&manager);
    assert_string_equal(notify_socket_await(notify, stage, "*"), "READY=1");
    service_manager_status(&manager, "serves %d", 7);
    assert_string_equal(notify_socket_await(notify, stage, "*"), "STATUS=serves 7");
    service_manager_main_pid(&manager, 4711);
    assert_string_equal(notify_socket_await(notify, stage, "*"), "MAINPID=4711");
    service_manager_stopping(&manager);
    assert_string_equal(notify_socket_await(notify, stage, "*"), "STOPPING=1");
    service_manager_close(&manager);
}

static void a_socket_with_a_path_is_told(void **state)
{
    tells_all_of_it(*state, false);
}

static void an_abstract_socket_is_told(void **state)
{
    tells_all_of_it(*state, true);
}

static void a_reload_has_the_time_of_the_managers_clock(void **state)
{
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct service_manager manager;
    static const char before_number[] = "RELOADING=1\nMONOTONIC_USEC=";
    open_manager(&manager, notify, NULL);
    const int64_t before_ms = deadline_clock_ms();
    service_manager_reloading(&manager);
    const int64_t after_ms = deadline_clock_ms();
    const char *message = notify_socket_await(notify, *state, "RELOADING=1");
    assert_int_equal(strncmp(message, before_number, sizeof before_number - 1), 0);
    const uint64_t told_us = strtoull(message + sizeof before_number - 1, NULL, 10);
    assert_in_range(told_us / 1000, before_ms, after_ms);
    service_manager_close(&manager);
}

static void the_same_status_is_not_sent_again(void **state)
{
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct service_manager manager;
    open_manager(&manager, notify, NULL);
    service_manager_status(&manager, "one");
    service_manager_status(&manager, "one");
    service_manager_status(&manager, "two");
    assert_string_equal(notify_socket_await(notify, *state, "*"), "STATUS=one");
    assert_string_equal(notify_socket_await(notify, *state, "*"), "STATUS=two");
    assert_true(notify_socket_is_silent(notify, 0));
    service_manager_close(&manager);
}

static void a_beat_comes_twice_in_an_interval_and_not_more_often(void **state)
{
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct service_manager manager;
    open_manager(&manager, notify, "100000");
    service_manager_watchdog(&manager);
    assert_string_equal(notify_socket_await(notify, *state, "*"), "WATCHDOG=1");
    const int64_t told_at_ms = deadline_clock_ms();
    while (notify_socket_is_silent(notify, 0)) {
        assert_in_range(service_manager_patience_ms(&manager), 0, 50);
        service_manager_watchdog(&manager);
        assert_in_range(deadline_clock_ms() - told_at_ms, 0, DEADLINE_MS);
    }
    assert_in_range(deadline_clock_ms() - told_at_ms, 49, DEADLINE_MS);
    service_manager_close(&manager);
}

static void a_rest_ends_with_ready(void **state)
{
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct service_manager manager;
    open_manager(&manager, notify, "30000000");
    service_manager_rests_watchdog(&manager);
    assert_string_equal(notify_socket_await(notify, *state, "*"), "WATCHDOG_USEC=86400000000");
    service_manager_ready(&manager);
    assert_string_equal(notify_socket_await(notify, *state, "*"),
                        "WATCHDOG_USEC=30000000\nWATCHDOG=1");
    assert_string_equal(notify_socket_await(notify, *state, "*"), "READY=1");
    service_manager_close(&manager);
}

static void without_a_watchdog_there_is_no_beat(void **state)
{
    const char *const intervals[] = {NULL, "", "soon", "-1", "99999999999999999999999"};
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct service_manager manager;
    for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
        open_manager(&manager, notify, intervals[i]);
        service_manager_watchdog(&manager);
        service_manager_rests_watchdog(&manager);
        assert_true(notify_socket_is_silent(notify, 0));
        assert_int_equal(service_manager_patience_ms(&manager), -1);
        service_manager_close(&manager);
    }
}

static void another_process_s_watchdog_is_not_ours(void **state)
{
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct service_manager manager;
    struct failure failure;
    char own[NUMBER_BYTES];
    set_environment(notify->address, "1000000", "1");
    assert_true(service_manager_open(&manager, &failure));
    assert_int_equal(manager.watchdog_us, 0);
    service_manager_close(&manager);
    (void)snprintf(own, sizeof own, "%d", (int)getpid());
    set_environment(notify->address, "1000000", own);
    assert_true(service_manager_open(&manager, &failure));
    assert_int_equal(manager.watchdog_us, 1000000);
    service_manager_close(&manager);
}

static void nothing_of_it_stays_in_the_environment_until_it_is_bequeathed(void **state)
{
    struct notify_socket *notify = notify_socket_open(*state, false);
    struct service_manager manager;
    char own[NUMBER_BYTES];
    open_manager(&manager, notify, "2000000");
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    assert_true(service_manager_bequeath(&manager));
    (void)snprintf(own, sizeof own, "%d", (int)getpid());
    assert_string_equal(getenv("NOTIFY_SOCKET"), notify->address);
    assert_string_equal(getenv("WATCHDOG_USEC"), "2000000");
    assert_string_equal(getenv("WATCHDOG_PID"), own);
    service_manager_close(&manager);
    set_environment(NULL, NULL, NULL);
}

static void without_a_manager_each_call_does_nothing(void **state)
{
    struct service_manager manager;
    struct failure failure;
    (void)state;
    set_environment(NULL, "1000000", NULL);
    assert_true(service_manager_open(&manager, &failure));
    assert_false(manager.listens);
    service_manager_ready(&manager);
    service_manager_reloading(&manager);
    service_manager_status(&manager, "nobody");
    service_manager_watchdog(&manager);
    service_manager_stopping(&manager);
    assert_true(service_manager_bequeath(&manager));
    assert_null(getenv("NOTIFY_SOCKET"));
    service_manager_close(&manager);
}

static void an_address_that_leads_nowhere_is_told(void **state)
{
    char long_name[LONG_NAME_BYTES] = "/";
    const char *const addresses[] = {"relative", "/", "@", "/nowhere/notify", long_name};
    const char *const reasons[] = {"neither a path", "neither a path", "neither a path",
                                   "connect to /nowhere/notify", "at most"};
    struct service_manager manager;
    struct failure failure;
    (void)state;
    memset(long_name + 1, 'x', sizeof long_name - 2);
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        set_environment(addresses[i], NULL, NULL);
        assert_false(service_manager_open(&manager, &failure));
        assert_non_null(strstr(failure.text, reasons[i]));
        assert_false(manager.listens);
        service_manager_ready(&manager);
        service_manager_close(&manager);
    }
}

/* What it kept under this name before is dropped first; the same name may stand for many. */
static void sockets_are_kept_under_their_name_until_they_are_forgotten(void **state)
{
    enum { KEPT = 2 };
    static const char message[] = "FDSTORE=1\nFDNAME=doors";
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct service_manager manager;
    int ends[KEPT];
    open_manager(&manager, notify, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_true(service_manager_keep(&manager, "doors", ends, KEPT));
    assert_true(manager.keeps);
    assert_string_equal(notify_socket_await(notify, *state, "*"), "FDSTOREREMOVE=1\nFDNAME=doors");
    for (size_t i = 0; i < KEPT; i++) {
        char text[NOTIFY_MESSAGE_BYTES] = "";
        struct stat given;
        struct stat taken;
        int flags = 0;
        int descriptor = DESCRIPTOR_MESSAGE_NONE;
        assert_int_equal(
            descriptor_message_receive(notify->descriptor, text, sizeof text, &descriptor, &flags),
            sizeof message - 1);
        assert_string_equal(text, message);
        assert_int_equal(fstat(ends[i], &given), 0);
        assert_int_equal(fstat(descriptor, &taken), 0);
        assert_true(given.st_ino == taken.st_ino);
        (void)close(descriptor);
        (void)close(ends[i]);
    }
    service_manager_forget(&manager, "doors");
    assert_false(manager.keeps);
    assert_string_equal(notify_socket_await(notify, *state, "*"), "FDSTOREREMOVE=1\nFDNAME=doors");
    assert_false(service_manager_keep(&manager, "doors", ends, KEPT)); /* they are closed */
    service_manager_close(&manager);
    assert_true(service_manager_keep(&manager, "doors", ends, KEPT)); /* nobody listens */
    assert_false(manager.keeps);
}

/* A manager that does not read: the socket's queue is full, and each call returns in its time. */
static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
    struct notify_socket *notify = notify_socket_open(*state, true);
    struct service_manager manager;
    open_manager(&manager, notify, NULL);
    for (int i = 0; i < MANY; i++) {
        if (send(manager.socket, "x", 1, MSG_DONTWAIT) < 0) {
            break;
        }
    }
    const int64_t before_ms = deadline_clock_ms();
    service_manager_ready(&manager);
    assert_in_range(deadline_clock_ms() - before_ms, SERVICE_MANAGER_PATIENCE_MS / 2,
                    SERVICE_MANAGER_PATIENCE_MS * INT64_C(10) * deadline_patience());
    service_manager_close(&manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_socket_with_a_path_is_told),
        STAGE_TEST(an_abstract_socket_is_told),
        STAGE_TEST(a_reload_has_the_time_of_the_managers_clock),
        STAGE_TEST(the_same_status_is_not_sent_again),
        STAGE_TEST(a_beat_comes_twice_in_an_interval_and_not_more_often),
        STAGE_TEST(a_rest_ends_with_ready),
        STAGE_TEST(without_a_watchdog_there_is_no_beat),
        STAGE_TEST(another_process_s_watchdog_is_not_ours),
        STAGE_TEST(nothing_of_it_stays_in_the_environment_until_it_is_bequeathed),
        STAGE_TEST(without_a_manager_each_call_does_nothing),
        STAGE_TEST(an_address_that_leads_nowhere_is_told),
        STAGE_TEST(sockets_are_kept_under_their_name_until_they_are_forgotten),
        STAGE_TEST(a_manager_that_does_not_read_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
