/*
 * draw_files.h - the files of one draw, opened and read for the checks.
 *
 * The directory is a copy that an auditor holds, so it may belong to anybody and have any
 * mode. Nothing in it is written, and no link is followed. bets.csv and winners.csv are read
 * where they are needed, in small memory; all other files are read whole.
 *
 * Called by lottery-verify.
 */
#ifndef VERIFY_DRAW_FILES_H
#define VERIFY_DRAW_FILES_H

#include "lib/failure.h"
#include "seal/bets_digest.h"
#include "seal/draw_report.h"
#include "seal/seal.h"
#include "store/control.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* A file that was read whole; zeroed: there is none. */
struct draw_text {
    char *bytes; /* owned, terminated; NULL: there is no such file */
    size_t count;
    struct sha256_digest sha256;
};

struct draw_files {
    char path[PATH_MAX];
    const char *archived_as; /* the name that the archive has to have; NULL: any */
    int directory;
    int control_file, bets, checkpoint, winners; /* -1: there is no such file */
    struct draw_text done, seal_text, seal_signature, draw_text, draw_signature;

    /* What was read of them. */
    bool has_control;
    struct control control;
    char control_fault[FAILURE_TEXT_BYTES]; /* where there is a file, and has_control is not set */
    bool has_bets;                          /* of `digest` */
    struct bets_digest digest;
    bool bets_unfinished; /* the last row has no LF */
    bool has_seal;
    struct seal seal;
    char seal_fault[FAILURE_TEXT_BYTES];
    bool has_report;
    struct draw_report report;
    char report_fault[FAILURE_TEXT_BYTES];
};

/*
 * Opens a regular file of a draw, `path` being its directory's name; *file is -1 where there is none.
 * Does not wait for the other end of a pipe. Returns false with the failure.
 */
bool draw_file_open(int directory, const char *path, const char *name, int *file,
                    struct failure *failure);

/* Reads such a file whole. Returns false with the failure; the caller frees text->bytes in any case. */
bool draw_text_read(int directory, const char *path, const char *name, struct draw_text *text,
                    struct failure *failure);

/*
 * Opens the draw in the directory `path` and reads all of it, bets.csv too. Returns false with the
 * failure when the directory or a file that is there can't be read; files that are missing or
 * damaged are no failure. The caller calls draw_files_close in any case.
 */
bool draw_files_open(const char *path, struct draw_files *files, struct failure *failure);

void draw_files_close(struct draw_files *files);

/* True when control, or without it the presence of the file, says that there is a seal, or a draw. */
bool draw_files_are_sealed(const struct draw_files *files);
bool draw_files_are_drawn(const struct draw_files *files);

/* True when control says that sales were closed: both files are final then. */
bool draw_files_are_closed(const struct draw_files *files);

#endif
