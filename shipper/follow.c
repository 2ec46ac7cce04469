/*
 * follow.c - see follow.h.
 *
 * One loop reads a record and applies it. Where there is no next one, all is synced, and a claim may be
 * due. A claim is known to be ours when it is read: so an answer that was lost, or late, makes no
 * difference.
 */
#include "shipper/follow.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "shipper/beat.h"
#include "shipper/mirror.h"
#include "shipper/same_log.h"
#include "shipper/shorter.h"
#include "shipper/takeover.h"
#include "store/archive.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_MS = 100,                  /* for a record that is not there yet, and then a look around */
    LAST_MS = 1000,                 /* for the answer where the log ends */
    UNSYNCED_MAX = 8 * 1024 * 1024, /* bytes that are written and not synced, at most */
    SETTLE_MS = 1000,               /* between two versions of the state file */
    PROMOTE_PATIENCE_MS = 30000,    /* for an order to promote */
    TELL_AWAY_MS = 10000,           /* between two lines that the engine is away */
    AWAY_PAUSE_MS = 100,
    MEASURE_MS = 1000,  /* between two looks whether the log is as long as it was */
    SHORTER_FACTOR = 3, /* times takeover_after, and SHORTER_MAX_MS at most: it is not believed */
    PROVE_PART = 3, /* of takeover_after: so long before a claim is due the files are looked at */
    WORD_BYTES = 512
};

struct follower {
    const struct follow_plan *plan;
    char stream[ENGINE_SUBJECT_BYTES];
    struct mirror mirror;
    struct takeover takeover;
    int64_t settled_at_ms;
    uint64_t settled_bytes; /* of bets.csv, in the state file */
    int64_t told_away_at_ms;
    int64_t measured_at_ms; /* the length of the log, where nothing came */
    struct shorter shorter; /* the log ends before what was read */
    bool is_recognised;     /* the log is the one that the state speaks of */
    bool is_caught_up;      /* the log had no next record when it was read last */
    bool was_caught_up;     /* once: records that came since then are news */
    bool has_ended;         /* by `end` */
    enum follow_end end;
};

/* ----------------------------------------------------------------- words ---- */

static void tell(const struct follower *follower, const char *word, const char *text)
{
    char line[WORD_BYTES];
    if (follower->plan->words < 0) {
        return;
    }
    int bytes = snprintf(line, sizeof line - 1, "%s%s%s", word, text[0] == '\0' ? "" : " ", text);
    size_t count = bytes < (int)sizeof line - 1 ? (size_t)bytes : sizeof line - 2;
    line[count++] = '\n';
    if (write(follower->plan->words, line, count) != (ssize_t)count) {
        log_warning(LOG_STANDBY_SERVER_NOT_TOLD, "result: in_progress | error: tell the server: %s",
                    strerror(errno));
    }
}

static void finish(struct follower *follower, enum follow_end end)
{
    if (!follower->has_ended) {
        follower->has_ended = true;
        follower->end = end;
    }
}

/* Ends it by what a step has come to. True when it goes on. */
static bool goes_on(struct follower *follower, enum mirror_end end, const struct failure *failure)
{
    if (end == MIRROR_APPLIED) {
        return true;
    }
    log_critical(LOG_STANDBY_RECORD_REFUSED, "result: fail | sequence: %" PRIu64 " | error: %s",
                 follower->mirror.log.sequence, failure->text);
    finish(follower, end == MIRROR_FAILED ? FOLLOW_FAILED : FOLLOW_REFUSED);
    return false;
}

/* --------------------------------------------------------------- signals ---- */

static bool take_signal(int number)
{
    const struct timespec no_time = {.tv_sec = 0};
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, number);
    return sigtimedwait(&set, NULL, &no_time) == number;
}

/* Gives an order up, and says why. */
static void refuse_order(struct follower *follower, const char *reason)
{
    follower->takeover.is_ordered = false;
    log_warning(LOG_TAKEOVER_REFUSED, "result: fail | reason: %s", reason);
    tell(follower, "refused", reason);
}

