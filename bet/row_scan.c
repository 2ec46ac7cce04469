/*
 * row_scan.c - see row_scan.h.
 *
 * Blocks of 64 bytes become words of 64 bits, one for each class of bytes, and the places of
 * the bits are then written one after the other. row_scan_lanes.h holds the loops. They are
 * compiled for vectors of sixteen bytes in plain C, which every processor runs, and on x86-64
 * for the sixteen of SSE2 and the thirty-two of AVX2, where one instruction takes a bit of each
 * byte.
 */
#include "bet/row_scan.h"

#include <string.h>

enum {
    LEAD = 0xc3,
    DELETE = 0x7f,
    FIRST_LEAD = 0xc0, /* bytes from 0x80 up to this one are continuations */
    LAST_BIT = ROW_SCAN_BLOCK_BYTES - 1
};

/* A scan is fast as one function, compiled for its processor, whose short loops are written out. */
#define INLINE inline __attribute__((always_inline))

/* The classes of a block's bytes. */
struct block_classes {
    uint64_t ends; /* commas and line feeds */
    uint64_t line_feeds;
    uint64_t carriage_returns;
    uint64_t leads;         /* 0xc3 */
    uint64_t continuations; /* 0x80 to 0xbf */
    uint64_t odd;           /* not 0: quotes, other control characters, other non-ASCII */
};

/* What a block tells the one after it, as that one's first bit. */
struct block_carry {
    uint64_t lead, carriage_return;
};

/* How many bits are set. The compilers know these lines, and take an instruction where there is. */
static INLINE unsigned count_bits(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)((bits * UINT64_C(0x0101010101010101)) >> 56);
}

/*
 * Writes the places of the bits, `base` being that of the first one; returns how many. A fixed
 * number of them is written each time, because a branch for each bit would often be mispredicted.
 */
static INLINE size_t put_places(uint16_t *places, uint64_t bits, unsigned base, unsigned at_once)
{
    const unsigned count = count_bits(bits);
    unsigned done = 0;
    do {
#pragma GCC unroll 16
        for (unsigned i = 0; i < at_once; i++) {
            /* The last bit keeps the count defined where no bit is left. */
            const uint64_t some = bits | UINT64_C(1) << LAST_BIT;
            places[done + i] = (uint16_t)(base + (unsigned)__builtin_ctzll(some));
            bits &= bits - 1;
        }
        done += at_once;
    } while (done < count);
    return count;
}

/* True when the classes of a block have unusual bytes. */
static INLINE bool is_suspect(const struct block_classes *classes, struct block_carry *carry)
{
    const uint64_t after_leads = classes->leads << 1 | carry->lead;
    const uint64_t after_returns = classes->carriage_returns << 1 | carry->carriage_return;
    carry->lead = classes->leads >> LAST_BIT;
    carry->carriage_return = classes->carriage_returns >> LAST_BIT;
    return (classes->odd | (classes->continuations ^ after_leads) |
            (after_returns & ~classes->line_feeds)) != 0;
}

/* A line has a handful of fields. */
enum { FIELDS_AT_ONCE = ROW_SCAN_AT_ONCE, ROWS_AT_ONCE = 2 };

/* Notes what block number `block` has. */
static INLINE void mark_block(struct row_marks *marks, unsigned block,
                              const struct block_classes *classes, struct block_carry *carry)
{
    const unsigned base = block * ROW_SCAN_BLOCK_BYTES;
    marks->suspect |= (uint64_t)is_suspect(classes, carry) << block;
    marks->end_count +=
        put_places(marks->ends + marks->end_count, classes->ends, base, FIELDS_AT_ONCE);
    marks->row_count +=
        put_places(marks->row_ends + marks->row_count, classes->line_feeds, base, ROWS_AT_ONCE);
}

/* Copies what is left for the last block, and fills it up: a line feed, if need be, and spaces. */
static void fill_last_block(char *block, const char *rows, size_t left, bool is_open)
{
    memset(block, ' ', ROW_SCAN_BLOCK_BYTES);
    memcpy(block, rows, left);
    if (is_open) {
        block[left] = '\n';
    }
}

enum { LANES_16 = 16, WEIGHT_BITS = 8 };

typedef unsigned char plain_vector __attribute__((vector_size(LANES_16)));
typedef uint64_t plain_words __attribute__((vector_size(LANES_16)));

/* The highest bit of each byte. A byte's bit is moved to its place, and the eight of a word added. */
static INLINE uint64_t plain_bits(plain_vector bytes)
{
    const plain_vector weights = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const plain_vector high = (plain_vector)(bytes > DELETE);
    const plain_words words = (plain_words)(high & weights);
    const uint64_t low_byte = (words[0] * UINT64_C(0x0101010101010101)) >> 56;
    const uint64_t high_byte = (words[1] * UINT64_C(0x0101010101010101)) >> 56;
    return low_byte | high_byte << WEIGHT_BITS;
}

#define LANES       LANES_16
#define LANED(name) name##_plain
#define TARGET
#define BITS_OF(lane) plain_bits(lane)
#include "bet/row_scan_lanes.h"

void row_scan_portable(const char *rows, size_t bytes, struct row_marks *marks)
{
    scan_plain(rows, bytes, marks);
}

#ifdef __x86_64__

#include <immintrin.h>

#define LANES       LANES_16
#define LANED(name) name##_16
#define TARGET
#define BITS_OF(lane) (uint32_t) _mm_movemask_epi8((__m128i)(lane))
#include "bet/row_scan_lanes.h"

#define LANES         32
#define LANED(name)   name##_32
#define TARGET        __attribute__((target("avx2,bmi,popcnt")))
#define BITS_OF(lane) (uint32_t) _mm256_movemask_epi8((__m256i)(lane))
#include "bet/row_scan_lanes.h"

void row_scan(const char *rows, size_t bytes, struct row_marks *marks)
{
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("popcnt")) {
        scan_32(rows, bytes, marks);
    } else {
        scan_16(rows, bytes, marks);
    }
}

#else

void row_scan(const char *rows, size_t bytes, struct row_marks *marks)
{
    scan_plain(rows, bytes, marks);
}

#endif
