/*
 * block_scan.c - see block_scan.h.
 */
#include "bet/block_scan.h"

enum {
    LEAD = 0xc3,
    DELETE = 0x7f,
    FIRST_NON_ASCII = 0x80,
    FIRST_LEAD = 0xc0, /* bytes from 0x80 up to this one are continuations */
    LAST_BIT = BLOCK_SCAN_BYTES - 1
};

/* The classes of 64 bytes, from which both versions conclude the same. */
struct block_classes {
    uint64_t commas, line_feeds, carriage_returns;
    uint64_t odd;           /* quotes and control characters other than LF and CR */
    uint64_t non_ascii;     /* 0x80 and above */
    uint64_t leads;         /* 0xc3 */
    uint64_t continuations; /* 0x80 to 0xbf */
};

/* What the classes say; `open` is the previous block's. */
static struct block_masks conclude(const struct block_classes *classes, bool open)
{
    const uint64_t expected = classes->leads << 1 | (open ? 1 : 0);
    const uint64_t others = classes->non_ascii ^ (classes->leads | classes->continuations);
    return (struct block_masks){
        .commas = classes->commas,
        .line_feeds = classes->line_feeds,
        .carriage_returns = classes->carriage_returns,
        .suspect = (classes->odd | others | (classes->continuations ^ expected)) != 0,
        .open = classes->leads >> LAST_BIT != 0,
    };
}

static bool is_odd(unsigned char byte)
{
    return byte == '"' || byte == DELETE || (byte < ' ' && byte != '\n' && byte != '\r');
}

struct block_masks block_scan_portable(const char *bytes, bool open)
{
    struct block_classes classes = {0};
    for (unsigned i = 0; i < BLOCK_SCAN_BYTES; i++) {
        const unsigned char byte = (unsigned char)bytes[i];
        const bool non_ascii = byte >= FIRST_NON_ASCII;
        const uint64_t bit = UINT64_C(1) << i;
        classes.commas |= byte == ',' ? bit : 0;
        classes.line_feeds |= byte == '\n' ? bit : 0;
        classes.carriage_returns |= byte == '\r' ? bit : 0;
        classes.odd |= is_odd(byte) ? bit : 0;
        classes.non_ascii |= non_ascii ? bit : 0;
        classes.leads |= byte == LEAD ? bit : 0;
        classes.continuations |= non_ascii && byte < FIRST_LEAD ? bit : 0;
    }
    return conclude(&classes, open);
}

#ifdef __SSE2__

#include <emmintrin.h>

enum { LANE_BYTES = 16 };

static inline uint64_t mask_of(__m128i lane)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(lane);
}

static inline __m128i equal_to(__m128i lane, int byte)
{
    return _mm_cmpeq_epi8(lane, _mm_set1_epi8((char)byte));
}

/* Adds the classes of 16 bytes, as bits from `shift` on. */
static inline void classify_lane(const char *bytes, unsigned shift, struct block_classes *classes)
{
    const __m128i lane = _mm_loadu_si128((const __m128i *)(const void *)bytes);
    const __m128i line_feeds = equal_to(lane, '\n');
    const __m128i carriage_returns = equal_to(lane, '\r');
    const __m128i line_ends = _mm_or_si128(line_feeds, carriage_returns);
    /* As signed bytes: all control characters but DELETE, and, as they are negative, non-ASCII. */
    const __m128i below_space = _mm_cmplt_epi8(lane, _mm_set1_epi8(' '));
    const __m128i controls = _mm_andnot_si128(_mm_or_si128(line_ends, lane), below_space);
    const __m128i odd =
        _mm_or_si128(controls, _mm_or_si128(equal_to(lane, '"'), equal_to(lane, DELETE)));
    /* As signed bytes, 0x80 to 0xbf are those below 0xc0. */
    const __m128i continuations = _mm_cmplt_epi8(lane, _mm_set1_epi8((char)FIRST_LEAD));
    classes->commas |= mask_of(equal_to(lane, ',')) << shift;
    classes->line_feeds |= mask_of(line_feeds) << shift;
    classes->carriage_returns |= mask_of(carriage_returns) << shift;
    classes->odd |= mask_of(odd) << shift;
    classes->non_ascii |= mask_of(lane) << shift;
    classes->leads |= mask_of(equal_to(lane, LEAD)) << shift;
    classes->continuations |= mask_of(continuations) << shift;
}

struct block_masks block_scan(const char *bytes, bool open)
{
    struct block_classes classes = {0};
    for (unsigned at = 0; at < BLOCK_SCAN_BYTES; at += LANE_BYTES) {
        classify_lane(bytes + at, at, &classes);
    }
    return conclude(&classes, open);
}

#else

struct block_masks block_scan(const char *bytes, bool open)
{
    return block_scan_portable(bytes, open);
}

#endif
