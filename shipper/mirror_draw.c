/*
 * mirror_draw.c - see mirror_parts.h: which draw the directory has, and how the next one begins there.
 */
#include "shipper/mirror_parts.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "store/archive.h"
#include "store/draw.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool mirror_is_of_draw(const struct mirror *mirror, const char *identity)
{
    return mirror->has_control && strcmp(mirror->control.identity, identity) == 0;
}

bool mirror_is_past(struct mirror *mirror, const char *identity)
{
    struct control found;
    if (mirror_is_of_draw(mirror, identity)) {
        return false;
    }
    if (strcmp(mirror->past, identity) != 0 && archive_find(mirror->directory, identity, &found)) {
        (void)snprintf(mirror->past, sizeof mirror->past, "%s", identity);
    }
    return strcmp(mirror->past, identity) == 0;
}

bool mirror_has_own_files(const struct mirror *mirror)
{
    return mirror->state.role == REPLICATION_PRIMARY && strcmp(mirror->log.node, mirror->node) == 0;
}

bool mirror_is_place_holder(const struct control *control)
{
    return strcmp(control->terms.draw, control->identity) == 0;
}

enum mirror_end mirror_sync(struct mirror *mirror, struct failure *failure)
{
    return mirror_end_of(mirror_file_sync(&mirror->bets, failure) &&
                         mirror_file_sync(&mirror->done, failure));
}

uint64_t mirror_unsynced_bytes(const struct mirror *mirror)
{
    return mirror->bets.unsynced_bytes + mirror->done.unsynced_bytes;
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

bool mirror_take_control(struct mirror *mirror, struct control *control, struct failure *failure)
{
    const bool is_first = !mirror->has_control || mirror_is_place_holder(&mirror->control);
    const bool is_next = mirror->has_control && !mirror_is_of_draw(mirror, control->identity);
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

bool mirror_hold_place(struct mirror *mirror, const char *identity, struct failure *failure)
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
    return mirror_take_control(mirror, &control, failure);
}
