/*
 * takeover.h - when a standby claims the log, and how.
 *
 * Why it exists: clocks decide when a claim is tried, and the compared append decides who has it. So a
 * claim too early costs a pause, and never a bet.
 *
 * What it promises: it is tried when nothing was heard of the primary for the patience, by this
 * process's own monotonic clock, or by order. Time without a connection to the engine does not count,
 * because nothing could have been heard. A claim goes by the last record that was applied, so it is
 * refused where the log has one more; then that is read first.
 *
 * Called by lottery-shipper as a standby, by its one thread. If it dies, its claim is in the log or
 * not, and whoever reads it knows which.
 */
#ifndef SHIPPER_TAKEOVER_H
#define SHIPPER_TAKEOVER_H

#include "engine/engine.h"
#include "engine/log_state.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

struct takeover {
    uint64_t patience_ms; /* replication.takeover_after */
    int64_t alive_at_ms;  /* monotonic: the primary lived, or we could not hear it */
    uint64_t heard_epoch; /* of the last heartbeat */
    uint64_t grace_epoch; /* this claim was seen to come: its server needs time to start */
    uint64_t told_bets_end;
    int64_t heard_at_ms;                       /* since 1970; 0: nothing was heard */
    int64_t namesake_since_ms, namesake_at_ms; /* monotonic, of its first and last beat; 0: none */
    bool is_ordered;
    int64_t ordered_at_ms; /* monotonic */
    /* The claim that was tried last; it is the same as long as the log ends where it did. */
    bool has_tried;
    uint64_t tried_after; /* the sequence that it expects to be last */
    char nonce[RECORD_NONCE_BYTES];
};

void takeover_begin(struct takeover *takeover, uint64_t patience_ms, int64_t now_ms);

/*
 * Takes a heartbeat, "EPOCH NODE BETS_END DONE_END". One of an epoch before the log's is a zombie's, and
 * does not count. One of our own name is of what is left of the server that was here before, or of
 * another node that was given the same name: there is no claim over it. Returns whether it counted.
 */
bool takeover_hear(struct takeover *takeover, const char *text, const struct log_state *log,
                   const char *own_node, int64_t now_ms);

/* True where another node has our name, and writes: it was heard for longer than a server takes to end. */
bool takeover_has_namesake(const struct takeover *takeover);

/* A record came while the log was being followed, or there was no connection at this moment. */
void takeover_note_life(struct takeover *takeover, int64_t now_ms);

/*
 * A claim came just now. One of another node than had written `before` it, or one that begins a draw: its
 * server has to start before it can be heard. One of the same node is by a shipper that was replaced, whose
 * server goes on, and is heard at once.
 */
void takeover_note_claim(struct takeover *takeover, const struct log_state *before,
                         const struct record *claim, int64_t now_ms);

/* The operator wants it. */
void takeover_order(struct takeover *takeover, int64_t now_ms);

/*
 * Milliseconds until a claim is due; 0: now. A node that has claimed the log last, and only follows since
 * it was started again, waits half as long: its files may have bets that were acknowledged by less than
 * the log.
 */
int64_t takeover_due_ms(const struct takeover *takeover, const struct log_state *log,
                        const char *own_node, int64_t now_ms);

/* Appends the claim. Whatever the answer is, the log has to be read next. */
enum engine_answer takeover_claim(struct takeover *takeover, struct engine *engine,
                                  const char *centre, const struct log_state *log,
                                  const char *own_node, struct failure *failure);

/* True when this record of the log is the claim that we have tried. */
bool takeover_is_ours(const struct takeover *takeover, const struct record *record);

#endif
