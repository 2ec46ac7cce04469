/*
 * byte_search_lanes.h - the loops of byte_search.c, for one width of vectors.
 *
 * Included there once for each width, with LANES, the bytes of a vector; LANED(name),
 * what a name is called at this width; and TARGET, an attribute for the
 * functions. The vectors are the compiler's (GCC manual, "Vector Extensions"),
 * so the same lines are SSE2, AVX2, NEON.
 */

/* No include guard: see above. */

typedef unsigned char LANED(vector) __attribute__((vector_size(LANES)));
typedef uint64_t LANED(words) __attribute__((vector_size(LANES)));

/* True where a needle may begin in the block at `text`: at a place where three bytes agree. */
TARGET static inline bool LANED(may_begin)(const char *text, const char *needle,
                                           size_t needle_bytes)
{
    const size_t middle = needle_bytes / 2;
    const size_t last = needle_bytes - 1;
    const LANED(vector) zero = {0};
    const LANED(vector) first_byte = zero + (unsigned char)needle[0];
    const LANED(vector) middle_byte = zero + (unsigned char)needle[middle];
    const LANED(vector) last_byte = zero + (unsigned char)needle[last];
    LANED(vector) found = zero;
    for (size_t at = 0; at < BLOCK_BYTES; at += LANES) {
        LANED(vector) at_first, at_middle, at_last;
        memcpy(&at_first, text + at, LANES); /* at any address */
        memcpy(&at_middle, text + at + middle, LANES);
        memcpy(&at_last, text + at + last, LANES);
        found |= (LANED(vector))((at_first == first_byte) & (at_middle == middle_byte) &
                                 (at_last == last_byte));
    }
    const LANED(words) words = (LANED(words))found;
    uint64_t any = 0;
    for (size_t i = 0; i < LANES / sizeof(uint64_t); i++) {
        any |= words[i];
    }
    return any != 0;
}

TARGET static const char *LANED(search)(const char *text, size_t bytes, const char *needle,
                                        size_t needle_bytes)
{
    const size_t needed = BLOCK_BYTES + needle_bytes - 1;
    for (; bytes >= needed; text += BLOCK_BYTES, bytes -= BLOCK_BYTES) {
        if (LANED(may_begin)(text, needle, needle_bytes)) {
            const char *place = memmem(text, needed, needle, needle_bytes);
            if (place != NULL) {
                return place;
            }
        }
    }
    return memmem(text, bytes, needle, needle_bytes);
}

/* In up to COUNTER_MAX times LANES bytes, whole vectors of them. */
TARGET static inline size_t LANED(count_vectors)(const char *text, size_t bytes, char byte)
{
    const LANED(vector) zero = {0};
    const LANED(vector) wanted = zero + (unsigned char)byte;
    LANED(vector) counters = zero;
    for (size_t at = 0; at < bytes; at += LANES) {
        LANED(vector) here;
        memcpy(&here, text + at, LANES);
        counters -= (LANED(vector))(here == wanted); /* where they agree, that is minus one */
    }
    size_t sum = 0;
    for (size_t i = 0; i < LANES; i++) {
        sum += counters[i];
    }
    return sum;
}

TARGET static size_t LANED(count)(const char *text, size_t bytes, char byte)
{
    const size_t piece_max = (size_t)COUNTER_MAX * LANES;
    size_t sum = 0;
    while (bytes >= LANES) {
        size_t piece = bytes < piece_max ? bytes - bytes % LANES : piece_max;
        sum += LANED(count_vectors)(text, piece, byte);
        text += piece;
        bytes -= piece;
    }
    for (size_t i = 0; i < bytes; i++) {
        sum += text[i] == byte ? 1 : 0;
    }
    return sum;
}

#undef LANES
#undef LANED
#undef TARGET
