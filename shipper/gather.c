/*
 * gather.c - see gather.h.
 */
#include "shipper/gather.h"

enum {
    SPARE_PART = 8,                    /* batches that come again may be shorter by this part */
    PATIENCE_PART = 4,                 /* of the last append's time */
    PATIENCE_NS_MAX = 20 * 1000 * 1000 /* however long an election has made the last append */
};

uint64_t gather_bytes(struct gather *gather)
{
    const uint64_t expected = gather->last + gather->left;
    if (expected > GATHER_BYTES) {
        return 0;
    }
    if (gather->rest > 0) {
        gather->rest--;
        return 0;
    }
    return expected - expected / SPARE_PART;
}

int64_t gather_patience_ns(uint64_t append_ns)
{
    const uint64_t part_ns = append_ns / PATIENCE_PART;
    return part_ns < PATIENCE_NS_MAX ? (int64_t)part_ns : PATIENCE_NS_MAX;
}

/* In vain: less than half of what was missing has come. */
void gather_note_wait(struct gather *gather, uint64_t wanted, uint64_t before, uint64_t after)
{
    gather->rest = after - before < (wanted - before) / 2 ? GATHER_RECORDS : 0;
}

void gather_note_record(struct gather *gather, uint64_t bytes, uint64_t left)
{
    gather->last = bytes;
    gather->left = left;
}
