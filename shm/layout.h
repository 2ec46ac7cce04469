/*
 * layout.h - what stands in the shared memory, and who may touch what.
 *
 *   offset 0            +------------------------------------------------+
 *                       | identity    who made this, which layout        |
 *                       | lifecycle   starting, ready, stopping          |
 *                       | append      robust mutex, intent, draw_closed  |
 *                       | positions   head | written, durable | replicated |
 *                       | waiters     one bit a slot and kind of wait    |
 *                       | storer      its semaphore, its counters        |
 *                       | supervisor  its counters                       |
 *                       | order       what an operator wants of the storer |
 *                       | tls         when its files end, handshakes     |
 *                       | log         lines lost                         |
 *                       | keyholder   its counters                       |
 *                       | confinement what processes may do              |
 *                       | refusals    what was refused, by reason        |
 *                       | shipper     its semaphore, its counters        |
 *                       | centres     a draw that several centres hold   |
 *                       | times       how long syncs and answers took    |
 *   agencies_offset     +------------------------------------------------+
 *                       | struct agency [agency_capacity]   (open hash)  |
 *   buckets_offset      +------------------------------------------------+
 *                       | a bucket of bets [agency_capacity], by entry   |
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
 *     replicated <= durable <= written <= head <= written + ring_bytes
 *
 * `replicated` is 0 where nothing is copied to an engine.
 *
 * The lock. There is one, append.mutex, and nothing that can block is called under it.
 * Handlers and the storer take it. The supervisor initialises it and takes it during
 * recovery, when it has no children yet; never afterwards, so that no child can hold the
 * supervisor up. Every field is constant after publication, or is marked "under the
 * mutex", or belongs to one process, or is atomic.
 *
 * Who writes. Positions, waiters' bits, the intent, the agencies' counts, phases and
 * epochs change only through functions of shm/. Figures and flags of one process are
 * written by that process's own code in server/ or shipper/, by plain atomic stores: the counters and
 * flags of struct shared_storer (storer), the counters of struct shared_supervisor
 * (supervisor), those of struct shared_keyholder (keyholder, supervisor), the dates of struct
 * shared_tls (supervisor), what struct shared_shipper tells (shipper), a slot's pid (supervisor),
 * a slot's counters and an agency's seen_at_ms (handlers). Each of those has one writer at a time
 * unless its comment names more.
 * What several processes count or reserve is changed by atomic operations: the handshakes of
 * struct shared_tls, struct shared_refusals, struct shared_times, the buckets
 * (rate_limit_reserve, by handlers), and a slot's standing.
 *
 * Memory order. Seq_cst where the comment says so, because a wake-up depends on it
 * (waiting.h). A counter tells of nothing but itself, so relaxed is enough for it;
 * many are stored seq_cst all the same, where speed does not matter.
 *
 * lottery-stat maps all of it read-only, takes no lock, and reads what is constant, the atomics, and
 * texts that have a version.
 *
 * Included by every process of the server and by lottery-stat.
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
    SHARED_LAYOUT_VERSION = 17,
    SHARED_SLOTS_MAX = 32768, /* limits.max_connections, and those that leave, are below this */
    SHARED_WAITER_WORDS = SHARED_SLOTS_MAX / 64,
    SHARED_SERIAL_BYTES = 44, /* 20 octets in hexadecimal, terminated */
    SHARED_NAMES_BYTES = 32,  /* "1-5,7", terminated */
    SHARED_PEER_BYTES = 56,   /* "[v6 address]:port", terminated */
    SHARED_ORDER_TEXT_BYTES = 256,
    SHARED_ANSWER_BYTES = 512,
    SHARED_VERSION_BYTES = 16,
    SHARED_COMMIT_BYTES = 32,
    SHARED_CONFINED_MAX = 8 /* kinds of processes that have a rule of confinement */
};

#define SHARED_MAGIC UINT64_C(0x4c4f545445525931) /* "LOTTERY1" */

