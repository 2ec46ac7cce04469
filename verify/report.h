/*
 * report.h - what came out of the checks of one draw, as lines for people and as JSON.
 *
 * Each check has one name, one verdict and one line, whatever the directory holds; the other
 * verifier, verify/lottery-verify.py, has the same. docs/draws.md says what each of them checks.
 *
 * No state but the report; called by lottery-verify.
 */
#ifndef VERIFY_REPORT_H
#define VERIFY_REPORT_H

#include "store/control.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* In the order of the lines. */
enum verify_check {
    CHECK_CONTROL,
    CHECK_STATE,
    CHECK_FILES,
    CHECK_ROWS,
    CHECK_AGENCIES,
    CHECK_BETS,
    CHECK_DONE,
    CHECK_CHECKPOINT,
    CHECK_SEAL,
    CHECK_SEAL_HASH,
    CHECK_SEAL_TERMS,
    CHECK_SEAL_BETS,
    CHECK_SEAL_AGENCIES,
    CHECK_SEAL_TREE,
    CHECK_SEAL_DONE,
    CHECK_SEAL_SIGNATURE,
    CHECK_DRAW,
    CHECK_DRAW_HASH,
    CHECK_DRAW_TERMS,
    CHECK_DRAW_SIGNATURE,
    CHECK_NUMBER,
    CHECK_TIMES,
    CHECK_WINNERS,
    CHECK_DRAW_WINNERS,
    VERIFY_CHECKS
};

enum verify_verdict { VERDICT_SKIPPED, VERDICT_OK, VERDICT_FAIL };

/* The exit statuses of lottery-verify, beside 0: drawn, and all is well; and 2: usage. */
enum {
    VERIFY_EXIT_FAIL = 1,
    VERIFY_EXIT_UNREADABLE = 3,
    VERIFY_EXIT_NOT_SEALED = 4,
    VERIFY_EXIT_NOT_DRAWN = 5,
    VERIFY_EXIT_ABANDONED = 6
};

enum { VERIFY_TEXT_BYTES = 512 };

struct verify_line {
    enum verify_verdict verdict;
    char text[VERIFY_TEXT_BYTES];
};

/* Zeroed: every check is skipped. */
struct verify_report {
    char draw[CONTROL_DRAW_BYTES];              /* empty: control can't be read */
    char identity[CONTROL_IDENTITY_DIGITS + 1]; /* likewise */
    char state[16];                             /* control's word; empty likewise */
    int stage;                                  /* the exit status where nothing fails */
    struct verify_line lines[VERIFY_CHECKS];
};

/* How many of the lines FAIL. */
size_t verify_lines_failed(const struct verify_line *lines, size_t count);

/* Prints a line for each check, of which `names` has the names; with `quiet` for those that fail. */
void verify_lines_print(FILE *file, const struct verify_line *lines, const char *const *names,
                        size_t count, bool quiet);

/* The same as an array; NULL: no memory. */
json_t *verify_lines_json(const struct verify_line *lines, const char *const *names, size_t count);

/* Writes a line, printf-like. Returns true for VERDICT_OK. */
bool verify_report_set(struct verify_report *report, enum verify_check check,
                       enum verify_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* True when no check has failed. */
bool verify_report_is_good(const struct verify_report *report);

/* The exit status: VERIFY_EXIT_FAIL, or the report's stage. */
int verify_report_status(const struct verify_report *report);

/* Prints a line for each check, or with `quiet` for those that fail, and a sum. */
void verify_report_print(FILE *file, const struct verify_report *report, bool quiet);

/* The same as an object; NULL: no memory. */
json_t *verify_report_json(const struct verify_report *report);

/* "ok", "FAIL", "skipped", and "seal-hash". */
const char *verify_verdict_name(enum verify_verdict verdict);
const char *verify_check_name(enum verify_check check);

#endif
