/*
 * progress.c - see progress.h.
 */
#include "client/progress.h"

#include "lib/clock.h"
#include "lib/decimal.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    REDRAW_PERIOD_MS = 100,
    MS_PER_SECOND = 1000,
    S_PER_MINUTE = 60,
    S_PER_HOUR = 3600,
    LEFT_MAX_S = 100 * S_PER_HOUR, /* a longer time is no forecast */
    BAR_CELLS_MAX = 30,
    BAR_CELLS_MIN = 3,
    BAR_FRAME_COLUMNS = 3, /* "[", "]" and a space */
    CALM_COLUMNS = 66,     /* what stands beside the bar, with a state of ordinary length */
    COLUMN_BYTES = 64,
    TIME_BYTES = 32, /* "99h59m" */
    COLUMNS_MAX = 200
};

#define WIPE "\x1b[K"

static void wipe(void *context);
static void draw_again(void *context);

/* True when `other` is the terminal that `fd` is. */
static bool shares_terminal(int fd, int other)
{
    struct stat ours;
    struct stat theirs;
    return isatty(other) == 1 && fstat(fd, &ours) == 0 && fstat(other, &theirs) == 0 &&
           ours.st_rdev == theirs.st_rdev;
}

/* Writes to the terminal, if it takes that soon. A terminal that is stopped (^S) delays no bet. */
static void put(struct progress *progress, const char *text, size_t bytes)
{
    log_output_write(&progress->output, text, bytes, LOG_PATIENCE_FAIR);
}

void progress_open(struct progress *progress, int fd, unsigned lines_up, uint32_t agency,
                   uint64_t bytes_total)
{
    *progress = (struct progress){.fd = log_output_takes_escapes(fd) ? fd : -1,
                                  .lines_up = lines_up,
                                  .agency = agency,
                                  .bytes_total = bytes_total};
    if (progress->fd >= 0) {
        log_output_open(&progress->output, fd);
    }
    if (progress->fd >= 0 && lines_up == 0 && shares_terminal(fd, STDOUT_FILENO)) {
        progress->around =
            (struct log_around){.before = wipe, .after = draw_again, .context = progress};
        log_set_around(&progress->around);
    }
}

static unsigned percent_done(const struct progress *progress)
{
    if (progress->bytes >= progress->bytes_total) {
        return progress->bytes_total == 0 ? 0 : 100;
    }
    return (unsigned)((double)progress->bytes * 100.0 / (double)progress->bytes_total);
}

/* The columns of a line, in their order. */
enum column {
    COLUMN_AGENCY,
    COLUMN_BAR,
    COLUMN_PERCENT,
    COLUMN_BETS,
    COLUMN_RATE,
    COLUMN_LEFT,
    COLUMN_STATE,
    COLUMNS
};

/* Which column is left out next where the line is too long. */
static const enum column first_to_go[COLUMNS] = {
    COLUMN_BAR, COLUMN_RATE, COLUMN_BETS, COLUMN_LEFT, COLUMN_PERCENT, COLUMN_STATE, COLUMN_AGENCY};

struct columns {
    char text[COLUMNS][COLUMN_BYTES]; /* "": left out */
};

/* "0:07 left", "2h05m left": what the rest of the file takes at this rate; "" where none is known. */
static void write_left(const struct progress *progress, char text[COLUMN_BYTES])
{
    int64_t elapsed_ms = progress->last_ms - progress->start_ms;
    if (!progress->is_advancing || elapsed_ms <= 0 || progress->bytes <= progress->bytes_at_start ||
        progress->bytes >= progress->bytes_total) {
        return;
    }
    double a_byte_s =
        (double)elapsed_ms / MS_PER_SECOND / (double)(progress->bytes - progress->bytes_at_start);
    double left_s = a_byte_s * (double)(progress->bytes_total - progress->bytes);
    if (left_s >= LEFT_MAX_S) {
        return;
    }
    unsigned seconds = (unsigned)(left_s + 0.5);
    char time[TIME_BYTES];
    if (seconds < S_PER_HOUR) {
        snprintf(time, sizeof time, "%u:%02u", seconds / S_PER_MINUTE, seconds % S_PER_MINUTE);
    } else {
        snprintf(time, sizeof time, "%uh%02um", seconds / S_PER_HOUR,
                 seconds % S_PER_HOUR / S_PER_MINUTE);
    }
    snprintf(text, COLUMN_BYTES, "%6s left  ", time);
}

static void write_columns(const struct progress *progress, struct columns *columns)
{
    char number[DECIMAL_GROUPED_BYTES];
    int64_t elapsed_ms = progress->last_ms - progress->start_ms;
    uint64_t sent = progress->bets - progress->bets_at_start;
    uint64_t bets_a_second = elapsed_ms <= 0 ? 0 : sent * MS_PER_SECOND / (uint64_t)elapsed_ms;
    *columns = (struct columns){0};
    snprintf(columns->text[COLUMN_AGENCY], COLUMN_BYTES, "agency %-3u ", progress->agency);
    snprintf(columns->text[COLUMN_PERCENT], COLUMN_BYTES, "%3u%% ", percent_done(progress));
    snprintf(columns->text[COLUMN_BETS], COLUMN_BYTES, "%11s bets ",
             decimal_write_grouped(number, progress->bets));
    snprintf(columns->text[COLUMN_RATE], COLUMN_BYTES, "%9s bets/s  ",
             decimal_write_grouped(number, bets_a_second));
    write_left(progress, columns->text[COLUMN_LEFT]);
    snprintf(columns->text[COLUMN_STATE], COLUMN_BYTES, "%s", progress->state);
}