/*
 * Written by the supervisor before publication and constant afterwards. segment_publish
 * stores magic last, with release: a process that loads it with acquire and finds
 * SHARED_MAGIC sees the rest. Children are forked later and see it anyway.
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
    uint32_t slot_capacity; /* connections, and those that have to leave and have not left */
    _Atomic uint32_t connection_limit; /* limits.max_connections; SIGHUP can lower it */
    uint64_t ring_bytes;
    uint64_t lag_bytes; /* replication.lag_bytes; 0: nothing is copied */
    uint32_t
        acks_are_copied; /* 1: ack_after is `replicated`; the shipper wakes who waits for one */
    uint64_t segment_bytes;
    uint64_t agencies_offset, buckets_offset, slots_offset, data_offset;
    char version[SHARED_VERSION_BYTES]; /* of the server's programs, and the commit that they are */
    char commit[SHARED_COMMIT_BYTES];   /* built of; each terminated */
};

enum shared_phase { SHARED_NOT_READY, SHARED_STARTING, SHARED_READY, SHARED_STOPPING };

struct shared_lifecycle {
    /* enum shared_phase; 0 in a segment that is still being made. Written by the supervisor,
     * with release, after identity.magic and after all that the phase promises; read by
     * lottery-stat, with acquire. */
    _Atomic uint32_t phase;
    /* 1: there will be no storer any more, so nobody may wait for one. Written by the
     * supervisor, seq_cst, before it posts every semaphore of a handler; each handler looks
     * after it has emptied its semaphore, so it finds either the flag or the token. */
    _Atomic uint32_t halted;
};

/*
 * What changes together with head, noted before head is moved. Written and read under the
 * mutex, by appenders and by the owner of the lock that repairs a dead one's work.
 */
struct shared_intent {
    uint64_t head_after; /* 0: no intent. Stored last, so an intent is whole or not there */
    uint32_t agency_index;
    uint32_t unused;
    /* Absolute values: carrying an intent out a second time changes nothing. */
    uint64_t bets_after, bytes_after, checksum_after; /* the agency's */
    uint64_t all_checksum_after;                      /* of everything below head_after */
};

/* What the owner of the lock has repaired; it is logged once the lock has been given back. */
enum append_repair { REPAIR_NONE, REPAIR_FORGOT, REPAIR_FINISHED };

struct shared_append {
    alignas(SHARED_CACHE_LINE_BYTES) pthread_mutex_t mutex; /* robust, process-shared */
    struct shared_intent intent;                            /* under the mutex */
    uint32_t draw_closed; /* under the mutex: 1 while sales are closed; no bet is taken */
    _Atomic uint32_t agencies_present; /* entries used in the agencies table; changed under the
                                        * mutex, and the storer takes a look without it */
    uint32_t repair;                   /* under the mutex: enum append_repair */
    uint64_t checksum;                 /* under the mutex: of all bytes of bets.csv below head */
    _Atomic uint64_t recoveries; /* how often an owner died; under the mutex, read by anyone */
};

/*
 * Set by recovery (ring_start_at) before there are other processes; then moved as below.
 *
 * All three are stored seq_cst, because the waker stores a position and then looks for
 * waiters, while a waiter says that it waits and then looks at the position: with release
 * stores both could look too early, and the waiter would sleep on (waiting.h).
 *
 * The storer reads the bytes [written, head) without the lock. They are complete: an
 * appender copies its bytes before it stores head, and the storer loads head before it
 * reads them. They do not change: an appender writes only into [head, written +
 * ring_bytes), and `written` moves only when the storer has handed the bytes to the kernel.
 * An appender loads `written` with acquire before it uses space that became free. The repair
 * of a dead owner's work changes counts, never bytes below head.
 */
struct shared_positions {
    /* Written by appenders, seq_cst, under the mutex; read by anyone. */
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic uint64_t head;
    /* Written by the storer alone, seq_cst; read by anyone. */
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic uint64_t written; /* the kernel has the bytes */
    _Atomic uint64_t durable;                                  /* the disk has them: fdatasync */
    /*
     * What is copied to the engine, and how far (replica.h). Each pair is stored seq_cst, after what
     * it tells of: the left one by the storer, which then wakes the shipper; the right one by the
     * shipper alone, which then wakes handlers and storer. Read by both, by handlers, and by anyone
     * who looks. A new shipper may find any of its own three, and keeps them: what they tell of the
     * engine stays true.
     */
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic uint64_t replicated; /* of bets.csv; see `durable` */
    _Atomic uint64_t done_durable;                                /* bytes of done.csv */
    _Atomic uint64_t done_replicated; /* bytes of done.csv that the engine has */
    _Atomic uint64_t files_made; /* how often a small file was made durable; a new storer adds 1 */
    _Atomic uint64_t files_replicated; /* the engine has what stood there after so many, and all
                                        * bets and lines of done.csv that it stands on */
};

