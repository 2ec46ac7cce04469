/*
 * Tests of server/handler/proxy_header.c: the header of the PROXY protocol, in any piece and with
 * any fault.
 */
#include "server/handler/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* The bytes of a literal, which may have zeros in it. */
struct bytes {
    const char *at;
    size_t count;
};

#define PARTS(literal)                                                                             \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define BYTES(literal) ((struct bytes)PARTS(literal))

/* A version 2 header of TCP over IPv4, from 192.0.2.7:40123. */
#define V4_ADDRESSES "\xc0\x00\x02\x07\x0a\x00\x00\x01\x9c\xbb\x30\x39"
#define V6_ADDRESSES                                                                               \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x17"                                                   \
    "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"                                                         \
    "\xff\xff\x30\x39"
#define MAPPED_ADDRESSES                                                                           \
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07"                                                 \
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x00\x00\x01"                                                 \
    "\x9c\xbb\x30\x39"

struct valid {
    struct bytes header;
    bool is_local;
    const char *source; /* NULL: it has none */
};

static const struct valid valid_headers[] = {
    {PARTS("PROXY TCP4 192.0.2.7 10.0.0.1 40123 12345\r\n"), false, "192.0.2.7:40123"},
    {PARTS("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), false, "0.0.0.0:0"},
    {PARTS("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), false,
     "255.255.255.255:65535"},
    {PARTS("PROXY TCP6 2001:db8::17 fd00::1 65535 12345\r\n"), false, "[2001:db8::17]:65535"},
    {PARTS("PROXY TCP6 2001:0DB8:0000:0000:0000:0000:0000:0017 "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     false, "[2001:db8::17]:65535"},
    {PARTS("PROXY TCP6 ::ffff:192.0.2.7 ::1 7 8\r\n"), false, "192.0.2.7:7"},
    {PARTS("PROXY UNKNOWN\r\n"), false, NULL},
    {PARTS("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     false, NULL},
    {PARTS("PROXY UNKNOWN what \t\x80 ever\r\n"), false, NULL},
    {PARTS(SIGNATURE "\x20\x00\x00\x00"), true, NULL},
    {PARTS(SIGNATURE "\x20\xff\x00\x03???"), true, NULL},
    {PARTS(SIGNATURE "\x20\x11\x00\x0c" V4_ADDRESSES), true, NULL},
    {PARTS(SIGNATURE "\x21\x11\x00\x0c" V4_ADDRESSES), false, "192.0.2.7:40123"},
    {PARTS(SIGNATURE "\x21\x11\x00\x13" V4_ADDRESSES "\x04\x00\x04"
                     "abcd"),
     false, "192.0.2.7:40123"},
    {PARTS(SIGNATURE "\x21\x21\x00\x24" V6_ADDRESSES), false, "[2001:db8::17]:65535"},
    {PARTS(SIGNATURE "\x21\x21\x00\x24" MAPPED_ADDRESSES), false, "192.0.2.7:40123"},
    {PARTS(SIGNATURE "\x21\x00\x00\x00"), false, NULL},
    {PARTS(SIGNATURE "\x21\x01\x00\x02\x01\x02"), false, NULL},
    {PARTS(SIGNATURE "\x21\x20\x00\x00"), false, NULL},
};

enum { VALID = sizeof valid_headers / sizeof valid_headers[0], COPY_BYTES = 4096 };

/* Parses a copy of exactly this size, so that a sanitizer sees a byte too far. */
static enum proxy_header_result parse(const char *bytes, size_t count, struct proxy_header *header,
                                      const char **reason)
{
    char *copy = malloc(count > 0 ? count : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, count);
    enum proxy_header_result result = proxy_header_parse(copy, count, header, reason);
    free(copy);
    assert_int_equal(result == PROXY_HEADER_WRONG, *reason != NULL);
    return result;
}

static void expect_valid(const struct valid *valid, const char *bytes, size_t count)
{
    struct proxy_header header;
    const char *reason = NULL;
    if (parse(bytes, count, &header, &reason) != PROXY_HEADER_WHOLE) {
        fail_msg("%.60s: %s", bytes, reason == NULL ? "incomplete" : reason);
    }
    assert_int_equal(header.bytes, valid->header.count);
    assert_int_equal(header.is_local, valid->is_local);
    assert_int_equal(header.has_source, valid->source != NULL);
    assert_string_equal(header.source.text, valid->source == NULL ? "" : valid->source);
}

static void expect_wrong(struct bytes bytes, const char *expected)
{
    struct proxy_header header;
    const char *reason = NULL;
    enum proxy_header_result result = parse(bytes.at, bytes.count, &header, &reason);
    if (result != PROXY_HEADER_WRONG || strstr(reason, expected) == NULL) {
        fail_msg("%.*s: %d, %s", (int)bytes.count, bytes.at, result,
                 reason == NULL ? "no reason" : reason);
    }
}

static void valid_headers_are_whole_and_what_follows_is_not_theirs(void **state)
{
    (void)state;
    for (size_t i = 0; i < VALID; i++) {
        const struct valid *valid = &valid_headers[i];
        char longer[COPY_BYTES];
        expect_valid(valid, valid->header.at, valid->header.count);
        memcpy(longer, valid->header.at, valid->header.count);
        memcpy(longer + valid->header.count, valid->header.at, valid->header.count);
        expect_valid(valid, longer, 2 * valid->header.count);
        expect_valid(valid, longer, valid->header.count + 1);
    }
}

static void unix_addresses_are_whole_and_name_nobody(void **state)
{
    enum { FIXED = 16, PATHS = 216 };
    (void)state;
    char bytes[FIXED + PATHS] = SIGNATURE "\x21\x31\x00\xd8/run/agency.sock";
    const struct valid valid = {{bytes, sizeof bytes}, false, NULL};
    struct proxy_header header;
    const char *reason = NULL;
    expect_valid(&valid, bytes, sizeof bytes);
    assert_int_equal(parse(bytes, sizeof bytes - 1, &header, &reason), PROXY_HEADER_INCOMPLETE);
}

static void every_truncation_of_a_valid_header_is_incomplete(void **state)
{
    (void)state;
    for (size_t i = 0; i < VALID; i++) {
        const struct bytes *whole = &valid_headers[i].header;
        for (size_t count = 0; count < whole->count; count++) {
            struct proxy_header header;
            const char *reason = NULL;
            if (parse(whole->at, count, &header, &reason) != PROXY_HEADER_INCOMPLETE) {
                fail_msg("header %zu, %zu bytes: %s", i, count, reason == NULL ? "whole" : reason);
            }
        }
    }
}

/* Whatever comes of it is one of the three, within its bytes. */
static void no_change_of_a_byte_breaks_a_bound(void **state)
{
    size_t whole_ones = 0;
    size_t wrong_ones = 0;
    (void)state;
    for (size_t i = 0; i < VALID; i++) {
        char changed[COPY_BYTES];
        struct bytes whole = valid_headers[i].header;
        for (size_t at = 0; at < whole.count; at++) {
            memcpy(changed, whole.at, whole.count);
            for (unsigned value = 0; value <= UINT8_MAX; value++) {
                struct proxy_header header;
                const char *reason = NULL;
                changed[at] = (char)value;
                enum proxy_header_result result = parse(changed, whole.count, &header, &reason);
                whole_ones += result == PROXY_HEADER_WHOLE ? 1 : 0;
                wrong_ones += result == PROXY_HEADER_WRONG ? 1 : 0;
                assert_true(result != PROXY_HEADER_WHOLE ||
                            (header.bytes > 0 && header.bytes <= whole.count));
            }
        }
    }
    assert_true(whole_ones > 0 && wrong_ones > whole_ones);
}

static void every_change_of_a_signature_is_something_else(void **state)
{
    enum { V1_BYTES = 6, V2_BYTES = 12 };
    (void)state;
    for (size_t i = 0; i < VALID; i++) {
        char changed[COPY_BYTES];
        struct bytes whole = valid_headers[i].header;
        size_t signature_bytes = whole.at[0] == 'P' ? V1_BYTES : V2_BYTES;
        for (size_t at = 0; at < signature_bytes; at++) {
            memcpy(changed, whole.at, whole.count);
            changed[at] ^= 0x20;
            for (size_t count = at + 1; count <= whole.count; count++) {
                expect_wrong((struct bytes){changed, count}, "begins with something else");
            }
            assert_false(proxy_header_is_begun(changed, whole.count));
        }
        assert_true(proxy_header_is_begun(whole.at, signature_bytes));
        assert_false(proxy_header_is_begun(whole.at, signature_bytes - 1));
    }
}

static void lines_with_wrong_addresses_are_wrong(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "PROXY TCP4 192.0.2.07 10.0.0.1 1 2\r\n",
        "PROXY TCP4 192.0.2.256 10.0.0.1 1 2\r\n",
        "PROXY TCP4 192.0.2 10.0.0.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7.1 10.0.0.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.x 1 2\r\n",
        "PROXY TCP4 2001:db8::1 10.0.0.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 fd00::1 1 2\r\n",
        "PROXY TCP4 0x7f.0.0.1 10.0.0.1 1 2\r\n",
        "PROXY TCP4 3221225991 10.0.0.1 1 2\r\n",
        "PROXY TCP4 localhost 10.0.0.1 1 2\r\n",
        "PROXY TCP4  192.0.2.7 10.0.0.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7  10.0.0.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7\r\n",
        "PROXY TCP4 \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP6 192.0.2.7 10.0.0.1 1 2\r\n",
        "PROXY TCP6 2001:db8:::1 fd00::1 1 2\r\n",
        "PROXY TCP6 2001::db8::1 fd00::1 1 2\r\n",
        "PROXY TCP6 1:2:3:4:5:6:7 fd00::1 1 2\r\n",
        "PROXY TCP6 1:2:3:4:5:6:7:8:9 fd00::1 1 2\r\n",
        "PROXY TCP6 12345::1 fd00::1 1 2\r\n",
        "PROXY TCP6 fe80::1%lo fd00::1 1 2\r\n",
        "PROXY TCP6 [::1] fd00::1 1 2\r\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        expect_wrong((struct bytes){lines[i], strlen(lines[i])}, "an address of its line");
    }
    expect_wrong(BYTES("PROXY TCP4 192.0.2.7\0 10.0.0.1 1 2\r\n"), "an address of its line");
    expect_wrong(BYTES("PROXY TCP6 ::1\0::1 ::1 1 2\r\n"), "an address of its line");
}

static void lines_with_wrong_ports_are_wrong(void **state)
{
    (void)state;
    static const char *const ports[] = {"65536", "99999", "100000", "01",  "00",  "+1",  "-1",
                                        "",      " 1",    "0x10",   "1e3", "1.0", "1\t", "a"};
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        char line[COPY_BYTES];
        int bytes = snprintf(line, sizeof line, "PROXY TCP4 192.0.2.7 10.0.0.1 %s 2\r\n", ports[i]);
        expect_wrong((struct bytes){line, (size_t)bytes}, "a port of its line");
        bytes = snprintf(line, sizeof line, "PROXY TCP4 192.0.2.7 10.0.0.1 2 %s\r\n", ports[i]);
        expect_wrong((struct bytes){line, (size_t)bytes}, "a port of its line");
    }
    expect_wrong(BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 1\r\n"), "a port of its line");
    expect_wrong(BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 1 2 \r\n"), "goes on after the ports");
    expect_wrong(BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 1 2 3\r\n"), "goes on after the ports");
}

static void lines_of_another_shape_are_wrong(void **state)
{
    (void)state;
    char endless[COPY_BYTES];
    static const char *const families[] = {"PROXY tcp4 192.0.2.7 10.0.0.1 1 2\r\n",
                                           "PROXY TCP5 192.0.2.7 10.0.0.1 1 2\r\n",
                                           "PROXY TCP 192.0.2.7 10.0.0.1 1 2\r\n",
                                           "PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n",
                                           "PROXY  TCP4 192.0.2.7 10.0.0.1 1 2\r\n",
                                           "PROXY TCP4\t192.0.2.7 10.0.0.1 1 2\r\n",
                                           "PROXY UNKNOWNS\r\n",
                                           "PROXY unknown\r\n",
                                           "PROXY \r\n"};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        expect_wrong((struct bytes){families[i], strlen(families[i])}, "names no TCP4, TCP6");
    }
    expect_wrong(BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n"), "does not end in CRLF");
    expect_wrong(BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\r\n"), "does not end in CRLF");
    expect_wrong(BYTES("PROXY UNKNOWN a\rb\r\n"), "does not end in CRLF");
    expect_wrong(BYTES("PROXY UNKNOWN a\nb\r\n"), "does not end in CRLF");
    memset(endless, 'x', sizeof endless);
    endless[snprintf(endless, sizeof endless, "PROXY UNKNOWN ")] = 'x';
    expect_wrong((struct bytes){endless, sizeof endless}, "longer than 107 bytes");
    endless[PROXY_HEADER_LINE_BYTES_MAX - 1] = '\r'; /* 108 bytes */
    endless[PROXY_HEADER_LINE_BYTES_MAX] = '\n';
    expect_wrong((struct bytes){endless, PROXY_HEADER_LINE_BYTES_MAX + 1}, "longer than 107 bytes");
    expect_wrong((struct bytes){endless, PROXY_HEADER_LINE_BYTES_MAX}, "longer than 107 bytes");
    endless[PROXY_HEADER_LINE_BYTES_MAX - 2] = '\r'; /* 107 bytes */
    endless[PROXY_HEADER_LINE_BYTES_MAX - 1] = '\n';
    expect_valid(&(struct valid){{endless, PROXY_HEADER_LINE_BYTES_MAX}, false, NULL}, endless,
                 PROXY_HEADER_LINE_BYTES_MAX);
}

static void binary_headers_with_a_wrong_fixed_part_are_wrong(void **state)
{
    (void)state;
    for (unsigned value = 0; value <= UINT8_MAX; value++) {
        char bytes[] = SIGNATURE "\x21\x11\x00\x0c" V4_ADDRESSES;
        bytes[12] = (char)value;
        if (value != 0x20 && value != 0x21) {
            expect_wrong((struct bytes){bytes, 13}, "its version is not 2");
            expect_wrong(BYTES(bytes), "its version is not 2");
        }
    }
    for (unsigned value = 0; value <= UINT8_MAX; value++) {
        char bytes[] = SIGNATURE "\x21\x11\x00\x0c" V4_ADDRESSES;
        bytes[13] = (char)value;
        unsigned transport = value & 0xf;
        if (value >> 4 > 3 || transport > 2) {
            expect_wrong((struct bytes){bytes, 14}, "unknown family or transport");
        } else if (transport == 2) {
            expect_wrong((struct bytes){bytes, 14}, "it speaks of datagrams");
        }
    }
}

static void binary_headers_too_short_for_their_addresses_are_wrong(void **state)
{
    enum { LENGTH_AT = 15, FIXED = 16 };
    static const struct {
        char family;
        size_t needed;
    } families[] = {{0x11, 12}, {0x21, 36}, {0x31, 216}};
    (void)state;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        for (size_t length = 0; length < families[i].needed; length++) {
            char bytes[COPY_BYTES] = SIGNATURE "\x21";
            bytes[13] = families[i].family;
            bytes[LENGTH_AT] = (char)length;
            expect_wrong((struct bytes){bytes, FIXED + length}, "too short for the addresses");
        }
    }
}

static void a_binary_header_has_so_many_bytes_at_most(void **state)
{
    enum { FIXED = 16 };
    (void)state;
    char bytes[COPY_BYTES] = SIGNATURE "\x21\x11\x07\xf0" V4_ADDRESSES;
    expect_valid(&(struct valid){{bytes, PROXY_HEADER_BYTES_MAX}, false, "192.0.2.7:40123"}, bytes,
                 sizeof bytes);
    bytes[15] = '\xf1';
    expect_wrong((struct bytes){bytes, FIXED}, "longer than 2048 bytes");
    expect_wrong(BYTES(SIGNATURE "\x20\x00\xff\xff"), "longer than 2048 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_headers_are_whole_and_what_follows_is_not_theirs),
        cmocka_unit_test(unix_addresses_are_whole_and_name_nobody),
        cmocka_unit_test(every_truncation_of_a_valid_header_is_incomplete),
        cmocka_unit_test(no_change_of_a_byte_breaks_a_bound),
        cmocka_unit_test(every_change_of_a_signature_is_something_else),
        cmocka_unit_test(lines_with_wrong_addresses_are_wrong),
        cmocka_unit_test(lines_with_wrong_ports_are_wrong),
        cmocka_unit_test(lines_of_another_shape_are_wrong),
        cmocka_unit_test(binary_headers_with_a_wrong_fixed_part_are_wrong),
        cmocka_unit_test(binary_headers_too_short_for_their_addresses_are_wrong),
        cmocka_unit_test(a_binary_header_has_so_many_bytes_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
