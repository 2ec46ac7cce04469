/*
 * checks_store.c - what the server keeps: control, the rows, done.csv, checkpoint; see checks.h.
 */
#include "verify/checks.h"

#include "bet/agency_set.h"
#include "lib/checksum.h"
#include "lib/timestamp.h"
#include "store/archive.h"
#include "store/checkpoint.h"
#include "store/data_directory.h"
#include "store/done_file.h"
#include "store/file_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --------------------------------------------------------------- control ---- */

static void check_control(const struct draw_files *files, struct verify_report *report)
{
    if (files->has_control) {
        verify_report_set(report, CHECK_CONTROL, VERDICT_OK, "whole: its checksum agrees");
    } else if (files->control_file >= 0) {
        verify_report_set(report, CHECK_CONTROL, VERDICT_FAIL, "%s", files->control_fault);
    } else {
        verify_report_set(report, CHECK_CONTROL, VERDICT_FAIL, "there is no " DATA_CONTROL_FILE);
    }
}

/* A draw of a server of version 1.0, which sealed nothing. */
static bool is_drawn_without_seal(const struct control *control)
{
    return control->state == CONTROL_DRAWN && control->seal_sha256[0] == '\0' &&
           control->draw_sha256[0] == '\0';
}

/* What the state must not lack, and must not have; NULL: it is consistent. */
static const char *find_inconsistency(const struct control *control)
{
    bool closed = control->closing.at_ms != 0;
    bool sealed = control->sealed_at_ms != 0;
    bool drawn = control->drawn_at_ms != 0;
    if (closed != (control->closing.by != CLOSED_BY_NOBODY) ||
        sealed != (control->seal_sha256[0] != '\0') || drawn != (control->draw_sha256[0] != '\0')) {
        return "a moment stands without what happened then, or the other way round";
    }
    if ((sealed && !closed) || (drawn && !sealed)) {
        return "it is sealed without being closed, or drawn without being sealed";
    }
    if ((control->state == CONTROL_ABANDONED) != (control->abandoned_at_ms != 0)) {
        return "it is abandoned at no time, or not abandoned at one";
    }
    switch (control->state) {
    case CONTROL_NEW:
    case CONTROL_OPEN:
        return closed ? "it is open, and was closed" : NULL;
    case CONTROL_CLOSED:
        return !closed || sealed ? "it is not closed, or is sealed already" : NULL;
    case CONTROL_SEALED:
        return !sealed || drawn ? "it is not sealed, or is drawn already" : NULL;
    case CONTROL_DRAWN:
        return !control_has_number(&control->terms) ||
                       (!drawn && !is_drawn_without_seal(control)) || (closed && !drawn)
                   ? "it is drawn without number, seal or time"
                   : NULL;
    case CONTROL_ABANDONED:
        return drawn ? "it is abandoned, and was drawn" : NULL;
    }
    return "it has no state";
}

static int stage_of(const struct control *control)
{
    if (control->state == CONTROL_ABANDONED) {
        return VERIFY_EXIT_ABANDONED;
    }
    if (control->draw_sha256[0] != '\0') {
        return 0;
    }
    return control->seal_sha256[0] != '\0' ? VERIFY_EXIT_NOT_DRAWN : VERIFY_EXIT_NOT_SEALED;
}

