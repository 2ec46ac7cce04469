/*
 * same_log.h - whether the engine's log is still the one that a standby has read.
 *
 * Why it exists: a hand can delete a stream and make it again, or restore an older copy of it. Then the
 * log grows anew, and it may have as many records as the standby had read: by its length alone it would be
 * taken for the same one, and claimed by a node that lacks what was acknowledged since.
 *
 * What it promises: a log is the same where its record at the place of the last one that was read is of the
 * same writer, epoch and draw, and its bytes end where the files end. A log that was made again has higher
 * epochs (shipment.c), and the same bytes where the same node has filled it.
 *
 * It reads alone. Called by lottery-shipper as a standby, by its one thread.
 */
#ifndef SHIPPER_SAME_LOG_H
#define SHIPPER_SAME_LOG_H

#include "engine/engine.h"
#include "engine/log_state.h"
#include "lib/failure.h"

#include <stdint.h>

enum same_log {
    SAME_LOG,
    SAME_LOG_NOT_KNOWN, /* the engine can't be asked now */
    SAME_LOG_SHORTER, /* it ends before what was read: true for a moment of a node that starts, too */
    SAME_LOG_OTHER    /* another record stands at that place */
};

/* Reads the record at log->sequence, and compares it. The failure says why it is not SAME_LOG. */
enum same_log same_log_look(struct engine *engine, const char *stream, const struct log_state *log,
                            int64_t timeout_ms, struct failure *failure);

/* Asks for the log's length alone, which costs a reader in a row nothing: never SAME_LOG_OTHER. */
enum same_log same_log_measure(struct engine *engine, const char *stream,
                               const struct log_state *log, int64_t timeout_ms,
                               struct failure *failure);

#endif
