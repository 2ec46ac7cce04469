/*
 * checks_draw.c - draw.json against control and the seal; see checks.h.
 */
#include "verify/checks.h"

#include "store/data_directory.h"

#include <inttypes.h>
#include <string.h>

#define NOT_DRAWN "the draw has not been held yet"

/* Why what needs draw.json is skipped; NULL: it is not. */
static const char *why_no_report(const struct draw_files *files)
{
    if (!draw_files_are_drawn(files)) {
        return NOT_DRAWN;
    }
    if (files->draw_text.bytes == NULL) {
        return "there is no " DATA_DRAW_FILE;
    }
    return files->has_report ? NULL : DATA_DRAW_FILE " can't be read";
}

static bool skips(struct verify_report *report, enum verify_check check, const char *why)
{
    if (why != NULL) {
        verify_report_set(report, check, VERDICT_SKIPPED, "%s", why);
    }
    return why != NULL;
}

static void check_draw(const struct draw_files *files, struct verify_report *report)
{
    if (!draw_files_are_drawn(files) || files->draw_text.bytes == NULL) {
        (void)skips(report, CHECK_DRAW, why_no_report(files));
    } else if (!files->has_report) {
        verify_report_set(report, CHECK_DRAW, VERDICT_FAIL, "%s", files->report_fault);
    } else {
        verify_report_set(report, CHECK_DRAW, VERDICT_OK, "canonical, by %s",
                          files->report.program);
    }
}

static void check_hash(const struct draw_files *files, struct verify_report *report)
{
    char digits[SHA256_DIGITS + 1];
    if (!draw_files_are_drawn(files) || files->draw_text.bytes == NULL) {
        (void)skips(report, CHECK_DRAW_HASH, why_no_report(files));
    } else if (!files->has_control) {
        (void)skips(report, CHECK_DRAW_HASH, "control is not whole");
    } else if (strcmp(sha256_write(digits, &files->draw_text.sha256), files->control.draw_sha256) !=
               0) {
        verify_report_set(report, CHECK_DRAW_HASH, VERDICT_FAIL, "control has another one: %s",
                          files->control.draw_sha256);
    } else {
        verify_report_set(report, CHECK_DRAW_HASH, VERDICT_OK, "%s", digits);
    }
}

static bool agrees_with_control(const struct draw_report *draw, const struct control *control)
{
    return strcmp(draw->identity, control->identity) == 0 &&
           strcmp(draw->draw, control->terms.draw) == 0 &&
           draw->number_by == control->terms.number_by &&
           draw->winning_number == control->terms.winning_number &&
           draw->drawn_at_ms == control->drawn_at_ms;
}

static bool agrees_with_seal(const struct draw_report *draw, const struct seal *seal)
{
    if (strcmp(draw->identity, seal->identity) != 0 || strcmp(draw->draw, seal->terms.draw) != 0 ||
        draw->number_by != seal->terms.number_by || draw->agency_count != seal->agency_count) {
        return false;
    }
    for (size_t i = 0; i < draw->agency_count; i++) {
        if (draw->agencies[i].agency != seal->agencies[i].agency) {
            return false;
        }
    }
    return true;
}

/*
 * A draw of several centres was held by what they said of it, and no other one was. A seal of before does
 * not say whether it is one; its control does not either.
 */
static bool is_held_by_its_centres(const struct draw_files *files)
{
    if (files->has_seal && files->seal.terms.centres_expected[0] != '\0') {
        return files->report.is_national;
    }
    return !files->report.is_national || !files->has_control ||
           !control_says_centres(&files->control.terms);
}

static void check_terms(const struct draw_files *files, struct verify_report *report)
{
    if (skips(report, CHECK_DRAW_TERMS, why_no_report(files))) {
        return;
    }
    if (files->has_control && !agrees_with_control(&files->report, &files->control)) {
        verify_report_set(report, CHECK_DRAW_TERMS, VERDICT_FAIL,
                          "control has another identity, number or time");
    } else if (files->has_seal && !agrees_with_seal(&files->report, &files->seal)) {
        verify_report_set(report, CHECK_DRAW_TERMS, VERDICT_FAIL,
                          "the seal has another identity, or other agencies");
    } else if (!is_held_by_its_centres(files)) {
        verify_report_set(report, CHECK_DRAW_TERMS, VERDICT_FAIL,
                          files->report.is_national
                              ? "it names a drawing of several centres, and control and seal none"
                              : "it names no drawing of the centres that the seal has");
    } else {
        verify_report_set(report, CHECK_DRAW_TERMS, VERDICT_OK, "as control and seal have them");
    }
}

static void check_number(const struct draw_files *files, struct verify_report *report)
{
    const struct draw_report *draw = &files->report;
    if (skips(report, CHECK_NUMBER, why_no_report(files)) ||
        skips(report, CHECK_NUMBER, files->has_seal ? NULL : "there is no seal to compare with")) {
        return;
    }
    if (draw->number_by != files->seal.terms.number_by) {
        verify_report_set(report, CHECK_NUMBER, VERDICT_FAIL, "the seal has it come otherwise");
    } else if (draw->number_by != NUMBER_BY_COMMAND) {
        bool same = draw->winning_number == files->seal.terms.winning_number;
        verify_report_set(report, CHECK_NUMBER, same ? VERDICT_OK : VERDICT_FAIL, "%" PRIu32 ", %s",
                          draw->winning_number,
                          same ? "known since the opening" : "and another one was sealed");
    } else {
        bool after = draw->drawn_at_ms >= files->seal.sealed_at_ms;
        verify_report_set(report, CHECK_NUMBER, after ? VERDICT_OK : VERDICT_FAIL,
                          "%" PRIu32 ", %s", draw->winning_number,
                          after ? "by command after the seal" : "before the seal");
    }
}

void checks_of_draw(const struct draw_files *files, const char *key, struct verify_report *report)
{
    check_draw(files, report);
    check_hash(files, report);
    check_terms(files, report);
    const char *pending = !draw_files_are_drawn(files)     ? NOT_DRAWN
                          : files->draw_text.bytes == NULL ? "there is no " DATA_DRAW_FILE
                                                           : NULL;
    const struct signed_file file = {&files->draw_text, &files->draw_signature, DATA_DRAW_FILE,
                                     DATA_DRAW_SIGNATURE_FILE};
    check_signature(&file, key, pending, CHECK_DRAW_SIGNATURE, report);
    check_number(files, report);
}
