/*
 * progress.h - one calm line on a terminal: how far this agency is.
 *
 *   agency 1   [##########----------]  50%    13,468 bets   98,214 bets/s  betting
 *
 * The percentage is of the file's bytes that the server has acknowledged; the
 * rate is that of this run, from the first batch to the last acknowledgement.
 * A redraw is one write(2), at most ten a second, waits for no terminal that is stopped
 * (lib/log_output.h), and leaves the cursor where it
 * was, so that several agencies can share a terminal, each `lines_up` lines
 * above the cursor. Where there is no terminal, or one that knows no escape sequences
 * (TERM is not set, or dumb), nothing is ever written.
 *
 * Where the terminal is narrow the bar gets shorter, then columns are left out whole:
 * a number is there or not, but never cut. Where the log goes to the same terminal and
 * the line is the cursor's own, it is wiped before each line of the log and drawn again
 * below it.
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
    uint64_t bets;               /* acknowledged, with those of earlier runs */
    uint64_t bets_at_start;
    int64_t start_ms, last_ms; /* when this run's betting began; its last acknowledgement */
    int64_t drawn_ms;
    struct log_around around; /* wipes and draws around the lines of a log on the same terminal */
    char state[PROGRESS_STATE_BYTES];
};

/*
 * `fd` may be anything; a bar is drawn only where it is a terminal. The progress has to
 * stay where it is until it is closed: the log knows it.
 */
void progress_open(struct progress *progress, int fd, unsigned lines_up, uint32_t agency,
                   uint64_t bytes_total);

/* Leaves the last drawing on the terminal. */
void progress_close(struct progress *progress);

/* The word at the end of the line; drawn at once. */
void progress_set_state(struct progress *progress, const char *state);

/* Betting goes on from here: so many bets and bytes of the file are stored already. */
void progress_resume(struct progress *progress, uint64_t bets, uint64_t bytes, int64_t now_ms);

/* `bets` more are stored, and the file up to `bytes`. */
void progress_advance(struct progress *progress, uint64_t bets, uint64_t bytes, int64_t now_ms);

/*
 * Writes the line, without cursor movements, to `line`, which has PROGRESS_LINE_BYTES: less
 * than `columns` characters. Returns its bytes. For progress.c and its test.
 */
size_t progress_format(const struct progress *progress, unsigned columns, char *line);

#endif
