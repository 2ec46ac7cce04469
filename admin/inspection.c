/*
 * inspection.c - see inspection.h.
 */
#include "admin/inspection.h"

#include "admin/place.h"
#include "lib/checksum.h"
#include "seal/draw_report.h"
#include "seal/seal.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void remarks_add(struct remarks *remarks, const char *format, ...)
{
    if (remarks->count < REMARKS_MAX) {
        va_list values;
        va_start(values, format);
        (void)vsnprintf(remarks->texts[remarks->count], FAILURE_TEXT_BYTES, format, values);
        va_end(values);
    }
    remarks->count++;
}

static const char *path_of(const struct inspection *inspection)
{
    return inspection->place.directory->path;
}

static void add_problem(struct inspection *inspection, const struct failure *failure)
{
    remarks_add(&inspection->problems, "%s", failure->text);
}

/* After a file could not be opened or read. */
static void add_obstacle(struct inspection *inspection, int error, const struct failure *failure)
{
    inspection->unread = inspection->unread || error != EPERM;
    add_problem(inspection, failure);
}

/* ------------------------------------------------------------ while open ---- */

/* The bytes of bets.csv that this witness proves to have been durable. */
static void expect_reached(struct inspection *inspection, uint64_t proven_bytes,
                           const char *witness)
{
    const struct census *census = &inspection->census;
    if (census->bets_bytes < proven_bytes) {
        remarks_add(&inspection->problems,
                    "%s/" DATA_BETS_FILE " is missing, ends, or is damaged, at byte %" PRIu64
                    " (row %" PRIu64 "), and %" PRIu64 " bytes were durable (%s proves it): "
                    "acknowledged bets are missing",
                    path_of(inspection), census->bets_bytes, census->rows + 1, proven_bytes,
                    witness);
    }
}

/* A crash can have left a torn end, of a ring's worth at most. */
static void judge_tail(struct inspection *inspection)
{
    const struct census *census = &inspection->census;
    uint64_t tail_bytes = census->bets_file_bytes - census->bets_bytes;
    if (tail_bytes > inspection->control.ring_bytes) {
        remarks_add(&inspection->problems,
                    "%s/" DATA_BETS_FILE " is damaged at byte %" PRIu64 " (row %" PRIu64
                    "), %" PRIu64 " bytes before its end, and a crash can damage %" PRIu64
                    " at most",
                    path_of(inspection), census->bets_bytes, census->rows + 1, tail_bytes,
                    inspection->control.ring_bytes);
    } else if (tail_bytes > 0) {
        remarks_add(&inspection->notes,
                    DATA_BETS_FILE " ends with %" PRIu64 " bytes that are no whole rows, as a "
                                   "crash leaves them, or a server that is writing them now: a "
                                   "start cuts them off",
                    tail_bytes);
    }
}

/* Until control notes the first flush, there is no more than that flush. */
static void judge_new(struct inspection *inspection)
{
    const struct census *census = &inspection->census;
    uint64_t position = 0;
    for (size_t i = 0; i < census->done_count; i++) {
        position = census->done[i].position > position ? census->done[i].position : position;
    }
    if (position > 0 || census->bets_bytes > inspection->control.ring_bytes) {
        remarks_add(&inspection->problems,
                    "%s/" DATA_CONTROL_FILE " says that nothing has been stored, and there are "
                    "%" PRIu64 " bets, and %zu agencies are done: it is another lottery's, or from "
                    "before them",
                    path_of(inspection), census->rows, census->done_count);
    }
}

static void expect_absent(struct inspection *inspection, const char *name, const char *shows)
{
    struct failure ignored;
    int file = census_open_file(&inspection->place, name, &ignored);
    if (file >= 0) {
        remarks_add(&inspection->problems,
                    "%s/%s is there, so %s, and " DATA_CONTROL_FILE " (state %s) is from before it",
                    path_of(inspection), name, shows,
                    control_state_name(inspection->control.state));
        (void)close(file);
    }
}

