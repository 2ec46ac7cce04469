/*
 * byte_search.c - see byte_search.h.
 *
 * Compares the needle's first and its last byte with sixteen places at once
 * and looks closer only where both agree. Counts in sixteen counters of a byte each,
 * added up before any of them can overflow. Pure; any process may call.
 */
#include "lib/byte_search.h"

#include <string.h>

/* Byte by byte. */
static size_t count_plainly(const char *text, size_t bytes, char byte)
{
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++) {
        count += text[i] == byte ? 1 : 0;
    }
    return count;
}

#ifdef __SSE2__

#include <emmintrin.h>

enum { LANE_BYTES = 16, COUNTER_MAX = 255 };

static __m128i load(const char *bytes)
{
    return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

const char *byte_search(const char *text, size_t bytes, const char *needle, size_t needle_bytes)
{
    const size_t last = needle_bytes - 1;
    const __m128i first_byte = _mm_set1_epi8(needle[0]);
    const __m128i last_byte = _mm_set1_epi8(needle[last]);
    size_t at = 0;
    for (; at + last + LANE_BYTES <= bytes; at += LANE_BYTES) {
        const __m128i both = _mm_and_si128(_mm_cmpeq_epi8(load(text + at), first_byte),
                                           _mm_cmpeq_epi8(load(text + at + last), last_byte));
        for (unsigned places = (unsigned)_mm_movemask_epi8(both); places != 0;
             places &= places - 1) {
            const char *place = text + at + (unsigned)__builtin_ctz(places);
            if (memcmp(place, needle, needle_bytes) == 0) {
                return place;
            }
        }
    }
    return memmem(text + at, bytes - at, needle, needle_bytes);
}

/* In up to COUNTER_MAX times LANE_BYTES bytes, whole lanes of them. */
static size_t count_lanes(const char *text, size_t bytes, __m128i wanted)
{
    __m128i counters = _mm_setzero_si128();
    for (size_t at = 0; at < bytes; at += LANE_BYTES) { /* where it is equal: minus one */
        counters = _mm_sub_epi8(counters, _mm_cmpeq_epi8(load(text + at), wanted));
    }
    const __m128i sums = _mm_sad_epu8(counters, _mm_setzero_si128());
    return (size_t)_mm_cvtsi128_si64(sums) +
           (size_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(sums, sums));
}

size_t byte_count(const char *text, size_t bytes, char byte)
{
    const __m128i wanted = _mm_set1_epi8(byte);
    const size_t piece_bytes = (size_t)COUNTER_MAX * LANE_BYTES;
    const size_t lanes_end = bytes - bytes % LANE_BYTES;
    size_t count = 0;
    for (size_t at = 0; at < lanes_end; at += piece_bytes) {
        size_t left = lanes_end - at;
        count += count_lanes(text + at, left < piece_bytes ? left : piece_bytes, wanted);
    }
    return count + count_plainly(text + lanes_end, bytes - lanes_end, byte);
}

#else

size_t byte_count(const char *text, size_t bytes, char byte)
{
    return count_plainly(text, bytes, byte);
}

const char *byte_search(const char *text, size_t bytes, const char *needle, size_t needle_bytes)
{
    return memmem(text, bytes, needle, needle_bytes);
}

#endif
