/*
 * ring.h - the newest bytes of bets.csv, on their way to the disk.
 *
 * The ring holds exactly the bytes that the file will hold: byte p of the file
 * is data[p mod ring_bytes]. layout.h has the picture and the three positions.
 * Handlers append. The storer takes what is pending, reports how far it has written and
 * synced, and then wakes who waits for that (waiting.h). Who may append is decided by
 * agencies.h.
 *
 * If an appender dies, append_lock.h repairs; if the storer dies, the next one takes the
 * same bytes again.
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
    /*
     * Called without the lock before ring_append sleeps until *position reaches `target`: what the
     * caller owes need not wait for it. False: the server has been halted. NULL: there is nothing to do.
     */
    bool (*before_wait)(void *context, const _Atomic uint64_t *position, uint64_t target);
    void *context;
};

/*
 * Appends all of the bytes or none, and wakes the storer. Waits for space while the ring is
 * full, and while the engine lacks more than lag_bytes, where bets are copied. Returns APPEND_DONE and
 * sets *end to the position after the last byte: once `durable` has reached it, the bytes are safe. Else
 * returns why nothing was appended, and leaves *end.
 * Called by the handler of slot `slot_index`, without the lock.
 */
enum append_result ring_append(const struct segment *segment, uint32_t slot_index,
                               const struct append *append, uint64_t *end);

/* ---------------------------------------------------------- by the storer */

struct ring_pending {
    const char *bytes; /* in the ring; they stay there until ring_report_written */
    uint64_t from;     /* the position of the first one */
    size_t count;      /* 0: nothing is pending */
};

/* Returns what has been appended and not been reported as written, [written, head). */
struct ring_pending ring_take_pending(const struct segment *segment);

/* Returns how many bytes can be appended now: ring_bytes when everything has been written. */
uint64_t ring_room(const struct segment *segment);

/* Reports that the kernel has the bytes before `position`: their space is free from now on. */
void ring_report_written(const struct segment *segment, uint64_t position);

/*
 * Reports that fdatasync has returned for the bytes before `position`: they are safe. `durable` never
 * goes back, so several threads of the storer may report, in any order.
 */
void ring_report_durable(const struct segment *segment, uint64_t position);

/*
 * Sets all three positions, and the checksum of all bytes before them. Called by the
 * supervisor during recovery, before there are other processes.
 */
void ring_start_at(const struct segment *segment, uint64_t position, uint64_t checksum);

#endif
