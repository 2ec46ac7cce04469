/*
 * log_judgement.c - see log_judgement.h.
 */
#include "verify/log_judgement.h"

#include "seal/draw_report.h"
#include "store/data_directory.h"
#include "verify/draw_files.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 4, 5))) static void set_line(struct log_draw *draw,
                                                           enum log_check check,
                                                           enum verify_verdict verdict,
                                                           const char *format, ...)
{
    struct verify_line *line = &draw->lines[check];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line->text, sizeof line->text, format, arguments);
    va_end(arguments);
    line->verdict = verdict;
}

/* True once both files of rows are final. */
static bool is_closed(const struct log_draw *draw)
{
    return draw->control.closing.by != CLOSED_BY_NOBODY || draw->control.state == CONTROL_DRAWN;
}

/* ------------------------------------------------------------------- the log ---- */

static void judge_log(const struct log_audit *audit, struct log_draw *draw)
{
    if (!draw->has_control) {
        set_line(draw, LOG_CHECK_LOG, VERDICT_FAIL,
                 "without control it is not known which draw it is");
    } else if (draw->log_fault[0] != '\0') {
        set_line(draw, LOG_CHECK_LOG, VERDICT_FAIL, "%s", draw->log_fault);
    } else if (!draw->is_in_log) {
        set_line(draw, LOG_CHECK_LOG, VERDICT_FAIL, "no export has the lottery %s%s%s",
                 draw->control.identity, audit->stray_fault[0] == '\0' ? "" : "; ",
                 audit->stray_fault);
    } else {
        set_line(draw, LOG_CHECK_LOG, VERDICT_OK,
                 "%" PRIu64 " records of the epochs %" PRIu64 " to %" PRIu64
                 ": each whole, in its place, by who had claimed the log",
                 draw->records, draw->first_epoch, draw->last_epoch);
    }
}

static void judge_rows(struct log_draw *draw, const struct log_rows *rows, const char *name,
                       enum log_check check)
{
    if (!draw->has_control || !draw->is_in_log) {
        set_line(draw, check, VERDICT_SKIPPED, "no export has this draw");
    } else if (rows->fault[0] != '\0') {
        set_line(draw, check, VERDICT_FAIL, "%s", rows->fault);
    } else if (draw->log_fault[0] != '\0') {
        set_line(draw, check, VERDICT_SKIPPED,
                 "the same up to byte %" PRIu64 "; what the log has behind that can't be judged",
                 rows->log_end);
    } else if (rows->bytes > rows->log_end && is_closed(draw)) {
        set_line(draw, check, VERDICT_FAIL,
                 "%s has %" PRIu64 " bytes, and the log ends at byte %" PRIu64 " of it", name,
                 rows->bytes, rows->log_end);
    } else if (rows->bytes > rows->log_end) {
        set_line(draw, check, VERDICT_OK,
                 "the same up to byte %" PRIu64 "; sales are open, and %" PRIu64
                 " bytes are not in the log",
                 rows->log_end, rows->bytes - rows->log_end);
    } else {
        set_line(draw, check, VERDICT_OK, "all %" PRIu64 " bytes are the log's", rows->bytes);
    }
}

/* Compares a small file. *count: those that are the same. False: it can't be read. */
static bool compare_file(const struct log_draw *draw, size_t index, unsigned *count,
                         char fault[VERIFY_TEXT_BYTES], struct failure *failure)
{
    const char *name = log_file_names[index];
    const struct log_file *logged = &draw->files[index];
    struct draw_text text;
    bool read = draw_text_read(draw->directory, draw->path, name, &text, failure);
    bool is_there = text.bytes != NULL;
    free(text.bytes);
    if (!read) {
        return false;
    }
    if (is_there && logged->is_there && sha256_equal(&text.sha256, &logged->sha256)) {
        (*count)++;
    } else if ((is_there || logged->is_there) && fault[0] == '\0') {
        (void)snprintf(fault, VERIFY_TEXT_BYTES,
                       !is_there           ? "there is no %s, and the log has one"
                       : !logged->is_there ? "there is a %s, and the log has none"
                                           : "%s is not the one of the log (record %" PRIu64 ")",
                       name, logged->sequence);
    }
    return true;
}

