/*
 * mirror.c - see mirror.h.
 */
#include "shipper/mirror.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "shipper/log_note.h"
#include "shipper/unacknowledged.h"
#include "store/archive.h"
#include "store/done_file.h"
#include "store/draw.h"
#include "store/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The small files that the log may have beside control, and in which state of the draw each is made. */
static const struct {
    const char *name;
    enum control_state made_in;
} whole_files[] = {{DATA_SEAL_FILE, CONTROL_CLOSED},
                   {DATA_SEAL_SIGNATURE_FILE, CONTROL_CLOSED},
                   {DATA_DRAW_FILE, CONTROL_SEALED},
                   {DATA_DRAW_SIGNATURE_FILE, CONTROL_SEALED}};

enum { WHOLE_FILES = sizeof whole_files / sizeof whole_files[0] };

static enum mirror_end end_of(bool done)
{
    return done ? MIRROR_APPLIED : MIRROR_FAILED;
}

static bool is_of_draw(const struct mirror *mirror, const char *identity)
{
    return mirror->has_control && strcmp(mirror->control.identity, identity) == 0;
}

/* ------------------------------------------------------------------ open ---- */

/* How much of the current draw's file the state speaks of; it may still speak of the draw before. */
static uint64_t synced_of(const struct mirror *mirror, uint64_t end)
{
    return is_of_draw(mirror, mirror->state.identity) ? end : 0;
}

/* True for a draw that stands in the archive: the directory is further than the log at this place. */
static bool is_past(struct mirror *mirror, const char *identity)
{
    struct control found;
    if (is_of_draw(mirror, identity)) {
        return false;
    }
    if (strcmp(mirror->past, identity) != 0 && archive_find(mirror->directory, identity, &found)) {
        (void)snprintf(mirror->past, sizeof mirror->past, "%s", identity);
    }
    return strcmp(mirror->past, identity) == 0;
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

/* ------------------------------------------------------------------ sync ---- */

enum mirror_end mirror_sync(struct mirror *mirror, struct failure *failure)
{
    return end_of(mirror_file_sync(&mirror->bets, failure) &&
                  mirror_file_sync(&mirror->done, failure));
}

uint64_t mirror_unsynced_bytes(const struct mirror *mirror)
{
    return mirror->bets.unsynced_bytes + mirror->done.unsynced_bytes;
}

/* True while the files are what the server of this directory has written, by its own last claim. */
static bool has_own_files(const struct mirror *mirror)
{
    return mirror->state.role == REPLICATION_PRIMARY && strcmp(mirror->log.node, mirror->node) == 0;
}

/* A directory that was another node's copy, and has lost its state, is a standby's once it agrees. */
static void settle_unknown(struct mirror *mirror)
{
    if (mirror->state.role == REPLICATION_PRIMARY && !has_own_files(mirror) &&
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
        (has_own_files(mirror) && mirror->log.claimed_at == mirror->log.sequence)) {
        log_note_write(&mirror->state, &mirror->log);
    }
    mirror->state.written_at_ms = clock_wall_ms();
    if (!replication_write(mirror->directory, &mirror->state, &synced, failure)) {
        return MIRROR_FAILED;
    }
    fault_point("mirror.settled");
    if (is_of_draw(mirror, mirror->log.identity) && mirror->state.role == REPLICATION_STANDBY) {
        bet_count_write(&mirror->count, mirror->directory, mirror->control.identity,
                        mirror->bets.descriptor);
    }
    return MIRROR_APPLIED;
}

/* ----------------------------------------------------------------- bytes ---- */

/* The log has something that no server of the lottery writes. Nothing of it has come into a file. */
static enum mirror_end refuse_content(const struct mirror *mirror, const struct record *record,
                                      const char *what, struct failure *failure)
{
    (void)failure_set(failure,
                      "record %" PRIu64
                      " of the log, by %s, is none that a server of the lottery writes: %s. "
                      "Nothing of it was written here. Somebody else has forged it, or "
                      "a hand has changed the files of that node: keep this directory, and find "
                      "out which before anybody goes on",
                      mirror->log.sequence, record->node, what);
    return MIRROR_REFUSED;
}

/* A line of done.csv says what its agency has, and its bets are in the log before it. */
static bool agrees_with_bets(const struct mirror *mirror, const struct record *record)
{
    const char *at = record->bytes;
    const char *end = at + record->length;
    while (at < end) {
        struct done_line line;
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL || !done_file_parse_line(at, (size_t)(line_end - at), &line) ||
            line.position > mirror->log.bets_end ||
            !bet_count_agrees(&mirror->count, line.agency, line.bets, line.checksum)) {
            return false;
        }
        at = line_end + 1;
    }
    return true;
}

