/*
 * test_listener.c - a listener on each address that is there, one port on all of them.
 */
#include "server/listener.h"

#include "lib/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { BACKLOG = 8, ADDRESSES_MAX = LISTENERS_MAX + 1 };

static struct listeners listeners;
static struct failure failure;

/* A list of addresses as getaddrinfo makes it. */
struct list {
    size_t count;
    struct addrinfo entries[ADDRESSES_MAX];
    struct sockaddr_storage addresses[ADDRESSES_MAX];
};

static struct list list;

static int set_up(void **state)
{
    (void)state;
    log_set_threshold(LOG_LEVELS); /* nothing: addresses are left out on purpose */
    listeners = (struct listeners){0};
    list = (struct list){0};
    failure.text[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    listeners_close(&listeners);
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

static void add(const char *host, unsigned port)
{
    struct addrinfo *entry = &list.entries[list.count];
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool is_v4 = inet_pton(AF_INET, host, &v4.sin_addr) == 1;
    assert_true(is_v4 || inet_pton(AF_INET6, host, &v6.sin6_addr) == 1);
    memcpy(&list.addresses[list.count], is_v4 ? (void *)&v4 : (void *)&v6,
           is_v4 ? sizeof v4 : sizeof v6);
    *entry = (struct addrinfo){.ai_family = is_v4 ? AF_INET : AF_INET6,
                               .ai_socktype = SOCK_STREAM,
                               .ai_addr = (struct sockaddr *)&list.addresses[list.count],
                               .ai_addrlen = is_v4 ? sizeof v4 : sizeof v6};
    if (list.count > 0) {
        list.entries[list.count - 1].ai_next = entry;
    }
    list.count++;
}

static bool open_list(void)
{
    return listeners_open_addresses(list.entries, BACKLOG, &listeners, &failure);
}

static unsigned port_of(size_t index)
{
    struct listener_peer bound;
    unsigned port = 0;
    assert_true(listener_describe(listeners.descriptors[index], &bound, &port));
    return port;
}

/* Somebody connects to this address, and one of the listeners accepts; who the peer is. */
static struct listener_peer connect_to(const char *host, unsigned port)
{
    struct listener_peer peer = {.host = ""};
    int accepted = -1;
    list.count = 0;
    add(host, port);
    int client = socket(list.entries[0].ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client >= 0);
    assert_int_equal(connect(client, list.entries[0].ai_addr, list.entries[0].ai_addrlen), 0);
    for (size_t i = 0; i < listeners.count && accepted < 0; i++) {
        accepted = listener_accept(listeners.descriptors[i], &peer);
        assert_true(accepted >= 0 || errno == EAGAIN);
    }
    assert_true(accepted >= 0);
    (void)close(accepted);
    (void)close(client);
    return peer;
}

static bool has_v6(void)
{
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound =
        probe >= 0 && bind(probe, (const struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (probe >= 0) {
        (void)close(probe);
    }
    return bound;
}

static bool open_configured(const char *address)
{
    struct server_config config = {.listen_backlog = BACKLOG};
    (void)snprintf(config.address, sizeof config.address, "%s", address);
    return listeners_open(&config, &listeners, &failure);
}

/* ------------------------------------------------------------------ lists ---- */

static void all_addresses_get_the_one_port_that_the_kernel_chose(void **state)
{
    (void)state;
    add("127.0.0.1", 0);
    add("127.0.0.2", 0);
    add("127.0.0.3", 0);
    assert_true(open_list());
    assert_int_equal(listeners.count, 3);
    unsigned port = port_of(0);
    assert_int_not_equal(port, 0);
    assert_int_equal(port_of(1), port);
    assert_int_equal(port_of(2), port);
    assert_string_equal(connect_to("127.0.0.3", port).host, "127.0.0.1");
}

static void an_address_that_is_not_here_is_left_out(void **state)
{
    (void)state;
    add("203.0.113.7", 0);
    add("2001:db8::7", 0);
    add("127.0.0.1", 0);
    assert_true(open_list());
    assert_int_equal(listeners.count, 1);
    (void)connect_to("127.0.0.1", port_of(0));
}

static void a_family_that_the_kernel_does_not_know_is_left_out(void **state)
{
    (void)state;
    add("127.0.0.2", 0);
    list.entries[0].ai_family = AF_MAX;
    add("127.0.0.1", 0);
    assert_true(open_list());
    assert_int_equal(listeners.count, 1);
}

static void where_no_address_is_here_the_failure_names_one(void **state)
{
    (void)state;
    add("203.0.113.7", 80);
    assert_false(open_list());
    assert_int_equal(listeners.count, 0);
    assert_string_equal(failure.text, "listen on 203.0.113.7:80: Cannot assign requested address");
}

static void an_address_that_is_taken_fails_and_is_named(void **state)
{
    (void)state;
    add("127.0.0.2", 0);
    assert_true(open_list());
    struct listeners first = listeners;
    unsigned port = port_of(0);
    list = (struct list){0};
    add("127.0.0.1", port);
    add("127.0.0.2", port);
    assert_false(open_list());
    assert_int_equal(listeners.count, 0);
    char expected[FAILURE_TEXT_BYTES];
    (void)snprintf(expected, sizeof expected, "listen on 127.0.0.2:%u: Address already in use",
                   port);
    assert_memory_equal(failure.text, expected, strlen(expected));
    listeners_close(&first);
    assert_true(open_list()); /* the failed one keeps nothing */
}

static void an_address_that_is_named_twice_is_listened_on_once(void **state)
{
    (void)state;
    add("127.0.0.1", 0);
    add("127.0.0.1", 0);
    assert_true(open_list());
    assert_int_equal(listeners.count, 1);
}

static void more_addresses_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= ADDRESSES_MAX; i++) {
        char host[LISTENER_HOST_BYTES];
        (void)snprintf(host, sizeof host, "127.0.0.%u", i);
        add(host, 0);
    }
    assert_false(open_list());
    assert_int_equal(listeners.count, 0);
    assert_string_equal(failure.text,
                        "listen on more than 16 addresses: name fewer in server.address");
}

/* Limits count by an IPv4 address, however it is written, and by a network of IPv6. */
static void an_origin_is_an_address_of_four_bytes_or_a_network_of_eight(void **state)
{
    (void)state;
    add("127.0.0.1", 0);
    assert_true(open_list());
    unsigned port = port_of(0);
    struct listener_peer first = connect_to("127.0.0.1", port);
    assert_true(first.origin == UINT64_C(0xffff7f000001));
    listeners_close(&listeners);
    list = (struct list){0};
    if (!has_v6()) {
        skip();
    }
    add("::", 0);
    assert_true(open_list());
    assert_true(connect_to("127.0.0.1", port_of(0)).origin == first.origin);
    assert_true(connect_to("::1", port_of(0)).origin == 0);
}

static void both_families_wildcards_live_together(void **state)
{
    (void)state;
    if (!has_v6()) {
        skip();
    }
    add("::", 0);
    add("0.0.0.0", 0);
    assert_true(open_list());
    assert_int_equal(listeners.count, 2);
    assert_string_equal(connect_to("127.0.0.1", port_of(0)).host, "127.0.0.1");
    assert_string_equal(connect_to("::1", port_of(0)).host, "::1");
}

static void a_lone_v6_wildcard_takes_v4_too(void **state)
{
    (void)state;
    if (!has_v6()) {
        skip();
    }
    add("::", 0);
    assert_true(open_list());
    assert_string_equal(connect_to("127.0.0.1", port_of(0)).host, "127.0.0.1");
}

/* ------------------------------------------------------------------ names ---- */

static void localhost_is_every_loopback_address(void **state)
{
    static const char *const spellings[] = {"localhost", "LocalHost"};
    (void)state;
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        assert_true(open_configured(spellings[i]));
        assert_int_equal(listeners.count, has_v6() ? 2 : 1);
        assert_string_equal(connect_to("127.0.0.1", port_of(0)).host, "127.0.0.1");
        if (has_v6()) {
            assert_string_equal(connect_to("::1", port_of(0)).host, "::1");
        }
        listeners_close(&listeners);
    }
}

static void the_empty_name_is_every_address(void **state)
{
    (void)state;
    assert_true(open_configured(""));
    (void)connect_to("127.0.0.1", port_of(0));
    (void)connect_to("127.0.0.9", port_of(0));
    if (has_v6()) {
        (void)connect_to("::1", port_of(0));
    }
}

static void a_name_that_nobody_knows_is_named(void **state)
{
    static const char beginning[] = "look up the address no-such-host.invalid: ";
    (void)state;
    assert_false(open_configured("no-such-host.invalid"));
    assert_memory_equal(failure.text, beginning, sizeof beginning - 1);
    assert_int_equal(listeners.count, 0);
}

/* ------------------------------------------------------------------ given ---- */

static struct server_config config_at(const char *address, unsigned port)
{
    struct server_config config = {.listen_backlog = BACKLOG, .port = port};
    (void)snprintf(config.address, sizeof config.address, "%s", address);
    return config;
}

/* Sockets at these addresses, as another process gives them; their port is one. */
static struct listeners open_given(const char *first, const char *second)
{
    list = (struct list){0};
    add(first, 0);
    if (second != NULL) {
        add(second, 0);
    }
    assert_true(open_list());
    const struct listeners given = listeners;
    listeners = (struct listeners){0};
    return given;
}

static bool is_open(int descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) == 0;
}

