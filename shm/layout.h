/*
 * layout.h - what stands in the shared memory, and who may touch what.
 *
 *   offset 0            +------------------------------------------------+
 *                       | identity    who made this, which layout        |
 *                       | lifecycle   starting, ready, stopping          |
 *                       | append      robust mutex, intent, draw_closed  |
 *                       | positions   head | written, durable            |
 *                       | waiters     one bit a slot and kind of wait    |
 *                       | storer      its semaphore, its counters        |
 *                       | supervisor  its counters                       |
 *                       | log         lines lost                         |
 *   agencies_offset     +------------------------------------------------+
 *                       | struct agency [agency_capacity]   (open hash)  |
 *   slots_offset        +------------------------------------------------+
 *                       | struct slot [slot_capacity]                    |
 *   data_offset         +--------- (of a page, or of a huge page) -------+
 *                       | ring_bytes bytes: byte p of bets.csv stands at |
 *                       | data[p mod ring_bytes]; mapped twice in a row, |
 *                       | so that no copy ever wraps                     |
 *                       +------------------------------------------------+
 *
 * The three positions are file offsets of bets.csv and only grow:
 *
 *     durable <= written <= head <= written + ring_bytes
 *
 * Lock order: there is one lock, append.mutex, and nothing is called under it
 * that can block. The supervisor takes it never, except that it initialises it.
 * Everything outside it is either constant after publication or atomic.
 *
 * Only the rooms of shm/ write here; others go through their functions.
 * lottery-stat maps all of it read-only and reads the atomics.
 */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include "lib/log.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SHARED_CACHE_LINE_BYTES = 64,
    SHARED_LAYOUT_VERSION = 4,
    SHARED_SLOTS_MAX = 32768, /* limits.max_connections is below this */
    SHARED_WAITER_WORDS = SHARED_SLOTS_MAX / 64,
    SHARED_PEER_BYTES = 56 /* "[v6 address]:port", terminated */
};

#define SHARED_MAGIC UINT64_C(0x4c4f545445525931) /* "LOTTERY1" */

/*
 * Written once by the supervisor before publication; constant afterwards. magic is
 * stored last, with release: who loads it with acquire and finds SHARED_MAGIC sees all of it.
 */
struct shared_identity {
    _Atomic uint64_t magic; /* 0 until the rest is there */
    uint32_t layout_version;
    /* Sizes that depend on the compiler and the libc: whoever attaches compares. */
    uint32_t mutex_bytes, semaphore_bytes, agency_bytes, slot_bytes, header_bytes;
    uint64_t directory_device, directory_inode; /* of the data directory that this belongs to */
    int64_t started_at_s;                       /* seconds since 1970, for people */
    int64_t started_boot_ms;                    /* by clock_boot_ms, for the uptime */
    int32_t supervisor_pid;
    int32_t gate_id; /* System V semaphore set */
    uint32_t agencies_expected;
    uint32_t agency_capacity; /* a power of two, at least twice agency_limit */
    uint32_t agency_limit;
    uint32_t slot_capacity;
    uint64_t ring_bytes;
    uint64_t segment_bytes;
    uint64_t agencies_offset, slots_offset, data_offset;
};

enum shared_phase { SHARED_NOT_READY, SHARED_STARTING, SHARED_READY, SHARED_STOPPING };

struct shared_lifecycle {
    /* enum shared_phase. Written by the supervisor, with release, after identity.magic. Zero in
     * a segment that is still being made. */
    _Atomic uint32_t phase;
    /* 1 when waiting has no more sense: the storer is gone for good. Written by the supervisor. */
    _Atomic uint32_t halted;
};

/* What changes together with head, noted before head is moved (all of it under the mutex). */
struct shared_intent {
    uint64_t head_after; /* 0: no intent. Stored last, so an intent is whole or not there */
    uint32_t agency_index;
    uint32_t unused;
    /* Absolute, so that doing it twice is doing it once. */
    uint64_t bets_after, bytes_after, checksum_after; /* the agency's */
    uint64_t all_checksum_after;                      /* of everything below head_after */
};

/* What the owner of the lock has repaired and will say so, when it has given it back. */
enum append_repair { REPAIR_NONE, REPAIR_FORGOT, REPAIR_FINISHED };