static void check_state(const struct draw_files *files, struct verify_report *report)
{
    const struct control *control = &files->control;
    if (!files->has_control) {
        verify_report_set(report, CHECK_STATE, VERDICT_SKIPPED, "control is not whole");
        return;
    }
    (void)snprintf(report->draw, sizeof report->draw, "%s", control->terms.draw);
    (void)snprintf(report->identity, sizeof report->identity, "%s", control->identity);
    (void)snprintf(report->state, sizeof report->state, "%s", control_state_name(control->state));
    report->stage = stage_of(control);
    const char *fault = find_inconsistency(control);
    bool is_over = control->state == CONTROL_DRAWN || control->state == CONTROL_ABANDONED;
    if (files->archived_as != NULL &&
        (!is_over || strcmp(files->archived_as, control->terms.draw) != 0)) {
        verify_report_set(report, CHECK_STATE, VERDICT_FAIL,
                          "%s stands in the archive as %s, and is draw %s, %s", DATA_CONTROL_FILE,
                          files->archived_as, control->terms.draw,
                          control_state_name(control->state));
    } else if (control->archiving[0] != '\0') {
        verify_report_set(report, CHECK_STATE, VERDICT_FAIL,
                          "the files of draw %s are still being moved away: start the server",
                          control->archiving);
    } else if (fault != NULL) {
        verify_report_set(report, CHECK_STATE, VERDICT_FAIL, "%s: %s",
                          control_state_name(control->state), fault);
    } else {
        verify_report_set(report, CHECK_STATE, VERDICT_OK, "%s",
                          control_state_name(control->state));
    }
}

/* ----------------------------------------------------------------- files ---- */

enum { NAMES_BYTES = 256 };

/* Adds ", name" where there is room. */
static void add_name(char names[NAMES_BYTES], const char *name)
{
    static const char comma[] = ", ";
    size_t used = strlen(names);
    size_t name_bytes = strlen(name);
    size_t comma_bytes = used > 0 ? sizeof comma - 1 : 0;
    if (used + comma_bytes + name_bytes < NAMES_BYTES) {
        memcpy(names + used, comma, comma_bytes);
        memcpy(names + used + comma_bytes, name, name_bytes + 1);
    }
}

/* True for files that a draw of this state has to have, or may have. */
static bool is_expected(const struct draw_files *files, const char *name, bool *required)
{
    const struct control *control = &files->control;
    bool closed = draw_files_are_closed(files);
    bool sealed = draw_files_are_sealed(files);
    bool drawn = draw_files_are_drawn(files);
    bool is_drawn = drawn || control->state == CONTROL_DRAWN;
    const struct {
        const char *name;
        bool expected, required;
    } known[] = {
        {DATA_CONTROL_FILE, true, true},
        {DATA_LOCK_FILE, true, false},
        {DATA_ADMIN_SOCKET, true, false},
        {DATA_REPLICATION_FILE, true, false},
        {ARCHIVE_DIRECTORY, true, false},
        {DATA_BETS_FILE, true, closed || control->bets_bytes > 0},
        {DATA_DONE_FILE, true, closed || control->done_bytes > 0},
        {DATA_CHECKPOINT_FILE, true,
         closed && control->bets_bytes > 0}, /* without bets none is due */
        {DATA_SEAL_FILE, sealed, sealed},
        {DATA_SEAL_SIGNATURE_FILE, sealed, false},
        {DATA_DRAW_FILE, drawn, drawn},
        {DATA_DRAW_SIGNATURE_FILE, drawn, false},
        {DATA_WINNERS_FILE, is_drawn, is_drawn},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, name) == 0) {
            *required = known[i].required;
            return known[i].expected;
        }
    }
    *required = false;
    return false;
}

static void find_missing(const struct draw_files *files, char missing[NAMES_BYTES])
{
    static const char *const names[] = {DATA_BETS_FILE, DATA_DONE_FILE, DATA_CHECKPOINT_FILE,
                                        DATA_SEAL_FILE, DATA_DRAW_FILE, DATA_WINNERS_FILE};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool required = false;
        if (is_expected(files, names[i], &required) && required &&
            faccessat(files->directory, names[i], F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
            add_name(missing, names[i]);
        }
    }
}