/*
 * What a handler can wait for in its semaphore. The gate is waited for elsewhere (gate.h). Each kind
 * has one waker: the storer, but for the last two, and for WAIT_FOR_COMMIT with ack_after: replicated,
 * which are the shipper's.
 */
enum wait_kind {
    WAIT_FOR_SPACE,
    WAIT_FOR_COMMIT,
    WAIT_FOR_DONE,
    WAIT_FOR_LAG,  /* until the engine lacks less than replication.lag_bytes */
    WAIT_FOR_COPY, /* until files_replicated has come so far, or proofs_given of the shipper */
    WAIT_KINDS
};

/*
 * Bit s of a kind is set while the handler of slot s sleeps, or is about to sleep, for that
 * kind. The handler sets it, and clears it when it has stopped waiting. The kind's waker clears it
 * before it posts the slot's semaphore. The supervisor clears it when it sets the slot up.
 * All with seq_cst read-modify-writes: 64 slots share a word, and the order against the
 * positions matters (waiting.h).
 */
struct shared_waiters {
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic uint64_t bits[WAIT_KINDS][SHARED_WAITER_WORDS];
    /* 1: the last round for space has left handlers asleep, so others stand in line, too. Written by
     * the storer, read by handlers. No wake-up depends on it: relaxed is enough. */
    _Atomic uint32_t space_is_scarce;
    /* The slot that the next round for space begins with. The storer's alone; a new storer may
     * find any value, and takes it modulo the number of slots. */
    uint32_t next_for_space;
    /* Where head will be once all handlers that were woken for space have appended. The storer's
     * alone; any value is good, because it lasts until the ring is empty at most. */
    uint64_t promised_head;
};

/* Written by the storer, where no other writer is named; read by anyone. */
struct shared_storer {
    /* The storer alone waits for it; any process posts it. The supervisor sets it up before it
     * starts a storer, so a token or a waiter that a dead storer left does not count. */
    alignas(SHARED_CACHE_LINE_BYTES) sem_t wakeup;
    /* 1 while the storer sleeps or is about to. Seq_cst: it is stored before the storer looks
     * for work, and wakers look at it after they have made work (waiting.h). The supervisor
     * clears it when it sets the semaphore up. */
    _Atomic uint32_t sleeping;
    /* 1: an agency may wait for its DONE to be stored. Set seq_cst, before the storer is woken:
     * by a handler and by the lock's repair under the mutex, by a new storer without it. The
     * storer takes it by an exchange with 0, before it looks at the agencies. */
    _Atomic uint32_t done_pending;
    /* Stored by the storer as its first act, and as 0 by the supervisor once it has reaped it.
     * The supervisor starts a new storer only after that, so there is one writer at a time. */
    _Atomic int32_t pid;
    /* 1 once winners.csv is in place and control says so. Stored seq_cst, after the winners'
     * figures below, so a handler that finds 1 reads those of the draw. */
    _Atomic uint32_t drawn;
    /* What control says of the draw: enum control_state (store/control.h). Stored seq_cst, after
     * control is durable; read by handlers, the supervisor, the shipper and lottery-stat. */
    _Atomic uint32_t draw_state;
    _Atomic int32_t retry_errno; /* why it cannot write now (ENOSPC, EDQUOT), else 0 */
    _Atomic int64_t beat_at_ms;  /* heartbeat.h; each second */
    /* 1 once the files on the disk cannot be trusted: a sync failed, after which its pages
     * count as clean and the next sync would succeed without them; or a file is not what was
     * stored. Stored before the storer does anything else about it and never cleared, so the
     * next storer refuses to go on even if this one is killed first. */
    _Atomic uint32_t sync_failed;
    /* Counters. */
    _Atomic uint64_t flushes;          /* syncs of bets.csv that returned */
    _Atomic uint64_t syncs_overlapped; /* those that began while another one ran */
    _Atomic uint64_t flushed_bytes;    /* bytes that those carried */
    _Atomic uint64_t sync_last_ns;     /* the latest fdatasync of bets.csv */
    _Atomic uint64_t sync_worst_ns;    /* the longest one */
    _Atomic uint64_t sync_total_ns;    /* all of them */
    _Atomic uint64_t write_retries;    /* writes tried again because the disk was full */
    _Atomic uint64_t agencies_done; /* agencies whose DONE is durable; recovery writes it first */
    _Atomic uint64_t winners;       /* rows of winners.csv */
    /* What winners.csv has to be; stored before `drawn`, constant afterwards. */
    _Atomic uint64_t winners_bytes, winners_checksum;
    _Atomic uint64_t draw_ns; /* how long the draw took */
};