/* Recovery would find it, too, but only behind the claim, when no other node may serve any more. */
static enum mirror_end check_lines(struct mirror *mirror, const struct record *record,
                                   struct failure *failure)
{
    if (record->kind == RECORD_DONE) {
        return agrees_with_bets(mirror, record) ? MIRROR_APPLIED
                                                : refuse_content(mirror, record,
                                                                 "its lines of " DATA_DONE_FILE
                                                                 " are not what the agencies have",
                                                                 failure);
    }
    return bet_count_add(&mirror->count, record->bytes, (size_t)record->length, record->offset)
               ? MIRROR_APPLIED
               : refuse_content(mirror, record, "its rows are no bets", failure);
}

static enum mirror_end apply_bytes(struct mirror *mirror, struct mirror_file *file,
                                   const struct record *record, struct failure *failure)
{
    if (is_past(mirror, record->identity)) {
        return MIRROR_APPLIED;
    }
    if (!is_of_draw(mirror, record->identity)) {
        (void)failure_set(
            failure,
            "the log has %s of the draw %s, and %s/" DATA_CONTROL_FILE
            " is of the draw %s: they are two lotteries. Name the replication.centre of this "
            "directory, or an empty data.directory, and all comes from the log",
            file->name, record->identity, mirror->directory->path,
            mirror->has_control ? mirror->control.identity : "(none)");
        return MIRROR_REFUSED;
    }
    enum mirror_end end = check_lines(mirror, record, failure);
    return end == MIRROR_APPLIED ? mirror_file_apply(file, record, failure) : end;
}

/* --------------------------------------------------------------- control ---- */

static bool never(void)
{
    return false;
}

/* The draw was held: its winners are made of the same bets, so they are the same. */
static void make_winners(struct mirror *mirror)
{
    const struct data_directory *directory = mirror->directory;
    const struct draw_record *held = &mirror->control.draw;
    const struct draw_stock stock = {
        .bytes = held->bytes, .rows = held->bets, .checksum = held->checksum};
    struct draw_record again;
    struct failure failure;
    if (draw_check(directory, held, &failure) == DRAW_HELD) {
        return;
    }
    if (draw_hold(directory, &stock, mirror->control.terms.winning_number, never, &again,
                  &failure) != DRAW_HELD) {
        log_error(LOG_STANDBY_DRAW_FAILED,
                  "result: fail | error: %s | reason: a takeover will make "
                  "%s/" DATA_WINNERS_FILE " again",
                  failure.text, directory->path);
    } else if (memcmp(&again, held, sizeof again) != 0) {
        log_critical(LOG_STANDBY_WINNERS_DIFFER,
                     "result: fail | error: the winners of %s/" DATA_BETS_FILE
                     " are others than those of the primary's draw",
                     directory->path);
    }
}

