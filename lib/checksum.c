/*
 * checksum.c - see checksum.h.
 *
 * 2^64 is 59 more than the modulus, so a word that moves one place to the left is
 * multiplied by 59. A block of eight words is the sum of its words times small powers of
 * 59, and most of these products can be computed in parallel. Nothing overflows 128 bits,
 * because 59^8 is below 2^48.
 */
#include "lib/checksum.h"

#include <endian.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

enum {
    WORD_BITS = 64,
    BYTE_VALUES = 256,
    HALVES_BYTES_MIN = 4096 /* of fewer bytes, joining two halves takes longer than it saves */
};

#define WORD_BYTES  sizeof(uint64_t)
#define BLOCK_BYTES (8 * WORD_BYTES)

/* 2^64 modulo CHECKSUM_MODULUS, and its powers. */
#define OVERFLOW UINT64_C(59)

static const uint64_t overflow_2 = OVERFLOW * OVERFLOW;
static const uint64_t overflow_3 = OVERFLOW * OVERFLOW * OVERFLOW;
static const uint64_t overflow_4 = OVERFLOW * OVERFLOW * OVERFLOW * OVERFLOW;

/* Returns a number below 2^64 that is congruent to `value`; it may exceed the modulus. */
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

/* The word number `index` from here on. */
static inline wide word_at(const char *bytes, size_t index)
{
    uint64_t word = 0;
    memcpy(&word, bytes + index * WORD_BYTES, sizeof word);
    return be64toh(word);
}

/* Four words, one after the other. The result is below 2^64 * (59^3 + 59^2 + 59 + 1). */
static inline wide four_words_at(const char *bytes, size_t index)
{
    return word_at(bytes, index) * overflow_3 + word_at(bytes, index + 1) * overflow_2 +
           word_at(bytes, index + 2) * OVERFLOW + word_at(bytes, index + 3);
}

/* The sum of some bytes followed by a block, below 2^64. `sum` waits for one multiplication only. */
static inline uint64_t add_block(uint64_t sum, const char *block)
{
    const wide words = four_words_at(block, 0) * overflow_4 + four_words_at(block, 4);
    return fold((wide)sum * (overflow_4 * overflow_4) + words);
}

/*
 * Two halves at once, because a sum that waits for the one before it leaves the processor idle. The
 * bytes are an even number of blocks.
 */
static uint64_t add_halves(uint64_t sum, const char *bytes, size_t count)
{
    const size_t half = count / 2;
    uint64_t second = CHECKSUM_EMPTY;
    for (size_t at = 0; at < half; at += BLOCK_BYTES) {
        sum = add_block(sum, bytes + at);
        second = add_block(second, bytes + half + at);
    }
    return checksum_join(sum, second, checksum_factor(half));
}

uint64_t checksum_extend(uint64_t checksum, const void *bytes, size_t count)
{
    const char *at = bytes;
    uint64_t sum = checksum;
    if (count >= HALVES_BYTES_MIN) {
        const size_t halves = count - count % (2 * BLOCK_BYTES);
        sum = add_halves(sum, at, halves);
        at += halves;
        count -= halves;
    }
    for (; count >= BLOCK_BYTES; count -= BLOCK_BYTES) {
        sum = add_block(sum, at);
        at += BLOCK_BYTES;
    }
    for (; count >= WORD_BYTES; count -= WORD_BYTES) {
        sum = fold((wide)sum * OVERFLOW + word_at(at, 0));
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
