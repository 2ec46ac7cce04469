/*
 * test_crc32c.c - the CRC is that of RFC 3720, on any processor, and can be computed in pieces.
 */
#include "lib/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { BYTES_MAX = 600, RFC_BYTES = 32 };

static uint32_t crc_of(const void *bytes, size_t count)
{
    const uint32_t crc = crc32c_extend(CRC32C_EMPTY, bytes, count);
    assert_int_equal(crc32c_extend_portable(CRC32C_EMPTY, bytes, count), crc);
    return crc;
}

static void known_values_are_those_of_the_rfc(void **state)
{
    unsigned char bytes[RFC_BYTES];
    (void)state;
    assert_int_equal(crc_of("", 0), 0);
    assert_int_equal(crc_of("123456789", 9), UINT32_C(0xe3069283));
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc_of(bytes, sizeof bytes), UINT32_C(0x8a9136aa));
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc_of(bytes, sizeof bytes), UINT32_C(0x62a8ab43));
    for (unsigned i = 0; i < RFC_BYTES; i++) {
        bytes[i] = (unsigned char)i;
    }
    assert_int_equal(crc_of(bytes, sizeof bytes), UINT32_C(0x46dd794e));
}

static void pieces_of_any_length_give_what_the_whole_gives(void **state)
{
    unsigned char bytes[BYTES_MAX];
    (void)state;
    for (unsigned i = 0; i < BYTES_MAX; i++) {
        bytes[i] = (unsigned char)(i * i % 253);
    }
    const uint32_t whole = crc_of(bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        const uint32_t first = crc_of(bytes, cut);
        assert_int_equal(crc32c_extend(first, bytes + cut, sizeof bytes - cut), whole);
        assert_int_equal(crc32c_extend_portable(first, bytes + cut, sizeof bytes - cut), whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_are_those_of_the_rfc),
        cmocka_unit_test(pieces_of_any_length_give_what_the_whole_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
