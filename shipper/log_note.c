/*
 * log_note.c - see log_note.h.
 */
#include "shipper/log_note.h"

#include <stdio.h>

void log_note_write(struct replication_state *state, const struct log_state *log)
{
    state->epoch = log->epoch;
    state->sequence = log->sequence;
    state->bets_end = log->bets_end;
    state->done_end = log->done_end;
    (void)snprintf(state->writer, sizeof state->writer, "%s", log->node);
    (void)snprintf(state->identity, sizeof state->identity, "%s", log->identity);
}

void log_note_read(const struct replication_state *state, struct log_state *log)
{
    *log = (struct log_state){.sequence = state->sequence,
                              .epoch = state->epoch,
                              .bets_end = state->bets_end,
                              .done_end = state->done_end};
    (void)snprintf(log->node, sizeof log->node, "%s", state->writer);
    (void)snprintf(log->identity, sizeof log->identity, "%s", state->identity);
}