/*
 * Written by the supervisor, where no other writer is named; read by anyone. Relaxed is enough:
 * each is about itself.
 */
struct shared_supervisor {
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic int64_t beat_at_ms; /* heartbeat.h; each second */
    _Atomic uint64_t connections_accepted;
    /* Closed when they were accepted, by the supervisor; or once a balancer had said whose they
     * are, by their handlers. All of them add atomically. shared_refusals has the reasons. */
    _Atomic uint64_t connections_refused;
    _Atomic uint64_t connections_open; /* handlers alive now, but for those that have to leave */
    _Atomic uint64_t handlers_exited;  /* left by themselves */
    _Atomic uint64_t handlers_failed;  /* left with a non-zero status */
    _Atomic uint64_t handlers_killed;  /* ended by a signal, and not by a forbidden call */
    _Atomic uint64_t storer_deaths;    /* storers that ended before they were asked to */
    _Atomic uint64_t storer_starts;    /* storers started, the first one included */
    _Atomic uint32_t port; /* TCP, bound on every address; 0: not yet. segment_set_port */
    _Atomic uint64_t handlers_forbidden; /* ended by a system call that they may not do */
    _Atomic uint64_t storers_forbidden;  /* the same; they are among storer_deaths, too */
    _Atomic uint64_t handlers_returned;  /* connections after which a handler was kept */
    _Atomic uint64_t handlers_ahead;     /* forked ahead, and waiting for a connection now */
    /* log.level, enum log_level, which SIGHUP changes. The supervisor's children follow it; the
     * supervisor itself does not, so that nobody can silence it. */
    _Atomic uint32_t log_level;
};

/* What a kernel can lack for the confinement of processes: bits. */
enum shared_lack { SHARED_LACKS_SECCOMP = 1, SHARED_LACKS_LANDLOCK = 2 };

/*
 * How the server's processes are confined (server/confinement.h). Written by the supervisor before
 * it has children, and constant afterwards; read by lottery-stat. Until then it is all zeros.
 */
struct shared_confinement {
    uint32_t mode;             /* enum server_confinement */
    uint32_t user;             /* the user ID of all of them */
    uint32_t landlock_version; /* of the kernel; 0: none */
    uint32_t missing;          /* enum shared_lack */
    uint64_t capabilities;     /* those that are permitted, as in /proc/PID/status */
    /* System calls that each kind may do: the supervisor first, then in the order of enum
     * process_role (server/processes.h). 0: all of them, or there is no such kind. */
    uint32_t calls[SHARED_CONFINED_MAX];
};

/*
 * Written by the keyholder, where no other writer is named; read by anyone. Relaxed is enough: each
 * is about itself. Zeros without TLS.
 */
struct shared_keyholder {
    /* Stored by the keyholder as its first act, and as 0 by the supervisor once it is reaped. Where
     * a new key was no good, the supervisor stores the keyholder that goes on. */
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic int32_t pid;
    _Atomic uint64_t starts;     /* keyholders started, the first one included; by the supervisor */
    _Atomic uint64_t deaths;     /* those that ended before they were asked to; by the supervisor */
    _Atomic uint64_t signatures; /* handshakes signed */
    _Atomic uint64_t refused;    /* requests to sign what is no server's handshake, or so */
    _Atomic uint64_t malformed;  /* messages that were no request, and were dropped */
    _Atomic uint64_t abandoned;  /* requests whose handler had gone by the time they were taken */
};

/* What the shipper is doing. */
enum shipper_state {
    SHIPPER_OFF, /* nothing is copied: replication.servers is empty */
    SHIPPER_STARTING,
    SHIPPER_CONNECTING, /* there is no connection to the engine */
    SHIPPER_CLAIMING,   /* it reads where the log ends, and claims it */
    SHIPPER_SHIPPING,   /* what is durable is copied as it comes */
    SHIPPER_WAITING,    /* an append has no answer: there may be no quorum */
    SHIPPER_FENCED,     /* another node has claimed the log: this server is over */
    SHIPPER_BEHIND,     /* the log has more than this disk: this server is over */
    SHIPPER_REFUSED, /* the engine's settings, or other bytes than the log's: an operator is needed */
    SHIPPER_STRANGER, /* the log is another lottery's: this server is over */
    SHIPPER_STATES
};

