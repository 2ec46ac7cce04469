/*
 * shipment.c - see shipment.h.
 */
#include "shipper/shipment.h"

#include "lib/clock.h"
#include "lib/fault_point.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A leader that has been deposed, or has just started, can tell an old end of the log. */
    SHORTER_BELIEVED = 10,
    /* The same, before a node gives up that has claimed the log later than what it reads. */
    OLDER_BELIEVED = 40,
    LOOK_MS = 500 /* for an answer that nothing waits for */
};

void shipment_open(struct shipment *shipment, struct engine *engine, const char *centre,
                   const char *node, const char *identity, unsigned replicas, int64_t timeout_ms)
{
    *shipment = (struct shipment){.engine = engine, .replicas = replicas, .timeout_ms = timeout_ms};
    record_write_stream(shipment->stream, centre);
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        record_write_subject(shipment->subjects[kind], centre, (enum record_kind)kind);
    }
    (void)snprintf(shipment->node, sizeof shipment->node, "%s", node);
    (void)snprintf(shipment->identity, sizeof shipment->identity, "%s", identity);
}

size_t shipment_room(const struct shipment *shipment)
{
    size_t most = engine_payload_max(shipment->engine);
    return most > RECORD_OVERHEAD_BYTES ? most - RECORD_OVERHEAD_BYTES : 0;
}

/* -------------------------------------------------------------- reading ---- */

static enum shipment_end end_of_reading(enum engine_reading reading)
{
    switch (reading) {
    case ENGINE_READ:
    case ENGINE_NOTHING:
        return SHIPMENT_STORED;
    case ENGINE_AWAY:
        return SHIPMENT_WAITING;
    case ENGINE_BROKEN:
        break;
    }
    return SHIPMENT_LOST;
}

/* A message that no server of the lottery has written: whoever may publish has, and the log ends there. */
static enum shipment_end refuse_foreign(const char *what, struct failure *failure)
{
    failure_set(
        failure,
        "%s: somebody else than a server of the lottery has written it, and nobody can go on after "
        "it. The node that was the primary has all that was acknowledged: take the "
        "right to publish from others, and start that node, without --follow, with another "
        "replication.centre: it ships everything again",
        what);
    return SHIPMENT_FENCED;
}

/* What the last records of the log's kinds say of it. */
struct look {
    struct log_state log;
    uint64_t newest;           /* the highest sequence among those records */
    uint64_t bets_at, done_at; /* sequences of the last ones; 0: there are none */
};

/* The bytes of a record of this draw are those that stand in this node's file. */
static enum shipment_end compare(const struct record *record, const struct shipment_files *files,
                                 struct failure *failure)
{
    uint64_t end = record->kind == RECORD_BETS ? files->bets_end : files->done_end;
    if (record->offset > end || record->length > end - record->offset) {
        return SHIPMENT_STORED; /* the log has more: that is told below, with both ends */
    }
    void *own = malloc(record->length > 0 ? record->length : 1);
    if (own == NULL) {
        failure_set(failure, "no memory for %" PRIu64 " bytes", record->length);
        return SHIPMENT_FAILED;
    }
    enum shipment_end result = SHIPMENT_STORED;
    if (!files->read(files->context, record->kind, record->offset, own, record->length, failure)) {
        result = SHIPMENT_FAILED;
    } else if (memcmp(own, record->bytes, record->length) != 0) {
        failure_set(failure,
                    "the log's bytes of %s at %" PRIu64
                    " are others than this node's: they are not the same lottery;"
                    " which one is right?",
                    record->kind == RECORD_BETS ? "bets.csv" : "done.csv", record->offset);
        result = SHIPMENT_REFUSED;
    }
    free(own);
    return result;
}

