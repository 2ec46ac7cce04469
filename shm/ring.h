/*
 * ring.h - the newest bytes of bets.csv, on their way to the disk.
 *
 * The ring holds exactly the bytes that the file will hold: byte p of the file
 * is data[p mod ring_bytes]. layout.h has the picture and the three positions.
 * Handlers append; the storer takes what is pending and reports how far it is.
 */
#ifndef SHM_RING_H
#define SHM_RING_H

#include "shm/agencies.h"
#include "shm/segment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is appended: whole rows of one agency. */
struct append {
    struct agency *agency;
    uint64_t epoch;    /* what agencies_claim gave, or EPOCH_UNFENCED */
    const char *bytes; /* the caller's */
    size_t count;      /* of bytes; at most ring_bytes */
    uint64_t bets;     /* rows in there */
    /* checksum_extend and checksum_factor of them, computed outside the lock. */
    uint64_t checksum, checksum_factor;
};

/*
 * Appends all of it or nothing, after waiting for space where the ring is
 * full, and wakes the storer. *end is set to the position behind the last
 * byte: once `durable` has reached it, the bytes are safe. Called by the
 * handler of slot `slot_index`.
 */
enum append_result ring_append(const struct segment *segment, uint32_t slot_index,
                               const struct append *append, uint64_t *end);

/* --------------------------------------------------------- for the storer */

struct ring_pending {
    const char *bytes; /* in the ring; stay there until ring_report_written */
    uint64_t from;     /* their position */
    size_t count;
};

/* What has been appended and not been written yet. */
struct ring_pending ring_take_pending(const struct segment *segment);

/* How many bytes can be appended now; all of the ring's, when everything has been written. */
uint64_t ring_room(const struct segment *segment);

/* The bytes up to here have been handed to the kernel: their space is free again. */
void ring_report_written(const struct segment *segment, uint64_t position);

/* fdatasync has returned for the bytes up to here. */
void ring_report_durable(const struct segment *segment, uint64_t position);

/*
 * Sets all three positions, and the checksum of all bytes before them, before there are
 * any handlers. Called by recovery.
 */
void ring_start_at(const struct segment *segment, uint64_t position, uint64_t checksum);

#endif
