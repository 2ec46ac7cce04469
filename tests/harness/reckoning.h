/*
 * reckoning.h - an independent reckoning of what is stored in a bets.csv.
 *
 * It shares no code with the server: its own reader of RFC 4180, its own
 * counting, and a comparison with the files that the agencies sent. A file
 * that is no CSV of whole, six-field rows ended by CRLF fails the test.
 * Called by the test's process; everything belongs to the stage.
 */
#ifndef HARNESS_RECKONING_H
#define HARNESS_RECKONING_H

#include "tests/harness/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One stored bet: its agency, and its fields as they were sent, without quotes. */
struct reckoned_row {
    uint32_t agency;
    uint32_t number;
    const char *bet; /* "first,last,document,birthdate,number" */
};

struct reckoning {
    size_t count;
    struct reckoned_row *rows; /* in the file's order */
};

/*
 * Reads a whole bets.csv (or winners.csv, which looks alike). A missing file has no rows.
 * Only where nobody writes meanwhile: a reader sees half of a write(2) that is under way.
 */
struct reckoning *reckoning_read(struct stage *stage, const char *path);

/* Reads the first `bytes` bytes, which have to be there and to end with a row. */
struct reckoning *reckoning_read_start(struct stage *stage, const char *path, uint64_t bytes);

/* The agency's rows; and those of them that have this number. */
size_t reckoning_count(const struct reckoning *reckoning, uint32_t agency);
size_t reckoning_count_number(const struct reckoning *reckoning, uint32_t agency, uint32_t number);

/* How many rows the agency has that are exactly this bet, "first,last,document,birthdate,number". */
size_t reckoning_count_bet(const struct reckoning *reckoning, uint32_t agency, const char *bet);

/* The checksum of the bytes that `checksum` is of (0: none), and of these behind them. */
uint64_t reckoning_sum(uint64_t checksum, const char *bytes, size_t count);

/*
 * The checksum of the agency's first `rows` rows (SIZE_MAX: all of them) among the first `bytes`
 * bytes of a bets.csv (UINT64_MAX: all), as they stand there: the number that their bytes are,
 * modulo 2^64 - 59. *found, where it is not NULL, is how many rows those are.
 */
uint64_t reckoning_checksum(struct stage *stage, const char *path, uint64_t bytes, uint32_t agency,
                            size_t rows, size_t *found);

/*
 * Expects that the files of a data directory, in which no server is, bear each other out: control's
 * own checksum; every line of done.csv, with its own checksum, against the rows of its agency; and,
 * once the draw was held, its record against bets.csv and winners.csv.
 */
#define reckoning_expect_books(stage, directory)                                                   \
    reckoning_expect_books_at(stage, directory, __FILE__, __LINE__)
void reckoning_expect_books_at(struct stage *stage, const char *directory, const char *file,
                               int line);

/*
 * Expects that the agency's rows are the first `rows` rows of this file
 * (SIZE_MAX: all of them), in its order, each exactly once.
 */
#define reckoning_expect_file(stage, reckoning, agency, path, rows)                                \
    reckoning_expect_file_at(stage, reckoning, agency, path, rows, __FILE__, __LINE__)
void reckoning_expect_file_at(struct stage *stage, const struct reckoning *reckoning,
                              uint32_t agency, const char *path, size_t rows, const char *file,
                              int line);

#endif
