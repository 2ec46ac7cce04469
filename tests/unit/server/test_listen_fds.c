/*
 * test_listen_fds.c - what a service manager gives is looked at, before the server listens there.
 */
#include "server/listen_fds.h"

#include "lib/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { GIVEN_END = LISTEN_FDS_FIRST + LISTENERS_MAX + 1, NUMBER_BYTES = 24, AWAY = 64 };

static struct listen_fds fds;
static struct listeners listeners;
static struct failure failure;

static void close_given(void)
{
    for (int descriptor = LISTEN_FDS_FIRST; descriptor < GIVEN_END; descriptor++) {
        (void)close(descriptor); /* those of whoever started the test, too */
    }
}

static int set_up(void **state)
{
    (void)state;
    log_set_threshold(LOG_LEVELS);
    close_given();
    fds = (struct listen_fds){0};
    listeners = (struct listeners){0};
    failure.text[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    listeners_close(&fds.sockets);
    listeners_close(&listeners);
    close_given();
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

static void set_variable(const char *name, const char *value)
{
    assert_int_equal(value == NULL ? unsetenv(name) : setenv(name, value, 1), 0);
}

/* The environment of a start that was given so many, with these names. */
static void announce(const char *count, const char *names)
{
    char pid[NUMBER_BYTES];
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    set_variable("LISTEN_PID", pid);
    set_variable("LISTEN_FDS", count);
    set_variable("LISTEN_FDNAMES", names);
}

/* Moves a descriptor to where the manager gives the `index`-th one. */
static void give(int descriptor, int index)
{
    assert_true(descriptor >= 0);
    if (descriptor != LISTEN_FDS_FIRST + index) {
        assert_true(dup2(descriptor, LISTEN_FDS_FIRST + index) >= 0);
        (void)close(descriptor);
    }
}

/* A socket at this address of the loopback network, which blocks as a unit's does. */
static int bound_socket(const char *host, unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    assert_int_equal(inet_pton(AF_INET, host, &address.sin_addr), 1);
    int one = fcntl(STDERR_FILENO, F_DUPFD, AWAY); /* high, and not among those that are given */
    int two = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(dup2(two, one) == one);
    (void)close(two);
    assert_int_equal(bind(one, (const struct sockaddr *)&address, sizeof address), 0);
    return one;
}

static int listening_socket(const char *host, unsigned port)
{
    int descriptor = bound_socket(host, port);
    assert_int_equal(listen(descriptor, 1), 0);
    return descriptor;
}

static unsigned port_of(int descriptor)
{
    struct listener_peer bound;
    unsigned port = 0;
    assert_true(listener_describe(descriptor, &bound, &port));
    return port;
}

static struct server_config config_at(const char *address, unsigned port)
{
    struct server_config config = {.port = port, .listen_backlog = 8};
    (void)snprintf(config.address, sizeof config.address, "%s", address);
    return config;
}

/* ------------------------------------------------------------------- taking ---- */

static void without_variables_nothing_is_given(void **state)
{
    (void)state;
    const struct server_config config = config_at("127.0.0.1", 0);
    set_variable("LISTEN_PID", NULL);
    set_variable("LISTEN_FDS", NULL);
    assert_true(listen_fds_take(&fds, &failure));
    assert_true(listen_fds_open(&fds, &config, &listeners, &failure));
    assert_int_equal(listeners.count, 0); /* the supervisor opens them, after it has the lock */
}

static void what_is_given_to_another_process_is_left_alone(void **state)
{
    static const char *const others[] = {"1", "", "x", NULL};
    (void)state;
    give(listening_socket("127.0.0.1", 0), 0);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        announce("1", NULL);
        set_variable("LISTEN_PID", others[i]);
        assert_true(listen_fds_take(&fds, &failure));
        assert_int_equal(fds.sockets.count, 0);
        assert_null(getenv("LISTEN_FDS"));
        assert_true(fcntl(LISTEN_FDS_FIRST, F_GETFD) >= 0);
    }
}

static void a_socket_that_listens_is_taken_and_made_fit(void **state)
{
    (void)state;
    give(listening_socket("127.0.0.1", 0), 0);
    give(listening_socket("127.0.0.2", 0), 1);
    announce("2", "lottery-listener:agencies.socket");
    assert_true(listen_fds_take(&fds, &failure));
    assert_int_equal(fds.sockets.count, 2);
    assert_string_equal(fds.names[0], "lottery-listener");
    assert_string_equal(fds.names[1], "agencies.socket");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fds.sockets.descriptors[i], LISTEN_FDS_FIRST + i);
        assert_true((fcntl(LISTEN_FDS_FIRST + i, F_GETFL) & O_NONBLOCK) != 0);
        assert_true((fcntl(LISTEN_FDS_FIRST + i, F_GETFD) & FD_CLOEXEC) != 0);
    }
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
}

static void fewer_names_than_sockets_are_enough(void **state)
{
    (void)state;
    give(listening_socket("127.0.0.1", 0), 0);
    give(listening_socket("127.0.0.2", 0), 1);
    announce("2", "one");
    assert_true(listen_fds_take(&fds, &failure));
    assert_string_equal(fds.names[0], "one");
    assert_string_equal(fds.names[1], "unnamed");
}

static void the_same_socket_twice_is_taken_once(void **state)
{
    (void)state;
    give(listening_socket("127.0.0.1", 0), 0);
    assert_true(dup2(LISTEN_FDS_FIRST, LISTEN_FDS_FIRST + 1) >= 0);
    announce("2", "agencies.socket:" LISTEN_FDS_KEPT_NAME);
    assert_true(listen_fds_take(&fds, &failure));
    assert_int_equal(fds.sockets.count, 1);
    assert_string_equal(fds.names[0], "agencies.socket");
    assert_int_equal(fcntl(LISTEN_FDS_FIRST + 1, F_GETFD), -1);
}

