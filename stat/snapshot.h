/*
 * snapshot.h - a private copy of what the server's shared memory holds, and control says.
 *
 * Every output of lottery-stat is made from such a copy, which does not change while it is
 * printed. To take one, lottery-stat reads the segment's atomics and asks the kernel for the
 * gate's values; its caller has read control. It takes no lock and writes nothing, so no process
 * of the server ever waits for it. The server runs meanwhile, so two figures may be some
 * microseconds apart. Positions are read in the order that keeps durable <= written <= head true.
 * A slot that is given to another connection while it is copied is left out.
 *
 * Called by lottery-stat, and by lottery-admin for `status`. If they die, the server is not
 * affected.
 */
#ifndef STAT_SNAPSHOT_H
#define STAT_SNAPSHOT_H

#include "lib/failure.h"
#include "shm/histogram.h"
#include "shm/segment.h"
#include "store/control.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of a figure that is not known or does not exist. Of a double: NAN; of a text: "". */
#define SNAPSHOT_UNKNOWN UINT64_MAX

enum {
    SNAPSHOT_WORD_BYTES = 32,
    SNAPSHOT_SERIAL_BYTES = 48, /* of a certificate's serial number */
    SNAPSHOT_DRAW_BYTES = 40,   /* of a draw's name; as of a hash, a multiple of 8, so that the */
    SNAPSHOT_HASH_BYTES = 72,   /* structs have no gaps */
    SNAPSHOT_REASON_BYTES = 512
};

/* counters.c says what each figure is, and in which unit. */
struct snapshot_server {
    uint64_t pid, port, started_at_ms, uptime_ms;
    char phase[SNAPSHOT_WORD_BYTES];
    uint64_t ready, halted, beat_age_ms;
    uint64_t agencies, bets;
    uint64_t connections_accepted, connections_refused, connections_open;
    uint64_t handlers_ahead;
    uint64_t log_lines_lost;
    char version[SNAPSHOT_WORD_BYTES], commit[SNAPSHOT_WORD_BYTES];
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
    uint64_t flushes, flushed_bytes, syncs_overlapped;
    double bytes_a_flush, bets_a_flush;
    uint64_t sync_last_ns, sync_mean_ns, sync_worst_ns, sync_total_ns;
    uint64_t no_room;
    char no_room_reason[SNAPSHOT_WORD_BYTES];
    uint64_t write_retries;
    uint64_t beat_age_ms;
};

/* How long acknowledgements and syncs took since the start: parts of the histograms below. */
struct snapshot_times {
    uint64_t acks, ack_mean_ns, ack_most_ns, sync_most_ns;
};

/* The data directory's file system, and what stands in the directory; unknown without one. */
struct snapshot_disk {
    uint64_t free_bytes, size_bytes;
    uint64_t checkpoint_at_ms;
};

struct snapshot_draw {
    char name[SNAPSHOT_DRAW_BYTES];
    char state[SNAPSHOT_WORD_BYTES];
    uint64_t closes_at_ms;
    char number_by[SNAPSHOT_WORD_BYTES];
    char seal_sha256[SNAPSHOT_HASH_BYTES];
    uint64_t expected, done, unnamed, drawn, winners, took_ns;
};

struct snapshot_gate {
    uint64_t id, missing, waiting, connected;
};

struct snapshot_deaths {
    uint64_t handlers_returned;
    uint64_t handlers_exited, handlers_failed, handlers_killed;
    uint64_t storer_deaths, lock_recoveries;
    uint64_t handlers_forbidden, storers_forbidden;
};

struct snapshot_confinement {
    char mode[SNAPSHOT_WORD_BYTES];
    char missing[SNAPSHOT_WORD_BYTES]; /* "" where nothing is */
    uint64_t user, capabilities, landlock_version;
    /* System calls; unknown: all of them. */
    uint64_t calls_supervisor, calls_storer, calls_handler, calls_keyholder, calls_shipper;
};

/* Zeros and "" where this centre draws alone. */
struct snapshot_centres {
    char state[SNAPSHOT_WORD_BYTES];
    uint64_t count, awaited, contradicting, released, number;
    char reason[SNAPSHOT_REASON_BYTES];
};

struct snapshot_centre {
    char name[SNAPSHOT_DRAW_BYTES];
    char standing[SNAPSHOT_WORD_BYTES]; /* centres_standing_name */
    uint64_t bets;
};

/* Zeros without TLS. */
struct snapshot_keyholder {
    uint64_t pid, signatures, refused, malformed, abandoned, starts, deaths;
};

/* Zeros, and unknown, where nothing is copied to an engine. */
struct snapshot_replica {
    char role[SNAPSHOT_WORD_BYTES], state[SNAPSHOT_WORD_BYTES];
    char node[SHARED_NODE_BYTES], engine[SHARED_ENGINE_BYTES], error[SHARED_ERROR_BYTES];
    uint64_t error_at_ms;
    uint64_t pid, connected, epoch, sequence;
    uint64_t replicated, lag, lag_limit;
    uint64_t done_lag, files_lag;
    uint64_t waiting_for_lag, waiting_for_copy;
    uint64_t appends, bytes, refused, unknown, reconnects, starts, deaths;
    uint64_t append_last_ns, append_mean_ns, append_worst_ns, append_total_ns;
    uint64_t beat_age_ms;
};

