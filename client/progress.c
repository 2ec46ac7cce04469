/*
 * progress.c - see progress.h.
 */
#include "client/progress.h"

#include "lib/clock.h"
#include "lib/decimal.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    REDRAW_PERIOD_MS = 100,
    MS_PER_SECOND = 1000,
    BAR_CELLS_MAX = 30,
    COLUMNS_MAX = 200,
    FIXED_COLUMNS = 66 /* what stands beside the bar, with a state of ordinary length */
};

void progress_open(struct progress *progress, int fd, unsigned lines_up, uint32_t agency,
                   uint64_t bytes_total)
{
    *progress = (struct progress){.fd = isatty(fd) == 1 ? fd : -1,
                                  .lines_up = lines_up,
                                  .agency = agency,
                                  .bytes_total = bytes_total};
}

static uint64_t bets_a_second(const struct progress *progress)
{
    int64_t elapsed_ms = progress->last_ms - progress->start_ms;
    uint64_t sent = progress->bets - progress->bets_at_start;
    return elapsed_ms <= 0 ? 0 : sent * MS_PER_SECOND / (uint64_t)elapsed_ms;
}

static unsigned percent_done(const struct progress *progress)
{
    if (progress->bytes >= progress->bytes_total) {
        return progress->bytes_total == 0 ? 0 : 100;
    }
    return (unsigned)((double)progress->bytes * 100.0 / (double)progress->bytes_total);
}

static void fill_bar(char *bar, unsigned cells, unsigned percent)
{
    unsigned full = cells * percent / 100U;
    memset(bar, '#', full);
    memset(bar + full, '-', cells - full);
    bar[cells] = '\0';
}

size_t progress_format(const struct progress *progress, unsigned columns, char *line,
                       size_t capacity)
{
    char bets[DECIMAL_GROUPED_BYTES];
    char rate[DECIMAL_GROUPED_BYTES];
    char bar[BAR_CELLS_MAX + 1];
    unsigned percent = percent_done(progress);
    unsigned cells = columns > FIXED_COLUMNS ? columns - FIXED_COLUMNS : 0;
    fill_bar(bar, cells < BAR_CELLS_MAX ? cells : BAR_CELLS_MAX, percent);
    int wanted =
        snprintf(line, capacity, "agency %-3u [%s] %3u%% %11s bets %9s bets/s  %s",
                 progress->agency, bar, percent, decimal_write_grouped(bets, progress->bets),
                 decimal_write_grouped(rate, bets_a_second(progress)), progress->state);
    size_t used = wanted < 0 ? 0 : (size_t)wanted;
    size_t limit = columns > 0 && columns - 1 < capacity - 1 ? columns - 1 : capacity - 1;
    return used < limit ? used : limit;
}

static unsigned terminal_columns(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0) {
        return PROGRESS_COLUMNS_DEFAULT;
    }
    return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

/* Up, the line, the rest of the old line wiped, and down again: one write. */
static void draw(struct progress *progress, int64_t now_ms)
{
    static const char wipe[] = "\x1b[K";
    char text[PROGRESS_LINE_BYTES];
    size_t used = 0;
    progress->drawn_ms = now_ms;
    if (progress->lines_up > 0) {
        used = (size_t)snprintf(text, sizeof text, "\r\x1b[%uA", progress->lines_up);
    } else {
        text[used++] = '\r';
    }
    used += progress_format(progress, terminal_columns(progress->fd), text + used, sizeof text / 2);
    int rest = progress->lines_up > 0 ? snprintf(text + used, sizeof text - used, "%s\r\x1b[%uB",
                                                 wipe, progress->lines_up)
                                      : snprintf(text + used, sizeof text - used, "%s\r", wipe);
    used += (size_t)rest;
    ssize_t written = write(progress->fd, text, used);
    (void)written; /* only a drawing */
}

void progress_set_state(struct progress *progress, const char *state)
{
    (void)snprintf(progress->state, sizeof progress->state, "%s", state);
    if (progress->fd >= 0) {
        draw(progress, clock_monotonic_ms());
    }
}

void progress_resume(struct progress *progress, uint64_t bets, uint64_t bytes, int64_t now_ms)
{
    if (progress->start_ms == 0) {
        progress->bets_at_start = bets;
        progress->start_ms = now_ms;
        progress->last_ms = now_ms;
    }
    progress->bets = bets < progress->bets_at_start ? progress->bets_at_start : bets;
    progress->bytes = bytes;
}

void progress_advance(struct progress *progress, uint64_t bets, uint64_t bytes, int64_t now_ms)
{
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
    draw(progress, clock_monotonic_ms());
    if (progress->lines_up == 0) {
        ssize_t written = write(progress->fd, "\n", 1);
        (void)written;
    }
    progress->fd = -1;
}