/* Whether the log has begun the next draw. */
enum opening_outcome {
    OPENING_UNTRIED, /* it has not, and will not unless the shipper tries it from now on */
    OPENING_TRIED,   /* nobody knows: its append is on its way, or a shipper died over it */
    OPENING_BEGUN    /* it has: nothing more of this draw is appended */
};

enum { SHARED_NODE_BYTES = 88, SHARED_ENGINE_BYTES = 128, SHARED_ERROR_BYTES = 256 };

/*
 * Written by the shipper, where no other writer is named; read by anyone. Relaxed is enough where
 * nothing else is said: each is about itself. All zeros where nothing is copied.
 */
struct shared_shipper {
    /* The shipper alone waits for it; any process posts it. The supervisor sets it up before it
     * starts a shipper. */
    alignas(SHARED_CACHE_LINE_BYTES) sem_t wakeup;
    /* 1 while the shipper sleeps or is about to; as storer.sleeping, seq_cst. */
    _Atomic uint32_t sleeping;
    /* Stored by the shipper once it is attached, and as 0 by the supervisor once it has reaped it. */
    _Atomic int32_t pid;
    /* enum shipper_state; seq_cst. FENCED and BEHIND are not left any more: the shipper stores them
     * before it ends, and the supervisor, which ends the server then, reads them or the status. */
    _Atomic uint32_t state;
    _Atomic uint32_t connected; /* 1: to one of replication.servers */
    _Atomic uint64_t epoch;     /* of its claim; 0: none yet */
    _Atomic uint64_t sequence;  /* of the log's last record, as far as it knows */
    /* Of a draw of several centres: the number, stored before released, seq_cst; 1 once the engine
     * says that all centres are closed. The storer reads them, in the other order. */
    _Atomic uint32_t released;
    _Atomic uint32_t winning_number;
    /* By the supervisor: 1 where it wants the log to begin the next draw, whose control is the file
     * `opening`; by the shipper: enum opening_outcome, of that. Seq_cst. */
    _Atomic uint32_t opening;
    _Atomic uint32_t opened;
    /* How often a handler has asked whether this node still writes the log (by handlers), and up to
     * which of those questions an append since then has shown it. Seq_cst. */
    _Atomic uint64_t proofs_asked;
    _Atomic uint64_t proofs_given;
    /* Texts: odd while they are being changed, and even after that, as a slot's version. */
    _Atomic uint32_t version;
    char node[SHARED_NODE_BYTES];     /* the name that it writes by */
    char engine[SHARED_ENGINE_BYTES]; /* the server that it is connected to, and its version */
    char error[SHARED_ERROR_BYTES];   /* what failed last; "": nothing has */
    _Atomic int64_t error_at_ms;      /* when, ms since 1970; 0: never */
    _Atomic int64_t beat_at_ms;       /* heartbeat.h; each second, also while an append waits */
    /* Counters. Those of the segment: they go on with a new shipper. */
    _Atomic uint64_t appends; /* records stored, claims included */
    _Atomic uint64_t bytes;   /* that those carried */
    _Atomic uint64_t refused; /* appends that were refused, because another record was last */
    _Atomic uint64_t unknown; /* appends without an answer */
    _Atomic uint64_t reconnects;
    _Atomic uint64_t append_last_ns, append_worst_ns, append_total_ns; /* of those stored */
    _Atomic uint64_t starts; /* shippers started, the first one included; by the supervisor */
    _Atomic uint64_t deaths; /* those that ended before they were asked to; by the supervisor */
};

/* How far a draw of several centres is (shipper/centre.h). */
enum centre_state {
    CENTRE_UNKNOWN,  /* this centre draws alone, or its shipper has not read the stream yet */
    CENTRE_OPEN,     /* this centre is not closed in the stream yet */
    CENTRE_AWAITS,   /* it is; others are not */
    CENTRE_READY,    /* all are closed; the number comes by command, and is awaited */
    CENTRE_RELEASED, /* drawn: this centre may draw, with the number that shared_shipper has */
    CENTRE_HELD,     /* something contradicts: this centre draws nothing */
    CENTRE_STATES
};

