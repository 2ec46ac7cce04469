/*
 * row_scan_lanes.h - the loops of row_scan.c, for one width of vectors.
 *
 * Included there once for each width, with LANES, the bytes of a vector; LANED(name),
 * what a name is called at this width; TARGET, an attribute for the functions; and
 * BITS_OF(vector), the highest bit of each of its bytes. The vectors are the compiler's
 * (GCC manual, "Vector Extensions").
 */

/* No include guard: see above. */

typedef unsigned char LANED(vector) __attribute__((vector_size(LANES)));
typedef signed char LANED(signed_vector) __attribute__((vector_size(LANES)));

/* The highest bits of a block's bytes. */
TARGET static INLINE uint64_t LANED(bits)(const LANED(vector) * lanes)
{
    uint64_t bits = 0;
#pragma GCC unroll 16
    for (unsigned i = 0; i < ROW_SCAN_BLOCK_BYTES / LANES; i++) {
        bits |= (uint64_t)(BITS_OF(lanes[i])) << (i * LANES);
    }
    return bits;
}

TARGET static INLINE struct block_classes LANED(classify)(const char *bytes)
{
    enum { LANE_COUNT = ROW_SCAN_BLOCK_BYTES / LANES };
    LANED(vector) ends[LANE_COUNT], line_feeds[LANE_COUNT], carriage_returns[LANE_COUNT];
    LANED(vector) leads[LANE_COUNT], continuations[LANE_COUNT];
    LANED(vector) odd = {0};
#pragma GCC unroll 16
    for (unsigned i = 0; i < LANE_COUNT; i++) {
        LANED(vector) lane;
        memcpy(&lane, bytes + (size_t)i * LANES, LANES); /* at any address */
        line_feeds[i] = (LANED(vector))(lane == '\n');
        carriage_returns[i] = (LANED(vector))(lane == '\r');
        leads[i] = (LANED(vector))(lane == LEAD);
        /* As signed bytes, 0x80 to 0xbf are those below 0xc0. */
        const LANED(signed_vector) values = (LANED(signed_vector))lane;
        continuations[i] = (LANED(vector))(values < (signed char)FIRST_LEAD);
        /* As signed bytes: all control characters but DELETE, and all that are not ASCII. */
        const LANED(vector) below_space = (LANED(vector))(values < ' ');
        /* Of these only the highest bits count. */
        odd |= below_space & ~(lane | line_feeds[i] | carriage_returns[i]);
        odd |= lane & ~(leads[i] | continuations[i]);
        odd |= (LANED(vector))(lane == '"') | (LANED(vector))(lane == DELETE);
        ends[i] = (LANED(vector))(lane == ',') | line_feeds[i];
    }
    return (struct block_classes){
        .ends = LANED(bits)(ends),
        .line_feeds = LANED(bits)(line_feeds),
        .carriage_returns = LANED(bits)(carriage_returns),
        .leads = LANED(bits)(leads),
        .continuations = LANED(bits)(continuations),
        .odd = BITS_OF(odd),
    };
}

TARGET static void LANED(scan)(const char *rows, size_t bytes, struct row_marks *marks)
{
    struct block_carry carry = {0};
    const size_t scanned = bytes < ROW_SCAN_BYTES_MAX ? bytes : ROW_SCAN_BYTES_MAX;
    const unsigned blocks = (unsigned)(scanned / ROW_SCAN_BLOCK_BYTES);
    marks->end_count = 0;
    marks->row_count = 0;
    marks->is_open = false;
    marks->suspect = 0;
    for (unsigned block = 0; block < blocks; block++) {
        const struct block_classes classes =
            LANED(classify)(rows + (size_t)block * ROW_SCAN_BLOCK_BYTES);
        mark_block(marks, block, &classes, &carry);
    }
    if (blocks < ROW_SCAN_BLOCKS) {
        char last[ROW_SCAN_BLOCK_BYTES];
        const size_t base = (size_t)blocks * ROW_SCAN_BLOCK_BYTES;
        marks->is_open = bytes > 0 && rows[bytes - 1] != '\n';
        fill_last_block(last, rows + base, bytes - base, marks->is_open);
        const struct block_classes classes = LANED(classify)(last);
        mark_block(marks, blocks, &classes, &carry);
    }
}

#undef LANES
#undef LANED
#undef TARGET
#undef BITS_OF