/* Notes what the last record of a kind says. A claim is looked at first. */
static enum shipment_end note_last(struct look *look, const struct shipment *shipment,
                                   const struct record *record, uint64_t sequence,
                                   const struct shipment_files *files, struct failure *failure)
{
    struct log_state *log = &look->log;
    look->newest = sequence > look->newest ? sequence : look->newest;
    if (record->kind == RECORD_CLAIM) {
        log->epoch = record->epoch;
        log->claimed_at = sequence;
        log->bets_end = record->bets_end;
        log->done_end = record->done_end;
        memcpy(log->node, record->node, sizeof log->node);
        memcpy(log->identity, record->identity, sizeof log->identity);
        return SHIPMENT_STORED;
    }
    if (sequence > log->claimed_at && record->epoch != log->epoch) {
        failure_set(failure,
                    "record %" PRIu64 " of the log is of epoch %" PRIu64
                    ", and the last claim that was read of %" PRIu64,
                    sequence, record->epoch, log->epoch);
        return record->epoch > log->epoch ? SHIPMENT_WAITING : SHIPMENT_FAILED;
    }
    if (sequence > log->claimed_at && record->kind != RECORD_FILE) {
        uint64_t *end = record->kind == RECORD_BETS ? &log->bets_end : &log->done_end;
        *end = record->offset + record->length;
    }
    /* What another node has claimed may differ from this one's files, and that is told first. */
    bool is_ours =
        strcmp(record->identity, shipment->identity) == 0 && strcmp(log->node, shipment->node) == 0;
    if (!is_ours) {
        return SHIPMENT_STORED;
    }
    if (record->kind == RECORD_FILE) {
        return files->knows(files->context, record, failure) ? SHIPMENT_STORED : SHIPMENT_BEHIND;
    }
    return compare(record, files, failure);
}

/*
 * The engine's count and its messages don't agree: one leader follows another, or the log has grown. Where
 * that lasts, a hand has deleted messages, or purged them all.
 */
static enum shipment_end judge_unequal(struct shipment *shipment, const struct look *look,
                                       struct failure *failure)
{
    const bool has_less = look->newest < look->log.sequence;
    failure_set(failure,
                "stream %s counts %" PRIu64 " records, and the newest one that can be read is "
                "%" PRIu64 "%s",
                shipment->stream, look->log.sequence, look->newest,
                has_less ? ": if that lasts, somebody has deleted messages, or purged the stream. "
                           "Let the engine's operator delete the whole stream, or name another "
                           "replication.centre: this node ships everything again"
                         : "");
    return has_less && ++shipment->shorter >= OLDER_BELIEVED ? SHIPMENT_REFUSED : SHIPMENT_WAITING;
}

/*
 * Reads the last record of each kind. Its result is WAITING, too, where the log has grown meanwhile, or
 * where who answers does not know all of it yet.
 */
static enum shipment_end look_at_log(struct shipment *shipment, struct look *look,
                                     const struct shipment_files *files, struct failure *failure)
{
    static const enum record_kind order[] = {RECORD_CLAIM, RECORD_BETS, RECORD_DONE, RECORD_FILE};
    *look = (struct look){.newest = 0};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct engine_message message;
        struct record record;
        struct failure reason;
        enum engine_reading reading =
            engine_read_last(shipment->engine, shipment->stream, shipment->subjects[order[i]],
                             shipment->timeout_ms, &message, failure);
        if (reading == ENGINE_NOTHING) {
            continue;
        }
        enum shipment_end end = end_of_reading(reading);
        if (end == SHIPMENT_STORED && !record_read(&message, &record, &reason)) {
            end = refuse_foreign(reason.text, failure);
        }
        if (end == SHIPMENT_STORED) {
            end = note_last(look, shipment, &record, message.sequence, files, failure);
        }
        if (end != SHIPMENT_STORED) {
            return end;
        }
    }
    enum engine_reading reading = engine_last_sequence(
        shipment->engine, shipment->stream, shipment->timeout_ms, &look->log.sequence, failure);
    return reading == ENGINE_READ && look->log.sequence != look->newest
               ? judge_unequal(shipment, look, failure)
               : end_of_reading(reading);
}

/* ------------------------------------------------------------ appending ---- */

static void count_stored(struct shipment *shipment, const struct record *record)
{
    struct shipment_counts *counts = &shipment->counts;
    uint64_t ns = (uint64_t)(clock_monotonic_ns() - shipment->began_ns);
    counts->appends++;
    counts->bytes += record->length;
    counts->last_ns = ns;
    counts->worst_ns = ns > counts->worst_ns ? ns : counts->worst_ns;
    counts->total_ns += ns;
    shipment->began_ns = 0;
    shipment->shorter = 0;
}

