/*
 * screen.h - the terminal that --watch draws on.
 *
 * A terminal gives its alternate screen, without cursor and echo, and gets
 * its own back at the end. What is no terminal, or one that knows no escape
 * sequences (TERM=dumb), gets plain text, a frame after the other.
 *
 * If the process is killed with SIGKILL the terminal stays as it is: `reset`.
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
    bool takes_keys;     /* and the input is a terminal as well */
    struct termios mode; /* the input's, as it was */
};

/* Looks at the two descriptors; nothing is changed yet. */
void screen_open(struct screen *screen, int input, int output);

/* Takes the terminal over, and gives it back; both do nothing where there is none. */
void screen_enter(struct screen *screen);
void screen_leave(struct screen *screen);

/* The window's size; 0 columns and rows where there is no window. */
void screen_size(const struct screen *screen, unsigned *columns, unsigned *rows);

/*
 * Replaces what is shown by these lines, each ended by LF, which fit into the
 * window. Returns false and describes the failure when they can't be written.
 */
bool screen_draw(const struct screen *screen, const char *text, struct failure *failure);

#endif
