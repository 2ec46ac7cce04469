/*
 * recovery.c - see recovery.h.
 *
 * Everything is read and judged first. Only then are files made, cut and written.
 *
 * If the supervisor dies before control is written at the end, the next start finds the files as
 * this one found them, or with their torn ends cut off already, and does the same.
 */
#include "server/supervisor/recovery.h"

#include "lib/checksum.h"
#include "lib/log.h"
#include "server/supervisor/tally.h"
#include "server/supervisor/witnesses.h"
#include "server/terms.h"
#include "shm/agencies.h"
#include "shm/ring.h"
#include "store/archive.h"
#include "store/checkpoint.h"
#include "store/done_file.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -------------------------------------------------------------- control ---- */

/* Writes findings->control. If anything has been stored, it has the positions that were counted. */
static bool write_control(struct findings *findings, struct failure *failure)
{
    struct data_directory *directory = &findings->heritage->directory;
    struct control *control = &findings->control;
    bool synced = true;
    control->ring_bytes = findings->heritage->config.ring_bytes;
    control->ipc_key = directory->ipc_key;
    if (control->state != CONTROL_NEW) {
        control->bets_bytes = findings->tally.good_bytes;
        control->done_bytes = findings->done.bytes;
    }
    if (!control_write(directory, control, &synced, failure)) {
        return false;
    }
    directory->control = *control;
    directory->has_control = true;
    return true;
}

/*
 * Makes control if it is missing. It is the first file to be made, so a start that finds others
 * without it knows that it was taken away. Where it is there, an archive that was begun is
 * completed, before any other file is looked at.
 */
static bool make_control(struct findings *findings, struct failure *failure)
{
    struct heritage *heritage = findings->heritage;
    if (heritage->directory.has_control) {
        findings->control = heritage->directory.control;
        return archive_complete(&heritage->directory, &findings->control, failure);
    }
    if (!control_make(&findings->control, failure)) {
        return false;
    }
    server_config_terms(&heritage->config, &findings->control.terms);
    return write_control(findings, failure);
}

static bool settle_terms(struct findings *findings, struct failure *failure)
{
    struct lottery_terms wanted;
    struct control *control = &findings->control;
    server_config_terms(&findings->heritage->config, &wanted);
    bool stored =
        control->state != CONTROL_NEW || findings->tally.good_bytes > 0 || findings->done.bytes > 0;
    if (stored && control->state == CONTROL_NEW) {
        control->state = CONTROL_OPEN;
    }
    return terms_settle(control, &wanted, stored, findings->heritage->directory.path, failure);
}

/* ------------------------------------------------------------- going on ---- */

/* Marks in the agencies table who is done. Each agency says so once: a second line is a hand's. */
static bool mark_done(const struct findings *findings, struct failure *failure)
{
    struct segment *segment = &findings->heritage->segment;
    for (size_t i = 0; i < findings->done.count; i++) {
        struct agency *agency = agencies_find_or_add(segment, findings->done.lines[i].agency);
        if (agency == NULL) {
            return failure_set(failure,
                               "%s/" DATA_DONE_FILE " has more agencies than limits.agencies",
                               findings->heritage->directory.path);
        }
        if (atomic_load(&agency->phase) == AGENCY_DONE) {
            return failure_set(failure,
                               "%s/" DATA_DONE_FILE " was changed: it has two lines of agency "
                               "%" PRIu32
                               "; nothing was touched; restore all files from one backup",
                               findings->heritage->directory.path, findings->done.lines[i].agency);
        }
        agencies_set_done(segment, agency);
    }
    return true;
}

/* Makes bets.csv if it is missing; else cuts off what comes after its good bytes. */
static bool cut_bets(struct findings *findings, struct failure *failure)
{
    const struct data_directory *directory = &findings->heritage->directory;
    const struct tally *tally = &findings->tally;
    if (findings->bets < 0) {
        findings->bets =
            data_directory_open_file(directory, DATA_BETS_FILE, O_RDWR | O_CREAT, failure);
        return findings->bets >= 0;
    }
    if (tally->file_bytes == tally->good_bytes) {
        return true;
    }
    log_warning(LOG_BETS_TAIL_CUT,
                "result: success | file: " DATA_BETS_FILE " | cut_bytes: %" PRIu64
                " | at: %" PRIu64,
                tally->file_bytes - tally->good_bytes, tally->good_bytes);
    return (ftruncate(findings->bets, (off_t)tally->good_bytes) == 0 &&
            file_sync(findings->bets)) ||
           failure_set_errno(failure, "cut the tail of %s/" DATA_BETS_FILE, directory->path);
}

