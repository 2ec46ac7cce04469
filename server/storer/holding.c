/*
 * holding.c - see holding.h.
 */
#include "server/storer/holding.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "seal/draw_report.h"
#include "seal/record.h"
#include "server/signals.h"
#include "server/storer/long_work.h"
#include "server/storer/publication.h"
#include "shm/agencies.h"
#include "shm/centres.h"
#include "shm/replica.h"
#include "store/draw.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Makes winners.csv, waiting for room where the disk is full. False, and the log says why, where it
 * can't be made, or the server is stopping.
 */
static bool make_winners(struct storage *storage, const struct draw_stock *stored,
                         struct draw_record *record)
{
    struct disk *disk = storage->disk;
    struct failure failure;
    for (;;) { /* until there is room */
        switch (draw_hold(&disk->heritage->directory, stored, storage->control.terms.winning_number,
                          long_work_should_stop, record, &failure)) {
        case DRAW_HELD:
            disk_note_room(disk, DATA_WINNERS_FILE);
            return true;
        case DRAW_INTERRUPTED:
            log_info(LOG_DRAW_PAUSED, "result: in_progress | reason: %s", failure.text);
            return false;
        case DRAW_NO_ROOM:
            if (disk_may_wait_for_room(disk, errno)) {
                disk_wait_for_room(disk, DATA_WINNERS_FILE);
                continue;
            }
            break;
        case DRAW_NOT_SYNCED:
            disk_distrust(disk, DISK_SYNC_FAILED);
            break;
        case DRAW_DAMAGED:
            disk_distrust(disk, DISK_DAMAGED);
            break;
        case DRAW_FAILED:
        case DRAW_MISSING:
            break;
        }
        log_critical(LOG_DRAW_FAILED, "result: fail | error: %s", failure.text);
        return false;
    }
}

/* The log has the draw before any handler can see it, and so before any agency is told winners. */
static void tell_draw(const struct storage *storage)
{
    log_info(LOG_DRAW_HELD,
             "result: success | agencias: %" PRIu64 " | ganadores: %" PRIu64 " | numero: %" PRIu32
             " | apuestas: %" PRIu64,
             atomic_load(&storage->disk->segment->shared->storer.agencies_done),
             storage->control.draw.winners, storage->control.terms.winning_number,
             storage->control.draw.bets);
}

/* From here on the winners are told. */
static void show_draw(const struct storage *storage)
{
    struct shared_storer *shared = &storage->disk->segment->shared->storer;
    const struct draw_record *draw = &storage->control.draw;
    atomic_store(&shared->winners, draw->winners);
    atomic_store(&shared->winners_bytes, draw->winners_bytes);
    atomic_store(&shared->winners_checksum, draw->winners_file_checksum);
    atomic_store(&shared->drawn, 1);
}

/* ------------------------------------------------------------------ seal ---- */

/* Logs why the draw can't be held; damage ends the trust in the disk. */
static void tell_unsealed(struct disk *disk, enum seal_end end, const struct failure *failure)
{
    if (end == SEAL_INTERRUPTED) {
        log_info(LOG_DRAW_PAUSED, "result: in_progress | reason: %s", failure->text);
        return;
    }
    if (end == SEAL_DAMAGED) {
        disk_distrust(disk, DISK_DAMAGED);
    }
    log_critical(LOG_DRAW_FAILED, "result: fail | error: %s", failure->text);
}

/*
 * Reads the seal and holds bets.csv and done.csv against it. False, and the log says why, when they
 * are not what was sealed, or can't be read. After true the caller closes *seal.
 */
static bool read_seal(struct storage *storage, struct seal *seal)
{
    struct failure failure;
    if (!storage_has_final_files(storage)) {
        return false;
    }
    enum seal_end end =
        record_read_seal(&storage->disk->heritage->directory, &storage->control, seal, &failure);
    if (end == SEAL_GOOD) {
        end = seal_compare(seal, storage->bets.descriptor, storage->done.descriptor,
                           long_work_should_stop, &failure);
        if (end == SEAL_GOOD) {
            return true;
        }
        seal_close(seal);
    }
    tell_unsealed(storage->disk, end, &failure);
    return false;
}