struct shared_append {
    alignas(SHARED_CACHE_LINE_BYTES) pthread_mutex_t mutex; /* robust, process-shared */
    struct shared_intent intent;                            /* under mutex */
    uint32_t draw_closed;        /* under mutex: 1 once the draw has begun; no bet from then on */
    uint32_t agencies_present;   /* under mutex: entries used in the agencies table */
    uint32_t repair;             /* under mutex: enum append_repair */
    uint64_t checksum;           /* under mutex: of all bytes of bets.csv below head */
    _Atomic uint64_t recoveries; /* how often an owner died; under mutex, read by anyone */
};

struct shared_positions {
    /* Written by appenders under append.mutex, with release; read by everyone. */
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic uint64_t head;
    /* Written by the storer alone, with release; read by everyone. */
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic uint64_t written;
    _Atomic uint64_t durable;
};

/* What a handler can wait for in its semaphore. The gate is waited for elsewhere (gate.h). */
enum wait_kind { WAIT_FOR_SPACE, WAIT_FOR_COMMIT, WAIT_FOR_DONE, WAIT_KINDS };

/*
 * Bit s of a kind is set while slot s sleeps, or is about to, on that kind.
 * Set by the handler of the slot; cleared by the storer, which then posts, by
 * the handler when it need not wait any more, and by whoever sets a slot up.
 */
struct shared_waiters {
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic uint64_t bits[WAIT_KINDS][SHARED_WAITER_WORDS];
    uint32_t next_for_space; /* the slot that the next round for space begins with; the storer's */
};

struct shared_storer {
    alignas(
        SHARED_CACHE_LINE_BYTES) sem_t wakeup; /* one waiter: the storer; set up by supervisor */
    _Atomic uint32_t sleeping;     /* 1 while it sleeps or is about to; written by the storer */
    _Atomic uint32_t done_pending; /* 1: some agency may want its DONE stored; set under mutex,
                                    * and by a new storer */
    _Atomic int32_t pid;           /* by the storer, first of all; 0: buried, by the supervisor */
    _Atomic uint32_t drawn;        /* 1 once winners.csv is in place; written by the storer */
    _Atomic int32_t retry_errno;   /* why it cannot write now (ENOSPC), else 0 */
    _Atomic int64_t beat_at_ms;    /* heartbeat.h; written by the storer each second */
    /* 1 once a sync has failed: its pages count as clean now, so that the next sync would
     * succeed without them. Stored before anything else is done about it, so that the next
     * storer knows when this one is killed; never cleared. Written by the storer. */
    _Atomic uint32_t sync_failed;
    /* Counters; written by the storer. */
    _Atomic uint64_t flushes;       /* flushes that reached the disk */
    _Atomic uint64_t flushed_bytes; /* bytes that those carried */
    _Atomic uint64_t sync_last_ns;  /* the latest fdatasync of bets.csv */
    _Atomic uint64_t sync_worst_ns; /* the longest one */
    _Atomic uint64_t sync_total_ns; /* all of them */
    _Atomic uint64_t write_retries; /* writes tried again because the disk was full */
    _Atomic uint64_t agencies_done; /* distinct agencies whose DONE is durable */
    _Atomic uint64_t winners;       /* rows of winners.csv */
    /* What winners.csv has to be; written by the storer before `drawn`, constant afterwards. */
    _Atomic uint64_t winners_bytes, winners_checksum;
    _Atomic uint64_t draw_ns; /* how long the draw took */
};

struct shared_supervisor {
    /* Counters; written by the supervisor. */
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic int64_t beat_at_ms; /* heartbeat.h; each second */
    _Atomic uint64_t connections_accepted;
    _Atomic uint64_t connections_refused; /* over limits.connections_per_address */
    _Atomic uint64_t connections_open;    /* handlers alive now */
    _Atomic uint64_t handlers_exited;     /* left by themselves */
    _Atomic uint64_t handlers_failed;     /* left with a non-zero status */
    _Atomic uint64_t handlers_killed;     /* ended by a signal */
    _Atomic uint64_t storer_deaths;       /* storers that ended before they were asked to */
    _Atomic uint64_t storer_starts;       /* storers started, the first one included */
    _Atomic uint32_t port; /* TCP, bound on every address; 0: not yet. segment_set_port */
};

/* Of an agency that nobody has claimed, and of a connection that holds no claim on the agency. */
enum { EPOCH_UNFENCED = 0 };

enum agency_phase { AGENCY_OPEN, AGENCY_DONE_ASKED, AGENCY_DONE };

