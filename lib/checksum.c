/*
 * checksum.c - see checksum.h.
 *
 * 2^64 is 59 more than the modulus, so a word that moves one place to the left is
 * multiplied by 59, and a block of eight words is the sum of its words times small
 * powers of 59: the eight products don't wait for one another.
 */
#include "lib/checksum.h"

#include <endian.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

enum { WORD_BYTES = 8, WORD_BITS = 64, BLOCK_WORDS = 8, BYTE_VALUES = 256 };

#define OVERFLOW UINT64_C(59) /* what 2^64 is, modulo the modulus */

/* OVERFLOW to the power of 1 to BLOCK_WORDS. */
#define POWER_1 OVERFLOW
#define POWER_2 (POWER_1 * OVERFLOW)
#define POWER_3 (POWER_2 * OVERFLOW)
#define POWER_4 (POWER_3 * OVERFLOW)
#define POWER_5 (POWER_4 * OVERFLOW)
#define POWER_6 (POWER_5 * OVERFLOW)
#define POWER_7 (POWER_6 * OVERFLOW)
#define POWER_8 (POWER_7 * OVERFLOW)

/* Congruent to `value`, and below 2^64; not always below the modulus. */
static inline uint64_t fold(wide value)
{
    value = (wide)(uint64_t)value + (wide)(uint64_t)(value >> WORD_BITS) * OVERFLOW;
    value = (wide)(uint64_t)value + (wide)(uint64_t)(value >> WORD_BITS) * OVERFLOW;
    uint64_t low = (uint64_t)value;
    return (uint64_t)(value >> WORD_BITS) != 0 ? low + OVERFLOW : low;
}

static inline uint64_t reduce(uint64_t value)
{
    return value >= CHECKSUM_MODULUS ? value - CHECKSUM_MODULUS : value;
}

static inline uint64_t word_at(const char *bytes)
{
    uint64_t word = 0;
    memcpy(&word, bytes, sizeof word);
    return be64toh(word);
}

uint64_t checksum_extend(uint64_t checksum, const void *bytes, size_t count)
{
    const char *at = bytes;
    uint64_t sum = checksum;
    for (; count >= BLOCK_WORDS * WORD_BYTES; count -= BLOCK_WORDS * WORD_BYTES) {
        wide rest = (wide)word_at(at) * POWER_7 + (wide)word_at(at + 1 * WORD_BYTES) * POWER_6 +
                    (wide)word_at(at + 2 * WORD_BYTES) * POWER_5 +
                    (wide)word_at(at + 3 * WORD_BYTES) * POWER_4 +
                    (wide)word_at(at + 4 * WORD_BYTES) * POWER_3 +
                    (wide)word_at(at + 5 * WORD_BYTES) * POWER_2 +
                    (wide)word_at(at + 6 * WORD_BYTES) * POWER_1 + word_at(at + 7 * WORD_BYTES);
        sum = fold((wide)sum * POWER_8 + rest);
        at += BLOCK_WORDS * WORD_BYTES;
    }
    for (; count >= WORD_BYTES; count -= WORD_BYTES) {
        sum = fold((wide)sum * OVERFLOW + word_at(at));
        at += WORD_BYTES;
    }
    for (; count > 0; count--) {
        sum = fold((wide)sum * BYTE_VALUES + (unsigned char)*at++);
    }
    return reduce(sum);
}

uint64_t checksum_factor(uint64_t count)
{
    uint64_t factor = 1;
    for (uint64_t power = BYTE_VALUES; count > 0; count >>= 1) {
        if (count & 1) {
            factor = fold((wide)factor * power);
        }
        power = fold((wide)power * power);
    }
    return reduce(factor);
}

uint64_t checksum_join(uint64_t first, uint64_t second, uint64_t second_factor)
{
    return reduce(fold((wide)first * second_factor + second));
}
