/*
 * snapshot.h - a private copy of what the server's shared memory holds.
 *
 * Every output of lottery-stat is made from such a copy, which does not change while it is
 * printed. To take one, lottery-stat reads the segment's atomics and asks the kernel for the
 * gate's values. It takes no lock and writes nothing, so no process of the server ever waits
 * for it. The server runs meanwhile, so two figures may be some microseconds apart. Positions
 * are read in the order that keeps durable <= written <= head true. A slot that is given to
 * another connection while it is copied is left out.
 *
 * Called by lottery-stat alone. If that dies, the server is not affected.
 */
#ifndef STAT_SNAPSHOT_H
#define STAT_SNAPSHOT_H

#include "lib/failure.h"
#include "shm/segment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of a figure that is not known or does not exist. Of a double: NAN; of a text: "". */
#define SNAPSHOT_UNKNOWN UINT64_MAX

enum { SNAPSHOT_WORD_BYTES = 32 };

/* counters.c says what each figure is, and in which unit. */
struct snapshot_server {
    uint64_t pid, port, started_at_ms, uptime_ms;
    char phase[SNAPSHOT_WORD_BYTES];
    uint64_t ready, halted, beat_age_ms;
    uint64_t agencies, bets;
    uint64_t connections_accepted, connections_refused, connections_open;
    uint64_t log_lines_lost;
};

struct snapshot_ring {
    uint64_t head, written, durable;
    uint64_t size, used, unsynced;
    double fill; /* 0 .. 1 */
    uint64_t waiting_for_space, waiting_for_commit;
};

struct snapshot_storer {
    uint64_t pid;
    char activity[SNAPSHOT_WORD_BYTES];
    uint64_t restarts;
    uint64_t flushes, flushed_bytes;
    double bytes_a_flush, bets_a_flush;
    uint64_t sync_last_ns, sync_mean_ns, sync_worst_ns, sync_total_ns;
    uint64_t no_room;
    char no_room_reason[SNAPSHOT_WORD_BYTES];
    uint64_t write_retries;
    uint64_t beat_age_ms;
};

struct snapshot_draw {
    uint64_t expected, done, drawn, winners, took_ns;
};

struct snapshot_gate {
    uint64_t id, missing, waiting, connected;
};

struct snapshot_deaths {
    uint64_t handlers_exited, handlers_failed, handlers_killed;
    uint64_t storer_deaths, lock_recoveries;
};

struct snapshot_agency {
    uint64_t id;
    char phase[SNAPSHOT_WORD_BYTES];
    uint64_t bets, bytes, end_position, claims, seen_at_ms;
};

struct snapshot_handler {
    uint64_t pid;
    char peer[SHARED_PEER_BYTES]; /* printable ASCII, terminated, whatever stood in the slot */
    uint64_t agency;
    char activity[SNAPSHOT_WORD_BYTES];
    uint64_t since_ms, awaited;
    uint64_t bets, messages, bytes, connected_at_ms;
};

struct snapshot {
    uint64_t taken_ns;    /* of the monotonic clock, for rates */
    uint64_t taken_at_ms; /* since 1970, for ages */
    struct snapshot_server server;
    struct snapshot_ring ring;
    struct snapshot_storer storer;
    struct snapshot_draw draw;
    struct snapshot_gate gate;
    struct snapshot_deaths deaths;
    struct snapshot_agency *agencies; /* by id */
    size_t agency_count;
    struct snapshot_handler *handlers; /* by slot */
    size_t handler_count;
};

/*
 * Copies the attached segment. Returns false and describes the failure when there is no
 * memory, or when the tables do not lie within the segment. The caller frees the snapshot with
 * snapshot_free, which takes a zeroed one, too.
 */
bool snapshot_take(const struct segment *segment, struct snapshot *snapshot,
                   struct failure *failure);
void snapshot_free(struct snapshot *snapshot);

#endif