/* One agency. Entries are added under append.mutex and never removed. */
struct agency {
    _Atomic uint16_t present;   /* 1: id is valid; stored with release after id */
    _Atomic uint16_t done_slot; /* 1 + the slot whose DONE closed the agency, 0: none; stored under
                                 * the mutex, before phase */
    uint32_t id;
    _Atomic uint64_t phase;        /* OPEN -> DONE_ASKED under the mutex; -> DONE by the storer */
    _Atomic uint64_t epoch;        /* grows with each STATUS; under the mutex */
    _Atomic uint64_t bets;         /* appended; under the mutex */
    _Atomic uint64_t bytes;        /* of bets.csv, appended; under the mutex */
    _Atomic uint64_t checksum;     /* of its rows in bets.csv, in order; under the mutex */
    _Atomic uint64_t end_position; /* behind its newest byte; under the mutex */
    _Atomic int64_t seen_at_ms;    /* last message, ms since 1970; by its handlers */
};

/* What a handler is doing, for lottery-stat and for logs. */
enum slot_activity {
    SLOT_FREE,
    SLOT_STARTING,
    SLOT_RECEIVING,
    SLOT_WORKING,
    SLOT_WAITING_FOR_SPACE,
    SLOT_WAITING_FOR_COMMIT,
    SLOT_WAITING_FOR_DONE,
    SLOT_WAITING_AT_GATE,
    SLOT_ANSWERING,
    SLOT_CLOSING,
    SLOT_ACTIVITIES
};

/*
 * One connection's handler. Set up by the supervisor before fork, then written by the handler.
 *
 * `version` is a sequence counter (Lameter, "Effective synchronization on Linux/NUMA
 * systems", 2005): the supervisor makes it odd before it gives the slot out or takes it back,
 * and even behind that. A reader without a lock that finds it even, and the same
 * before and after, has read one connection's slot and not half of each of two. It
 * covers what is constant for a connection, `peer` above all; the counters are
 * atomic each for itself and grow while they are read.
 */
struct slot {
    alignas(SHARED_CACHE_LINE_BYTES) sem_t wakeup; /* one waiter: the handler */
    _Atomic uint64_t awaited;  /* the position that would wake it (space, commit) */
    _Atomic uint64_t wanted;   /* bytes that it last had no space for; by the handler */
    _Atomic int32_t pid;       /* 0: free, or just forked; written by the supervisor */
    _Atomic uint32_t activity; /* enum slot_activity */
    _Atomic int64_t since_ms;  /* when the activity began, ms since 1970 */
    _Atomic uint32_t agency;   /* the latest message's sender */
    _Atomic uint32_t agency_known;
    _Atomic uint64_t messages;       /* whole messages read */
    _Atomic uint64_t bets;           /* bets acknowledged */
    _Atomic uint64_t bytes;          /* bytes received */
    char peer[SHARED_PEER_BYTES];    /* constant while the slot is given out; see version */
    _Atomic uint32_t version;        /* odd: being changed; by the supervisor alone */
    _Atomic int64_t connected_at_ms; /* ms since 1970 */
};

struct shared {
    struct shared_identity identity;
    struct shared_lifecycle lifecycle;
    struct shared_append append;
    struct shared_positions positions;
    struct shared_waiters waiters;
    struct shared_storer storer;
    struct shared_supervisor supervisor;
    /* Lines of the log that did not get out. Written by every process of the server that
     * loses one, and by the one that tells of them (lib/log.c); read by anyone. */
    alignas(SHARED_CACHE_LINE_BYTES) struct log_losses log;
};

_Static_assert(sizeof(struct agency) == SHARED_CACHE_LINE_BYTES, "an agency is one cache line");
_Static_assert(sizeof(struct slot) % SHARED_CACHE_LINE_BYTES == 0, "slots share no cache line");
_Static_assert(offsetof(struct shared, append) % SHARED_CACHE_LINE_BYTES == 0, "lock is alone");
_Static_assert(offsetof(struct shared_positions, written) == SHARED_CACHE_LINE_BYTES,
               "head does not share the storer's cache line");
_Static_assert(SHARED_SLOTS_MAX <= UINT16_MAX, "done_slot holds every slot");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 &&
                   ATOMIC_SHORT_LOCK_FREE == 2,
               "atomics between processes must not be locks of the library");

#endif
