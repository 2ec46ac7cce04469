/*
 * mirror.c - see mirror.h.
 */
#include "shipper/mirror.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "shipper/log_note.h"
#include "shipper/mirror_parts.h"
#include "store/archive.h"
#include "store/checkpoint.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* ------------------------------------------------------------------ open ---- */

/* How much of the current draw's file the state speaks of; it may still speak of the draw before. */
static uint64_t synced_of(const struct mirror *mirror, uint64_t end)
{
    return mirror_is_of_draw(mirror, mirror->state.identity) ? end : 0;
}

static enum mirror_end read_control(struct mirror *mirror, struct failure *failure)
{
    switch (control_read(mirror->directory, &mirror->control, failure)) {
    case CONTROL_READ:
        mirror->has_control = true;
        return MIRROR_APPLIED;
    case CONTROL_ABSENT:
        return MIRROR_APPLIED;
    case CONTROL_REFUSED:
        break;
    }
    return MIRROR_REFUSED;
}

static enum mirror_end refuse_changed(const struct failure *reason, struct failure *failure)
{
    (void)failure_set(failure,
                      "%s; or keep this directory for whoever finds out why, name an empty "
                      "data.directory, and all comes from the log",
                      reason->text);
    return MIRROR_REFUSED;
}

/* A file that was changed is found here, and not by recovery, which comes after the claim. */
static enum mirror_end resume_count(struct mirror *mirror, struct failure *failure)
{
    struct failure reason;
    switch (bet_count_resume(&mirror->count, mirror->directory, mirror->control.identity,
                             mirror->bets.descriptor, synced_of(mirror, mirror->state.bets_end),
                             &reason)) {
    case BET_COUNT_RESUMED:
        return MIRROR_APPLIED;
    case BET_COUNT_CHANGED:
        return refuse_changed(&reason, failure);
    case BET_COUNT_FAILED:
        break;
    }
    *failure = reason;
    return MIRROR_FAILED;
}

/* Opens what there is of the draw that the state speaks of. */
static enum mirror_end open_draw(struct mirror *mirror, struct failure *failure)
{
    const struct replication_state *state = &mirror->state;
    if (mirror->has_control && mirror->control.archiving[0] != '\0' &&
        !archive_complete(mirror->directory, &mirror->control, failure)) {
        return MIRROR_FAILED;
    }
    if (!mirror_file_open(&mirror->bets, failure) || !mirror_file_open(&mirror->done, failure)) {
        return MIRROR_FAILED;
    }
    const bool is_own = state->role == REPLICATION_PRIMARY;
    enum mirror_end end =
        mirror_file_measure(&mirror->bets, synced_of(mirror, state->bets_end), is_own, failure);
    if (end == MIRROR_APPLIED) {
        end =
            mirror_file_measure(&mirror->done, synced_of(mirror, state->done_end), is_own, failure);
    }
    if (end != MIRROR_APPLIED || !mirror->has_control) {
        return end;
    }
    return resume_count(mirror, failure);
}

/* A directory without a lottery has nothing of its own, so it is a standby's from now on. */
static bool settle_role(struct mirror *mirror, struct failure *failure)
{
    struct replication_state *state = &mirror->state;
    bool synced = true;
    if (mirror->has_control || state->role == REPLICATION_STANDBY) {
        return true;
    }
    state->role = REPLICATION_STANDBY;
    state->sequence = 0;
    return replication_write(mirror->directory, state, &synced, failure);
}

enum mirror_end mirror_open(struct mirror *mirror, const struct data_directory *directory,
                            const char *node, struct failure *failure)
{
    *mirror = (struct mirror){
        .directory = directory,
        .bets = {.directory = directory,
                 .name = DATA_BETS_FILE,
                 .line_is = "bets",
                 .descriptor = -1},
        .done = {.directory = directory,
                 .name = DATA_DONE_FILE,
                 .line_is = "lines",
                 .descriptor = -1},
    };
    if (!bet_count_open(&mirror->count, failure) ||
        !replication_settle(directory, &mirror->state, failure)) {
        return MIRROR_FAILED;
    }
    (void)snprintf(mirror->node, sizeof mirror->node, "%s", node);
    enum mirror_end end = read_control(mirror, failure);
    if (end != MIRROR_APPLIED || !settle_role(mirror, failure)) {
        return end != MIRROR_APPLIED ? end : MIRROR_FAILED;
    }
    log_note_read(&mirror->state, &mirror->log);
    return mirror->has_control ? open_draw(mirror, failure) : MIRROR_APPLIED;
}

void mirror_close(struct mirror *mirror)
{
    mirror_file_close(&mirror->bets);
    mirror_file_close(&mirror->done);
    bet_count_close(&mirror->count);
}

/* ---------------------------------------------------------------- settle ---- */

/* A directory that was another node's copy, and has lost its state, is a standby's once it agrees. */
static void settle_unknown(struct mirror *mirror)
{
    if (mirror->state.role == REPLICATION_PRIMARY && !mirror_has_own_files(mirror) &&
        mirror->log.epoch > 0 && mirror->bets.own_bytes <= mirror->log.bets_end &&
        mirror->done.own_bytes <= mirror->log.done_end) {
        mirror->state.role = REPLICATION_STANDBY;
        mirror->bets.own_bytes = 0;
        mirror->done.own_bytes = 0;
    }
}

