/*
 * checks.h - the checks themselves, in three groups, each in a file of its own.
 *
 * Each function fills the lines of its checks in the report. They read `files` and change nothing
 * that is stored. docs/draws.md says what each check wants.
 *
 * Called by verify.c.
 */
#ifndef VERIFY_CHECKS_H
#define VERIFY_CHECKS_H

#include "lib/failure.h"
#include "verify/draw_files.h"
#include "verify/report.h"

#include <stdbool.h>

/* CHECK_CONTROL to CHECK_CHECKPOINT, and CHECK_TIMES. False with the failure: unreadable. */
bool checks_of_store(struct draw_files *files, struct verify_report *report,
                     struct failure *failure);

/* CHECK_SEAL to CHECK_SEAL_SIGNATURE. `key` is the path of the public key; NULL: none. */
void checks_of_seal(const struct draw_files *files, const char *key, struct verify_report *report);

/* CHECK_DRAW to CHECK_NUMBER. */
void checks_of_draw(const struct draw_files *files, const char *key, struct verify_report *report);

/* CHECK_WINNERS and CHECK_DRAW_WINNERS. False with the failure: a file can't be read. */
bool checks_of_winners(const struct draw_files *files, struct verify_report *report,
                       struct failure *failure);

/* What a signature's check needs, of seal or draw. */
struct signed_file {
    const struct draw_text *text, *signature;
    const char *name, *signature_name;
};

/* One of the two checks of signatures; `pending` says why where there is no file yet. */
void check_signature(const struct signed_file *file, const char *key, const char *pending,
                     enum verify_check check, struct verify_report *report);

#endif
