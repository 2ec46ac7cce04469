/*
 * test_servers.c - the list of an agency's servers, and whose turn it is.
 */
#include "client/servers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

static struct servers parse(const char *list)
{
    struct servers servers;
    struct failure failure;
    if (!servers_parse(list, "here", &servers, &failure)) {
        fail_msg("%s", failure.text);
    }
    return servers;
}

static void assert_refused(const char *list, const char *reason)
{
    struct servers servers;
    struct failure failure;
    assert_false(servers_parse(list, "here", &servers, &failure));
    assert_string_equal(failure.text, reason);
}

static void one_address_is_a_list_of_one(void **state)
{
    (void)state;
    struct servers servers = parse("server:12345");
    assert_int_equal(servers.count, 1);
    assert_false(servers_are_several(&servers));
    assert_string_equal(servers_current(&servers)->text, "server:12345");
    servers_turn(&servers);
    assert_string_equal(servers_current(&servers)->name.host, "server");
    assert_string_equal(servers_current(&servers)->name.port, "12345");
}

static void each_of_several_has_its_turn_in_the_order_of_the_list(void **state)
{
    static const char *const texts[] = {"a:1", "[::1]:12345", "b:2", "a:1"};
    static const char *const hosts[] = {"a", "::1", "b", "a"};
    (void)state;
    struct servers servers = parse("a:1,[::1]:12345, b:2");
    assert_int_equal(servers.count, 3);
    assert_true(servers_are_several(&servers));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_string_equal(servers_current(&servers)->text, texts[i]);
        assert_string_equal(servers_current(&servers)->name.host, hosts[i]);
        servers_turn(&servers);
    }
}

static void what_is_no_address_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    assert_refused("", "here: \"\" is not host:port, like localhost:12345");
    assert_refused("a:1,", "here: \"\" is not host:port, like localhost:12345");
    assert_refused(",a:1", "here: \"\" is not host:port, like localhost:12345");
    assert_refused("a:1,,b:2", "here: \"\" is not host:port, like localhost:12345");
    assert_refused("a:1,b", "here: \"b\" is not host:port, like localhost:12345");
    assert_refused("a:1 ,b:1", "here: its port: \"1 \" is not a whole number from 1 to 65535");
    assert_refused("a:1;b:2", "here: \"a:1;b:2\" is not host:port, like localhost:12345");
    assert_refused("a:1,b:0", "here: its port: \"0\" is not a whole number from 1 to 65535");
}

static void a_server_that_is_named_twice_is_refused(void **state)
{
    (void)state;
    assert_refused("a:1,b:2,a:1", "here: \"a:1\" is named twice");
}

static void more_servers_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    struct servers servers = parse("a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8");
    assert_int_equal(servers.count, SERVERS_MAX);
    assert_refused("a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9", "here: names more than 8 servers");
}

/* 20 s is the default. A takeover may take 20 s, and an election in the engine 9. */
static void patience_is_longer_than_a_takeover_and_a_silence_than_an_election(void **state)
{
    (void)state;
    struct servers one = parse("a:1");
    struct servers two = parse("a:1,b:1");
    assert_int_equal(servers_lapse_ms(&one, 20000), 20000);
    assert_int_equal(servers_silence_ms(&one, 20000), 20000);
    assert_int_equal(servers_lapse_ms(&two, 20000), 60000);
    assert_int_equal(servers_silence_ms(&two, 20000), 10000);
    assert_in_range(servers_silence_ms(&two, 1), 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address_is_a_list_of_one),
        cmocka_unit_test(each_of_several_has_its_turn_in_the_order_of_the_list),
        cmocka_unit_test(what_is_no_address_is_refused_wherever_it_stands),
        cmocka_unit_test(a_server_that_is_named_twice_is_refused),
        cmocka_unit_test(more_servers_than_there_is_room_for_are_refused),
        cmocka_unit_test(patience_is_longer_than_a_takeover_and_a_silence_than_an_election),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
