/*
 * shipment.h - one writer of a centre's log: it claims the log, and appends to it, one at a time.
 *
 * Why it exists: what is acknowledged because the engine has it must be in the log, once, and no two
 * nodes may both believe that they write.
 *
 * What it promises: a record that was answered SHIPMENT_STORED is in the log once, right after what this
 * writer had appended before it. Each append names the sequence that it comes after, and there is one
 * on its way at a time. Where the answer is missing, the log is read on from the last known record: the
 * nonce there says whose it is. The same record may be given again until it is stored; a copy that
 * arrives late and its repetition exclude each other, because both name the same sequence.
 *
 * If the process dies with an append on its way, that record is in the log or not; the next writer reads
 * which, before it claims.
 *
 * It knows the engine by engine.h alone. Used by lottery-shipper, by one thread.
 */
#ifndef SHIPPER_SHIPMENT_H
#define SHIPPER_SHIPMENT_H

#include "engine/engine.h"
#include "engine/log_state.h"
#include "engine/record.h"
#include "lib/failure.h"
#include "store/control.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a step has ended. All but the first come with the failure. */
enum shipment_end {
    SHIPMENT_STORED,
    SHIPMENT_WAITING, /* no answer, or no connection: take the same step again */
    SHIPMENT_FENCED,  /* another node has claimed the log: this one must not write any more */
    SHIPMENT_BEHIND,  /* the log has more than this node's files */
    SHIPMENT_LOST, /* the engine has less than it had acknowledged: claim again, and ship it again */
    SHIPMENT_REFUSED, /* the engine's settings, rights or limits, or files that differ from the log */
    SHIPMENT_STRANGER, /* the log is another lottery's */
    SHIPMENT_FAILED    /* this node's files can't be read, or the log is not what it should be */
};

/* What has happened so far; for people. */
struct shipment_counts {
    uint64_t appends, bytes; /* stored */
    uint64_t refused;        /* because another record was the last one */
    uint64_t unknown;        /* without an answer */
    uint64_t last_ns;        /* the latest append that was stored, its repetitions included */
    uint64_t worst_ns, total_ns;
};

/* The files of this node, as the claim compares them with the log. */
struct shipment_files {
    uint64_t bets_end, done_end; /* durable here */
    /* Reads `count` bytes at `offset` of bets.csv or done.csv. False with the failure. */
    bool (*read)(void *context, enum record_kind kind, uint64_t offset, void *bytes, size_t count,
                 struct failure *failure);
    /* True when this node's file has what a record of a file says, or more. False with the failure. */
    bool (*knows)(void *context, const struct record *record, struct failure *failure);
    /* Finds a draw before this one in the directory's archive. False: there is none of this identity. */
    bool (*find_archived)(void *context, const char *identity, struct control *archived);
    void *context;
};

struct shipment {
    struct engine *engine; /* the caller's */
    char stream[ENGINE_SUBJECT_BYTES];
    char subjects[RECORD_KINDS][ENGINE_SUBJECT_BYTES];
    char node[RECORD_NODE_BYTES];
    char identity[RECORD_IDENTITY_BYTES];
    unsigned replicas;
    int64_t timeout_ms;   /* of one call of the engine */
    struct log_state log; /* what the log says up to its last record, as far as this writer knows */
    int64_t began_ns;     /* of the record that is on its way; 0: none is */
    unsigned shorter;     /* how often in a row the log was shorter than it had been */
    uint64_t own_epoch; /* the caller's to set: this node has claimed the log in it; 0: not known */
    /* The caller's to set, and its own: control of the draw, for a claim that begins it. NULL: none,
     * because it speaks of bytes that the log has to have before it. */
    const void *control;
    size_t control_bytes;
    struct shipment_counts counts;
};

/*
 * Sets a writer up for the log of `centre`: `node` writes the draw `identity`. Texts are copied. The
 * engine stays the caller's, and outlives it.
 */
void shipment_open(struct shipment *shipment, struct engine *engine, const char *centre,
                   const char *node, const char *identity, unsigned replicas, int64_t timeout_ms);

/*
 * Makes the stream where there is none, reads where the log ends, compares that with the files, and
 * claims the log. Afterwards shipment->log has the ends from which to ship. To be called again where it
 * waits. It claims nothing, and says why, where the log
 *   - is another lottery's (SHIPMENT_STRANGER),
 *   - has more than the files: bytes, a later step of the draw, or the next draw (SHIPMENT_BEHIND),
 *   - has other bytes than the files in its last records (SHIPMENT_REFUSED),
 *   - was claimed last by another node (SHIPMENT_FENCED).
 * A log that ends with the draw before this one, whole, gets a claim that begins this one: so it is
 * where that was opened without an engine.
 */
enum shipment_end shipment_claim(struct shipment *shipment, const struct shipment_files *files,
                                 struct failure *failure);

/* How many bytes of bets.csv one record may have now; 0: not known yet. */
size_t shipment_room(const struct shipment *shipment);

/*
 * Appends a record of bets, lines of done.csv or a file; identity, epoch, node, offset and nonce are
 * filled in. To be called again with the same record, of which nothing else has changed, where it
 * waits. After SHIPMENT_LOST the record is forgotten.
 */
enum shipment_end shipment_append(struct shipment *shipment, struct record *record,
                                  struct failure *failure);

/*
 * Begins the next draw, by a claim that says its control: of identity `identity`, all of `bytes`. To be
 * called when the log has all of the draw before it, and again with the same `claim` where it waits,
 * which is all zeros the first time. From SHIPMENT_STORED on, records are of that draw.
 */
enum shipment_end shipment_begin_next(struct shipment *shipment, struct record *claim,
                                      const char *identity, const void *bytes, size_t count,
                                      struct failure *failure);

/*
 * Whether this node has begun that draw already: a writer before this one, which died over it.
 * SHIPMENT_STORED with *has_begun, or SHIPMENT_WAITING with the failure.
 */
enum shipment_end shipment_has_begun(struct shipment *shipment, const char *identity,
                                     bool *has_begun, struct failure *failure);

/*
 * Looks whether another node has claimed the log, where there is nothing to append by which that would
 * be noticed: SHIPMENT_FENCED with the failure; and whether the engine has lost its end: SHIPMENT_LOST with
 * the failure, once several looks in a row have said so. Else SHIPMENT_STORED. Takes one question to the
 * engine.
 */
enum shipment_end shipment_look(struct shipment *shipment, struct failure *failure);

#endif
