/*
 * byte_search.c - see byte_search.h.
 *
 * Compares the needle's first and its last byte with sixteen places at once
 * and looks closer only where both agree. Pure; any process may call.
 */
#include "lib/byte_search.h"

#include <string.h>

#ifdef __SSE2__

#include <emmintrin.h>

enum { LANE_BYTES = 16 };

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

#else

const char *byte_search(const char *text, size_t bytes, const char *needle, size_t needle_bytes)
{
    return memmem(text, bytes, needle, needle_bytes);
}

#endif