/* One try to append. STORED with *sequence, WAITING where reading has to tell, or REFUSED. */
static enum shipment_end try_append(struct shipment *shipment, struct record *record,
                                    uint64_t *sequence, struct failure *failure)
{
    struct engine_header headers[ENGINE_HEADERS_MAX];
    const struct engine_append wanted = {
        .stream = shipment->stream,
        .subject = shipment->subjects[record->kind],
        .expectation = ENGINE_AFTER_SEQUENCE,
        .expected = shipment->log.sequence,
        .headers = headers,
        .header_count = record_write(record, headers),
        .bytes = record->bytes,
        .count = (size_t)record->length,
    };
    if (shipment->began_ns == 0) {
        shipment->began_ns = clock_monotonic_ns();
    }
    fault_point("shipper.read");
    enum engine_answer answer =
        engine_append(shipment->engine, &wanted, shipment->timeout_ms, sequence, failure);
    fault_point("shipper.appended");
    switch (answer) {
    case ENGINE_STORED:
        if (*sequence == shipment->log.sequence + 1) {
            return SHIPMENT_STORED;
        }
        failure_set(failure, "the engine stored it at %" PRIu64 ", and %" PRIu64 " was expected",
                    *sequence, shipment->log.sequence + 1);
        break;
    case ENGINE_REFUSED:
        shipment->counts.refused++;
        return SHIPMENT_WAITING;
    case ENGINE_UNKNOWN:
        break;
    case ENGINE_FORBIDDEN:
        return SHIPMENT_REFUSED;
    }
    shipment->counts.unknown++;
    return SHIPMENT_WAITING;
}

/* What stands in the log at the place where our record belongs; OTHER comes with the failure, too. */
enum found { FOUND_OURS, FOUND_NOTHING, FOUND_OTHER, FOUND_AWAY, FOUND_BROKEN };

/* Reads that place. *other is the record that stands there, where it is one and not ours. */
static enum found look_at_place(const struct shipment *shipment, const struct record *record,
                                struct record *other, struct failure *failure)
{
    struct engine_message message;
    *other = (struct record){.epoch = 0};
    switch (engine_read(shipment->engine, shipment->stream, shipment->log.sequence + 1, 0, &message,
                        failure)) {
    case ENGINE_NOTHING:
        return FOUND_NOTHING;
    case ENGINE_AWAY:
        return FOUND_AWAY;
    case ENGINE_BROKEN:
        return FOUND_BROKEN;
    case ENGINE_READ:
        break;
    }
    const char *nonce = record_nonce_of(&message);
    if (nonce != NULL && strcmp(nonce, record->nonce) == 0) {
        return FOUND_OURS;
    }
    if (!record_read(&message, other, failure)) {
        other->epoch = 0;
    }
    other->bytes = NULL;
    return FOUND_OTHER;
}

/* The log ends before what it had. WAITING, until that has been told often enough; then LOST. */
static enum shipment_end judge_shorter(struct shipment *shipment, uint64_t last,
                                       struct failure *failure)
{
    failure_set(failure, "the log ends at record %" PRIu64 ", and had %" PRIu64, last,
                shipment->log.sequence);
    return ++shipment->shorter < SHORTER_BELIEVED ? SHIPMENT_WAITING : SHIPMENT_LOST;
}

/*
 * There is nothing at our record's place. WAITING: it may be appended again. LOST where the log ends
 * before that place, and goes on doing so.
 */
static enum shipment_end look_at_end(struct shipment *shipment, struct failure *failure)
{
    uint64_t last = 0;
    struct failure reason;
    enum engine_reading reading = engine_last_sequence(shipment->engine, shipment->stream,
                                                       shipment->timeout_ms, &last, &reason);
    if (reading == ENGINE_BROKEN) {
        failure_set(failure, "the log is gone: %s", reason.text);
        return SHIPMENT_LOST;
    }
    if (reading != ENGINE_READ || last >= shipment->log.sequence) {
        shipment->shorter = 0;
        return SHIPMENT_WAITING;
    }
    return judge_shorter(shipment, last, failure);
}