/* The next draw begins: the files of the one before it are moved to its archive, as the primary did. */
static bool archive_before(struct mirror *mirror, struct control *next, struct failure *failure)
{
    struct control finished = mirror->control;
    struct stat status;
    bool synced = true;
    if (fstat(mirror->bets.descriptor, &status) != 0) {
        return failure_set_errno(failure, "stat %s/" DATA_BETS_FILE, mirror->directory->path);
    }
    if (finished.state != CONTROL_DRAWN) {
        finished.state = CONTROL_ABANDONED;
        finished.abandoned_at_ms = control_step_ms(&finished);
        finished.bets_bytes = (uint64_t)status.st_size;
    }
    mirror_file_close(&mirror->bets);
    mirror_file_close(&mirror->done);
    (void)snprintf(next->archiving, sizeof next->archiving, "%s", finished.terms.draw);
    return archive_prepare(mirror->directory, &finished, &synced, failure) &&
           control_write(mirror->directory, next, &synced, failure) &&
           archive_complete(mirror->directory, next, failure);
}

/* Opens the files of a draw that has just begun here. */
static bool begin_draw(struct mirror *mirror, struct failure *failure)
{
    bet_count_close(&mirror->count);
    return bet_count_open(&mirror->count, failure) && mirror_file_open(&mirror->bets, failure) &&
           mirror_file_open(&mirror->done, failure);
}

/*
 * Bets may come before their draw's control, and control is the first file of a draw. So a claim that
 * begins a draw makes one that holds its place; its draw's name is the identity.
 */
static bool is_place_holder(const struct control *control)
{
    return strcmp(control->terms.draw, control->identity) == 0;
}

static bool take_control(struct mirror *mirror, struct control *control, struct failure *failure)
{
    const bool is_first = !mirror->has_control || is_place_holder(&mirror->control);
    const bool is_next = mirror->has_control && !is_of_draw(mirror, control->identity);
    bool synced = true;
    control->ipc_key = mirror->control.ipc_key; /* 0 until a server starts here */
    if (!is_first) {
        control->ring_bytes = mirror->control.ring_bytes;
    }
    bool written = is_next ? archive_before(mirror, control, failure)
                           : control_write(mirror->directory, control, &synced, failure);
    if (!written) {
        return false;
    }
    mirror->control = *control;
    mirror->has_control = true;
    mirror->awaits_control = false;
    if (mirror->bets.descriptor < 0 && !begin_draw(mirror, failure)) {
        return false;
    }
    fault_point("mirror.control");
    if (control->state == CONTROL_DRAWN) {
        make_winners(mirror);
    }
    return true;
}

static bool hold_place(struct mirror *mirror, const char *identity, struct failure *failure)
{
    struct control control = {.ring_bytes = CONTROL_RING_BYTES_MAX,
                              .terms = {.agencies_expected = 1,
                                        .agencies_allowed = "any",
                                        .number_by = NUMBER_BY_COMMAND},
                              .terms_by = TERMS_BY_COMMAND,
                              .opened_at_ms = clock_wall_ms(),
                              .state = CONTROL_NEW};
    (void)snprintf(control.identity, sizeof control.identity, "%s", identity);
    (void)snprintf(control.terms.draw, sizeof control.terms.draw, "%s", identity);
    return take_control(mirror, &control, failure);
}

/* One draw has one seal and one result. */
static bool contradicts(const struct control *own, const struct control *logged,
                        struct failure *failure)
{
    const bool other_seal = own->seal_sha256[0] != '\0' && logged->seal_sha256[0] != '\0' &&
                            strcmp(own->seal_sha256, logged->seal_sha256) != 0;
    const bool other_draw = own->draw_sha256[0] != '\0' && logged->draw_sha256[0] != '\0' &&
                            strcmp(own->draw_sha256, logged->draw_sha256) != 0;
    if (other_seal || other_draw) {
        (void)failure_set(failure,
                          "the log has another %s of the draw than this directory: keep the "
                          "directory for the auditor, and name an empty data.directory",
                          other_seal ? "seal" : "result");
    }
    return other_seal || other_draw;
}