static void a_given_socket_is_kept_at_its_port_or_at_any(void **state)
{
    (void)state;
    for (int any_port = 0; any_port < 2; any_port++) {
        struct listeners given = open_given("127.0.0.1", NULL);
        const int kept = given.descriptors[0];
        struct listener_peer bound;
        unsigned port = 0;
        assert_true(listener_describe(kept, &bound, &port));
        const struct server_config config = config_at("127.0.0.1", any_port ? 0 : port);
        assert_true(listeners_open_beside(&config, &given, &listeners, &failure));
        assert_int_equal(listeners.count, 1);
        assert_int_equal(listeners.descriptors[0], kept);
        assert_int_equal(given.count, 0);
        (void)connect_to("127.0.0.1", port);
        listeners_close(&listeners);
    }
}

static void a_given_socket_elsewhere_is_closed_and_the_missing_one_opened(void **state)
{
    (void)state;
    struct listeners given = open_given("127.0.0.2", "127.0.0.3");
    const struct listeners before = given;
    const struct server_config config = config_at("127.0.0.1", 0);
    assert_true(listeners_open_beside(&config, &given, &listeners, &failure));
    assert_int_equal(listeners.count, 1);
    (void)connect_to("127.0.0.1", port_of(0));
    assert_false(is_open(before.descriptors[0]));
    assert_false(is_open(before.descriptors[1]));
}

