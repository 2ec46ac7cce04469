/*
 * log_audit.h - holds the engine's log against the draws whose files an auditor has.
 *
 * An export (`lottery-feed --export`) is one stream: a centre's bets, or with --draws what the centres
 * say of their common draws. Each directory is one draw, of any centre. What belongs together is found
 * by the lottery's identity.
 *
 * For each directory there are LOG_CHECKS lines:
 *
 *   log           its stream is whole: no message is missing, each record has its CRC, begins where the
 *                 one before it ends, and is of the writer who had claimed the log
 *   log-bets      the records' bytes are bets.csv, byte for byte
 *   log-done      and done.csv
 *   log-files     seal, draw and signatures are those of the log
 *   national      the centre said of its draw what the directory has; all expected centres are in the
 *                 draw, with what each of them said; number and totals agree, also among the
 *                 directories
 *
 * Exports are read once, line by line, and the files beside them: memory does not grow with the bets.
 * Nothing is written. Called by lottery-verify.
 */
#ifndef VERIFY_LOG_AUDIT_H
#define VERIFY_LOG_AUDIT_H

#include "engine/log_state.h"
#include "lib/failure.h"
#include "seal/national.h"
#include "store/control.h"
#include "verify/report.h"

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum log_check {
    LOG_CHECK_LOG,
    LOG_CHECK_BETS,
    LOG_CHECK_DONE,
    LOG_CHECK_FILES,
    LOG_CHECK_NATIONAL,
    LOG_CHECKS
};

enum { LOG_DIRECTORIES_MAX = 32, LOG_FILES = 4 };

/* A file of rows beside the log's bytes of it. */
struct log_rows {
    int file; /* -1: there is none */
    uint64_t bytes;
    uint64_t log_end;              /* the log has so many bytes of it */
    char fault[VERIFY_TEXT_BYTES]; /* the first difference; "": none so far */
};

/* A small file, as the log has it last. */
struct log_file {
    bool is_there;
    uint64_t sequence;
    struct sha256_digest sha256;
};

/* One draw that the auditor has. */
struct log_draw {
    char path[PATH_MAX];
    int directory;
    bool has_control;
    struct control control;
    struct log_rows bets, done;
    struct log_file files[LOG_FILES];
    bool is_in_log;       /* an export has a record of it */
    uint64_t records;     /* of it */
    uint64_t first_epoch; /* of its records; and the last one */
    uint64_t last_epoch;
    char log_fault[VERIFY_TEXT_BYTES];   /* of its stream; "": none */
    char files_fault[VERIFY_TEXT_BYTES]; /* the log has two seals of it, or two draws; "": not so */
    struct verify_line lines[LOG_CHECKS];
};

/* A record of the stream DRAW. */
struct log_closed {
    uint64_t sequence;
    struct sha256_digest sha256;
    struct national_closed closed;
};

struct log_drawn {
    uint64_t sequence;
    struct sha256_digest sha256;
    struct national_drawn drawn;
};

struct log_audit {
    size_t count;
    struct log_draw *draws; /* owned */
    bool has_national;      /* an export of DRAW was read */
    char national_fault[VERIFY_TEXT_BYTES];
    struct log_closed *closed; /* owned, in the order of the stream, as these */
    size_t closed_count;
    struct log_drawn *drawn;
    size_t drawn_count;
    char stray_fault
        [VERIFY_TEXT_BYTES]; /* where an export could not be read on: what comes behind */
};

/*
 * Opens the draws in these directories, LOG_DIRECTORIES_MAX at most. False with the failure where one
 * can't be read. The caller calls log_audit_close in any case.
 */
bool log_audit_open(struct log_audit *audit, const char *const *paths, size_t count,
                    struct failure *failure);

/*
 * Reads an export. What is wrong with the log is no failure. False with the failure: the file can't be
 * read, is no export, or a draw's file can't be read.
 */
bool log_audit_read(struct log_audit *audit, const char *path, struct failure *failure);

/* Fills in the lines of all draws. False with the failure: a file can't be read. */
bool log_audit_judge(struct log_audit *audit, struct failure *failure);

/* True when no line of the draw FAILs. */
bool log_audit_is_good(const struct log_draw *draw);

/* Prints the draw's lines as verify_report_print does, and a sum; with `quiet` those that FAIL. */
void log_audit_print(FILE *file, const struct log_draw *draw, bool quiet);

/* The draw's lines as an array; NULL: no memory. */
json_t *log_audit_json(const struct log_draw *draw);

void log_audit_close(struct log_audit *audit);

#endif
