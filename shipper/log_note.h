/*
 * log_note.h - how far a node knows its centre's log, as the state file of its directory has it.
 *
 * Pure. Used by lottery-shipper: of a primary at its claim, and of a standby.
 */
#ifndef SHIPPER_LOG_NOTE_H
#define SHIPPER_LOG_NOTE_H

#include "engine/log_state.h"
#include "store/replication.h"

/* Notes in the state what the log says up to its last record. */
void log_note_write(struct replication_state *state, const struct log_state *log);

/* Where the log goes on, by what was noted; where it was claimed is not. */
void log_note_read(const struct replication_state *state, struct log_state *log);

#endif
