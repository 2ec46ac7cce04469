/*
 * test_block_scan.c - 64 bytes at once say the same as one after the other.
 */
#include "bet/block_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct block_masks scan_filled(unsigned char byte, size_t place)
{
    char block[BLOCK_SCAN_BYTES];
    memset(block, 'a', sizeof block);
    block[place] = (char)byte;
    return block_scan(block, false);
}

static void every_byte_value_falls_into_its_class_at_every_place(void **state)
{
    (void)state;
    for (size_t place = 0; place < BLOCK_SCAN_BYTES; place++) {
        for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
            struct block_masks masks = scan_filled((unsigned char)byte, place);
            const uint64_t bit = UINT64_C(1) << place;
            bool line_end = byte == '\n' || byte == '\r';
            bool last_lead = byte == 0xc3 && place == BLOCK_SCAN_BYTES - 1;
            bool plain = (byte >= ' ' && byte < 0x7f && byte != '"') || line_end || last_lead;
            assert_true(masks.commas == (byte == ',' ? bit : 0));
            assert_true(masks.line_feeds == (byte == '\n' ? bit : 0));
            assert_true(masks.carriage_returns == (byte == '\r' ? bit : 0));
            assert_int_equal(masks.suspect, !plain);
            assert_int_equal(masks.open, last_lead);
        }
    }
}

static void a_letter_may_stand_across_two_blocks(void **state)
{
    (void)state;
    char block[BLOCK_SCAN_BYTES];
    memset(block, 'a', sizeof block);
    block[0] = '\xb1'; /* of U+00F1, whose 0xc3 ended the block before */
    assert_false(block_scan(block, true).suspect);
    assert_true(block_scan(block, false).suspect);
    block[0] = 'a';
    assert_true(block_scan(block, true).suspect);
}

static void both_versions_agree_on_random_blocks(void **state)
{
    (void)state;
    static const char alphabet[] = "ab,,\n\r\"0\x7f\x01\xc3\xc3\xa9\xb1\xc2\x80\xff\xe2";
    unsigned seed = 20261123;
    for (int round = 0; round < 100000; round++) {
        char block[BLOCK_SCAN_BYTES];
        for (size_t i = 0; i < sizeof block; i++) {
            block[i] = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
        }
        if (round % 2 == 0) {
            memset(block, 'x', sizeof block - 4); /* most real blocks are ordinary */
        }
        bool open = rand_r(&seed) % 2 != 0;
        struct block_masks wide = block_scan(block, open);
        struct block_masks plain = block_scan_portable(block, open);
        assert_true(wide.commas == plain.commas);
        assert_true(wide.line_feeds == plain.line_feeds);
        assert_true(wide.carriage_returns == plain.carriage_returns);
        assert_int_equal(wide.suspect, plain.suspect);
        assert_int_equal(wide.open, plain.open);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_value_falls_into_its_class_at_every_place),
        cmocka_unit_test(a_letter_may_stand_across_two_blocks),
        cmocka_unit_test(both_versions_agree_on_random_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
