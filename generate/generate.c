/*
 * generate.c - see generate.h.
 */
#include "generate/generate.h"

#include "generate/people.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATTERN_AGENCIES = 5, WINNERS_MAX = 3, OUTPUT_BUFFER_BYTES = 1 << 20 };

/* The rows and winners of the five real files. Agency 6 has those of agency 1 again. */
static const uint32_t pattern_rows[PATTERN_AGENCIES] = {26936, 25518, 16014, 9238, 991};
static const uint32_t pattern_winners[PATTERN_AGENCIES] = {2, 3, 3, 2, 0};

/* The rows that the first `agencies` agencies have in the pattern. */
static uint64_t pattern_sum(uint32_t agencies)
{
    uint64_t sum = (uint64_t)(agencies / PATTERN_AGENCIES) * GENERATE_BETS_DEFAULT;
    for (uint32_t i = 0; i < agencies % PATTERN_AGENCIES; i++) {
        sum += pattern_rows[i];
    }
    return sum;
}

uint64_t generate_rows(const struct generate_plan *plan, uint32_t agency)
{
    uint64_t all = pattern_sum(plan->agencies);
    return plan->bets * pattern_sum(agency) / all - plan->bets * pattern_sum(agency - 1) / all;
}

uint32_t generate_winners(const struct generate_plan *plan, uint32_t agency)
{
    uint32_t winners = pattern_winners[(agency - 1) % PATTERN_AGENCIES];
    uint64_t rows = generate_rows(plan, agency);
    return rows < winners ? (uint32_t)rows : winners;
}

/* Which rows win, counted from 0. */
struct winning_rows {
    uint64_t rows[WINNERS_MAX];
    uint32_t count;
};

static bool wins(const struct winning_rows *winning, uint64_t row)
{
    for (uint32_t i = 0; i < winning->count; i++) {
        if (winning->rows[i] == row) {
            return true;
        }
    }
    return false;
}

static struct winning_rows draw_winning_rows(struct generate_random *random, uint64_t rows,
                                             uint32_t winners)
{
    struct winning_rows winning = {.count = 0};
    while (winning.count < winners) {
        uint64_t row = generate_below(random, (uint32_t)rows);
        if (!wins(&winning, row)) {
            winning.rows[winning.count++] = row;
        }
    }
    return winning;
}

static bool write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return false;
        }
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

/*
 * Writes all rows of one agency, through `buffer` of OUTPUT_BUFFER_BYTES bytes. Its random
 * numbers are a sequence of its own, far from the other agencies'.
 */
static bool write_rows(const struct generate_plan *plan, uint32_t agency, int fd, char *buffer)
{
    struct generate_random random = {.state = plan->seed};
    uint64_t step = generate_below(&random, UINT32_MAX);
    random.state ^= step * agency;
    uint64_t rows = generate_rows(plan, agency);
    struct winning_rows winning = draw_winning_rows(&random, rows, generate_winners(plan, agency));
    size_t used = 0;
    for (uint64_t row = 0; row < rows; row++) {
        uint32_t number = generate_below(&random, GENERATE_NUMBERS - 1);
        number += number < plan->winning_number ? 0 : 1; /* any number but the winning one */
        used += generate_row(&random, wins(&winning, row) ? plan->winning_number : number,
                             buffer + used);
        if (OUTPUT_BUFFER_BYTES - used < GENERATE_ROW_BYTES_MAX) {
            if (!write_all(fd, buffer, used)) {
                return false;
            }
            used = 0;
        }
    }
    return write_all(fd, buffer, used);
}

static bool write_temporary(const struct generate_plan *plan, uint32_t agency,
                            const char *temporary, struct failure *failure)
{
    char *buffer = malloc(OUTPUT_BUFFER_BYTES);
    if (buffer == NULL) {
        return failure_set_errno(failure, "%d bytes of memory", OUTPUT_BUFFER_BYTES);
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        failure_set_errno(failure, "opening %s", temporary);
        free(buffer);
        return false;
    }
    bool written = write_rows(plan, agency, fd, buffer);
    int write_errno = errno;
    bool closed = close(fd) == 0;
    free(buffer);
    if (!written || !closed) {
        errno = written ? errno : write_errno;
        failure_set_errno(failure, "writing %s", temporary);
        unlink(temporary);
        return false;
    }
    return true;
}

bool generate_write(const struct generate_plan *plan, uint32_t agency, struct generate_file *file,
                    struct failure *failure)
{
    char temporary[PATH_MAX];
    int wanted =
        snprintf(temporary, sizeof temporary, "%s/agency-%u.csv.partial", plan->directory, agency);
    if (wanted < 0 || (size_t)wanted >= sizeof temporary) {
        return failure_set(failure, "%s: the path is too long", plan->directory);
    }
    snprintf(file->path, sizeof file->path, "%s/agency-%u.csv", plan->directory, agency);
    file->rows = generate_rows(plan, agency);
    file->winners = generate_winners(plan, agency);
    if (!write_temporary(plan, agency, temporary, failure)) {
        return false;
    }
    if (rename(temporary, file->path) < 0) {
        failure_set_errno(failure, "renaming %s to %s", temporary, file->path);
        unlink(temporary);
        return false;
    }
    return true;
}