static enum mirror_end apply_control(struct mirror *mirror, const struct record *record,
                                     struct failure *failure)
{
    struct control control;
    if (control_read_text(record->bytes, (size_t)record->length, "the log's " DATA_CONTROL_FILE,
                          &control, failure) != CONTROL_READ) {
        return MIRROR_REFUSED;
    }
    if (strcmp(control.identity, record->identity) != 0) {
        (void)failure_set(failure,
                          "the log's " DATA_CONTROL_FILE " is of the draw %s, in a record of the "
                          "draw %s",
                          control.identity, record->identity);
        return MIRROR_REFUSED;
    }
    if (control.bets_bytes > mirror->log.bets_end || control.done_bytes > mirror->log.done_end) {
        return refuse_content(mirror, record,
                              "its " DATA_CONTROL_FILE " tells of bytes that are not in the log",
                              failure);
    }
    if (mirror->has_logged && control_is_older(&control, &mirror->logged)) {
        return refuse_content(mirror, record,
                              "its " DATA_CONTROL_FILE " takes a step of the draw back, or has "
                              "another seal, or another result",
                              failure);
    }
    mirror->logged = control;
    mirror->has_logged = true;
    if (has_own_files(mirror)) {
        if (!control_is_older(&mirror->control, &control)) {
            return MIRROR_APPLIED;
        }
        if (contradicts(&mirror->control, &control, failure)) {
            return MIRROR_REFUSED;
        }
        log_warning(LOG_STANDBY_OLDER_COPY,
                    "result: in_progress | state: %s | reason: this directory is an older copy: "
                    "its " DATA_CONTROL_FILE " comes from the log",
                    control_state_name(control.state));
    }
    return end_of(take_control(mirror, &control, failure));
}

/* ----------------------------------------------------------------- files ---- */