static bool judge_files(struct log_draw *draw, struct failure *failure)
{
    char fault[VERIFY_TEXT_BYTES];
    unsigned count = 0;
    memcpy(fault, draw->files_fault, sizeof fault);
    if (!draw->has_control || !draw->is_in_log || draw->log_fault[0] != '\0') {
        set_line(draw, LOG_CHECK_FILES, VERDICT_SKIPPED, "the log does not have all of this draw");
        return true;
    }
    for (size_t i = 0; i < LOG_FILES; i++) {
        if (!compare_file(draw, i, &count, fault, failure)) {
            return false;
        }
    }
    if (fault[0] != '\0') {
        set_line(draw, LOG_CHECK_FILES, VERDICT_FAIL, "%s", fault);
    } else {
        set_line(draw, LOG_CHECK_FILES, VERDICT_OK,
                 "%u of seal, draw and signatures, all the log's", count);
    }
    return true;
}

bool log_judgement_of_files(const struct log_audit *audit, struct log_draw *draw,
                            struct failure *failure)
{
    judge_log(audit, draw);
    judge_rows(draw, &draw->bets, DATA_BETS_FILE, LOG_CHECK_BETS);
    judge_rows(draw, &draw->done, DATA_DONE_FILE, LOG_CHECK_DONE);
    return judge_files(draw, failure);
}

/* ------------------------------------------------------------- the common draw ---- */

static const struct log_drawn *find_drawn(const struct log_audit *audit, const char *draw)
{
    for (size_t i = 0; i < audit->drawn_count; i++) {
        if (strcmp(audit->drawn[i].drawn.draw, draw) == 0) {
            return &audit->drawn[i];
        }
    }
    return NULL;
}

/* What a centre said last of a draw, before this message. */
static const struct log_closed *find_closed(const struct log_audit *audit, const char *draw,
                                            const char *centre, uint64_t before)
{
    const struct log_closed *found = NULL;
    for (size_t i = 0; i < audit->closed_count; i++) {
        const struct log_closed *one = &audit->closed[i];
        if (one->sequence < before && strcmp(one->closed.terms.draw, draw) == 0 &&
            strcmp(one->closed.centre, centre) == 0) {
            found = one;
        }
    }
    return found;
}

/* What was said of the lottery of this directory; NULL: nothing. */
static const struct log_closed *find_own(const struct log_audit *audit, const struct log_draw *draw)
{
    const struct log_closed *found = NULL;
    for (size_t i = 0; i < audit->closed_count; i++) {
        if (strcmp(audit->closed[i].closed.identity, draw->control.identity) == 0) {
            found = &audit->closed[i];
        }
    }
    return found;
}

/* Reads seal.json. False where there is none that can be read, which other checks tell. */
static bool read_seal(const struct log_draw *draw, struct seal *seal)
{
    struct failure ignored;
    struct draw_text text;
    bool is_read = draw_text_read(draw->directory, draw->path, DATA_SEAL_FILE, &text, &ignored) &&
                   text.bytes != NULL &&
                   seal_parse(text.bytes, text.count, DATA_SEAL_FILE, seal, &ignored);
    free(text.bytes);
    return is_read;
}

/* The centre said as many bets and agencies as were sealed. False: it has been judged. */
static bool has_sealed_counts(struct log_draw *draw, const struct national_closed *closed)
{
    struct seal seal;
    if (!read_seal(draw, &seal)) {
        return true;
    }
    const uint64_t rows = seal.bets_rows;
    const uint64_t agencies = seal.agency_count;
    seal_close(&seal);
    if (closed->bets != rows || closed->agencies != agencies) {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL,
                 "centre %s closed with %" PRIu64 " bets of %" PRIu64 " agencies, and %" PRIu64
                 " of %" PRIu64 " were sealed",
                 closed->centre, closed->bets, closed->agencies, rows, agencies);
        return false;
    }
    return true;
}

