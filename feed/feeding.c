/*
 * feeding.c - see feeding.h.
 *
 * A round asks the sink where it stands and goes on from there, until there is nothing more to do, or
 * the engine or the sink is away. Then the next round begins, for as long as the patience lasts.
 */
#include "feed/feeding.h"

#include "lib/clock.h"
#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    READ_MS = 500, /* a read waits for so long for a message; then a stop is looked for */
    PAUSE_MS = 200 /* between two tries */
};

struct feeding {
    const struct feeding_plan *plan;
    struct position read;           /* up to the last record that was read */
    char committed[POSITION_BYTES]; /* what the sink stands at */
    uint64_t group_bytes;           /* taken and not committed */
    uint64_t target;                /* read up to here, where it does not follow */
    int64_t progress_ms;            /* when there was some last */
    int64_t short_since_ms; /* the log ends before what was read, since then; 0: it does not */
    struct failure told;    /* what it waits for, as it was told last */
};

/* How a piece of a round ended; the first five are the feed's ends. */
enum step {
    STEP_DONE = FEEDING_DONE,
    STEP_BROKEN = FEEDING_BROKEN,
    STEP_AWAY = FEEDING_AWAY,
    STEP_MOVED = FEEDING_MOVED,
    STEP_FAILED = FEEDING_FAILED,
    STEP_GO_ON
};

static enum step judge_sink(enum sink_end end)
{
    static const enum step steps[] = {[SINK_WORKED] = STEP_GO_ON,
                                      [SINK_AWAY] = STEP_AWAY,
                                      [SINK_MOVED] = STEP_MOVED,
                                      [SINK_FAILED] = STEP_FAILED};
    return steps[end];
}

/* ------------------------------------------------------------- the beginning ---- */

/*
 * The log seems to end before what was read. A node of the engine that has just started again tells of
 * less than it has, so this is true only when it stays so.
 */
static enum step judge_short_log(struct feeding *feeding)
{
    int64_t now_ms = clock_monotonic_ms();
    if (feeding->short_since_ms == 0) {
        feeding->short_since_ms = now_ms;
    }
    return now_ms - feeding->short_since_ms >= feeding->plan->patience_ms / 2 ? STEP_BROKEN
                                                                              : STEP_AWAY;
}

/* The log still has, at the position, the record that was read there. */
static enum step check_seam(struct feeding *feeding, struct failure *failure)
{
    const struct position *position = &feeding->read;
    const struct feeding_plan *plan = feeding->plan;
    struct engine_message message;
    struct failure reason = {0};
    if (position->state.sequence == 0) {
        return STEP_GO_ON;
    }
    switch (
        engine_read(plan->engine, plan->stream, position->state.sequence, 0, &message, &reason)) {
    case ENGINE_READ:
        break;
    case ENGINE_AWAY:
        *failure = reason;
        return STEP_AWAY;
    case ENGINE_NOTHING:
        (void)failure_set(
            failure, "the log %s has no message %" PRIu64 ", up to which this feed has read it",
            plan->stream, position->state.sequence);
        return judge_short_log(feeding);
    case ENGINE_BROKEN:
        *failure = reason;
        return STEP_BROKEN;
    }
    const char *nonce = record_nonce_of(&message);
    if (nonce == NULL || strcmp(nonce, position->nonce) != 0) {
        (void)failure_set(failure,
                          "message %" PRIu64
                          " of the log %s is another one than this feed has read there: the stream "
                          "was made anew, or this position is of another one",
                          position->state.sequence, plan->stream);
        return STEP_BROKEN;
    }
    return STEP_GO_ON;
}

/* Finds out where the sink stands and where the log ends. */
static enum step begin_round(struct feeding *feeding, struct failure *failure)
{
    const struct feeding_plan *plan = feeding->plan;
    uint64_t last = 0;
    feeding->group_bytes = 0;
    enum step step = judge_sink(plan->sink->calls->stand(plan->sink, feeding->committed, failure));
    if (step != STEP_GO_ON) {
        return step;
    }
    if (!position_read(feeding->committed, &feeding->read, failure)) {
        return STEP_FAILED;
    }
    (void)failure_set(failure, "the log %s is not there yet", plan->stream);
    enum engine_reading reading =
        engine_last_sequence(plan->engine, plan->stream, READ_MS, &last, failure);
    if (reading == ENGINE_NOTHING || reading == ENGINE_AWAY) {
        return STEP_AWAY;
    }
    if (reading == ENGINE_BROKEN) {
        return STEP_BROKEN;
    }
    if (last < feeding->read.delivered) {
        (void)failure_set(failure,
                          "the log %s ends with message %" PRIu64 ", and this feed has read up to "
                          "%" PRIu64 ": the engine has lost messages, or this is another one",
                          plan->stream, last, feeding->read.delivered);
        return judge_short_log(feeding);
    }
    feeding->target = last > feeding->target ? last : feeding->target;
    step = check_seam(feeding, failure);
    feeding->short_since_ms = step == STEP_GO_ON ? 0 : feeding->short_since_ms;
    return step;
}