static unsigned columns_used(const struct columns *columns)
{
    size_t used = 0;
    for (int i = 0; i < COLUMNS; i++) {
        used += strlen(columns->text[i]);
    }
    return (unsigned)used;
}

/*
 * Writes the bar as long as there is room for. Where there is much room, its length does not depend
 * on the state, so that it does not jump.
 */
static void write_bar(struct columns *columns, unsigned room, unsigned percent)
{
    unsigned used = columns_used(columns) + BAR_FRAME_COLUMNS;
    unsigned calm = room + 1 > CALM_COLUMNS ? room + 1 - CALM_COLUMNS : 0;
    unsigned cells = room > used ? room - used : 0;
    cells = cells < calm ? cells : calm;
    if (cells > BAR_CELLS_MAX) {
        cells = BAR_CELLS_MAX;
    }
    if (cells >= BAR_CELLS_MIN) {
        char bar[BAR_CELLS_MAX];
        unsigned full = cells * percent / 100U;
        memset(bar, '#', full);
        memset(bar + full, '-', cells - full);
        snprintf(columns->text[COLUMN_BAR], COLUMN_BYTES, "[%.*s] ", (int)cells, bar);
    }
}

size_t progress_format(const struct progress *progress, unsigned columns, char *line)
{
    struct columns shown;
    unsigned room = columns > 0 ? columns - 1 : 0; /* writing the last one may wrap the line */
    size_t used = 0;
    write_columns(progress, &shown);
    write_bar(&shown, room, percent_done(progress));
    for (int i = 0; i < COLUMNS && columns_used(&shown) > room; i++) {
        shown.text[first_to_go[i]][0] = '\0';
    }
    for (int i = 0; i < COLUMNS; i++) {
        size_t bytes = strlen(shown.text[i]);
        memcpy(line + used, shown.text[i], bytes);
        used += bytes;
    }
    return used;
}

/* Moves up, writes the line, wipes the rest of the old one, and moves down again, in one write. */
static void draw(struct progress *progress, int64_t now_ms)
{
    char text[2 * PROGRESS_LINE_BYTES];
    size_t used = 0;
    unsigned columns = PROGRESS_COLUMNS_DEFAULT;
    struct winsize size;
    if (ioctl(progress->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        columns = size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
    }
    progress->drawn_ms = now_ms;
    if (progress->lines_up > 0) {
        used = (size_t)snprintf(text, sizeof text, "\r\x1b[%uA", progress->lines_up);
    } else {
        text[used++] = '\r';
    }
    used += progress_format(progress, columns, text + used);
    int rest = progress->lines_up > 0 ? snprintf(text + used, sizeof text - used, WIPE "\r\x1b[%uB",
                                                 progress->lines_up)
                                      : snprintf(text + used, sizeof text - used, WIPE "\r");
    used += (size_t)rest;
    put(progress, text, used);
}

/* Called before a line of the log is written. */
static void wipe(void *context)
{
    static const char text[] = "\r" WIPE;
    put(context, text, sizeof text - 1);
}

/* Called after a line of the log was written. */
static void draw_again(void *context)
{
    struct progress *progress = context;
    if (progress->state[0] != '\0') { /* a line has been drawn */
        draw(progress, clock_monotonic_ms());
    }
}

void progress_set_state(struct progress *progress, const char *state)
{
    snprintf(progress->state, sizeof progress->state, "%s", state);
    progress->is_advancing = false;
    if (progress->fd >= 0) {
        draw(progress, clock_monotonic_ms());
    }
}

void progress_resume(struct progress *progress, uint64_t bets, uint64_t bytes, int64_t now_ms)
{
    if (progress->start_ms == 0) {
        progress->bets_at_start = bets;
        progress->bytes_at_start = bytes;
        progress->start_ms = now_ms;
        progress->last_ms = now_ms;
    }
    progress->bets = bets < progress->bets_at_start ? progress->bets_at_start : bets;
    progress->bytes = bytes;
}

void progress_advance(struct progress *progress, uint64_t bets, uint64_t bytes, int64_t now_ms)
{
    progress->is_advancing = true;
    progress->bets += bets;
    progress->bytes = bytes;
    progress->last_ms = now_ms;
    if (progress->fd >= 0 && now_ms - progress->drawn_ms >= REDRAW_PERIOD_MS) {
        draw(progress, now_ms);
    }
}

void progress_close(struct progress *progress)
{
    if (progress->fd < 0) {
        return;
    }
    log_set_around(NULL);
    draw(progress, clock_monotonic_ms());
    if (progress->lines_up == 0) {
        put(progress, "\n", 1);
    }
    log_output_close(&progress->output);
    progress->fd = -1;
}