/* What its centre said is what the directory has. False: it has been judged. */
static bool agrees_with_directory(struct log_draw *draw, const struct log_closed *own)
{
    const struct national_closed *closed = &own->closed;
    const struct control *control = &draw->control;
    if (strcmp(closed->terms.draw, control->terms.draw) != 0) {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL,
                 "centre %s said that this lottery is draw %s, and it is %s", closed->centre,
                 closed->terms.draw, control->terms.draw);
        return false;
    }
    if (control_says_centres(&control->terms) &&
        strcmp(closed->terms.centres_expected, control->terms.centres_expected) != 0) {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL,
                 "centre %s closed with the centres %.100s, and here %.100s draw together",
                 closed->centre, closed->terms.centres_expected,
                 control->terms.centres_expected[0] == '\0' ? "none"
                                                            : control->terms.centres_expected);
        return false;
    }
    if (strcmp(closed->seal_sha256, control->seal_sha256) != 0) {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL,
                 "centre %s closed with another seal than this one (message %" PRIu64 ")",
                 closed->centre, own->sequence);
        return false;
    }
    if (closed->bytes != draw->bets.bytes) {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL,
                 "centre %s closed with %" PRIu64 " bytes of bets, and here are %" PRIu64,
                 closed->centre, closed->bytes, draw->bets.bytes);
        return false;
    }
    return has_sealed_counts(draw, closed);
}

/* Every share of the draw is what its centre said last before it. */
static bool shares_agree(const struct log_audit *audit, struct log_draw *draw,
                         const struct log_drawn *drawn)
{
    for (uint32_t i = 0; i < drawn->drawn.share_count; i++) {
        const struct national_share *share = &drawn->drawn.shares[i];
        const struct log_closed *said =
            find_closed(audit, drawn->drawn.draw, share->centre, drawn->sequence);
        struct national_share expected;
        if (said == NULL) {
            set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL,
                     "the draw counts centre %s, which had not closed before it", share->centre);
            return false;
        }
        national_share_of(&said->closed, &said->sha256, &expected);
        if (!national_shares_equal(share, &expected)) {
            set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL,
                     "the draw counts %" PRIu64 " bets of centre %s by another word than that "
                     "centre's (message %" PRIu64 ": %" PRIu64 " bets)",
                     share->bets, share->centre, said->sequence, said->closed.bets);
            return false;
        }
    }
    return true;
}

/* Exactly the centres that were expected are counted. */
static bool all_are_counted(struct log_draw *draw, const struct log_closed *own,
                            const struct log_drawn *drawn)
{
    struct centre_set counted = {.count = 0};
    char text[CONFIG_TEXT_BYTES];
    for (uint32_t i = 0; i < drawn->drawn.share_count && counted.count < CENTRES_MAX; i++) {
        memcpy(counted.names[counted.count++], drawn->drawn.shares[i].centre, CENTRE_NAME_BYTES);
    }
    centre_set_write(&counted, text);
    if (strcmp(text, own->closed.terms.centres_expected) != 0) {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL,
                 "the draw counts the centres %.100s, and centre %s expected %.100s", text,
                 own->closed.centre, own->closed.terms.centres_expected);
        return false;
    }
    return true;
}

static bool has_number(const struct log_draw *draw)
{
    return draw->has_control && draw->control.drawn_at_ms != 0 &&
           control_has_number(&draw->control.terms);
}

/* Reads draw.json. False where there is none that can be read, which other checks tell. */
static bool read_report(const struct log_draw *draw, struct draw_report *report)
{
    struct failure ignored;
    struct draw_text text;
    bool is_read = draw_text_read(draw->directory, draw->path, DATA_DRAW_FILE, &text, &ignored) &&
                   text.bytes != NULL &&
                   draw_report_parse(text.bytes, text.count, DATA_DRAW_FILE, report, &ignored);
    free(text.bytes);
    return is_read;
}