/* Reads whether a record is in the log whose append was not answered with STORED. */
static enum shipment_end read_back(struct shipment *shipment, const struct record *record,
                                   uint64_t *sequence, struct failure *failure)
{
    struct record other;
    struct failure reason;
    switch (look_at_place(shipment, record, &other, &reason)) {
    case FOUND_OURS:
        *sequence = shipment->log.sequence + 1;
        return SHIPMENT_STORED;
    case FOUND_NOTHING:
        return look_at_end(shipment, failure);
    case FOUND_AWAY:
        return SHIPMENT_WAITING;
    case FOUND_BROKEN:
        *failure = reason;
        return SHIPMENT_LOST;
    case FOUND_OTHER:
        break;
    }
    if (other.epoch == 0) {
        return refuse_foreign(reason.text, failure);
    }
    if (other.epoch == shipment->log.epoch && strcmp(other.node, shipment->node) == 0) {
        (void)failure_set(&reason,
                          "record %" PRIu64 " of %s is forged in the name of this node: no standby "
                          "that has it may serve, and each begins in an empty directory",
                          shipment->log.sequence + 1, shipment->stream);
        return refuse_foreign(reason.text, failure);
    }
    failure_set(failure,
                "%s has written record %" PRIu64 " of the log in epoch %" PRIu64
                ", and this node wrote in %" PRIu64,
                other.node, shipment->log.sequence + 1, other.epoch, shipment->log.epoch);
    return SHIPMENT_FENCED;
}

static enum shipment_end append(struct shipment *shipment, struct record *record,
                                struct failure *failure)
{
    uint64_t sequence = 0;
    enum shipment_end end = try_append(shipment, record, &sequence, failure);
    if (end == SHIPMENT_WAITING) {
        end = read_back(shipment, record, &sequence, failure);
    }
    if (end != SHIPMENT_STORED) {
        return end;
    }
    fault_point("shipper.acked");
    count_stored(shipment, record);
    return log_state_fold(&shipment->log, record, sequence, failure) ? SHIPMENT_STORED
                                                                     : SHIPMENT_FAILED;
}

enum shipment_end shipment_append(struct shipment *shipment, struct record *record,
                                  struct failure *failure)
{
    if (record->nonce[0] == '\0') {
        memcpy(record->identity, shipment->identity, sizeof record->identity);
        memcpy(record->node, shipment->node, sizeof record->node);
        record->epoch = shipment->log.epoch;
        record->offset = record->kind == RECORD_BETS   ? shipment->log.bets_end
                         : record->kind == RECORD_DONE ? shipment->log.done_end
                                                       : 0;
        if (!record_make_nonce(record->nonce, failure)) {
            return SHIPMENT_FAILED;
        }
    }
    return append(shipment, record, failure);
}

enum shipment_end shipment_look(struct shipment *shipment, struct failure *failure)
{
    const struct record nothing = {.nonce = ""};
    uint64_t last = 0;
    enum shipment_end end = SHIPMENT_STORED;
    switch (engine_last_sequence(shipment->engine, shipment->stream, LOOK_MS, &last, failure)) {
    case ENGINE_READ:
        break;
    case ENGINE_BROKEN: /* no stream: none of its records */
        last = 0;
        break;
    default:
        return SHIPMENT_STORED; /* the next append says what is wrong */
    }
    if (last < shipment->log.sequence) {
        end = judge_shorter(shipment, last, failure);
        return end == SHIPMENT_LOST ? SHIPMENT_LOST : SHIPMENT_STORED;
    }
    shipment->shorter = 0;
    end = last == shipment->log.sequence ? SHIPMENT_STORED
                                         : read_back(shipment, &nothing, &last, failure);
    return end == SHIPMENT_FENCED ? SHIPMENT_FENCED : SHIPMENT_STORED;
}

/* ------------------------------------------------------------- claiming ---- */