/* What belongs to the end of a draw, as server/supervisor/ending.c judges it. */
static void judge_early(struct inspection *inspection)
{
    const struct control *control = &inspection->control;
    bool is_of_older_server = control->opened_at_ms == 0; /* which drew without closing */
    bool may_be_older_winners =
        is_of_older_server && (control->state == CONTROL_CLOSED ||
                               (control->state == CONTROL_OPEN &&
                                inspection->census.done_count >= control->terms.agencies_expected));
    if (control->state < CONTROL_CLOSED) {
        expect_absent(inspection, DATA_SEAL_FILE, "the draw has been sealed");
        expect_absent(inspection, DATA_SEAL_SIGNATURE_FILE, "the draw has been sealed");
    }
    if (control->state < CONTROL_SEALED || !control_has_number(&control->terms)) {
        expect_absent(inspection, DATA_DRAW_FILE, "a draw has been held");
        expect_absent(inspection, DATA_DRAW_SIGNATURE_FILE, "a draw has been held");
        if (!may_be_older_winners) {
            expect_absent(inspection, DATA_WINNERS_FILE, "a draw has been held");
        }
    }
}

static void judge_open(struct inspection *inspection)
{
    const struct census *census = &inspection->census;
    const struct control *control = &inspection->control;
    judge_tail(inspection);
    expect_reached(inspection, control->bets_bytes, DATA_CONTROL_FILE);
    if (control->state == CONTROL_NEW) {
        judge_new(inspection);
    }
    if (census->done_file_bytes > census->done_bytes) {
        remarks_add(&inspection->notes,
                    DATA_DONE_FILE " ends with %" PRIu64
                                   " bytes that are no whole lines: a start cuts them off",
                    census->done_file_bytes - census->done_bytes);
    }
}

/* ----------------------------------------------------------- once closed ---- */

/* Not a byte of the two files may have been added, or be missing. */
static void judge_closed(struct inspection *inspection, uint64_t bets_bytes, const char *since)
{
    const struct census *census = &inspection->census;
    const struct control *control = &inspection->control;
    if (census->bets_bytes != bets_bytes || census->bets_file_bytes != bets_bytes) {
        remarks_add(&inspection->problems,
                    "%s/" DATA_BETS_FILE " was changed after %s: it has %" PRIu64 " bytes, %" PRIu64
                    " of them whole, valid rows, and " DATA_CONTROL_FILE " says %" PRIu64,
                    path_of(inspection), since, census->bets_file_bytes, census->bets_bytes,
                    bets_bytes);
    }
    if (control->closing.by != CLOSED_BY_NOBODY && census->done_file_bytes != control->done_bytes) {
        remarks_add(&inspection->problems,
                    "%s/" DATA_DONE_FILE " was changed after sales were closed: it has %" PRIu64
                    " bytes, and " DATA_CONTROL_FILE " says %" PRIu64,
                    path_of(inspection), census->done_file_bytes, control->done_bytes);
    }
}

/* True when each agency that is done has exactly the rows that it was done with. */
static void judge_done(struct inspection *inspection)
{
    const struct census *census = &inspection->census;
    if (census->done_bytes < inspection->control.done_bytes) {
        remarks_add(&inspection->problems,
                    "%s/" DATA_DONE_FILE " is missing, ends, or is damaged, at byte %" PRIu64
                    ", and %" PRIu64 " bytes were durable (" DATA_CONTROL_FILE
                    " proves it): agencies that were done are missing",
                    path_of(inspection), census->done_bytes, inspection->control.done_bytes);
    }
    for (size_t i = 0; i < census->done_count; i++) {
        const struct done_line *line = &census->done[i];
        const struct census_agency *agency = census_find(census, line->agency);
        uint64_t bets = agency == NULL ? 0 : agency->bets;
        uint64_t checksum = agency == NULL ? CHECKSUM_EMPTY : agency->checksum;
        expect_reached(inspection, line->position, DATA_DONE_FILE);
        if (bets != line->bets || checksum != line->checksum) {
            remarks_add(
                &inspection->problems,
                "%s/" DATA_BETS_FILE " was changed: agency %" PRIu32 " was done with %" PRIu64
                " bets of checksum " CHECKSUM_FORMAT " (" DATA_DONE_FILE "), and %" PRIu64
                " bets of checksum " CHECKSUM_FORMAT " are there",
                path_of(inspection), line->agency, line->bets, line->checksum, bets, checksum);
        }
    }
}

/* ------------------------------------------------------- seal and report ---- */

static bool never_stop(void)
{
    return false;
}

/* Where the file is, in the archive or still in the data directory. */
static char *read_text(struct inspection *inspection, const char *name, size_t *bytes)
{
    struct failure failure;
    char *text = place_read_file(inspection->place.directory, name, bytes, &failure);
    if (text == NULL && errno == ENOENT && inspection->place.before != NULL) {
        text = place_read_file(inspection->place.before, name, bytes, &failure);
    }
    if (text == NULL && errno == ENOENT) {
        add_problem(inspection, &failure);
    } else if (text == NULL) {
        add_obstacle(inspection, errno, &failure);
    }
    return text;
}

