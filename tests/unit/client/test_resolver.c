/*
 * test_resolver.c - the server's address in its parts, and looked up.
 */
#include "client/resolver.h"

#include "lib/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h> /* after what it needs */

enum { LOOK_UP_MS = 10000 };

static void expect_split(const char *address, const char *host, const char *port)
{
    struct resolver_name name;
    struct failure failure;
    assert_true(resolver_split(address, "here", &name, &failure));
    assert_string_equal(name.host, host);
    assert_string_equal(name.port, port);
}

static void host_and_port_are_told_apart(void **state)
{
    (void)state;
    expect_split("server:12345", "server", "12345");
    expect_split("127.0.0.1:1", "127.0.0.1", "1");
    expect_split("[::1]:12345", "::1", "12345");
    expect_split("[fe80::1%eth0]:65535", "fe80::1%eth0", "65535");
    expect_split("the_lottery-1.example.:80", "the_lottery-1.example.", "80");
}

static void an_address_without_host_or_port_is_refused(void **state)
{
    (void)state;
    static const char *const addresses[] = {
        "",           "server",          "server:",    ":12345",     ":",         "[]:1",
        "[::1:1",     "::1]:1",          "[::1]",      "[::1]1:1",   "::1:1",     "a:b:1",
        "[server]:1", "[[::1]]:1",       "ser ver:1",  " server:1",  "server :1", "server: 1",
        "server:1 ",  "http://server:1", "server/x:1", "server:1/",  "server:0",  "server:65536",
        "server:x",   "server:-1",       "server:+1",  "server\n:1", "[::1%]x:1"};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct resolver_name name;
        struct failure failure;
        if (resolver_split(addresses[i], "here", &name, &failure)) {
            fail_msg("taken: %s", addresses[i]);
        }
        assert_int_equal(strncmp(failure.text, "here: ", 6), 0);
    }
}

static enum resolver_end find(const char *host, struct resolver_answer *answer,
                              struct failure *failure)
{
    struct resolver_name name = {.port = "12345"};
    struct interrupt interrupt;
    assert_true(interrupt_open(&interrupt, failure));
    (void)strncpy(name.host, host, sizeof name.host - 1);
    enum resolver_end end =
        resolver_find(&interrupt, &name, clock_monotonic_ms() + LOOK_UP_MS, answer, failure);
    interrupt_close(&interrupt);
    return end;
}

static void numeric_addresses_need_no_look_up(void **state)
{
    (void)state;
    struct resolver_answer answer;
    struct failure failure;
    assert_int_equal(find("127.0.0.1", &answer, &failure), RESOLVER_FOUND);
    assert_int_equal(answer.addresses[0].family, AF_INET);
    assert_int_equal(find("::1", &answer, &failure), RESOLVER_FOUND);
    assert_int_equal(answer.addresses[0].family, AF_INET6);
}

static void localhost_is_both_loopback_addresses(void **state)
{
    (void)state;
    struct resolver_answer answer;
    struct failure failure;
    bool has_v4 = false;
    bool has_v6 = false;
    assert_int_equal(find("LocalHost", &answer, &failure), RESOLVER_FOUND);
    for (size_t i = 0; i < answer.count; i++) {
        const struct sockaddr_in *address = (const void *)&answer.addresses[i].address;
        assert_int_equal(ntohs(address->sin_port), 12345); /* the same place in IPv6's */
        has_v4 |= answer.addresses[i].family == AF_INET;
        has_v6 |= answer.addresses[i].family == AF_INET6;
    }
    assert_true(has_v4 && has_v6);
}

static void a_name_is_looked_up_by_a_child_that_is_reaped(void **state)
{
    (void)state;
    struct resolver_answer answer;
    struct failure failure;
    assert_int_equal(find("no-such-host.invalid", &answer, &failure), RESOLVER_FAILED);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void a_look_up_that_takes_too_long_is_given_up(void **state)
{
    (void)state;
    struct resolver_name name = {.host = "no-such-host.invalid", .port = "12345"};
    struct resolver_answer answer;
    struct interrupt interrupt;
    struct failure failure;
    assert_true(interrupt_open(&interrupt, &failure));
    enum resolver_end end =
        resolver_find(&interrupt, &name, clock_monotonic_ms(), &answer, &failure);
    assert_true(end == RESOLVER_LATE || end == RESOLVER_FAILED); /* it may have been quick */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    interrupt_close(&interrupt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_and_port_are_told_apart),
        cmocka_unit_test(an_address_without_host_or_port_is_refused),
        cmocka_unit_test(numeric_addresses_need_no_look_up),
        cmocka_unit_test(localhost_is_both_loopback_addresses),
        cmocka_unit_test(a_name_is_looked_up_by_a_child_that_is_reaped),
        cmocka_unit_test(a_look_up_that_takes_too_long_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