static void a_number_that_is_none_is_refused(void **state)
{
    static const char *const wrong[] = {"", "-1", "two", "1 ", "17", "99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        announce(wrong[i], NULL);
        assert_false(listen_fds_take(&fds, &failure));
        assert_memory_equal(failure.text, "LISTEN_FDS: ", strlen("LISTEN_FDS: "));
        assert_int_equal(fds.sockets.count, 0);
    }
}

static int nothing(void)
{
    return -1;
}

static int a_file(void)
{
    return open("/dev/null", O_RDONLY);
}

static int a_socket_of_the_machine(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int a_socket_of_datagrams(void)
{
    return socket(AF_INET, SOCK_DGRAM, 0);
}

static int one_that_does_not_listen(void)
{
    return bound_socket("127.0.0.1", 0);
}

/* The second one is wrong: it is named, and the first one is closed. */
static void what_can_not_be_served_at_is_named_and_nothing_is_taken(void **state)
{
    const struct {
        int (*make)(void);
        const char *fault;
    } wrong[] = {{nothing, "is not open"},
                 {a_file, "is no socket"},
                 {a_socket_of_the_machine, "is no socket of IPv4 or IPv6"},
                 {a_socket_of_datagrams, "is no socket of TCP"},
                 {one_that_does_not_listen, "does not listen"}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        close_given();
        give(listening_socket("127.0.0.1", 0), 0);
        int descriptor = wrong[i].make();
        if (descriptor >= 0) {
            give(descriptor, 1);
        }
        announce("2", "good:bad");
        assert_false(listen_fds_take(&fds, &failure));
        assert_non_null(strstr(failure.text, "descriptor 4, which the service manager gives as "
                                             "\"bad\", "));
        assert_non_null(strstr(failure.text, wrong[i].fault));
        assert_int_equal(fds.sockets.count, 0);
        assert_int_equal(fcntl(LISTEN_FDS_FIRST, F_GETFD), -1);
    }
}

/* -------------------------------------------------------------------- using ---- */

static void give_one(const char *host, const char *name)
{
    give(listening_socket(host, 0), 0);
    announce("1", name);
    assert_true(listen_fds_take(&fds, &failure));
}

static void the_configured_address_is_served_at_the_socket_that_was_given(void **state)
{
    (void)state;
    give_one("127.0.0.1", LISTEN_FDS_KEPT_NAME);
    const struct server_config config = config_at("127.0.0.1", port_of(LISTEN_FDS_FIRST));
    assert_true(listen_fds_open(&fds, &config, &listeners, &failure));
    assert_int_equal(listeners.count, 1);
    assert_int_equal(listeners.descriptors[0], LISTEN_FDS_FIRST);
    assert_int_equal(fds.sockets.count, 0);
}

static void one_that_the_server_had_elsewhere_is_closed(void **state)
{
    (void)state;
    give_one("127.0.0.1", LISTEN_FDS_KEPT_NAME);
    const struct server_config config = config_at("127.0.0.2", 0);
    assert_true(listen_fds_open(&fds, &config, &listeners, &failure));
    assert_int_equal(listeners.count, 1);
    assert_int_equal(fcntl(LISTEN_FDS_FIRST, F_GETFD), -1);
}

static void a_units_socket_at_another_address_or_port_is_refused_by_name(void **state)
{
    static const char *const addresses[] = {"127.0.0.2", "127.0.0.1"};
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        char bound[LISTENER_PEER_BYTES];
        close_given();
        give_one("127.0.0.1", "lottery-server.socket");
        int other = listening_socket(addresses[i], 0);
        const struct server_config config = config_at(addresses[i], port_of(other));
        (void)close(other);
        (void)snprintf(bound, sizeof bound, "127.0.0.1:%u", port_of(LISTEN_FDS_FIRST));
        assert_false(listen_fds_open(&fds, &config, &listeners, &failure));
        assert_non_null(strstr(failure.text, "the unit lottery-server.socket listens at "));
        assert_non_null(strstr(failure.text, bound));
        assert_int_equal(listeners.count, 0);
        assert_int_equal(fcntl(LISTEN_FDS_FIRST, F_GETFD), -1);
    }
}

static void a_standby_closes_what_was_kept_and_refuses_a_units(void **state)
{
    (void)state;
    give_one("127.0.0.1", LISTEN_FDS_KEPT_NAME);
    assert_true(listen_fds_decline(&fds, &failure));
    assert_int_equal(fcntl(LISTEN_FDS_FIRST, F_GETFD), -1);
    give_one("127.0.0.1", "lottery-server.socket");
    assert_false(listen_fds_decline(&fds, &failure));
    assert_non_null(strstr(failure.text, "the unit lottery-server.socket listens for a standby"));
    assert_int_equal(fcntl(LISTEN_FDS_FIRST, F_GETFD), -1);
}

#define FDS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FDS_TEST(without_variables_nothing_is_given),
        FDS_TEST(what_is_given_to_another_process_is_left_alone),
        FDS_TEST(a_socket_that_listens_is_taken_and_made_fit),
        FDS_TEST(fewer_names_than_sockets_are_enough),
        FDS_TEST(the_same_socket_twice_is_taken_once),
        FDS_TEST(a_number_that_is_none_is_refused),
        FDS_TEST(what_can_not_be_served_at_is_named_and_nothing_is_taken),
        FDS_TEST(the_configured_address_is_served_at_the_socket_that_was_given),
        FDS_TEST(one_that_the_server_had_elsewhere_is_closed),
        FDS_TEST(a_units_socket_at_another_address_or_port_is_refused_by_name),
        FDS_TEST(a_standby_closes_what_was_kept_and_refuses_a_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