static int is_no_dot(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* In the order of their bytes. */
static int compare_names(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static bool find_unexpected(const struct draw_files *files, char unexpected[NAMES_BYTES],
                            struct failure *failure)
{
    struct dirent **entries = NULL;
    int count = scandirat(files->directory, ".", &entries, is_no_dot, compare_names);
    for (int i = 0; i < count; i++) {
        bool required = false;
        if (!is_expected(files, entries[i]->d_name, &required)) {
            add_name(unexpected, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    return count >= 0 || failure_set_errno(failure, "list %s", files->path);
}

static bool check_files(const struct draw_files *files, struct verify_report *report,
                        struct failure *failure)
{
    char missing[NAMES_BYTES] = "";
    char unexpected[NAMES_BYTES] = "";
    if (!files->has_control) {
        verify_report_set(report, CHECK_FILES, VERDICT_SKIPPED, "control is not whole");
        return true;
    }
    if (!find_unexpected(files, unexpected, failure)) {
        return false;
    }
    find_missing(files, missing);
    const char *also = unexpected[0] == '\0' ? "" : "; not known here: ";
    if (missing[0] != '\0') {
        verify_report_set(report, CHECK_FILES, VERDICT_FAIL, "missing: %s%s%s", missing, also,
                          unexpected);
    } else {
        verify_report_set(report, CHECK_FILES, VERDICT_OK, "all are there%s%s", also, unexpected);
    }
    return true;
}

/* ------------------------------------------------------------------ rows ---- */

/* While bets may come in, the last row may be there in part, behind all that control knows. */
static uint64_t bad_rows(const struct draw_files *files)
{
    bool may_be_unfinished = files->has_control && !draw_files_are_closed(files) &&
                             files->digest.first_bad >= files->control.bets_bytes;
    return files->digest.bad_rows - (files->bets_unfinished && may_be_unfinished ? 1 : 0);
}

static void check_rows(const struct draw_files *files, struct verify_report *report)
{
    if (!files->has_bets) {
        verify_report_set(report, CHECK_ROWS, VERDICT_SKIPPED, "there is no " DATA_BETS_FILE);
    } else if (bad_rows(files) > 0) {
        verify_report_set(report, CHECK_ROWS, VERDICT_FAIL,
                          "%" PRIu64 " of %" PRIu64 " rows are no bets, the first at byte %" PRIu64,
                          bad_rows(files), files->digest.rows, files->digest.first_bad);
    } else {
        verify_report_set(report, CHECK_ROWS, VERDICT_OK, "%" PRIu64 " rows are valid",
                          files->digest.rows);
    }
}

static void check_agencies(const struct draw_files *files, struct verify_report *report)
{
    struct agency_set allowed;
    struct failure failure;
    if (!files->has_bets || !files->has_control) {
        verify_report_set(report, CHECK_AGENCIES, VERDICT_SKIPPED, "%s",
                          files->has_bets ? "control is not whole" : "there is no " DATA_BETS_FILE);
        return;
    }
    if (!agency_set_parse(files->control.terms.agencies_allowed, "agencies_allowed", &allowed,
                          &failure)) {
        verify_report_set(report, CHECK_AGENCIES, VERDICT_FAIL, "%s", failure.text);
        return;
    }
    for (size_t i = 0; i < files->digest.agency_count; i++) {
        uint32_t agency = files->digest.agencies[i].agency;
        if (!agency_set_has(&allowed, agency)) {
            verify_report_set(report, CHECK_AGENCIES, VERDICT_FAIL,
                              "agency %" PRIu32 " has rows and is not among %s", agency,
                              files->control.terms.agencies_allowed);
            return;
        }
    }
    verify_report_set(report, CHECK_AGENCIES, VERDICT_OK, "%zu agencies have rows, all of %s",
                      files->digest.agency_count, files->control.terms.agencies_allowed);
}

static void check_bets(const struct draw_files *files, struct verify_report *report)
{
    const struct control *control = &files->control;
    const struct bets_digest *digest = &files->digest;
    if (!files->has_bets || !files->has_control) {
        verify_report_set(report, CHECK_BETS, VERDICT_SKIPPED, "%s",
                          files->has_bets ? "control is not whole" : "there is no " DATA_BETS_FILE);
    } else if (draw_files_are_closed(files) ? digest->bytes != control->bets_bytes
                                            : digest->bytes < control->bets_bytes) {
        verify_report_set(report, CHECK_BETS, VERDICT_FAIL,
                          "%" PRIu64 " bytes are there, and control says %" PRIu64, digest->bytes,
                          control->bets_bytes);
    } else if (control->state == CONTROL_DRAWN &&
               (digest->rows != control->draw.bets || digest->bytes != control->draw.bytes ||
                digest->checksum != control->draw.checksum)) {
        verify_report_set(report, CHECK_BETS, VERDICT_FAIL,
                          "it is not the file that control says the draw was held on");
    } else {
        verify_report_set(report, CHECK_BETS, VERDICT_OK,
                          "%" PRIu64 " bytes, checksum " CHECKSUM_FORMAT, digest->bytes,
                          digest->checksum);
    }
}

/* ------------------------------------------------------------------ done ---- */

struct done_check {
    const struct draw_files *files;
    size_t lines;
    uint64_t bytes;     /* of the lines */
    uint32_t *agencies; /* owned; of the lines */
    char fault[VERIFY_TEXT_BYTES];
};

static bool check_line(struct done_check *check, const char *text, size_t bytes)
{
    struct done_line line;
    const struct bets_agency none = {.rows = 0};
    if (!done_file_parse_line(text, bytes, &line)) {
        (void)snprintf(check->fault, sizeof check->fault, "line %zu is damaged", check->lines + 1);
        return false;
    }
    const struct bets_agency *found = bets_digest_find(&check->files->digest, line.agency);
    found = found == NULL ? &none : found;
    if (found->rows != line.bets || found->checksum != line.checksum ||
        line.position > check->files->digest.bytes) {
        (void)snprintf(check->fault, sizeof check->fault,
                       "agency %" PRIu32 " was done with %" PRIu64 " bets, and " DATA_BETS_FILE
                       " has %" PRIu64 ", or other ones",
                       line.agency, line.bets, found->rows);
        return false;
    }
    for (size_t i = 0; i < check->lines; i++) {
        if (check->agencies[i] == line.agency) {
            (void)snprintf(check->fault, sizeof check->fault, "agency %" PRIu32 " has two lines",
                           line.agency);
            return false;
        }
    }
    check->agencies[check->lines++] = line.agency;
    return true;
}

static bool check_lines(struct done_check *check)
{
    const struct draw_text *done = &check->files->done;
    for (size_t at = 0; at < done->count;) {
        const char *line = done->bytes + at;
        const char *line_feed = memchr(line, '\n', done->count - at);
        if (line_feed == NULL) {
            (void)snprintf(check->fault, sizeof check->fault, "the last line is not finished");
            return !draw_files_are_closed(check->files); /* while it may be written */
        }
        if (!check_line(check, line, (size_t)(line_feed - line))) {
            return false;
        }
        at += (size_t)(line_feed + 1 - line);
        check->bytes = at;
    }
    return true;
}

/* Once sales are closed each agency with rows has a line, or was closed out. */
static bool is_each_done_or_out(struct done_check *check)
{
    const struct bets_digest *digest = &check->files->digest;
    const struct closing *closing = &check->files->control.closing;
    struct agency_set without = {.count = 0};
    struct failure ignored;
    if (closing->without[0] != '\0' &&
        !agency_set_parse(closing->without, "without", &without, &ignored)) {
        without = (struct agency_set){.count = 0};
    }
    for (size_t i = 0; closing->by != CLOSED_BY_NOBODY && i < digest->agency_count; i++) {
        uint32_t agency = digest->agencies[i].agency;
        size_t at = 0;
        while (at < check->lines && check->agencies[at] != agency) {
            at++;
        }
        if (at == check->lines && !agency_set_has(&without, agency)) {
            (void)snprintf(check->fault, sizeof check->fault,
                           "agency %" PRIu32 " has rows and no line", agency);
            return false;
        }
    }
    return true;
}

static bool has_all_lines(struct done_check *check)
{
    const struct control *control = &check->files->control;
    uint64_t bytes = check->bytes;
    if (!draw_files_are_closed(check->files)) {
        (void)snprintf(check->fault, sizeof check->fault,
                       "%" PRIu64 " bytes are there in whole lines, and control says %" PRIu64,
                       bytes, control->done_bytes);
        return bytes >= control->done_bytes;
    }
    if (bytes != control->done_bytes) {
        (void)snprintf(check->fault, sizeof check->fault,
                       "%" PRIu64 " bytes are there, and control says %" PRIu64, bytes,
                       control->done_bytes);
        return false;
    }
    return is_each_done_or_out(check);
}

static bool check_done(const struct draw_files *files, struct verify_report *report,
                       struct failure *failure)
{
    struct done_check check = {.files = files};
    if (files->done.bytes == NULL || !files->has_bets || !files->has_control) {
        verify_report_set(report, CHECK_DONE, VERDICT_SKIPPED, "%s",
                          files->done.bytes == NULL ? "there is no " DATA_DONE_FILE
                          : !files->has_bets        ? "there is no " DATA_BETS_FILE
                                                    : "control is not whole");
        return true;
    }
    check.agencies = calloc(files->done.count + 1, sizeof *check.agencies);
    if (check.agencies == NULL) {
        return failure_set_errno(failure, "read %s/" DATA_DONE_FILE, files->path);
    }
    if (check_lines(&check) && has_all_lines(&check)) {
        verify_report_set(report, CHECK_DONE, VERDICT_OK,
                          "%zu agencies, as " DATA_BETS_FILE " has them", check.lines);
    } else {
        verify_report_set(report, CHECK_DONE, VERDICT_FAIL, "%s", check.fault);
    }
    free(check.agencies);
    return true;
}

/* ------------------------------------------------------------ checkpoint ---- */

static bool never(void)
{
    return false;
}

/* NULL when the checkpoint's agencies are those of the bytes before its position. */
static const char *compare_agencies(const struct checkpoint *checkpoint,
                                    const struct bets_digest *digest)
{
    size_t with_bets = 0;
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct checkpoint_agency *noted = &checkpoint->agencies[i];
        const struct bets_agency none = {.rows = 0};
        uint64_t agency = noted->id & ~CHECKPOINT_CLAIMED;
        const struct bets_agency *found =
            agency > UINT32_MAX ? NULL : bets_digest_find(digest, (uint32_t)agency);
        found = found == NULL ? &none : found;
        if (agency > UINT32_MAX || found->rows != noted->bets || found->bytes != noted->bytes ||
            found->checksum != noted->checksum) {
            return "its agencies are not those of " DATA_BETS_FILE;
        }
        with_bets += noted->bets > 0 ? 1 : 0;
    }
    return with_bets == digest->agency_count ? NULL : "it lacks an agency of " DATA_BETS_FILE;
}

static const char *compare_with(const struct checkpoint_file *file,
                                const struct bets_digest *digest, const struct draw_files *files)
{
    char end[CHECKPOINT_PROOF_BYTES];
    uint64_t position = file->checkpoint.position;
    size_t count = position < sizeof end ? (size_t)position : sizeof end;
    if (digest->bytes != position || digest->checksum != file->checkpoint.checksum) {
        return "the bytes before its position are not those of " DATA_BETS_FILE;
    }
    if (file_read_up_to(files->bets, end, count, position - count) != (ssize_t)count ||
        checksum_extend(CHECKSUM_EMPTY, end, count) != file->proof) {
        return "the last bytes before its position are not those of " DATA_BETS_FILE;
    }
    return compare_agencies(&file->checkpoint, digest);
}

/* NULL when it agrees; what is wrong else. */
static bool judge_checkpoint(const struct checkpoint_file *file, const struct draw_files *files,
                             const char **fault, struct failure *failure)
{
    uint64_t position = file->checkpoint.position;
    struct bets_digest before;
    if (strcmp(file->identity, files->control.identity) != 0) {
        *fault = "it belongs to another draw";
    } else if (position > files->digest.bytes) {
        *fault = "its position is after the end of " DATA_BETS_FILE;
    } else if (position == files->digest.bytes) {
        *fault = compare_with(file, &files->digest, files);
    } else if (bets_digest_make(files->bets, DATA_BETS_FILE, position, never, &before, failure) ==
               BETS_DIGEST_MADE) {
        *fault = compare_with(file, &before, files);
        bets_digest_close(&before);
    } else {
        return false;
    }
    return true;
}

static bool check_checkpoint(const struct draw_files *files, struct verify_report *report,
                             struct failure *failure)
{
    struct checkpoint_file file;
    const char *fault = NULL;
    if (files->checkpoint < 0 || !files->has_bets || !files->has_control) {
        verify_report_set(report, CHECK_CHECKPOINT, VERDICT_SKIPPED, "%s",
                          files->checkpoint < 0 ? "there is no " DATA_CHECKPOINT_FILE
                          : !files->has_bets    ? "there is no " DATA_BETS_FILE
                                                : "control is not whole");
        return true;
    }
    if (!checkpoint_load(files->checkpoint, &file)) {
        verify_report_set(report, CHECK_CHECKPOINT, VERDICT_FAIL,
                          "it is not whole: its checksum does not agree");
        return true;
    }
    bool judged = judge_checkpoint(&file, files, &fault, failure);
    if (judged && fault != NULL) {
        verify_report_set(report, CHECK_CHECKPOINT, VERDICT_FAIL, "%s", fault);
    } else if (judged) {
        verify_report_set(report, CHECK_CHECKPOINT, VERDICT_OK,
                          "agrees with the first %" PRIu64 " bytes", file.checkpoint.position);
    }
    checkpoint_close(&file.checkpoint);
    return judged;
}

/* ----------------------------------------------------------------- times ---- */

static void check_times(const struct draw_files *files, struct verify_report *report)
{
    const struct control *control = &files->control;
    if (!files->has_control) {
        verify_report_set(report, CHECK_TIMES, VERDICT_SKIPPED, "control is not whole");
        return;
    }
    const struct {
        const char *name;
        int64_t at_ms;
    } moments[] = {{"opened", control->opened_at_ms},
                   {"closed", control->closing.at_ms},
                   {"sealed", control->sealed_at_ms},
                   {"drawn", control->drawn_at_ms},
                   {"abandoned", control->abandoned_at_ms}};
    const char *before = NULL;
    int64_t before_ms = 0;
    char order[VERIFY_TEXT_BYTES] = "";
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        if (moments[i].at_ms == 0) {
            continue;
        }
        if (moments[i].at_ms < before_ms) {
            verify_report_set(report, CHECK_TIMES, VERDICT_FAIL, "%s before it was %s",
                              moments[i].name, before);
            return;
        }
        before = moments[i].name;
        before_ms = moments[i].at_ms;
        size_t used = strlen(order);
        (void)snprintf(order + used, sizeof order - used, "%s%s", used > 0 ? ", " : "", before);
    }
    if (control->closing.by == CLOSED_BY_TIME &&
        control->closing.at_ms < control->terms.closes_at_ms) {
        verify_report_set(report, CHECK_TIMES, VERDICT_FAIL, "closed by time before that time");
        return;
    }
    verify_report_set(report, CHECK_TIMES, VERDICT_OK, "%s",
                      order[0] == '\0' ? "none is known" : order);
}

bool checks_of_store(struct draw_files *files, struct verify_report *report,
                     struct failure *failure)
{
    check_control(files, report);
    check_state(files, report);
    check_rows(files, report);
    check_agencies(files, report);
    check_bets(files, report);
    check_times(files, report);
    return check_files(files, report, failure) && check_done(files, report, failure) &&
           check_checkpoint(files, report, failure);
}