struct snapshot_tls {
    char mode[SNAPSHOT_WORD_BYTES];
    uint64_t certificate_expires_at_ms, ca_expires_at_ms, crl_expires_at_ms;
    uint64_t handshakes, resumed, failed;
};

/* In the order in which a list of them begins: the draw waits for the first ones longest. */
enum snapshot_standing {
    STANDING_NEVER, /* expected by name, and nothing of it has come */
    STANDING_OPEN,  /* it may bet */
    STANDING_ASKED, /* its DONE is on its way to the disk */
    STANDING_OUT,   /* it was closed out */
    STANDING_DONE,
    STANDING_UNKNOWN, /* the segment is damaged */
    STANDINGS
};

struct snapshot_agency {
    uint64_t id;
    char phase[SNAPSHOT_WORD_BYTES]; /* snapshot_standing_name */
    uint64_t missing;                /* 1: sales are open, and it is not done */
    uint64_t bets, bytes, end_position, claims, seen_at_ms;
    bool is_shown_by_peer; /* roster_arrange: one of its connections is what a filter shows */
};

struct snapshot_handler {
    uint64_t pid;
    char peer[SHARED_PEER_BYTES]; /* clean (lib/text.h), terminated, whatever stood in the slot */
    char via[SHARED_PEER_BYTES];  /* likewise; the balancer, or "" */
    uint64_t agency;
    char activity[SNAPSHOT_WORD_BYTES];
    uint64_t since_ms, awaited;
    uint64_t bets, messages, bytes, connected_at_ms;
    char security[SNAPSHOT_WORD_BYTES];
    char speaks_for[SNAPSHOT_WORD_BYTES], certificate[SNAPSHOT_SERIAL_BYTES]; /* as `peer` */
    uint64_t certificate_expires_at_ms;
};

struct snapshot_refusal {
    char reason[SNAPSHOT_WORD_BYTES]; /* refusal_name */
    uint64_t total;
};

struct snapshot {
    uint64_t taken_ns;    /* of the monotonic clock, for rates */
    uint64_t taken_at_ms; /* since 1970, for ages */
    struct snapshot_server server;
    char not_ready[FAILURE_TEXT_BYTES]; /* why server.ready is 0 (readiness.h); "" where it is 1 */
    struct snapshot_ring ring;
    struct snapshot_storer storer;
    struct snapshot_times times;
    struct histogram_sum acks, syncs;
    struct snapshot_disk disk; /* of the target (target.h); unknown where there is none */
    struct snapshot_draw draw;
    struct snapshot_gate gate;
    struct snapshot_deaths deaths;
    struct snapshot_keyholder keyholder;
    struct snapshot_tls tls;
    struct snapshot_replica replica;
    struct snapshot_confinement confinement;
    struct snapshot_centres centres;
    struct snapshot_centre centre_list[SHARED_CENTRES_MAX]; /* centres.count of them */
    struct snapshot_refusal refusals[REFUSAL_REASONS];      /* by reason */
    struct snapshot_agency *agencies; /* by standing, then by id: the missing ones first */
    size_t agency_count;
    struct snapshot_handler *handlers; /* by slot */
    size_t handler_count;
};

/*
 * Copies the attached segment. `control` is that of its data directory; NULL when that is not
 * known, and then agencies that have never come are not known by name. Returns false and describes
 * the failure when there is no memory, or when the tables do not lie within the segment. The
 * caller frees the snapshot with snapshot_free, which takes a zeroed one, too.
 */
bool snapshot_take(const struct segment *segment, const struct control *control,
                   struct snapshot *snapshot, struct failure *failure);
/*
 * Makes a snapshot of a draw without a server, of which only `draw` and the agencies mean anything.
 * `stored` are the agencies of its files: id, bets, bytes, and the phase STANDING_OPEN or
 * STANDING_DONE; they stay the caller's. False with the failure when there is no memory.
 */
bool snapshot_of_files(const struct control *control, const struct snapshot_agency *stored,
                       size_t count, struct snapshot *snapshot, struct failure *failure);

void snapshot_free(struct snapshot *snapshot);

/*
 * Return the word at `index` of those that the text of a section can be, in the order of its enum; NULL
 * after the last one. A text that is none of them tells of a damaged segment.
 */
const char *snapshot_phase_at(size_t index);
const char *snapshot_security_at(size_t index);
const char *snapshot_storer_activity_at(size_t index);
const char *snapshot_shipper_state_at(size_t index);

/* Returns the standing's word, "never" or "done" for example. */
const char *snapshot_standing_name(enum snapshot_standing standing);

/* Returns the standing that the agency's phase names. */
enum snapshot_standing snapshot_standing_of(const struct snapshot_agency *agency);

#endif
