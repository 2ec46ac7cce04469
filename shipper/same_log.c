/*
 * same_log.c - see same_log.h.
 */
#include "shipper/same_log.h"

#include "engine/record.h"

#include <inttypes.h>
#include <string.h>

/* True where the record leaves the log as it was read. */
static bool is_last_of(const struct record *record, const struct log_state *log)
{
    if (record->epoch != log->epoch || strcmp(record->node, log->node) != 0 ||
        strcmp(record->identity, log->identity) != 0) {
        return false;
    }
    switch (record->kind) {
    case RECORD_BETS:
        return record->offset + record->length == log->bets_end;
    case RECORD_DONE:
        return record->offset + record->length == log->done_end;
    case RECORD_CLAIM:
        return record->bets_end == log->bets_end && record->done_end == log->done_end;
    default:
        return true;
    }
}

static enum same_log shorter(const char *stream, uint64_t last, const struct log_state *log,
                             struct failure *failure)
{
    (void)failure_set(failure,
                      "stream %s ends at record %" PRIu64 ", and %" PRIu64
                      " were read here: records were lost, or a hand has deleted the stream, or "
                      "put an older copy of it back",
                      stream, last, log->sequence);
    return SAME_LOG_SHORTER;
}

enum same_log same_log_look(struct engine *engine, const char *stream, const struct log_state *log,
                            int64_t timeout_ms, struct failure *failure)
{
    struct engine_message message;
    struct record record;
    struct failure ignored;
    if (log->sequence == 0) {
        return SAME_LOG;
    }
    switch (engine_read(engine, stream, log->sequence, 0, &message, failure)) {
    case ENGINE_READ:
        break;
    case ENGINE_NOTHING:
        return same_log_measure(engine, stream, log, timeout_ms, failure) == SAME_LOG_SHORTER
                   ? SAME_LOG_SHORTER
                   : SAME_LOG_NOT_KNOWN;
    case ENGINE_BROKEN:
        return SAME_LOG_SHORTER;
    case ENGINE_AWAY:
        return SAME_LOG_NOT_KNOWN;
    }
    if (record_read(&message, &record, &ignored) && is_last_of(&record, log)) {
        return SAME_LOG;
    }
    (void)failure_set(failure,
                      "record %" PRIu64 " of stream %s is another one than what was read here: a "
                      "hand has deleted the stream and made it again, or put another copy of it "
                      "there",
                      log->sequence, stream);
    return SAME_LOG_OTHER;
}

enum same_log same_log_measure(struct engine *engine, const char *stream,
                               const struct log_state *log, int64_t timeout_ms,
                               struct failure *failure)
{
    uint64_t last = 0;
    switch (engine_last_sequence(engine, stream, timeout_ms, &last, failure)) {
    case ENGINE_READ:
        return last < log->sequence ? shorter(stream, last, log, failure) : SAME_LOG;
    case ENGINE_BROKEN:
        return log->sequence > 0 ? SAME_LOG_SHORTER : SAME_LOG_NOT_KNOWN;
    default:
        return SAME_LOG_NOT_KNOWN;
    }
}