static void log_recovered(const struct findings *findings)
{
    const struct control *control = &findings->control;
    const struct tally *tally = &findings->tally;
    log_info(LOG_RECOVERED,
             "result: success | bets: %" PRIu64 " | bytes: %" PRIu64 " | from_checkpoint: %" PRIu64
             " | checksum: " CHECKSUM_FORMAT
             " | lottery: %s | agencies_done: %zu | draw: %s | state: %s",
             tally->rows, tally->good_bytes, tally->checkpoint_bytes, tally->checksum,
             control->identity, findings->done.count, control->terms.draw,
             control_state_name(control->state));
    if (control->state == CONTROL_DRAWN) {
        log_warning(LOG_RECOVERED_DRAWN,
                    "result: success | drawn: yes | winning_number: %" PRIu32
                    " | ganadores: %" PRIu64
                    " | reason: draw %s has been held: winners are told, and bets refused. For the "
                    "next one: lottery-admin open NAME. For a lottery of its own, name another "
                    "data.directory (Compose: docker compose down -v ends this one, bets and all)",
                    control->terms.winning_number, control->draw.winners, control->terms.draw);
    } else {
        char number[sizeof "4294967295"] = "-"; /* it comes by command */
        if (control_has_number(&control->terms)) {
            (void)snprintf(number, sizeof number, "%" PRIu32, control->terms.winning_number);
        }
        log_info(LOG_RECOVERED_UNDRAWN, "result: success | drawn: no | winning_number: %s", number);
    }
}

/* Cuts and writes the files, and sets the shared positions to where the server goes on. */
static bool go_on(struct findings *findings, struct failure *failure)
{
    struct heritage *heritage = findings->heritage;
    const struct tally *tally = &findings->tally;
    struct stat status;
    if (!mark_done(findings, failure) || !cut_bets(findings, failure) ||
        done_file_cut(&heritage->directory, &findings->done, failure) != DONE_OPEN ||
        !write_control(findings, failure)) {
        return false;
    }
    if (fstat(findings->bets, &status) != 0) {
        return failure_set_errno(failure, "stat %s/" DATA_BETS_FILE, heritage->directory.path);
    }
    heritage->directory.bets_inode = status.st_ino;
    checkpoint_remove_unfinished(&heritage->directory);
    (void)unlinkat(heritage->directory.descriptor, DATA_OPENING_FILE, 0); /* nothing came of it */
    agencies_set_end_positions(&heritage->segment, tally->good_bytes);
    ring_start_at(&heritage->segment, tally->good_bytes, tally->checksum);
    log_recovered(findings);
    return true;
}

/* ---------------------------------------------------------------- steps ---- */

/* Reads done.csv, and opens bets.csv. Either may be missing. */
static bool open_files(struct findings *findings, struct failure *failure)
{
    const struct data_directory *directory = &findings->heritage->directory;
    if (done_file_open(directory, false, findings->control.done_bytes, &findings->done, failure) !=
        DONE_OPEN) {
        return false;
    }
    findings->bets = data_directory_open_file(directory, DATA_BETS_FILE, O_RDWR, failure);
    return findings->bets >= 0 || errno == ENOENT;
}

bool recovery_run(struct heritage *heritage, struct failure *failure)
{
    struct findings findings = {.heritage = heritage, .done = {.descriptor = -1}, .bets = -1};
    bool recovered = make_control(&findings, failure) && open_files(&findings, failure) &&
                     tally_count(heritage, findings.bets, &findings.tally, failure) &&
                     witnesses_agree(&findings, failure) && settle_terms(&findings, failure) &&
                     go_on(&findings, failure);
    done_file_close(&findings.done);
    if (findings.bets >= 0) {
        close(findings.bets);
    }
    return recovered;
}