static void take_signals(struct follower *follower)
{
    struct failure failure;
    if (take_signal(SIGTERM)) {
        finish(follower, FOLLOW_STOPPED);
    }
    if (!take_signal(SIGUSR1)) {
        return;
    }
    log_info(LOG_TAKEOVER_ORDERED, "result: in_progress | reason: the operator wants it");
    if (mirror_may_take_over(&follower->mirror, &failure)) {
        takeover_order(&follower->takeover, clock_monotonic_ms());
    } else {
        refuse_order(follower, failure.text);
    }
}

/* ----------------------------------------------------------------- state ---- */

static void note_for_people(struct follower *follower)
{
    struct replication_state *state = &follower->mirror.state;
    const struct takeover *takeover = &follower->takeover;
    struct engine_state engine;
    engine_describe(follower->plan->engine, &engine);
    state->connected = engine.connected;
    state->heard_at_ms = takeover->heard_at_ms;
    state->told_bets_end = takeover->told_bets_end;
}

/* Syncs, and writes the state once a second; at once where `now`, and at the end of a catch-up. */
static bool settle(struct follower *follower, bool now)
{
    struct failure failure;
    const int64_t now_ms = clock_monotonic_ms();
    const uint64_t bytes = follower->mirror.log.bets_end;
    const bool ends_catching_up =
        follower->is_caught_up && bytes > follower->settled_bytes + UNSYNCED_MAX;
    if (!now && !ends_catching_up && now_ms - follower->settled_at_ms < SETTLE_MS) {
        return goes_on(follower, mirror_sync(&follower->mirror, &failure), &failure);
    }
    follower->settled_at_ms = now_ms;
    follower->settled_bytes = bytes;
    note_for_people(follower);
    return goes_on(follower, mirror_settle(&follower->mirror, &failure), &failure);
}

/* --------------------------------------------------------------- reading ---- */

/* The log is ours, and all up to the claim is applied and settled. */
static void take_over(struct follower *follower, const struct record *claim)
{
    struct failure failure;
    char epoch[sizeof "18446744073709551615"];
    fault_point("follow.claimed");
    if (!mirror_become_primary(&follower->mirror, &failure)) {
        (void)goes_on(follower, MIRROR_FAILED, &failure);
        return;
    }
    (void)snprintf(epoch, sizeof epoch, "%" PRIu64, claim->epoch);
    log_info(LOG_TAKEOVER_CLAIMED,
             "result: success | epoch: %s | node: %s | bytes: %" PRIu64 " | done_bytes: %" PRIu64,
             epoch, follower->mirror.node, claim->bets_end, claim->done_end);
    tell(follower, "claimed", epoch);
    finish(follower, FOLLOW_CLAIMED);
}

/* `before` is what the log said up to this record. */
static void note_news(struct follower *follower, const struct log_state *before,
                      const struct record *record)
{
    const int64_t now_ms = clock_monotonic_ms();
    if (record->kind == RECORD_CLAIM && follower->was_caught_up) {
        takeover_note_claim(&follower->takeover, before, record, now_ms);
    } else {
        takeover_note_life(&follower->takeover, now_ms);
    }
}

/*
 * Where the log does not go on from what is in the files: is it another lottery's? Then its first record
 * is of a draw that this directory has never seen, and no engine has lost anything.
 */
static bool is_another_lottery(struct follower *follower, struct failure *failure)
{
    const struct mirror *mirror = &follower->mirror;
    struct engine_message message;
    struct record first;
    struct control archived;
    struct failure ignored;
    if (mirror->log.epoch == 0 ||
        engine_read(follower->plan->engine, follower->stream, 1, LAST_MS, &message, &ignored) !=
            ENGINE_READ ||
        !record_read(&message, &first, &ignored) ||
        strcmp(first.identity, mirror->log.identity) == 0 ||
        archive_find(mirror->directory, first.identity, &archived)) {
        return false;
    }
    (void)failure_set(
        failure,
        "the log of centre %s began with lottery %s, and this directory follows the log of "
        "lottery %s, which is another one: replication.centre is another centre's, or "
        "data.directory is",
        follower->plan->centre, first.identity, mirror->log.identity);
    return true;
}

