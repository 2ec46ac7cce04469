/*
 * screen.c - see screen.h. The escape sequences are those of ECMA-48 and, for
 * the alternate screen and the cursor, of xterm; every terminal has them.
 */
#include "stat/screen.h"

#include "lib/log_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ENTER      "\x1b[?1049h\x1b[?25l" /* alternate screen, no cursor */
#define LEAVE      "\x1b[?25h\x1b[?1049l"
#define HOME       "\x1b[H"
#define CLEAR_LINE "\x1b[K"
#define CLEAR_REST "\x1b[J"

static bool write_all(int output, const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(output, text, bytes);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            text += written;
            bytes -= (size_t)written;
        }
    }
    return true;
}

void screen_open(struct screen *screen, int input, int output)
{
    *screen = (struct screen){.input = input, .output = output};
    screen->is_terminal = log_output_takes_escapes(output);
    screen->takes_colours = log_output_takes_colours(output);
    screen->takes_keys =
        screen->is_terminal && isatty(input) == 1 && tcgetattr(input, &screen->mode) == 0;
}

void screen_enter(struct screen *screen)
{
    if (screen->takes_keys) {
        struct termios mode = screen->mode;
        mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(screen->input, TCSANOW, &mode);
    }
    if (screen->is_terminal && !screen->entered) {
        screen->entered = write_all(screen->output, ENTER, strlen(ENTER));
    }
}

void screen_leave(struct screen *screen)
{
    if (screen->entered) {
        write_all(screen->output, LEAVE, strlen(LEAVE));
        screen->entered = false;
    }
    if (screen->takes_keys) {
        tcsetattr(screen->input, TCSANOW, &screen->mode);
    }
}

void screen_size(const struct screen *screen, unsigned *columns, unsigned *rows)
{
    struct winsize window;
    bool known = ioctl(screen->output, TIOCGWINSZ, &window) == 0;
    *columns = known ? window.ws_col : 0;
    *rows = known && screen->is_terminal ? window.ws_row : 0;
}

/*
 * Each line is cleared before it is written: with the cursor after the last column, a terminal
 * would clear that column. The last line gets no LF, which would scroll. What is below it is
 * cleared, if there is room below it.
 */
static void write_frame(FILE *frame, const char *text, unsigned rows)
{
    unsigned lines = 0;
    fputs(HOME, frame);
    for (const char *end = NULL; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        fprintf(frame, CLEAR_LINE "%.*s%s", (int)(end - text), text, end[1] == '\0' ? "" : "\r\n");
        lines++;
    }
    if (lines < rows) {
        fputs("\r\n" CLEAR_REST, frame);
    }
}

bool screen_draw(const struct screen *screen, const char *text, struct failure *failure)
{
    char *bytes = NULL;
    size_t count = 0;
    unsigned columns = 0;
    unsigned rows = 0;
    FILE *frame = open_memstream(&bytes, &count);
    if (frame == NULL) {
        return failure_set_errno(failure, "compose a screen");
    }
    screen_size(screen, &columns, &rows);
    if (screen->is_terminal) {
        write_frame(frame, text, rows);
    } else {
        fprintf(frame, "%s\n", text);
    }
    bool composed = fclose(frame) == 0;
    bool drawn = composed && write_all(screen->output, bytes, count);
    if (!drawn) {
        failure_set_errno(failure, "write to the standard output");
    }
    free(bytes);
    return drawn;
}