enum mirror_end mirror_settle(struct mirror *mirror, struct failure *failure)
{
    bool synced = true;
    if (mirror_sync(mirror, failure) != MIRROR_APPLIED) {
        return MIRROR_FAILED;
    }
    fault_point("mirror.synced");
    settle_unknown(mirror);
    /* A former primary's state stays at its claim: from there on its files are compared again. */
    if (mirror->state.role == REPLICATION_STANDBY ||
        (mirror_has_own_files(mirror) && mirror->log.claimed_at == mirror->log.sequence)) {
        log_note_write(&mirror->state, &mirror->log);
    }
    mirror->state.written_at_ms = clock_wall_ms();
    if (!replication_write(mirror->directory, &mirror->state, &synced, failure)) {
        return MIRROR_FAILED;
    }
    fault_point("mirror.settled");
    if (mirror_is_of_draw(mirror, mirror->log.identity) &&
        mirror->state.role == REPLICATION_STANDBY) {
        bet_count_write(&mirror->count, mirror->directory, mirror->control.identity,
                        mirror->bets.descriptor);
    }
    return MIRROR_APPLIED;
}

/* ----------------------------------------------------------------- apply ---- */

static enum mirror_end apply_bytes(struct mirror *mirror, struct mirror_file *file,
                                   const struct record *record, struct failure *failure)
{
    if (mirror_is_past(mirror, record->identity)) {
        return MIRROR_APPLIED;
    }
    if (!mirror_is_of_draw(mirror, record->identity)) {
        (void)failure_set(
            failure,
            "the log has %s of the draw %s, and %s/" DATA_CONTROL_FILE
            " is of the draw %s: they are two lotteries. Name the replication.centre of this "
            "directory, or an empty data.directory, and all comes from the log",
            file->name, record->identity, mirror->directory->path,
            mirror->has_control ? mirror->control.identity : "(none)");
        return MIRROR_REFUSED;
    }
    enum mirror_end end = mirror_check_lines(mirror, record, failure);
    return end == MIRROR_APPLIED ? mirror_file_apply(file, record, failure) : end;
}

static enum mirror_end apply_claim(struct mirror *mirror, const struct record *claim,
                                   const struct log_state *before, int64_t stored_at_ms,
                                   struct failure *failure)
{
    enum mirror_end end = mirror_follow_claim(mirror, claim, before, stored_at_ms, failure);
    if (end != MIRROR_APPLIED) {
        return end;
    }
    fault_point("mirror.claim");
    return mirror_settle(mirror, failure);
}

enum mirror_end mirror_apply(struct mirror *mirror, const struct record *record, uint64_t sequence,
                             int64_t stored_at_ms, struct failure *failure)
{
    const struct log_state before = mirror->log;
    if (!log_state_fold(&mirror->log, record, sequence, failure)) {
        return MIRROR_REFUSED;
    }
    switch (record->kind) {
    case RECORD_BETS:
        return apply_bytes(mirror, &mirror->bets, record, failure);
    case RECORD_DONE:
        return apply_bytes(mirror, &mirror->done, record, failure);
    case RECORD_FILE:
        return mirror_apply_file(mirror, record, failure);
    case RECORD_CLAIM:
        return apply_claim(mirror, record, &before, stored_at_ms, failure);
    case RECORD_KINDS:
        break;
    }
    return MIRROR_REFUSED;
}

/* ------------------------------------------------------------- take over ---- */

bool mirror_may_take_over(const struct mirror *mirror, struct failure *failure)
{
    if (mirror->log.epoch == 0) {
        return failure_set(failure, "the log is empty: there is nothing to take over. Start the "
                                    "first primary, without --follow");
    }
    if (!mirror_is_of_draw(mirror, mirror->log.identity) ||
        mirror_is_place_holder(&mirror->control)) {
        return failure_set(failure, "the log has no " DATA_CONTROL_FILE " of its draw yet");
    }
    if (mirror->state.role == REPLICATION_PRIMARY && !mirror_has_own_files(mirror)) {
        return failure_set(
            failure,
            "%s has more than the log, and nobody knows whose that is: its " DATA_REPLICATION_FILE
            " was lost. Name an empty data.directory, and all comes from the log",
            mirror->directory->path);
    }
    return !mirror->awaits_control ||
           failure_set(failure,
                       "the node that took over has not shipped its " DATA_CONTROL_FILE " yet");
}

enum mirror_end mirror_prove(struct mirror *mirror, struct failure *failure)
{
    struct checkpoint stored;
    struct failure reason;
    if (mirror->proved_at == mirror->log.sequence) {
        return MIRROR_APPLIED;
    }
    if (mirror_settle(mirror, failure) != MIRROR_APPLIED) {
        return MIRROR_FAILED;
    }
    int bets = data_directory_open_file(mirror->directory, DATA_BETS_FILE, O_RDONLY, failure);
    if (bets < 0) {
        return MIRROR_REFUSED; /* it was open: a hand has taken it away */
    }
    const enum checkpoint_answer answer = checkpoint_read(
        mirror->directory, mirror->control.identity, bets, CHECKPOINT_VERIFY_ALL, &stored, &reason);
    (void)close(bets);
    if (answer == CHECKPOINT_REFUSED) {
        return refuse_changed(&reason, failure);
    }
    if (answer == CHECKPOINT_READ) {
        checkpoint_close(&stored);
    }
    mirror->proved_at = mirror->log.sequence;
    return MIRROR_APPLIED;
}

bool mirror_become_primary(struct mirror *mirror, struct failure *failure)
{
    bool synced = true;
    mirror->state.role = REPLICATION_PRIMARY;
    mirror->state.why[0] = '\0';
    return replication_write(mirror->directory, &mirror->state, &synced, failure);
}
