/*
 * mirror_claims.c - see mirror_parts.h: another node takes over, or the next draw begins.
 */
#include "shipper/mirror_parts.h"

#include "lib/log.h"

#include <inttypes.h>
#include <string.h>

/* Another node has taken over from us: from here on our files are what the log says. */
static bool become_standby(struct mirror *mirror, const struct record *claim,
                           struct failure *failure)
{
    if (!mirror_file_put_aside(&mirror->bets, claim->bets_end, claim->epoch, failure) ||
        !mirror_file_put_aside(&mirror->done, claim->done_end, claim->epoch, failure) ||
        !mirror_put_files_aside(mirror, claim->epoch, failure)) {
        return false;
    }
    log_info(LOG_PRIMARY_BECAME_STANDBY,
             "result: success | epoch: %" PRIu64 " | writer: %s | bytes: %" PRIu64
             " | reason: this node was the primary, and follows now",
             claim->epoch, claim->node, claim->bets_end);
    mirror->state.role = REPLICATION_STANDBY;
    mirror->awaits_control = !mirror->has_logged;
    mirror->bets.own_bytes = 0;
    mirror->done.own_bytes = 0;
    return !mirror->has_logged || mirror_take_control(mirror, &mirror->logged, failure);
}

/* The claim begins a draw, which this directory does not have. */
static bool begins_draw(const struct mirror *mirror, const struct log_state *before,
                        const struct record *claim)
{
    return !mirror_is_of_draw(mirror, claim->identity) &&
           (mirror->state.role == REPLICATION_STANDBY || !mirror->has_control ||
            mirror_is_of_draw(mirror, before->identity));
}

/* Control as the claim says it, or one that holds its place until it comes as a file. */
static enum mirror_end take_claimed(struct mirror *mirror, const struct record *claim,
                                    struct failure *failure)
{
    struct control control;
    if (claim->length == 0) {
        return mirror_end_of(mirror_hold_place(mirror, claim->identity, failure));
    }
    enum mirror_end end = mirror_read_control(claim, "a claim", &control, failure);
    if (end != MIRROR_APPLIED) {
        return end;
    }
    log_info(LOG_STANDBY_NEXT_DRAW,
             "result: success | draw: %s | lottery: %s | reason: the log begins it",
             control.terms.draw, control.identity);
    return mirror_end_of(mirror_take_control(mirror, &control, failure));
}

/* The next draw of this directory begins. What a former primary has beyond the log's end is put aside. */
static enum mirror_end begin_by_claim(struct mirror *mirror, const struct log_state *before,
                                      const struct record *claim, struct failure *failure)
{
    const bool is_next = mirror_is_of_draw(mirror, before->identity);
    if (mirror->has_control && !is_next) {
        (void)failure_set(failure,
                          "the log begins the draw %s, and %s/" DATA_CONTROL_FILE
                          " is of the draw %s, which is not the one before it: they are two "
                          "lotteries. Name the replication.centre of this directory, or an empty "
                          "data.directory, and all comes from the log",
                          claim->identity, mirror->directory->path, mirror->control.identity);
        return MIRROR_REFUSED;
    }
    if (mirror_sync(mirror, failure) != MIRROR_APPLIED ||
        (is_next && mirror->state.role == REPLICATION_PRIMARY &&
         (!mirror_file_put_aside(&mirror->bets, before->bets_end, claim->epoch, failure) ||
          !mirror_file_put_aside(&mirror->done, before->done_end, claim->epoch, failure)))) {
        return MIRROR_FAILED;
    }
    if (is_next && mirror->state.role == REPLICATION_STANDBY) { /* the archive's, too */
        bet_count_write(&mirror->count, mirror->directory, mirror->control.identity,
                        mirror->bets.descriptor);
    }
    mirror->has_logged = false;
    return take_claimed(mirror, claim, failure);
}

static void note_claim(struct mirror_file *file, uint64_t epoch, uint64_t end)
{
    file->claim_epoch = epoch;
    file->claim_end = end;
}

enum mirror_end mirror_follow_claim(struct mirror *mirror, const struct record *claim,
                                    const struct log_state *before, int64_t stored_at_ms,
                                    struct failure *failure)
{
    const bool is_takeover = before->epoch != 0 && strcmp(before->node, claim->node) != 0;
    const bool is_from_us = is_takeover && strcmp(before->node, mirror->node) == 0;
    if (is_takeover) {
        log_info(LOG_TAKEOVER_SEEN,
                 "result: success | epoch: %" PRIu64 " | from: %s | to: %s | bytes: %" PRIu64,
                 claim->epoch, before->node, claim->node, claim->bets_end);
        replication_note_takeover(&mirror->state, claim->epoch, stored_at_ms, claim->node);
    }
    note_claim(&mirror->bets, claim->epoch, claim->bets_end);
    note_claim(&mirror->done, claim->epoch, claim->done_end);
    if (begins_draw(mirror, before, claim) && !mirror_is_past(mirror, claim->identity)) {
        enum mirror_end end = begin_by_claim(mirror, before, claim, failure);
        if (end != MIRROR_APPLIED) {
            return end;
        }
    }
    if (mirror->state.role == REPLICATION_PRIMARY && is_from_us &&
        !become_standby(mirror, claim, failure)) {
        return MIRROR_FAILED;
    }
    return MIRROR_APPLIED;
}
