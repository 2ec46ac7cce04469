/*
 * overlap.c - see overlap.h.
 */
#include "server/storer/overlap.h"

enum { BYTES_A_NS = 2 }; /* of a fast disk: 2 GB a second */

void overlap_note(struct overlap *overlap, uint64_t sync_ns, uint64_t bytes)
{
    uint64_t transfer_ns = bytes / BYTES_A_NS;
    overlap->fixed_ns[overlap->next] = sync_ns > transfer_ns ? sync_ns - transfer_ns : 0;
    overlap->next = (overlap->next + 1) % OVERLAP_SYNCS;
}

bool overlap_pays(const struct overlap *overlap)
{
    for (size_t i = 0; i < OVERLAP_SYNCS; i++) {
        if (overlap->fixed_ns[i] <= OVERLAP_PAYS_NS) {
            return false;
        }
    }
    return true;
}
