/*
 * screen.h - the terminal that --watch draws on.
 *
 * On a terminal the alternate screen is used, without cursor and echo, and the first screen
 * comes back at the end. Without a terminal, or on one without escape sequences (TERM=dumb),
 * the output is plain text, frame after frame.
 *
 * Called by lottery-stat. After SIGKILL the terminal stays as it is; `reset` mends it.
 */
#ifndef STAT_SCREEN_H
#define STAT_SCREEN_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

/* Owned by the caller. Input and output are file descriptors that stay open. */
struct screen {
    int input, output;
    bool is_terminal;    /* the output takes escape sequences */
    bool takes_colours;  /* and NO_COLOR is not set */
    bool takes_keys;     /* and the input is a terminal as well */
    bool entered;        /* the alternate screen is shown */
    struct termios mode; /* the input's, before screen_enter */
};

/* Finds out what the two descriptors are. Changes nothing. */
void screen_open(struct screen *screen, int input, int output);

/*
 * Switch to the alternate screen, and back. Both do nothing when there is no terminal. To enter
 * once more sets the input's mode again.
 */
void screen_enter(struct screen *screen);
void screen_leave(struct screen *screen);

/* Sets the window's size; 0 columns and rows when there is no window. */
void screen_size(const struct screen *screen, unsigned *columns, unsigned *rows);

/*
 * Replaces what is shown by these lines, each ended by LF. They must fit into the window.
 * Returns false and describes the failure when they can't be written.
 */
bool screen_draw(const struct screen *screen, const char *text, struct failure *failure);

#endif
