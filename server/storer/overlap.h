/*
 * overlap.h - whether it pays to begin a sync while another one runs.
 *
 * Each sync costs processor time. Where the disk is fast, those processors have more to do than to
 * wait, and one sync after the other, each for more bytes, gives more. Where the disk is far away,
 * several at once give as many times the throughput. docs/performance.md has the measurements.
 *
 * What counts is the time that a sync takes whatever its size. So each sync is noted without the
 * time that its bytes take on a fast disk, and the shortest of the latest ones is looked at: a sync
 * that had to wait for others, or for the processor, says nothing about the disk.
 *
 * Pure: used by the storer's leader, about the struct that it has.
 */
#ifndef SERVER_STORER_OVERLAP_H
#define SERVER_STORER_OVERLAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OVERLAP_SYNCS = 32, OVERLAP_PAYS_NS = 300 * 1000 };

/* Starts as zeros: the disk is fast until it has shown otherwise. */
struct overlap {
    uint64_t fixed_ns[OVERLAP_SYNCS]; /* of the latest syncs */
    size_t next;
};

/* Notes a sync of `bytes` bytes that took `sync_ns` nanoseconds. */
void overlap_note(struct overlap *overlap, uint64_t sync_ns, uint64_t bytes);

/* True while each of the latest OVERLAP_SYNCS syncs took longer than OVERLAP_PAYS_NS by itself. */
bool overlap_pays(const struct overlap *overlap);

#endif