/* Where draw.json names what the centres said of the draw, it is this drawing. */
static bool is_named_drawing(struct log_draw *draw, const struct log_drawn *drawn)
{
    struct draw_report report;
    if (!read_report(draw, &report)) {
        return true;
    }
    bool is_named = !report.is_national || sha256_equal(&report.national_sha256, &drawn->sha256);
    draw_report_close(&report);
    if (!is_named) {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL,
                 DATA_DRAW_FILE " names another drawing than message %" PRIu64, drawn->sequence);
    }
    return is_named;
}

/* The directory's number is the drawn one. */
static void judge_drawn(const struct log_audit *audit, struct log_draw *draw,
                        const struct log_closed *own, const struct log_drawn *drawn)
{
    if (has_number(draw) && draw->control.terms.winning_number != drawn->drawn.winning_number) {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL,
                 "this centre drew with number %" PRIu32 ", and the draw has %" PRIu32
                 " (message %" PRIu64 ")",
                 draw->control.terms.winning_number, drawn->drawn.winning_number, drawn->sequence);
    } else if (shares_agree(audit, draw, drawn) && all_are_counted(draw, own, drawn) &&
               is_named_drawing(draw, drawn)) {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_OK,
                 "centre %s of %" PRIu32 ": number %" PRIu32 ", %" PRIu64 " of %" PRIu64 " bets%s",
                 own->closed.centre, drawn->drawn.share_count, drawn->drawn.winning_number,
                 own->closed.bets, drawn->drawn.bets,
                 has_number(draw) ? "" : "; not drawn here yet");
    }
}

/* Without the stream: directories of one draw's name have one number. */
static void compare_directories(const struct log_audit *audit, struct log_draw *draw)
{
    unsigned others = 0;
    for (size_t i = 0; i < audit->count; i++) {
        const struct log_draw *other = &audit->draws[i];
        if (other == draw || !has_number(other) || !has_number(draw) ||
            strcmp(other->control.terms.draw, draw->control.terms.draw) != 0) {
            continue;
        }
        others++;
        if (other->control.terms.winning_number != draw->control.terms.winning_number) {
            set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL,
                     "number %" PRIu32 " here, and %" PRIu32 " in %.200s",
                     draw->control.terms.winning_number, other->control.terms.winning_number,
                     other->path);
            return;
        }
    }
    if (others > 0) {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_OK,
                 "%u other directories have the same number %" PRIu32
                 "; no export of " NATIONAL_STREAM " says more",
                 others, draw->control.terms.winning_number);
    } else {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_SKIPPED,
                 "there is no export of " NATIONAL_STREAM ", and no other directory of this draw");
    }
}

void log_judgement_of_nation(const struct log_audit *audit, struct log_draw *draw)
{
    if (!audit->has_national || !draw->has_control) {
        compare_directories(audit, draw);
        return;
    }
    const struct log_closed *own = find_own(audit, draw);
    const struct log_drawn *drawn = find_drawn(audit, draw->control.terms.draw);
    if (audit->national_fault[0] != '\0') {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL, "%s", audit->national_fault);
    } else if (own == NULL) {
        bool sealed = draw->control.seal_sha256[0] != '\0';
        set_line(draw, LOG_CHECK_NATIONAL, sealed ? VERDICT_FAIL : VERDICT_SKIPPED,
                 "no centre has closed with the lottery %s", draw->control.identity);
    } else if (!agrees_with_directory(draw, own)) {
        return;
    } else if (drawn != NULL) {
        judge_drawn(audit, draw, own, drawn);
    } else if (has_number(draw)) {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_FAIL,
                 "this centre has drawn, and " NATIONAL_STREAM " has no drawing of %s",
                 draw->control.terms.draw);
    } else {
        set_line(draw, LOG_CHECK_NATIONAL, VERDICT_OK,
                 "centre %s has closed with this seal; the draw waits for others",
                 own->closed.centre);
    }
}