/* What is known of a centre. */
enum centre_standing {
    CENTRE_AWAITED,
    CENTRE_CLOSED,
    CENTRE_CLOSED_OUT, /* by an operator, without its bets */
    CENTRE_CONTRADICTS,
    CENTRE_STANDINGS
};

enum {
    SHARED_CENTRES_MAX = 40,
    SHARED_CENTRE_BYTES = 33,
    SHARED_HELD_BYTES = 512,
    SHARED_DIGEST_BYTES = 65
};

struct shared_centre {
    char name[SHARED_CENTRE_BYTES]; /* a text of the shipper's: replica_tell */
    _Atomic uint32_t standing;      /* enum centre_standing */
    _Atomic uint64_t bets;          /* of its closing; 0 before */
};

/*
 * Of a draw that several centres hold (centres.h). Written by the shipper, where no other writer is
 * named; read by the storer, and by anyone who looks. All zeros where this centre draws alone. A new
 * shipper reads the stream again, and keeps what stands here until it has.
 */
struct shared_centres {
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic uint32_t state; /* enum centre_state; seq_cst */
    _Atomic uint32_t count; /* of the centres below: stored after them, and grows */
    /* 1 once the stream says that this centre was closed out of the draw, while it still sells: by the
     * shipper, seq_cst, before it tells the state. */
    _Atomic uint32_t closed_out;
    /* By the storer: the number that an operator has said here, plus 2^32; 0: none. Seq_cst, before
     * it wakes the shipper. */
    _Atomic uint64_t number_said;
    /* The order (shared_order.posted) to close a centre out that the storer has handed on; seq_cst,
     * before it wakes the shipper. */
    _Atomic uint64_t asked;
    /* The one that the shipper has answered; seq_cst, after the two below. */
    _Atomic uint64_t answered;
    uint32_t carried_out; /* 1: done; 0: refused */
    char answer[SHARED_ANSWER_BYTES];
    /* SHA-256 of what the centres have said of the draw, in hexadecimal: `drawn` (seal/national.h).
     * Stored before shared_shipper.released, and constant afterwards. */
    char drawn_sha256[SHARED_DIGEST_BYTES];
    /* Texts, as those of shared_shipper. */
    char reason[SHARED_HELD_BYTES]; /* what is waited for, or contradicts; "": nothing */
    struct shared_centre centres[SHARED_CENTRES_MAX];
};

/*
 * What the server's TLS rests on; read by lottery-stat. Each field is about itself: relaxed is
 * enough. Zeros without TLS.
 */
struct shared_tls {
    /* Written by the supervisor, at the start and after SIGHUP; seconds since 1970, 0: none. */
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic int64_t certificate_expires_at_s;
    _Atomic int64_t ca_expires_at_s, crl_expires_at_s;
    _Atomic uint32_t is_on; /* 1: tls.mode is not off */
    /* How often the files have been read again. A handler that has inherited fewer is behind. */
    _Atomic uint64_t renewals;
    /* Added to by handlers. */
    _Atomic uint64_t handshakes; /* that succeeded, the resumed ones included */
    _Atomic uint64_t resumed;    /* without a new look at the certificate */
    _Atomic uint64_t failed;     /* no TLS, or no certificate that is good here */
};

/* What an operator can want of the storer. */
enum order_kind {
    ORDER_CLOSE, /* end the sales: `text` names the agencies to be closed out, `reason` says why */
    ORDER_DRAW,  /* hold the draw with `number`: `text` is the hash of the seal */
    ORDER_CLOSE_CENTRE /* hold it without the centre that `text` names; `reason` says why */
};

/*
 * One order at a time, from the supervisor to the storer (orders.h). It stands here so that a
 * storer that dies over an order leaves it to the next one.
 *
 * posted and answered are counts. They are equal when there is no order; then the supervisor
 * alone may write the order and adds 1 to posted. While they differ the order does not change,
 * and the storer alone may write the answer and then sets answered to posted. Each is stored
 * seq_cst after what it speaks of, and loaded seq_cst before that is read.
 */
struct shared_order {
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic uint64_t posted; /* by the supervisor */
    _Atomic uint64_t answered;                                /* by the storer */
    /* The order; by the supervisor. */
    uint32_t kind; /* enum order_kind */
    uint32_t number;
    char text[SHARED_ORDER_TEXT_BYTES];
    char reason[SHARED_ORDER_TEXT_BYTES];
    /* The answer; by the storer. */
    uint32_t carried_out; /* 1: done; 0: refused */
    char answer[SHARED_ANSWER_BYTES];
};