/* ------------------------------------------------------------------- records ---- */

static enum step commit(struct feeding *feeding, struct failure *failure)
{
    struct sink *sink = feeding->plan->sink;
    char after[POSITION_BYTES];
    if (feeding->group_bytes == 0) {
        return STEP_GO_ON;
    }
    position_write(after, &feeding->read);
    enum step step = judge_sink(sink->calls->commit(sink, feeding->committed, after, failure));
    if (step == STEP_GO_ON) {
        memcpy(feeding->committed, after, sizeof after);
        feeding->group_bytes = 0;
        feeding->progress_ms = clock_monotonic_ms();
        feeding->told.text[0] = '\0';
    }
    return step;
}

/* Checks the message, and delivers it unless that has been done. */
static enum step take(struct feeding *feeding, const struct engine_message *message,
                      struct failure *failure)
{
    struct sink *sink = feeding->plan->sink;
    struct position *read = &feeding->read;
    struct record record;
    if (!record_read(message, &record, failure) ||
        !log_state_fold(&read->state, &record, message->sequence, failure)) {
        return STEP_BROKEN;
    }
    memcpy(read->nonce, record.nonce, sizeof read->nonce);
    if (message->sequence <= read->delivered) {
        return STEP_GO_ON;
    }
    read->delivered = message->sequence;
    feeding->group_bytes += sizeof *message + record.length;
    return judge_sink(sink->calls->take(sink, message, &record, failure));
}

/* Reads the next message. *came is false where there is none yet. */
static enum step read_next(struct feeding *feeding, bool *came, struct failure *failure)
{
    const struct feeding_plan *plan = feeding->plan;
    struct engine_message message;
    uint64_t next = feeding->read.state.sequence + 1;
    bool waits = feeding->group_bytes == 0;
    switch (engine_read(plan->engine, plan->stream, next, waits ? READ_MS : 0, &message, failure)) {
    case ENGINE_READ:
        *came = true;
        return take(feeding, &message, failure);
    case ENGINE_NOTHING:
        *came = false;
        if (plan->follows || !waits) {
            return STEP_GO_ON;
        }
        (void)failure_set(
            failure, "the log %s ends with message %" PRIu64 ", and %" PRIu64 " can't be read yet",
            plan->stream, feeding->target, next);
        return STEP_AWAY;
    case ENGINE_AWAY:
        return STEP_AWAY;
    case ENGINE_BROKEN:
        break;
    }
    return STEP_BROKEN;
}

/*
 * What is right is committed before what is wrong, and what waits, is told. That it can't be committed
 * is the better reason then.
 */
static enum step end_round(struct feeding *feeding, enum step step, struct failure *failure)
{
    struct failure why;
    if (step != STEP_BROKEN && step != STEP_DONE && step != STEP_AWAY) {
        return step;
    }
    enum step committed = commit(feeding, &why);
    if (committed != STEP_GO_ON) {
        *failure = why;
    }
    return committed == STEP_GO_ON ? step : committed;
}

static enum step run_round(struct feeding *feeding, struct failure *failure)
{
    const struct feeding_plan *plan = feeding->plan;
    enum step step = begin_round(feeding, failure);
    if (step != STEP_GO_ON) {
        return step;
    }
    while (step == STEP_GO_ON) {
        bool came = true;
        if (stop_is_asked(plan->stop) ||
            (!plan->follows && feeding->read.state.sequence >= feeding->target)) {
            step = STEP_DONE;
            break;
        }
        step = read_next(feeding, &came, failure);
        bool full = feeding->group_bytes >= FEEDING_GROUP_BYTES;
        if (step == STEP_GO_ON && (full || !came)) {
            step = commit(feeding, failure);
            if (step != STEP_GO_ON) {
                return step;
            }
        }
    }
    return end_round(feeding, step, failure);
}

/* ------------------------------------------------------------------- patience ---- */

/* Says what it waits for, once; then pauses. False where there is no patience left, or a stop. */
static bool wait_for_it(struct feeding *feeding, const struct failure *failure)
{
    const struct feeding_plan *plan = feeding->plan;
    if (strcmp(feeding->told.text, failure->text) != 0) {
        feeding->told = *failure;
        log_complain("waiting: %s", failure->text);
    }
    if (!plan->follows && clock_monotonic_ms() - feeding->progress_ms >= plan->patience_ms) {
        return false;
    }
    stop_pause(plan->stop, PAUSE_MS);
    return true;
}

enum feeding_end feeding_run(const struct feeding_plan *plan, char position[POSITION_BYTES],
                             struct failure *failure)
{
    struct feeding feeding = {.plan = plan, .progress_ms = clock_monotonic_ms()};
    enum step step = STEP_AWAY;
    while (step == STEP_AWAY) {
        step = stop_is_asked(plan->stop) ? STEP_DONE : run_round(&feeding, failure);
        if (step == STEP_AWAY && !wait_for_it(&feeding, failure)) {
            break;
        }
    }
    memcpy(position, feeding.committed, POSITION_BYTES);
    return (enum feeding_end)step;
}