static enum shipment_end make_stream(const struct shipment *shipment, struct failure *failure)
{
    const char *subjects[RECORD_KINDS];
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        subjects[kind] = shipment->subjects[kind];
    }
    switch (engine_make_stream(shipment->engine, shipment->stream, subjects, RECORD_KINDS,
                               shipment->replicas, shipment->timeout_ms, failure)) {
    case ENGINE_STORED:
        return SHIPMENT_STORED;
    case ENGINE_REFUSED:
    case ENGINE_UNKNOWN:
        return SHIPMENT_WAITING;
    case ENGINE_FORBIDDEN:
        break;
    }
    return SHIPMENT_REFUSED;
}

static enum shipment_end refuse_stranger(const struct shipment *shipment,
                                         const struct log_state *log, struct failure *failure)
{
    failure_set(
        failure,
        "the log of stream %s is of lottery %s, which node %s writes, and this directory holds "
        "%s: to follow that one, name an empty data.directory, and start with --follow; for a "
        "lottery of its own, name another replication.centre",
        shipment->stream, log->identity, log->node, shipment->identity);
    return SHIPMENT_STRANGER;
}

/* The log ends in the draw before this one. SHIPMENT_STORED where it has all of that. */
static enum shipment_end may_begin(const struct shipment *shipment, const struct log_state *log,
                                   const struct control *archived, struct failure *failure)
{
    if (log->bets_end == archived->bets_bytes && log->done_end == archived->done_bytes) {
        return SHIPMENT_STORED;
    }
    failure_set(failure,
                "the log of stream %s ends in draw %s, at byte %" PRIu64 " of bets.csv and %" PRIu64
                " of done.csv, and the archive has %" PRIu64 " and %" PRIu64
                ": the engine has lost records, or that draw was written without it; name another "
                "replication.centre for what comes",
                shipment->stream, archived->terms.draw, log->bets_end, log->done_end,
                archived->bets_bytes, archived->done_bytes);
    return SHIPMENT_REFUSED;
}

/* SHIPMENT_STORED where this node may claim the log. */
static enum shipment_end may_claim(struct shipment *shipment, const struct log_state *log,
                                   const struct shipment_files *files, struct failure *failure)
{
    if (log->sequence == 0) {
        return SHIPMENT_STORED;
    }
    if (log->epoch == 0) {
        failure_set(failure,
                    "stream %s has %" PRIu64
                    " messages, and none of them is a claim: it is no log of a lottery",
                    shipment->stream, log->sequence);
        return SHIPMENT_REFUSED;
    }
    struct control archived = {.bets_bytes = 0};
    const bool is_ours = strcmp(log->identity, shipment->identity) == 0;
    const bool is_before =
        !is_ours && files->find_archived(files->context, log->identity, &archived);
    if (!is_ours && !is_before && shipment->own_epoch == 0) {
        return refuse_stranger(shipment, log, failure);
    }
    if (strcmp(log->node, shipment->node) != 0) {
        failure_set(failure, "node %s has claimed the log in epoch %" PRIu64, log->node,
                    log->epoch);
        bool is_old = log->epoch < shipment->own_epoch;
        return is_old && ++shipment->shorter < OLDER_BELIEVED ? SHIPMENT_WAITING : SHIPMENT_FENCED;
    }
    if (is_before) {
        return may_begin(shipment, log, &archived, failure);
    }
    if (!is_ours) {
        failure_set(
            failure,
            "this node has begun the next draw in the log, %s, and its directory holds %s: it "
            "died over it, or is an older copy",
            log->identity, shipment->identity);
        return SHIPMENT_BEHIND;
    }
    if (log->epoch > shipment->own_epoch + LOG_STATE_EPOCH_STEP_MAX) {
        struct failure reason;
        (void)failure_set(
            &reason, "record %" PRIu64 " of %s claims epoch %" PRIu64 " in the name of this node",
            log->claimed_at, shipment->stream, log->epoch);
        return refuse_foreign(reason.text, failure);
    }
    if (log->bets_end > files->bets_end || log->done_end > files->done_end) {
        failure_set(failure,
                    "the log has %" PRIu64 " bytes of bets.csv and %" PRIu64
                    " of done.csv, and this disk %" PRIu64 " and %" PRIu64,
                    log->bets_end, log->done_end, files->bets_end, files->done_end);
        return SHIPMENT_BEHIND;
    }
    return SHIPMENT_STORED;
}

