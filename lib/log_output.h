/*
 * log_output.h - writes to a descriptor whose reader may have stopped, without waiting for it.
 *
 * Why it exists: a blocking write(2) to a pipe, a terminal or a socket waits for
 * its reader: a pager that was stopped, a terminal after ^S, a stuck collector
 * of logs. The server must not stop working with it.
 *
 * What it promises: a write to a pipe, a terminal or a socket waits at most as
 * long as its patience says, and all waits together are at most one
 * LOG_WAIT_PART-th of the time. A regular file, or another device, is written
 * to in the ordinary way: it waits for the disk only.
 *
 *   pipe, FIFO, terminal  opened again, by /proc/self/fd, with O_NONBLOCK: that
 *                         flag belongs to the open file description, and the one
 *                         we are given is our shell's as well
 *   socket                send(2) with MSG_DONTWAIT
 *   one that can't be     poll(2) before each write; an alarm interrupts the write
 *   opened again          where others took the room first, or a terminal has
 *                         room for a part only. (Another user's, after su; no /proc.)
 *
 * Called by log.c and client/progress.c. If its process dies, the descriptor is closed.
 */
#ifndef LIB_LOG_OUTPUT_H
#define LIB_LOG_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOG_WAIT_MS = 40,       /* for a reader that is only slow */
    LOG_WAIT_PART = 5,      /* at most one fifth of the time is spent waiting */
    LOG_WAIT_LAST_MS = 1000 /* with what must get out if at all possible */
};

enum log_output_kind {
    LOG_OUTPUT_FILE,   /* has no reader to wait for */
    LOG_OUTPUT_OWN,    /* non-blocking, opened by us */
    LOG_OUTPUT_SOCKET, /* does not block by a flag of the call */
    LOG_OUTPUT_SHARED  /* could not be opened again */
};

enum log_patience {
    LOG_PATIENCE_NONE, /* not at all */
    LOG_PATIENCE_FAIR, /* LOG_WAIT_MS, as far as that is within LOG_WAIT_PART */
    LOG_PATIENCE_ONCE, /* LOG_WAIT_MS */
    LOG_PATIENCE_LAST  /* LOG_WAIT_LAST_MS */
};

struct log_output {
    int descriptor;
    enum log_output_kind kind;
    int64_t credit_ns;      /* of LOG_PATIENCE_FAIR: a ns of waiting costs LOG_WAIT_PART of it */
    int64_t credited_at_ns; /* time up to here has been turned into credit */
};

/* Finds out what the descriptor is. It stays the caller's, and has to stay open. */
void log_output_open(struct log_output *output, int descriptor);

/*
 * Treats the descriptor as one that can't be opened again. The process's SIGALRM and
 * ITIMER_REAL belong to the log from then on.
 */
void log_output_open_shared(struct log_output *output, int descriptor);

/*
 * True for a terminal that moves its cursor: TERM says another kind than "dumb". Escape sequences
 * are text anywhere else.
 */
bool log_output_takes_escapes(int descriptor);

/* The same, unless NO_COLOR is set (no-color.org). */
bool log_output_takes_colours(int descriptor);

/* Closes the descriptor that log_output_open has opened itself, if any. */
void log_output_close(struct log_output *output);

/*
 * Writes as many of the bytes as it can. Returns how many; where that is not
 * all of them errno says why, EAGAIN when the reader did not make room in time.
 */
size_t log_output_write(struct log_output *output, const char *bytes, size_t count,
                        enum log_patience patience);

#endif