/* The engine has other records than were read here: it has lost some, or a hand has changed the stream. */
static void refuse_broken(struct follower *follower, const struct failure *reason)
{
    struct failure other;
    if (is_another_lottery(follower, &other)) {
        (void)goes_on(follower, MIRROR_REFUSED, &other);
        return;
    }
    log_critical(
        LOG_STANDBY_ENGINE_LOST_LOG,
        "result: fail | sequence: %" PRIu64
        " | error: the engine does not have what it had acknowledged: %s. This directory keeps all "
        "%" PRIu64 " bytes up to there; don't empty it. While the primary lives it ships them "
        "again, and a standby begins in an empty directory",
        follower->mirror.log.sequence, reason->text, follower->mirror.log.bets_end);
    finish(follower, FOLLOW_REFUSED);
}

static void apply(struct follower *follower, const struct engine_message *message)
{
    struct mirror *mirror = &follower->mirror;
    const struct log_state before = mirror->log;
    struct record record;
    struct failure failure;
    struct failure reason;
    enum mirror_end end = MIRROR_REFUSED;
    if (record_read(message, &record, &reason)) {
        end = mirror_apply(mirror, &record, message->sequence, message->stored_at_ms, &failure);
    } else {
        (void)failure_set(&failure,
                          "%s. Nobody can go on after it: keep this directory; the node that was "
                          "the primary ships everything to another replication.centre, which a "
                          "standby follows from an empty directory on",
                          reason.text);
    }
    if (end == MIRROR_REFUSED && !is_another_lottery(follower, &failure) &&
        same_log_look(follower->plan->engine, follower->stream, &mirror->log, LAST_MS, &reason) ==
            SAME_LOG_OTHER) { /* which is the better reason, too */
        refuse_broken(follower, &reason);
        return;
    }
    if (!goes_on(follower, end, &failure)) {
        return;
    }
    if (takeover_is_ours(&follower->takeover, &record)) {
        take_over(follower, &record);
        return;
    }
    note_news(follower, &before, &record);
    if (record.kind == RECORD_FILE && strcmp(record.name, DATA_CONTROL_FILE) == 0) {
        tell(follower, "control", "");
    }
    if (mirror_unsynced_bytes(mirror) >= UNSYNCED_MAX) {
        (void)settle(follower, false);
    }
}

static void note_away(struct follower *follower, const struct failure *failure)
{
    const struct timespec pause = clock_interval(AWAY_PAUSE_MS);
    const int64_t now_ms = clock_monotonic_ms();
    if (follower->told_away_at_ms == 0 || now_ms - follower->told_away_at_ms >= TELL_AWAY_MS) {
        follower->told_away_at_ms = now_ms;
        log_warning(LOG_STANDBY_ENGINE_AWAY, "result: in_progress | reason: %s%s",
                    follower->is_recognised ? "the engine is away: " : "", failure->text);
    }
    (void)nanosleep(&pause, NULL);
}

/* What a look at the log has come to. True where it is the one that was read. */
static bool judge_log(struct follower *follower, enum same_log found, const struct failure *reason)
{
    const uint64_t after_ms = follower->plan->takeover_after_ms;
    const int64_t patience_ms = after_ms < SHORTER_MAX_MS / SHORTER_FACTOR
                                    ? (int64_t)after_ms * SHORTER_FACTOR
                                    : SHORTER_MAX_MS;
    if (found == SAME_LOG) {
        shorter_is_not(&follower->shorter);
        return true;
    }
    if (found == SAME_LOG_OTHER ||
        (found == SAME_LOG_SHORTER && shorter_is_believed(&follower->shorter, patience_ms))) {
        refuse_broken(follower, reason);
    }
    return false;
}

/* True where the log is the one that was read, as far as the engine says now. Ends it where it is not. */
static bool recognises_log(struct follower *follower, struct failure *failure)
{
    return judge_log(follower,
                     same_log_look(follower->plan->engine, follower->stream, &follower->mirror.log,
                                   LAST_MS, failure),
                     failure);
}

/* Nothing came: the log may have become shorter than what was read, and would grow past it unseen. */
static void measure_log(struct follower *follower)
{
    struct failure failure = {.text = ""};
    const int64_t now_ms = clock_monotonic_ms();
    if (now_ms - follower->measured_at_ms < MEASURE_MS) {
        return;
    }
    follower->measured_at_ms = now_ms;
    (void)judge_log(follower,
                    same_log_measure(follower->plan->engine, follower->stream,
                                     &follower->mirror.log, LAST_MS, &failure),
                    &failure);
}

