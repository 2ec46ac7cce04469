/*
 * progress.h - a line on a terminal that shows how far this agency is.
 *
 *   agency 1   [#######-------]  50%    13,468 bets   98,214 bets/s   0:03 left  betting
 *
 * The percentage is that of the file's bytes which the server has acknowledged. The rate
 * is that of this run, from the first batch to the last acknowledgement, and so is the time that
 * the rest of the file would take. The line is drawn
 * with one write(2), at most ten times a second. Drawing does not wait for a terminal that
 * is stopped (lib/log_output.h). The cursor stays where it was, so that several agencies
 * can share a terminal, each `lines_up` lines above the cursor. Nothing is written where
 * there is no terminal, or one without escape sequences (TERM is not set, or dumb).
 *
 * On a narrow terminal the bar gets shorter first; then whole columns are left out, the state as
 * the last one but the agency, so that nothing is ever cut. Where the log goes to the same terminal and the cursor is in
 * this line, the line is wiped before each line of the log and drawn again below it.
 */
#ifndef CLIENT_PROGRESS_H
#define CLIENT_PROGRESS_H

#include "lib/log.h"
#include "lib/log_output.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROGRESS_STATE_BYTES = 48, PROGRESS_LINE_BYTES = 512, PROGRESS_COLUMNS_DEFAULT = 80 };

struct progress {
    int fd; /* -1: no bar */
    struct log_output output;
    unsigned lines_up;
    uint32_t agency;
    uint64_t bytes, bytes_total; /* of the file: acknowledged, and all */
    uint64_t bytes_at_start;     /* that earlier runs have sent */
    uint64_t bets;               /* acknowledged, with those of earlier runs */
    uint64_t bets_at_start;
    int64_t start_ms, last_ms; /* when this run's betting began; its last acknowledgement */
    int64_t drawn_ms;
    bool is_advancing; /* the state is that of bets that come in, so that there is a time left */
    struct log_around around; /* wipes and draws around the lines of a log on the same terminal */
    char state[PROGRESS_STATE_BYTES];
};

/*
 * `fd` may be any descriptor; a bar is drawn only on a terminal. The struct must not move
 * until it is closed, because the log points to it (log_set_around).
 */
void progress_open(struct progress *progress, int fd, unsigned lines_up, uint32_t agency,
                   uint64_t bytes_total);

/* Leaves the last drawing on the terminal. */
void progress_close(struct progress *progress);

/* Sets the word at the end of the line, and draws at once. */
void progress_set_state(struct progress *progress, const char *state);

/* Begins betting after `bets` bets and `bytes` bytes of the file, which are stored already. */
void progress_resume(struct progress *progress, uint64_t bets, uint64_t bytes, int64_t now_ms);

/* Counts `bets` more bets as stored. The file is stored up to `bytes` bytes. */
void progress_advance(struct progress *progress, uint64_t bets, uint64_t bytes, int64_t now_ms);

/*
 * Writes the line, without cursor movements, to `line`, which has room for
 * PROGRESS_LINE_BYTES. It has less than `columns` characters. Returns its bytes. For
 * progress.c and its test.
 */
size_t progress_format(const struct progress *progress, unsigned columns, char *line);

#endif