/* Reads a file of which control has the hash. NULL, with the problem told, when it is not that. */
static char *read_hashed(struct inspection *inspection, const char *name, const char *sha256,
                         size_t *bytes)
{
    char found[SHA256_DIGITS + 1] = "unknown";
    struct sha256_digest digest;
    char *text = read_text(inspection, name, bytes);
    if (text == NULL) {
        return NULL;
    }
    if (sha256_of(text, *bytes, &digest)) {
        sha256_write(found, &digest);
    }
    if (strcmp(found, sha256) == 0) {
        return text;
    }
    remarks_add(&inspection->problems,
                "%s/%s was changed: its SHA-256 is %s, and " DATA_CONTROL_FILE " has %s",
                path_of(inspection), name, found, sha256);
    free(text);
    return NULL;
}

/* Compares the files with the seal, byte for byte. */
static void compare_with_seal(struct inspection *inspection, const struct seal *seal)
{
    struct failure failure;
    int bets = census_open_file(&inspection->place, DATA_BETS_FILE, &failure);
    int done = census_open_file(&inspection->place, DATA_DONE_FILE, &failure);
    if (done < 0 && errno == ENOENT && seal->done_bytes == 0) {
        done = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    if (bets < 0 || done < 0) {
        add_obstacle(inspection, errno, &failure);
    } else {
        switch (seal_compare(seal, bets, done, never_stop, &failure)) {
        case SEAL_GOOD:
            break;
        case SEAL_DAMAGED:
            remarks_add(&inspection->problems, "%s: %s", path_of(inspection), failure.text);
            break;
        case SEAL_FAILED:
        case SEAL_INTERRUPTED:
            add_obstacle(inspection, errno, &failure);
            break;
        }
    }
    if (bets >= 0) {
        (void)close(bets);
    }
    if (done >= 0) {
        (void)close(done);
    }
}

static void judge_seal(struct inspection *inspection)
{
    const struct control *control = &inspection->control;
    const struct census *census = &inspection->census;
    struct failure failure;
    struct seal seal;
    size_t bytes = 0;
    char *text = read_hashed(inspection, DATA_SEAL_FILE, control->seal_sha256, &bytes);
    if (text == NULL) {
        return;
    }
    bool parsed = seal_parse(text, bytes, DATA_SEAL_FILE, &seal, &failure);
    free(text);
    if (!parsed) {
        remarks_add(&inspection->problems, "%s: %s", path_of(inspection), failure.text);
        return;
    }
    if (strcmp(seal.identity, control->identity) != 0 || seal.bets_bytes != census->bets_bytes ||
        seal.bets_rows != census->rows || seal.done_bytes != census->done_bytes) {
        remarks_add(&inspection->problems,
                    "%s/" DATA_SEAL_FILE " is of lottery %s, %" PRIu64 " bets in %" PRIu64
                    " bytes, and there are %" PRIu64 " bets in %" PRIu64 " bytes of lottery %s",
                    path_of(inspection), seal.identity, seal.bets_rows, seal.bets_bytes,
                    census->rows, census->bets_bytes, control->identity);
    } else if (inspection->full) {
        compare_with_seal(inspection, &seal);
    }
    seal_close(&seal);
}

static void judge_report(struct inspection *inspection)
{
    const struct control *control = &inspection->control;
    char seal_sha256[SHA256_DIGITS + 1];
    struct failure failure;
    struct draw_report report;
    size_t bytes = 0;
    char *text = read_hashed(inspection, DATA_DRAW_FILE, control->draw_sha256, &bytes);
    if (text == NULL) {
        return;
    }
    bool parsed = draw_report_parse(text, bytes, DATA_DRAW_FILE, &report, &failure);
    free(text);
    if (!parsed) {
        remarks_add(&inspection->problems, "%s: %s", path_of(inspection), failure.text);
        return;
    }
    if (strcmp(sha256_write(seal_sha256, &report.seal_sha256), control->seal_sha256) != 0 ||
        report.winners_rows != control->draw.winners ||
        report.winning_number != control->terms.winning_number) {
        remarks_add(&inspection->problems,
                    "%s/" DATA_DRAW_FILE " tells of another draw than " DATA_CONTROL_FILE,
                    path_of(inspection));
    }
    draw_report_close(&report);
}

/* ---------------------------------------------------------------- drawn ---- */

static void compare_winners(struct inspection *inspection, int file)
{
    const struct draw_record *draw = &inspection->control.draw;
    struct failure failure;
    struct stat status;
    uint64_t checksum = 0;
    int64_t bytes = file_checksum(file, draw->winners_bytes, &checksum);
    if (bytes < 0 || fstat(file, &status) != 0) {
        failure_set_errno(&failure, "read %s/" DATA_WINNERS_FILE, path_of(inspection));
        add_obstacle(inspection, EIO, &failure);
    } else if ((uint64_t)status.st_size != draw->winners_bytes ||
               (uint64_t)bytes != draw->winners_bytes || checksum != draw->winners_file_checksum) {
        remarks_add(&inspection->problems,
                    "%s/" DATA_WINNERS_FILE " was changed: it has %" PRIu64
                    " bytes, and the draw gave %" PRIu64 " bytes of checksum " CHECKSUM_FORMAT,
                    path_of(inspection), (uint64_t)status.st_size, draw->winners_bytes,
                    draw->winners_file_checksum);
    }
}

static void judge_winners(struct inspection *inspection)
{
    struct failure failure;
    int file = census_open_file(&inspection->place, DATA_WINNERS_FILE, &failure);
    if (file >= 0) {
        compare_winners(inspection, file);
        (void)close(file);
    } else if (errno != ENOENT) {
        add_obstacle(inspection, errno, &failure);
    } else if (inspection->is_archive) {
        add_problem(inspection, &failure);
    } else {
        remarks_add(&inspection->notes,
                    DATA_WINNERS_FILE " is missing: a start makes it again from " DATA_BETS_FILE);
    }
}

static void judge_drawn(struct inspection *inspection)
{
    const struct draw_record *draw = &inspection->control.draw;
    const struct census *census = &inspection->census;
    judge_closed(inspection, draw->bytes, "the draw");
    if (census->bets_bytes == draw->bytes &&
        (census->rows != draw->bets || census->checksum != draw->checksum)) {
        remarks_add(&inspection->problems,
                    "%s/" DATA_BETS_FILE " was changed after the draw: %" PRIu64
                    " bets of checksum " CHECKSUM_FORMAT ", and the draw was held among %" PRIu64
                    " of checksum " CHECKSUM_FORMAT,
                    path_of(inspection), census->rows, census->checksum, draw->bets,
                    draw->checksum);
    }
    judge_winners(inspection);
    if (inspection->control.draw_sha256[0] != '\0') {
        judge_report(inspection);
    }
}

/* ---------------------------------------------------------------- whole ---- */

static void judge(struct inspection *inspection)
{
    const struct control *control = &inspection->control;
    switch (control->state) {
    case CONTROL_NEW:
    case CONTROL_OPEN:
    case CONTROL_ABANDONED:
        judge_open(inspection);
        break;
    case CONTROL_CLOSED:
    case CONTROL_SEALED:
        judge_closed(inspection, control->bets_bytes, "sales were closed");
        break;
    case CONTROL_DRAWN:
        judge_drawn(inspection);
        break;
    }
    judge_done(inspection);
    if (control->state != CONTROL_ABANDONED) {
        judge_early(inspection);
    }
    if (control->seal_sha256[0] != '\0') {
        judge_seal(inspection);
    }
}

/* A checkpoint that is not whole costs the next start time, and nothing else. */
static void note_checkpoint(struct inspection *inspection)
{
    struct failure failure;
    int file = census_open_file(&inspection->place, DATA_CHECKPOINT_FILE, &failure);
    if (file < 0) {
        return;
    }
    if (inspection->census.checkpoint_bytes == 0 && inspection->census.bets_bytes > 0) {
        remarks_add(&inspection->notes, DATA_CHECKPOINT_FILE
                    " is not whole, as a power loss can leave it: a start counts " DATA_BETS_FILE
                    " from its beginning");
    }
    (void)close(file);
}

void inspection_make(struct inspection *inspection)
{
    struct failure failure;
    switch (census_take(&inspection->place, inspection->control.identity, inspection->full,
                        &inspection->census, &failure)) {
    case CENSUS_TAKEN:
        note_checkpoint(inspection);
        judge(inspection);
        break;
    case CENSUS_REFUSED:
        add_problem(inspection, &failure);
        break;
    case CENSUS_FAILED:
        inspection->unread = true;
        add_problem(inspection, &failure);
        break;
    }
}

void inspection_close(struct inspection *inspection)
{
    census_close(&inspection->census);
}