/*
 * A claim of this node that is not this one was on its way when the writer before died: it is looked
 * at again. So it is with everything else that came between the look and the claim.
 */
static enum shipment_end append_claim(struct shipment *shipment, struct failure *failure)
{
    const bool begins = strcmp(shipment->log.identity, shipment->identity) != 0;
    /* A log that a hand has made again begins above what nodes remember of the one before it. */
    const uint64_t before =
        shipment->log.epoch > shipment->own_epoch ? shipment->log.epoch : shipment->own_epoch;
    struct record claim = {.kind = RECORD_CLAIM,
                           .epoch = before + 1,
                           .bets_end = begins ? 0 : shipment->log.bets_end,
                           .done_end = begins ? 0 : shipment->log.done_end,
                           .bytes = begins ? shipment->control : NULL,
                           .length = begins ? shipment->control_bytes : 0};
    memcpy(claim.identity, shipment->identity, sizeof claim.identity);
    memcpy(claim.node, shipment->node, sizeof claim.node);
    if (!record_make_nonce(claim.nonce, failure)) {
        return SHIPMENT_FAILED;
    }
    shipment->began_ns = 0;
    enum shipment_end end = append(shipment, &claim, failure);
    return end == SHIPMENT_FENCED || end == SHIPMENT_LOST ? SHIPMENT_WAITING : end;
}

enum shipment_end shipment_claim(struct shipment *shipment, const struct shipment_files *files,
                                 struct failure *failure)
{
    struct look look;
    enum shipment_end end = make_stream(shipment, failure);
    if (end == SHIPMENT_STORED) {
        end = look_at_log(shipment, &look, files, failure);
    }
    if (end == SHIPMENT_LOST) {
        return SHIPMENT_WAITING; /* the stream went away just now, or a message of it */
    }
    if (end == SHIPMENT_STORED) {
        end = may_claim(shipment, &look.log, files, failure);
    }
    if (end != SHIPMENT_STORED) {
        return end;
    }
    shipment->log = look.log;
    shipment->shorter = 0;
    return append_claim(shipment, failure);
}

/* ------------------------------------------------------------- next draw ---- */

enum shipment_end shipment_begin_next(struct shipment *shipment, struct record *claim,
                                      const char *identity, const void *bytes, size_t count,
                                      struct failure *failure)
{
    if (claim->nonce[0] == '\0') {
        *claim = (struct record){.kind = RECORD_CLAIM, .epoch = shipment->log.epoch + 1};
        (void)snprintf(claim->identity, sizeof claim->identity, "%s", identity);
        memcpy(claim->node, shipment->node, sizeof claim->node);
        if (!record_make_nonce(claim->nonce, failure)) {
            return SHIPMENT_FAILED;
        }
    }
    claim->bytes = bytes;
    claim->length = count;
    enum shipment_end end = append(shipment, claim, failure);
    if (end == SHIPMENT_STORED) {
        memcpy(shipment->identity, claim->identity, sizeof shipment->identity);
    }
    return end;
}

enum shipment_end shipment_has_begun(struct shipment *shipment, const char *identity,
                                     bool *has_begun, struct failure *failure)
{
    struct engine_message message;
    struct record claim;
    *has_begun = false;
    switch (engine_read_last(shipment->engine, shipment->stream, shipment->subjects[RECORD_CLAIM],
                             shipment->timeout_ms, &message, failure)) {
    case ENGINE_READ:
        *has_begun = record_read(&message, &claim, failure) &&
                     strcmp(claim.identity, identity) == 0 &&
                     strcmp(claim.node, shipment->node) == 0;
        return SHIPMENT_STORED;
    case ENGINE_NOTHING:
    case ENGINE_BROKEN: /* there is no log, which the claim finds out */
        return SHIPMENT_STORED;
    case ENGINE_AWAY:
        break;
    }
    return SHIPMENT_WAITING;
}