/* The epoch of an agency that nobody has claimed, and of a connection without a claim. */
enum { EPOCH_UNFENCED = 0 };

enum agency_phase {
    AGENCY_OPEN,
    AGENCY_DONE_ASKED,
    AGENCY_DONE,
    AGENCY_CLOSED_OUT /* sales were closed without its DONE, and it has said it since */
};

/*
 * One agency. Entries are added under the mutex and never removed or moved, so finding one
 * needs no lock. "Under the mutex" is about writers, after recovery: recovery fills the table
 * in alone, without the lock. Without the lock anyone may read a field, each whole in
 * itself, and together perhaps of different moments.
 */
struct agency {
    _Atomic uint16_t present; /* 1: id is valid; stored with release after id, read with acquire */
    _Atomic uint16_t done_slot; /* 1 + the slot whose DONE closed the agency, 0: none; stored under
                                 * the mutex, before phase */
    uint32_t id;                /* constant once present */
    _Atomic uint64_t phase;     /* enum agency_phase; OPEN -> DONE_ASKED under the mutex; -> DONE or
                                 * CLOSED_OUT by the storer, without it, before it wakes those who
                                 * wait */
    _Atomic uint64_t epoch;     /* grows with each STATUS; under the mutex */
    _Atomic uint64_t bets;      /* appended; under the mutex */
    _Atomic uint64_t bytes;     /* of bets.csv, appended; under the mutex */
    _Atomic uint64_t checksum;  /* of its rows in bets.csv, in order; under the mutex */
    _Atomic uint64_t end_position; /* the position after its newest byte; under the mutex */
    _Atomic int64_t seen_at_ms;    /* latest message, ms since 1970; by its handlers, any of them */
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
    SLOT_WAITING_FOR_TURN,
    SLOT_WAITING_FOR_LAG,
    SLOT_WAITING_FOR_COPY,
    SLOT_ANSWERING,
    SLOT_CLOSING,
    SLOT_ACTIVITIES
};

/* How much is known of who is at the other end of a connection. */
enum slot_security {
    SLOT_PLAIN,
    SLOT_ENCRYPTED, /* TLS, and the peer has shown no certificate */
    SLOT_CERTIFIED  /* TLS, and the slot's certificate is the peer's */
};

/* Whether a connection comes through a balancer, and counts for the limit of its host's. */
enum slot_forwarding {
    SLOT_DIRECT,   /* not forwarded; or forwarded, and not counted just now */
    SLOT_ARRIVING, /* forwarded; its handler finds out whether its host may have one more */
    SLOT_ADMITTED  /* forwarded, and it may */
};

/*
 * What a connection is to the server. It begins as a stranger, and leaves that once: by the
 * handler, which has taken the first valid message of an agency that is allowed, or a certificate
 * that names one; or by the supervisor, which needs the place. Both use a compare-and-exchange, so
 * no identified connection is ever evicted.
 */
enum slot_standing { SLOT_STRANGER, SLOT_IDENTIFIED, SLOT_EVICTED };

/*
 * One connection's handler. Set up by the supervisor before it forks the handler, then
 * written by that handler, until the supervisor has reaped it and releases the slot: one
 * writer at a time, but for pid, which is the supervisor's, and standing, which both change. Read
 * by the supervisor, other handlers, the storer and lottery-stat.
 *
 * `version` is a sequence counter (Lameter, "Effective synchronization on Linux/NUMA
 * systems", 2005): it is odd while the slot is given out or taken back, and while its peer is
 * changed, and even after that. A reader without a lock that finds the same even version before
 * and after has read one connection's slot and no mixture of two. The version
 * covers what is constant for a connection, `peer` above all; of a connection that a balancer
 * forwards, the handler writes `peer` and `via` once. Each counter is
 * atomic and may grow while the slot is read.
 */
