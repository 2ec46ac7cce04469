/*
 * test_web_host_name.c - which names a request may have been sent to.
 */
#include "web/host_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* after what it needs */

static void addresses_and_localhost_are_ours(void **state)
{
    (void)state;
    static const char *const ours[] = {
        "localhost",   "localhost:12380", "LocalHost:1", "127.0.0.1",           "127.0.0.1:12380",
        "10.0.0.7:80", "[::1]",           "[::1]:12380", "[2001:db8::7]:65535", "localhost:"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        assert_true(host_name_is_ours(ours[i], ""));
    }
}

static void names_that_a_stranger_can_have_are_not(void **state)
{
    (void)state;
    static const char *const strange[] = {"evil.example",
                                          "evil.example:12380",
                                          "localhost.evil.example",
                                          "127.0.0.1.evil.example",
                                          "127.0.0.1@evil.example",
                                          "0x7f.1",
                                          "localhost ",
                                          "localhost:80:80",
                                          "localhost:http",
                                          "localhost:123456",
                                          "[::1",
                                          "[]",
                                          "[::1].evil.example",
                                          "[evil.example]",
                                          "::1",
                                          ":80",
                                          ""};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        assert_false(host_name_is_ours(strange[i], ""));
    }
    assert_false(host_name_is_ours(NULL, "localhost"));
}

static void names_that_the_operator_gives_are_ours_whole(void **state)
{
    (void)state;
    static const char names[] = "centre.example,panel";
    assert_true(host_name_is_ours("centre.example:443", names));
    assert_true(host_name_is_ours("Panel", names));
    assert_false(host_name_is_ours("centre", names));
    assert_false(host_name_is_ours("centre.example,panel", names));
    assert_false(host_name_is_ours("pane", names));
    assert_false(host_name_is_ours("", ","));
}

static void a_name_that_is_too_long_is_no_name(void **state)
{
    (void)state;
    char name[1024];
    for (size_t i = 0; i < sizeof name - 1; i++) {
        name[i] = 'a';
    }
    name[sizeof name - 1] = '\0';
    assert_false(host_name_is_ours(name, name));
    name[0] = '[';
    assert_false(host_name_is_ours(name, ""));
    name[sizeof name - 2] = ']';
    assert_false(host_name_is_ours(name, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_localhost_are_ours),
        cmocka_unit_test(names_that_a_stranger_can_have_are_not),
        cmocka_unit_test(names_that_the_operator_gives_are_ours_whole),
        cmocka_unit_test(a_name_that_is_too_long_is_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