/* The second family is opened beside the first one, at the port that this has. */
static void a_family_that_is_missing_gets_the_given_ones_port(void **state)
{
    (void)state;
    if (!has_v6()) {
        skip();
    }
    struct listeners given = open_given("127.0.0.1", NULL);
    const struct server_config config = config_at("localhost", 0);
    assert_true(listeners_open_beside(&config, &given, &listeners, &failure));
    assert_int_equal(listeners.count, 2);
    assert_int_equal(port_of(0), port_of(1));
}

/* A socket of both families is not what is meant by IPv6 beside IPv4. */
static void a_given_socket_of_both_families_is_not_kept_for_one(void **state)
{
    (void)state;
    if (!has_v6()) {
        skip();
    }
    struct listeners given = open_given("::", NULL);
    const int both = given.descriptors[0];
    struct listener_peer bound;
    unsigned port = 0;
    assert_true(listener_describe(both, &bound, &port));
    const struct server_config config = config_at("", port);
    /* it is in the way of its own port, so this says so, and closes it */
    assert_false(listeners_open_beside(&config, &given, &listeners, &failure));
    assert_non_null(strstr(failure.text, "Address already in use"));
    assert_int_equal(listeners.count, 0);
    assert_false(is_open(both));
}

static void an_address_that_can_not_be_opened_closes_what_was_given(void **state)
{
    (void)state;
    struct listeners given = open_given("127.0.0.1", NULL);
    const int descriptor = given.descriptors[0];
    const struct server_config config = config_at("203.0.113.7", 0);
    assert_false(listeners_open_beside(&config, &given, &listeners, &failure));
    assert_non_null(strstr(failure.text, "203.0.113.7"));
    assert_int_equal(given.count, 0);
    assert_int_equal(listeners.count, 0);
    assert_false(is_open(descriptor));
}

#define LISTENER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LISTENER_TEST(all_addresses_get_the_one_port_that_the_kernel_chose),
        LISTENER_TEST(an_address_that_is_not_here_is_left_out),
        LISTENER_TEST(a_family_that_the_kernel_does_not_know_is_left_out),
        LISTENER_TEST(where_no_address_is_here_the_failure_names_one),
        LISTENER_TEST(an_address_that_is_taken_fails_and_is_named),
        LISTENER_TEST(an_address_that_is_named_twice_is_listened_on_once),
        LISTENER_TEST(more_addresses_than_there_is_room_for_are_refused),
        LISTENER_TEST(an_origin_is_an_address_of_four_bytes_or_a_network_of_eight),
        LISTENER_TEST(both_families_wildcards_live_together),
        LISTENER_TEST(a_lone_v6_wildcard_takes_v4_too),
        LISTENER_TEST(localhost_is_every_loopback_address),
        LISTENER_TEST(the_empty_name_is_every_address),
        LISTENER_TEST(a_name_that_nobody_knows_is_named),
        LISTENER_TEST(a_given_socket_is_kept_at_its_port_or_at_any),
        LISTENER_TEST(a_given_socket_elsewhere_is_closed_and_the_missing_one_opened),
        LISTENER_TEST(a_family_that_is_missing_gets_the_given_ones_port),
        LISTENER_TEST(a_given_socket_of_both_families_is_not_kept_for_one),
        LISTENER_TEST(an_address_that_can_not_be_opened_closes_what_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