struct slot {
    alignas(SHARED_CACHE_LINE_BYTES) sem_t wakeup; /* one waiter: the handler */
    _Atomic uint64_t awaited; /* the position that it waits for; seq_cst, before its waiters' bit */
    _Atomic uint64_t wanted;  /* bytes that it last had no space for; seq_cst, before that bit */
    _Atomic int32_t pid;      /* 0: free, or just forked; written by the supervisor */
    _Atomic uint32_t activity; /* enum slot_activity */
    _Atomic int64_t since_ms;  /* when the activity began, ms since 1970 */
    _Atomic uint32_t agency;   /* the latest message's sender */
    _Atomic uint32_t agency_known;
    _Atomic uint64_t messages;       /* whole messages read */
    _Atomic uint64_t bets;           /* bets acknowledged */
    _Atomic uint64_t bytes;          /* bytes received */
    char peer[SHARED_PEER_BYTES];    /* whose connection it is; see version */
    _Atomic uint32_t version;        /* odd: being changed; by the slot's writer */
    _Atomic uint32_t standing;       /* enum slot_standing; handler and supervisor, see there */
    _Atomic int64_t connected_at_ms; /* ms since 1970 */
    _Atomic uint64_t connection;     /* its number in the log, from 1; by the supervisor */
    char via[SHARED_PEER_BYTES];     /* the balancer that forwards it, or ""; see version */
    _Atomic uint32_t forwarding;     /* enum slot_forwarding; seq_cst, after peer (slots.h) */
    /* enum slot_security; stored by the handler, with release, after the three below, which it
     * writes once and which are constant then. The supervisor sets it to SLOT_PLAIN. */
    _Atomic uint32_t security;
    _Atomic int64_t certificate_expires_at_s;
    char certificate[SHARED_SERIAL_BYTES]; /* its serial number, in hexadecimal */
    char speaks_for[SHARED_NAMES_BYTES];   /* the agencies that it names; a longer list is cut */
};

/* Why a connection or a message was refused; the names are in refusals.c. */
enum refusal_reason {
    REFUSAL_PER_ADDRESS, /* at accept, or by a PROXY header: limits.connections_per_address */
    REFUSAL_CONNECTIONS, /* at accept: limits.connections_per_second */
    REFUSAL_STRANGERS,   /* at accept: limits.strangers_per_second */
    REFUSAL_NO_PLACE,    /* at accept: limits.unidentified_connections, by its own address */
    REFUSAL_EVICTED,     /* a stranger gave its place up: limits.unidentified_connections */
    REFUSAL_NOT_ALLOWED, /* a message: agencies.allowed */
    REFUSAL_BETS,        /* a message: limits.bets_per_second */
    REFUSAL_MESSAGES,    /* a connection: limits.refused_per_second, refused messages */
    REFUSAL_PROBES,      /* a connection: limits.refused_per_second, probes */
    REFUSAL_REASONS
};

/* How many of each; see refusals.h. Added to by supervisor and handlers, relaxed; read by anyone. */
struct shared_refusals {
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic uint64_t counts[REFUSAL_REASONS];
};

enum { SHARED_HISTOGRAM_BOUNDS = 15, SHARED_ACK_SHARDS = 16 };

/* Added to by atomic operations, relaxed, the sum first; read by anyone (histogram.h). */
struct shared_histogram {
    alignas(SHARED_CACHE_LINE_BYTES) _Atomic uint64_t sum_ns;
    _Atomic uint64_t
        counts[SHARED_HISTOGRAM_BOUNDS + 1]; /* of each bucket alone; the last: above */
};

/* How long it took, since the segment was made; a new storer or handler goes on with the counts. */
struct shared_times {
    struct shared_histogram syncs; /* fdatasync of bets.csv; by the storer's threads */
    /* From the moment that a handler has received a batch to its ACK; by the handlers, each in the
     * shard of its slot's index modulo SHARED_ACK_SHARDS. */
    struct shared_histogram acks[SHARED_ACK_SHARDS];
};

struct shared {
    struct shared_identity identity;
    struct shared_lifecycle lifecycle;
    struct shared_append append;
    struct shared_positions positions;
    struct shared_waiters waiters;
    struct shared_storer storer;
    struct shared_supervisor supervisor;
    struct shared_order order;
    struct shared_tls tls;
    /* Lines of the log that were lost. Written by atomic operations of each process of the
     * server that loses a line or reports the loss (lib/log.c); read by anyone. */
    alignas(SHARED_CACHE_LINE_BYTES) struct log_losses log;
    struct shared_keyholder keyholder;
    alignas(SHARED_CACHE_LINE_BYTES) struct shared_confinement confinement;
    struct shared_refusals refusals;
    struct shared_shipper shipper;
    struct shared_centres centres;
    struct shared_times times;
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
