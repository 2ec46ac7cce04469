/*
 * crc32c.c - see crc32c.h.
 *
 * x86-64 has an instruction for this polynomial, which takes eight bytes at a time. Elsewhere a table of
 * sixteen entries takes four bits at a time: slow, small, and the same everywhere.
 */
#include "lib/crc32c.h"

#include <string.h>

enum { NIBBLE_BITS = 4, NIBBLE_VALUES = 16, NIBBLE_MASK = NIBBLE_VALUES - 1 };

/* What four bits leave behind, by the reflected polynomial 0x82f63b78. */
static const uint32_t remainders[NIBBLE_VALUES] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

uint32_t crc32c_extend_portable(uint32_t crc, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    uint32_t rest = ~crc;
    for (size_t i = 0; i < count; i++) {
        rest ^= at[i];
        rest = (rest >> NIBBLE_BITS) ^ remainders[rest & NIBBLE_MASK];
        rest = (rest >> NIBBLE_BITS) ^ remainders[rest & NIBBLE_MASK];
    }
    return ~rest;
}

#ifdef __x86_64__

#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t
extend_by_instruction(uint32_t crc, const char *at, size_t count)
{
    uint64_t rest = (uint32_t)~crc;
    for (; count >= sizeof(uint64_t); count -= sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, at, sizeof word);
        rest = _mm_crc32_u64(rest, word);
        at += sizeof word;
    }
    for (; count > 0; count--) {
        rest = _mm_crc32_u8((uint32_t)rest, (unsigned char)*at++);
    }
    return ~(uint32_t)rest;
}

uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t count)
{
    return __builtin_cpu_supports("sse4.2") ? extend_by_instruction(crc, bytes, count)
                                            : crc32c_extend_portable(crc, bytes, count);
}

#else

uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t count)
{
    return crc32c_extend_portable(crc, bytes, count);
}

#endif