/* The draw is signed as its seal was. */
static bool agrees_with_key(const struct storage *storage)
{
    const struct heritage *heritage = storage->disk->heritage;
    struct failure failure;
    if (record_agrees_with_key(&heritage->directory, heritage->config.seal_key, &failure)) {
        return true;
    }
    log_critical(LOG_SIGNATURE_FAILED, "result: fail | error: %s", failure.text);
    return false;
}

/* Names what the centres have said of the draw, where several hold it. */
static void note_national(const struct storage *storage, struct draw_report *report)
{
    if (holding_is_national(storage)) {
        char sha256[SHARED_DIGEST_BYTES];
        centres_read_drawn(storage->disk->segment, sha256);
        report->is_national = sha256_parse(sha256, &report->national_sha256);
    }
}

/* Makes draw.json's contents from winners.csv, which is in place. As read_seal. */
static bool make_report(struct storage *storage, const struct seal *seal,
                        struct draw_report *report)
{
    const struct data_directory *directory = &storage->disk->heritage->directory;
    struct sha256_digest seal_sha256;
    struct failure failure;
    enum seal_end end = SEAL_FAILED;
    int winners = data_directory_open_file(directory, DATA_WINNERS_FILE, O_RDONLY, &failure);
    if (winners >= 0) {
        int64_t before_ms = record_drawn_at_ms(directory, &storage->control);
        (void)sha256_parse(storage->control.seal_sha256, &seal_sha256);
        end = draw_report_make(winners, seal, &seal_sha256, &storage->control.terms,
                               before_ms != 0 ? before_ms : control_step_ms(&storage->control),
                               long_work_should_stop, report, &failure);
        (void)close(winners);
    }
    if (end == SEAL_GOOD) {
        note_national(storage, report);
        return true;
    }
    tell_unsealed(storage->disk, end, &failure);
    return false;
}

/* Puts draw.json into place, and has control say that the draw was held. */
static bool publish(struct storage *storage, const struct draw_report *report,
                    const struct draw_record *record)
{
    char sha256[SHA256_DIGITS + 1];
    struct publication publication = {.name = DATA_DRAW_FILE,
                                      .signature_name = DATA_DRAW_SIGNATURE_FILE};
    char *text = draw_report_write_text(report, &publication.bytes);
    publication.text = text;
    if (text == NULL) {
        log_critical(LOG_DRAW_FAILED, "result: fail | error: no memory for " DATA_DRAW_FILE);
        return false;
    }
    bool published = publication_make(storage->disk, &publication, sha256);
    free(text);
    return published && storage_note_draw(storage, record, report->drawn_at_ms, sha256);
}

/* ------------------------------------------------------------------ held ---- */

bool holding_is_national(const struct storage *storage)
{
    return storage->disk->heritage->config.centres_expected[0] != '\0';
}

bool holding_is_due(const struct storage *storage)
{
    const struct segment *segment = storage->disk->segment;
    uint32_t ignored = 0;
    return storage->control.state == CONTROL_SEALED &&
           (holding_is_national(storage) ? centres_are_released(segment, &ignored)
                                         : control_has_number(&storage->control.terms)) &&
           !signals_terminate_requested() && replica_is_complete(segment);
}

/*
 * Takes the number that the draw was released with. It stands in control before the draw is held, as
 * one by command does. False, and the log says why, where control has another one, or it can't be
 * written.
 */
static bool take_released_number(struct storage *storage)
{
    const struct lottery_terms *terms = &storage->control.terms;
    uint32_t number = 0;
    if (!holding_is_national(storage) || !centres_are_released(storage->disk->segment, &number)) {
        return true;
    }
    if (control_has_number(terms)) {
        if (terms->winning_number != number) {
            log_critical(LOG_DRAW_NUMBERS_DIFFER,
                         "result: fail | error: the centres have drawn %" PRIu32
                         ", and " DATA_CONTROL_FILE " has %" PRIu32
                         ": restore all files from one backup",
                         number, terms->winning_number);
        }
        return terms->winning_number == number;
    }
    if (!storage_note_number(storage, number)) {
        return false;
    }
    fault_point("draw.numbered");
    log_info(LOG_NUMBER_TAKEN, "result: success | numero: %" PRIu32 " | sello: %s", number,
             storage->control.seal_sha256);
    return true;
}

