/*
 * report.c - see report.h.
 */
#include "verify/report.h"

#include <stdarg.h>
#include <stdlib.h>

enum { VERDICT_COLUMNS = 8, NAME_COLUMNS = 15 };

static const char *const verdict_names[] = {
    [VERDICT_SKIPPED] = "skipped", [VERDICT_OK] = "ok", [VERDICT_FAIL] = "FAIL"};

static const char *const check_names[VERIFY_CHECKS] = {
    [CHECK_CONTROL] = "control",
    [CHECK_STATE] = "state",
    [CHECK_FILES] = "files",
    [CHECK_ROWS] = "rows",
    [CHECK_AGENCIES] = "agencies",
    [CHECK_BETS] = "bets",
    [CHECK_DONE] = "done",
    [CHECK_CHECKPOINT] = "checkpoint",
    [CHECK_SEAL] = "seal",
    [CHECK_SEAL_HASH] = "seal-hash",
    [CHECK_SEAL_TERMS] = "seal-terms",
    [CHECK_SEAL_BETS] = "seal-bets",
    [CHECK_SEAL_AGENCIES] = "seal-agencies",
    [CHECK_SEAL_TREE] = "seal-tree",
    [CHECK_SEAL_DONE] = "seal-done",
    [CHECK_SEAL_SIGNATURE] = "seal-signature",
    [CHECK_DRAW] = "draw",
    [CHECK_DRAW_HASH] = "draw-hash",
    [CHECK_DRAW_TERMS] = "draw-terms",
    [CHECK_DRAW_SIGNATURE] = "draw-signature",
    [CHECK_NUMBER] = "number",
    [CHECK_TIMES] = "times",
    [CHECK_WINNERS] = "winners",
    [CHECK_DRAW_WINNERS] = "draw-winners",
};

const char *verify_verdict_name(enum verify_verdict verdict)
{
    return verdict_names[verdict];
}

const char *verify_check_name(enum verify_check check)
{
    return check_names[check];
}

bool verify_report_set(struct verify_report *report, enum verify_check check,
                       enum verify_verdict verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->lines[check].text, VERIFY_TEXT_BYTES, format, arguments);
    va_end(arguments);
    report->lines[check].verdict = verdict;
    return verdict == VERDICT_OK;
}

size_t verify_lines_failed(const struct verify_line *lines, size_t count)
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed += lines[i].verdict == VERDICT_FAIL ? 1 : 0;
    }
    return failed;
}

void verify_lines_print(FILE *file, const struct verify_line *lines, const char *const *names,
                        size_t count, bool quiet)
{
    for (size_t i = 0; i < count; i++) {
        if (!quiet || lines[i].verdict == VERDICT_FAIL) {
            fprintf(file, "%-*s%-*s %s\n", VERDICT_COLUMNS, verdict_names[lines[i].verdict],
                    NAME_COLUMNS, names[i], lines[i].text);
        }
    }
}

json_t *verify_lines_json(const struct verify_line *lines, const char *const *names, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:s}", "name", names[i], "verdict",
                                        verdict_names[lines[i].verdict], "text", lines[i].text));
    }
    return array;
}

bool verify_report_is_good(const struct verify_report *report)
{
    return verify_lines_failed(report->lines, VERIFY_CHECKS) == 0;
}

int verify_report_status(const struct verify_report *report)
{
    return verify_report_is_good(report) ? report->stage : VERIFY_EXIT_FAIL;
}

/* What the stage means, where nothing fails. */
static const char *stage_text(int stage)
{
    switch (stage) {
    case VERIFY_EXIT_NOT_SEALED:
        return "not sealed, so far all is well";
    case VERIFY_EXIT_NOT_DRAWN:
        return "sealed and not drawn, so far all is well";
    case VERIFY_EXIT_ABANDONED:
        return "abandoned, what there is is well";
    default:
        return "drawn, all is well";
    }
}

void verify_report_print(FILE *file, const struct verify_report *report, bool quiet)
{
    size_t failed = verify_lines_failed(report->lines, VERIFY_CHECKS);
    verify_lines_print(file, report->lines, check_names, VERIFY_CHECKS, quiet);
    const char *draw = report->draw[0] == '\0' ? "?" : report->draw;
    if (failed > 0) {
        fprintf(file, "draw %s: %zu of %d checks FAIL\n", draw, failed, VERIFY_CHECKS);
    } else if (!quiet) {
        fprintf(file, "draw %s: %s\n", draw, stage_text(report->stage));
    }
}

json_t *verify_report_json(const struct verify_report *report)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:o}", "draw", report->draw, "identity",
                     report->identity, "state", report->state, "status",
                     verify_report_status(report), "checks",
                     verify_lines_json(report->lines, check_names, VERIFY_CHECKS));
}