/* The first record can't be read. The stream comes with the first primary; one that is there was purged. */
static void judge_first(struct follower *follower, const struct failure *failure)
{
    uint64_t last = 0;
    struct failure ignored;
    if (engine_last_sequence(follower->plan->engine, follower->stream, LAST_MS, &last, &ignored) ==
        ENGINE_READ) {
        refuse_broken(follower, failure);
    } else if (settle(follower, false)) {
        note_away(follower, failure);
    }
}

static void read_next(struct follower *follower)
{
    struct engine_message message;
    struct failure failure = {.text = ""};
    const uint64_t wanted = follower->mirror.log.sequence + 1;
    const int64_t patience_ms = mirror_unsynced_bytes(&follower->mirror) > 0 ? 0 : READ_MS;
    switch (engine_read(follower->plan->engine, follower->stream, wanted, patience_ms, &message,
                        &failure)) {
    case ENGINE_READ:
        follower->is_caught_up = false;
        apply(follower, &message);
        break;
    case ENGINE_NOTHING:
        if (!follower->was_caught_up && is_another_lottery(follower, &failure)) {
            (void)goes_on(follower, MIRROR_REFUSED, &failure);
            break;
        }
        follower->is_caught_up = true;
        follower->was_caught_up = true;
        if (settle(follower, false)) {
            measure_log(follower);
        }
        break;
    case ENGINE_AWAY:
        follower->is_caught_up = false;
        if (settle(follower, false)) {
            note_away(follower, &failure);
        }
        break;
    case ENGINE_BROKEN:
        if (wanted > 1) {
            refuse_broken(follower, &failure);
        } else {
            judge_first(follower, &failure);
        }
        break;
    }
}

/* Before the first record: is the log the one that the state speaks of? */
static void begin_reading(struct follower *follower)
{
    struct failure failure = {.text = ""};
    struct failure other;
    follower->is_recognised = recognises_log(follower, &failure);
    if (follower->is_recognised || follower->has_ended) {
        return;
    }
    if (is_another_lottery(follower, &other)) {
        (void)goes_on(follower, MIRROR_REFUSED, &other);
        return;
    }
    note_away(follower, &failure);
}

/* ---------------------------------------------------------------- claims ---- */

/* Two nodes of one name would take each other's claims for their own, and so claim without an end. */
static void refuse_namesake(struct follower *follower)
{
    log_critical(
        LOG_NODE_NAME_TAKEN,
        "result: fail | error: another server writes the log as node %s, which is this one: it "
        "runs on a copy of this data.directory (the last 8 digits are the directory's "
        "id). End one of the two; a standby begins with an empty directory",
        follower->mirror.node);
    finish(follower, FOLLOW_REFUSED);
}

static void hear(struct follower *follower)
{
    char text[ENGINE_VALUE_BYTES];
    struct engine_state engine;
    const int64_t now_ms = clock_monotonic_ms();
    while (engine_hear(follower->plan->engine, text, sizeof text)) {
        (void)takeover_hear(&follower->takeover, text, &follower->mirror.log, follower->mirror.node,
                            now_ms);
    }
    if (takeover_has_namesake(&follower->takeover)) {
        refuse_namesake(follower);
    }
    engine_describe(follower->plan->engine, &engine);
    if (!engine.connected) {
        takeover_note_life(&follower->takeover, now_ms);
    }
}

/* True when the engine's log ends where ours does, as far as the engine says now. */
static bool has_all(struct follower *follower, struct failure *failure)
{
    uint64_t last = 0;
    enum engine_reading reading =
        engine_last_sequence(follower->plan->engine, follower->stream, LAST_MS, &last, failure);
    return reading == ENGINE_READ && last == follower->mirror.log.sequence;
}

/* False where the files are not what was applied: this node must not claim, so that another one can. */
static bool proves_files(struct follower *follower)
{
    struct failure failure;
    enum mirror_end end = mirror_prove(&follower->mirror, &failure);
    if (end == MIRROR_REFUSED && follower->takeover.is_ordered) {
        refuse_order(follower, failure.text);
    }
    return goes_on(follower, end, &failure);
}