/* Draws among the bets of this seal. False, and the log says why, when the draw was not held. */
static bool draw_by_seal(struct storage *storage, const struct seal *seal)
{
    const struct draw_stock stored = storage_stock(storage);
    struct draw_record record;
    struct draw_report report;
    if (!make_winners(storage, &stored, &record) || !make_report(storage, seal, &report)) {
        return false;
    }
    bool drawn = publish(storage, &report, &record);
    draw_report_close(&report);
    return drawn;
}

bool holding_hold_draw(struct storage *storage)
{
    const struct heritage *heritage = storage->disk->heritage;
    const struct segment *segment = &heritage->segment;
    int64_t began_ns = clock_monotonic_ns();
    struct seal seal;
    if (!publication_can_sign(storage->disk) || !agrees_with_key(storage) ||
        !take_released_number(storage)) {
        return false;
    }
    if (!read_seal(storage, &seal)) {
        return storage_may_leave_rest(storage);
    }
    bool drawn = draw_by_seal(storage, &seal);
    seal_close(&seal);
    if (!drawn) {
        return storage_may_leave_rest(storage);
    }
    fault_point("draw.noted");
    atomic_store(&segment->shared->storer.draw_ns, (uint64_t)(clock_monotonic_ns() - began_ns));
    holding_tell_if_due(storage);
    return true;
}

void holding_tell_if_due(const struct storage *storage)
{
    const struct heritage *heritage = storage->disk->heritage;
    const struct shared *shared = heritage->segment.shared;
    if (storage->control.state == CONTROL_DRAWN && atomic_load(&shared->storer.drawn) == 0 &&
        !signals_terminate_requested() && replica_is_complete(&heritage->segment)) {
        tell_draw(storage);
        show_draw(storage);
        fault_point("draw.before_gate");
        quorum_set_gate(heritage);
    }
}

/* --------------------------------------------------------------- adopted ---- */

/* winners.csv was taken away: the draw's own record says what it has to be again. */
static bool restore_winners(struct storage *storage)
{
    const struct data_directory *directory = &storage->disk->heritage->directory;
    const struct draw_record *held = &storage->control.draw;
    const struct draw_stock stored = {
        .bytes = held->bytes, .rows = held->bets, .checksum = held->checksum};
    struct draw_record again;
    if (!make_winners(storage, &stored, &again)) {
        return false;
    }
    if (memcmp(&again, held, sizeof again) != 0) {
        disk_distrust(storage->disk, DISK_DAMAGED);
        log_critical(LOG_DRAW_WINNERS_DIFFER,
                     "result: fail | error: the winners in %s are others than those of the draw "
                     "that was held: restore all files from one backup",
                     directory->path);
        return false;
    }
    log_warning(LOG_WINNERS_MADE_AGAIN,
                "result: success | file: %s/" DATA_WINNERS_FILE
                " | reason: it was missing, and has been made again as the draw gave it",
                directory->path);
    return true;
}

bool holding_adopt_draw(struct storage *storage)
{
    const struct shared *shared = storage->disk->segment->shared;
    struct failure failure;
    enum draw_end end =
        draw_check(&storage->disk->heritage->directory, &storage->control.draw, &failure);
    if (end == DRAW_MISSING) {
        if (!restore_winners(storage)) {
            return storage_may_leave_rest(storage);
        }
    } else if (end != DRAW_HELD) {
        if (end == DRAW_DAMAGED) {
            disk_distrust(storage->disk, DISK_DAMAGED);
        }
        log_critical(LOG_DRAW_FAILED, "result: fail | error: %s", failure.text);
        return false;
    }
    if (!replica_is_complete(storage->disk->segment)) {
        return true; /* told once it is: holding_tell_if_due */
    }
    if (atomic_load(&shared->storer.drawn) == 0 &&
        atomic_load(&shared->supervisor.storer_deaths) > 0) {
        tell_draw(storage); /* the one that held it died before it could, or just after */
    }
    show_draw(storage);
    return true;
}