static bool is_whole_file(const char *name)
{
    for (size_t i = 0; i < WHOLE_FILES; i++) {
        if (strcmp(whole_files[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* True where a former primary lacks a file of its draw: it is an older copy of its directory. */
static bool is_missing(const struct mirror *mirror, const struct record *record)
{
    struct stat status;
    return is_of_draw(mirror, record->identity) &&
           fstatat(mirror->directory->descriptor, record->name, &status, AT_SYMLINK_NOFOLLOW) !=
               0 &&
           errno == ENOENT;
}

static enum mirror_end apply_file(struct mirror *mirror, const struct record *record,
                                  struct failure *failure)
{
    bool synced = true;
    if (is_past(mirror, record->identity)) {
        return MIRROR_APPLIED;
    }
    if (mirror_sync(mirror, failure) != MIRROR_APPLIED) {
        return MIRROR_FAILED;
    }
    if (strcmp(record->name, DATA_CONTROL_FILE) == 0) {
        return apply_control(mirror, record, failure);
    }
    if (has_own_files(mirror) && !is_missing(mirror, record)) {
        return MIRROR_APPLIED; /* it may be newer than the log's */
    }
    if (!is_whole_file(record->name)) {
        log_warning(LOG_STANDBY_FILE_UNKNOWN,
                    "result: in_progress | file: %s | reason: this version knows no such file, and "
                    "leaves it in the log",
                    record->name);
        return MIRROR_APPLIED;
    }
    return end_of(whole_file_write(mirror->directory, record->name, record->bytes,
                                   (size_t)record->length, &synced, failure));
}

/* ---------------------------------------------------------------- claims ---- */

/*
 * Files of a former primary that its successor may make otherwise, or that count its own bytes. Those
 * that belong to what the log's control says are in the log, and are the same.
 */
static bool put_files_aside(const struct mirror *mirror, uint64_t epoch, struct failure *failure)
{
    const enum control_state state =
        mirror->has_logged ? mirror->logged.state : mirror->control.state;
    const int directory = mirror->directory->descriptor;
    for (size_t i = 0; i < WHOLE_FILES; i++) {
        if (state < whole_files[i].made_in &&
            !unacknowledged_rename(mirror->directory, whole_files[i].name, epoch, failure)) {
            return false;
        }
    }
    (void)unlinkat(directory, DATA_CHECKPOINT_FILE, 0);
    (void)unlinkat(directory, DATA_WINNERS_FILE, 0);
    return true;
}

/* Another node has taken over from us: from here on our files are what the log says. */
static bool become_standby(struct mirror *mirror, const struct record *claim,
                           struct failure *failure)
{
    if (!mirror_file_put_aside(&mirror->bets, claim->bets_end, claim->epoch, failure) ||
        !mirror_file_put_aside(&mirror->done, claim->done_end, claim->epoch, failure) ||
        !put_files_aside(mirror, claim->epoch, failure)) {
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
    return !mirror->has_logged || take_control(mirror, &mirror->logged, failure);
}

/* The claim begins a draw, which this directory does not have. */
static bool begins_draw(const struct mirror *mirror, const struct log_state *before,
                        const struct record *claim)
{
    return !is_of_draw(mirror, claim->identity) &&
           (mirror->state.role == REPLICATION_STANDBY || !mirror->has_control ||
            is_of_draw(mirror, before->identity));
}

/* Control as the claim says it, or one that holds its place until it comes as a file. */
static enum mirror_end take_claimed(struct mirror *mirror, const struct record *claim,
                                    struct failure *failure)
{
    struct control control;
    if (claim->length == 0) {
        return end_of(hold_place(mirror, claim->identity, failure));
    }
    if (control_read_text(claim->bytes, (size_t)claim->length, "the log's " DATA_CONTROL_FILE,
                          &control, failure) != CONTROL_READ) {
        return MIRROR_REFUSED;
    }
    if (strcmp(control.identity, claim->identity) != 0) {
        (void)failure_set(failure,
                          "the log's " DATA_CONTROL_FILE " is of the draw %s, in a claim of the "
                          "draw %s",
                          control.identity, claim->identity);
        return MIRROR_REFUSED;
    }
    log_info(LOG_STANDBY_NEXT_DRAW,
             "result: success | draw: %s | lottery: %s | reason: the log begins it",
             control.terms.draw, control.identity);
    return end_of(take_control(mirror, &control, failure));
}

/* The next draw of this directory begins. What a former primary has beyond the log's end is put aside. */
static enum mirror_end begin_by_claim(struct mirror *mirror, const struct log_state *before,
                                      const struct record *claim, struct failure *failure)
{
    const bool is_next = is_of_draw(mirror, before->identity);
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

/* `before` is what the log said up to this claim. */
static enum mirror_end apply_claim(struct mirror *mirror, const struct record *claim,
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
    if (begins_draw(mirror, before, claim) && !is_past(mirror, claim->identity)) {
        enum mirror_end end = begin_by_claim(mirror, before, claim, failure);
        if (end != MIRROR_APPLIED) {
            return end;
        }
    }
    if (mirror->state.role == REPLICATION_PRIMARY && is_from_us &&
        !become_standby(mirror, claim, failure)) {
        return MIRROR_FAILED;
    }
    fault_point("mirror.claim");
    return mirror_settle(mirror, failure);
}

/* ----------------------------------------------------------------- apply ---- */

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
        return apply_file(mirror, record, failure);
    case RECORD_CLAIM:
        return apply_claim(mirror, record, &before, stored_at_ms, failure);
    case RECORD_KINDS:
        break;
    }
    return MIRROR_REFUSED;
}

bool mirror_may_take_over(const struct mirror *mirror, struct failure *failure)
{
    if (mirror->log.epoch == 0) {
        return failure_set(failure, "the log is empty: there is nothing to take over. Start the "
                                    "first primary, without --follow");
    }
    if (!is_of_draw(mirror, mirror->log.identity) || is_place_holder(&mirror->control)) {
        return failure_set(failure, "the log has no " DATA_CONTROL_FILE " of its draw yet");
    }
    if (mirror->state.role == REPLICATION_PRIMARY && !has_own_files(mirror)) {
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
