/*
 * Tests of server/address_set.c: which hosts a list of addresses and networks names.
 */
#include "server/address_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LIST_BYTES = 4096 };

static struct address_set parse(const char *text)
{
    struct address_set set;
    struct failure failure = {.text = ""};
    if (!address_set_parse(text, "here", &set, &failure)) {
        fail_msg("%s", failure.text);
    }
    return set;
}

static void expect_refused(const char *text, const char *reason)
{
    struct address_set set;
    struct failure failure = {.text = ""};
    assert_false(address_set_parse(text, "config.yaml:3: server.proxy_from", &set, &failure));
    if (strstr(failure.text, "config.yaml:3: server.proxy_from: ") != failure.text ||
        strstr(failure.text, reason) == NULL) {
        fail_msg("\"%s\" got: %s", text, failure.text);
    }
}

static void the_empty_list_names_nobody(void **state)
{
    (void)state;
    struct address_set set = parse("");
    assert_int_equal(set.count, 0);
    assert_false(address_set_has(&set, "127.0.0.1"));
    assert_int_equal(parse("  ").count, 0);
}

static void addresses_and_networks_of_both_families_are_named(void **state)
{
    (void)state;
    struct address_set set = parse(" 10.0.0.5,10.1.0.0/16 , fd00::/8,::1,192.168.7.128/25");
    static const char *const in[] = {
        "10.0.0.5",      "10.1.0.0",      "10.1.255.255", "fd00::1",         "fdff::",        "::1",
        "192.168.7.128", "192.168.7.255", "0:0::1",       "::ffff:10.0.0.5", "::ffff:a01:203"};
    static const char *const out[] = {"10.0.0.4", "10.0.0.6",        "10.2.0.0", "10.0.255.255",
                                      "fc00::",   "fe00::1",         "::2",      "192.168.7.127",
                                      "::",       "::ffff:10.0.0.6", "",         "10.0.0.5:80",
                                      "a00:5::",  "::10.0.0.5",      "nonsense"};
    assert_int_equal(set.count, 5);
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
        if (!address_set_has(&set, in[i])) {
            fail_msg("%s is not named", in[i]);
        }
    }
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        if (address_set_has(&set, out[i])) {
            fail_msg("%s is named", out[i]);
        }
    }
}

static void every_length_of_a_prefix_is_exact(void **state)
{
    enum { BITS = 128, BYTES = 16, BYTE_BITS = 8 };
    (void)state;
    for (unsigned bits = 0; bits <= BITS; bits++) {
        struct address_set set = {.count = 1};
        set.networks[0] = (struct address_network){.prefix_bits = (uint8_t)bits, .is_v6 = true};
        char text[] = "0000:0000:0000:0000:0000:0000:0000:0000";
        assert_true(address_set_has(&set, text));
        for (unsigned bit = 0; bit < BITS; bit++) {
            char flipped[sizeof text];
            memcpy(flipped, text, sizeof text);
            unsigned nibble = bit / 4;
            flipped[nibble + nibble / 4] = (char)('0' + (8U >> bit % 4));
            if (address_set_has(&set, flipped) != (bit >= bits)) {
                fail_msg("/%u and %s", bits, flipped);
            }
        }
    }
}

static void mapped_entries_are_ipv4_and_no_other_ipv6_network_has_ipv4(void **state)
{
    (void)state;
    struct address_set set = parse("::ffff:10.0.0.0/104");
    assert_true(address_set_has(&set, "10.9.9.9"));
    assert_false(address_set_has(&set, "11.0.0.0"));
    set = parse("::/0");
    assert_true(address_set_has(&set, "2001:db8::1"));
    assert_false(address_set_has(&set, "10.0.0.5"));
    assert_false(address_set_has(&set, "::ffff:10.0.0.5"));
    set = parse("0.0.0.0/0");
    assert_true(address_set_has(&set, "255.255.255.255"));
    assert_false(address_set_has(&set, "::1"));
}

static void what_is_wrong_is_named_with_place_and_reason(void **state)
{
    (void)state;
    static const char *const no_address[] = {
        "balancer",
        "10.0.0",
        "10.0.0.256",
        "010.0.0.1",
        "10.0.0.5,",
        ",10.0.0.5",
        ",",
        "10.0.0.5,,",
        "10.0.0.5:443",
        "[::1]",
        "fe80::1%lo",
        "::1::",
        "/8",
        "+10.0.0.5",
        "1:2:3:4:5:6:7:8:9",
        "10.0.0.5 , , ::1",
        "a_text_that_is_far_longer_than_any_address_with_any_prefix_could_ever_be_in_this_world"};
    static const char *const no_prefix[] = {"10.0.0.0/33", "10.0.0.0/",    "::/129",      "::/-1",
                                            "::/+8",       "10.0.0.0/8/8", "10.0.0.0/0x8"};
    static const char *const bits_after[] = {"10.1.0.1/16", "fd00::1/8", "0.0.0.1/0",
                                             "255.255.255.255/31"};
    for (size_t i = 0; i < sizeof no_address / sizeof no_address[0]; i++) {
        expect_refused(no_address[i], "is no address");
    }
    for (size_t i = 0; i < sizeof no_prefix / sizeof no_prefix[0]; i++) {
        expect_refused(no_prefix[i], "has a prefix that is not");
    }
    for (size_t i = 0; i < sizeof bits_after / sizeof bits_after[0]; i++) {
        expect_refused(bits_after[i], "has bits after its prefix");
    }
    expect_refused("10.0.0.5 10.0.0.6", "needs commas between its addresses");
}

static void so_many_and_no_more_are_taken(void **state)
{
    (void)state;
    char text[LIST_BYTES] = "";
    size_t used = 0;
    for (int i = 0; i < ADDRESS_SET_NETWORKS_MAX; i++) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s10.0.0.%d", i > 0 ? "," : "", i);
    }
    assert_int_equal(parse(text).count, ADDRESS_SET_NETWORKS_MAX);
    (void)snprintf(text + used, sizeof text - used, ",10.0.1.0");
    expect_refused(text, "more than 64 addresses");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_empty_list_names_nobody),
        cmocka_unit_test(addresses_and_networks_of_both_families_are_named),
        cmocka_unit_test(every_length_of_a_prefix_is_exact),
        cmocka_unit_test(mapped_entries_are_ipv4_and_no_other_ipv6_network_has_ipv4),
        cmocka_unit_test(what_is_wrong_is_named_with_place_and_reason),
        cmocka_unit_test(so_many_and_no_more_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