static void try_claim(struct follower *follower)
{
    struct takeover *takeover = &follower->takeover;
    struct failure failure = {.text = ""};
    const int64_t now_ms = clock_monotonic_ms();
    const int64_t silent_ms = now_ms - takeover->alive_at_ms;
    if (takeover->is_ordered && now_ms - takeover->ordered_at_ms >= PROMOTE_PATIENCE_MS) {
        refuse_order(follower, "the engine did not take a claim in 30 s: no quorum of it can be "
                               "reached, or the primary appends without a pause. One that it has "
                               "got and stores later still counts: see lottery-stat");
        return;
    }
    const int64_t due_ms =
        takeover_due_ms(takeover, &follower->mirror.log, follower->mirror.node, now_ms);
    if (due_ms > (int64_t)takeover->patience_ms / PROVE_PART ||
        !mirror_may_take_over(&follower->mirror, &failure) || !proves_files(follower) ||
        due_ms > 0 || !recognises_log(follower, &failure) ||
        (!takeover->is_ordered && !has_all(follower, &failure))) {
        return;
    }
    log_warning(LOG_TAKEOVER_BEGUN,
                "result: in_progress | epoch: %" PRIu64 " | from: %s | after: %" PRIu64
                " | silent_ms: %" PRId64 " | reason: %s",
                follower->mirror.log.epoch + 1, follower->mirror.log.node,
                follower->mirror.log.sequence, silent_ms,
                takeover->is_ordered ? "the operator wants it" : "the primary is silent");
    enum engine_answer answer =
        takeover_claim(takeover, follower->plan->engine, follower->plan->centre,
                       &follower->mirror.log, follower->mirror.node, &failure);
    if (answer != ENGINE_STORED) {
        log_warning(LOG_TAKEOVER_NOT_CLAIMED, "result: in_progress | answer: %s | reason: %s",
                    answer == ENGINE_REFUSED   ? "refused"
                    : answer == ENGINE_UNKNOWN ? "unknown"
                                               : "forbidden",
                    failure.text);
    }
}

/* ------------------------------------------------------------------ life ---- */

static bool begin(struct follower *follower)
{
    const struct follow_plan *plan = follower->plan;
    struct failure failure;
    char alive[ENGINE_SUBJECT_BYTES];
    record_write_stream(follower->stream, plan->centre);
    record_write_alive(alive, plan->centre);
    takeover_begin(&follower->takeover, plan->takeover_after_ms, clock_monotonic_ms());
    enum mirror_end end = mirror_open(&follower->mirror, plan->directory, plan->node, &failure);
    if (end == MIRROR_APPLIED && !engine_listen(plan->engine, alive, &failure)) {
        end = MIRROR_FAILED;
    }
    if (!goes_on(follower, end, &failure)) {
        return false;
    }
    log_info(LOG_STANDBY_FOLLOWS,
             "result: success | node: %s | centre: %s | sequence: %" PRIu64 " | epoch: %" PRIu64
             " | bytes: %" PRIu64 " | done_bytes: %" PRIu64,
             follower->mirror.node, plan->centre, follower->mirror.log.sequence,
             follower->mirror.log.epoch, follower->mirror.log.bets_end,
             follower->mirror.log.done_end);
    if (follower->mirror.has_control) {
        tell(follower, "control", "");
    }
    return true;
}

enum follow_end follow_run(const struct follow_plan *plan)
{
    struct follower follower = {.plan = plan};
    bool begun = begin(&follower);
    while (!follower.has_ended) {
        if (!follower.is_recognised) {
            begin_reading(&follower);
        }
        if (follower.is_recognised) {
            read_next(&follower);
        }
        if (!follower.has_ended) {
            hear(&follower);
            take_signals(&follower);
        }
        if (!follower.has_ended && follower.is_recognised &&
            (follower.is_caught_up || follower.takeover.is_ordered)) {
            try_claim(&follower);
        }
    }
    if (begun && follower.end == FOLLOW_STOPPED) {
        (void)settle(&follower, true);
    }
    mirror_close(&follower.mirror);
    return follower.end;
}
