/*
 * first_rows.c - see first_rows.h.
 *
 * Rows are collected into a piece, turned into rows of bets.csv by the same function
 * that the server uses, and added to the checksum.
 */
#include "client/first_rows.h"

#include "bet/bet.h"
#include "lib/checksum.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 1 << 16 };

bool first_rows_open(struct first_rows *first, struct dataset *dataset, uint32_t agency,
                     struct failure *failure)
{
    *first = (struct first_rows){
        .dataset = dataset,
        .agency = agency,
        .rows = malloc(PIECE_BYTES),
        .csv = malloc(BET_CSV_BYTES_MAX(PIECE_BYTES + 1)),
    };
    if (first->rows == NULL || first->csv == NULL) {
        failure_set_errno(failure, "memory to compare the file with what is stored");
        first_rows_close(first);
        return false;
    }
    struct first_rows_mark start = first_rows_start(first);
    first_rows_seek(first, &start);
    return true;
}

struct first_rows_mark first_rows_start(const struct first_rows *first)
{
    return (struct first_rows_mark){.end = dataset_first(first->dataset),
                                    .checksum = CHECKSUM_EMPTY};
}

void first_rows_close(struct first_rows *first)
{
    free(first->rows);
    free(first->csv);
    *first = (struct first_rows){0};
}

void first_rows_seek(struct first_rows *first, const struct first_rows_mark *mark)
{
    first->at = *mark;
    dataset_seek(first->dataset, mark->end);
}

/* Fills the piece with at most `rows` rows; *taken says how many. */
static enum dataset_result collect(struct first_rows *first, uint64_t rows, uint64_t *taken,
                                   struct failure *failure)
{
    first->rows_bytes = 0;
    for (*taken = 0; *taken < rows; (*taken)++) {
        struct dataset_row row;
        enum dataset_result result = dataset_peek(first->dataset, &row, failure);
        if (result != DATASET_ROW) {
            return result;
        }
        if (first->rows_bytes + row.bytes + 1 > PIECE_BYTES) {
            break;
        }
        char *out = first->rows + first->rows_bytes;
        memcpy(out, row.text, row.bytes);
        out[row.bytes] = '\n';
        first->rows_bytes += row.bytes + 1;
        dataset_take(first->dataset, &row);
    }
    return DATASET_ROW;
}

/* Adds the rows of the piece. False where one is no bet; *good counts those before it. */
static bool add_piece(struct first_rows *first, uint64_t *good, struct failure *failure)
{
    struct bet_conversion done =
        bet_rows_to_csv(first->agency, first->rows, first->rows_bytes, first->csv);
    if (done.fault != BET_VALID) {
        *good = done.rows;
        return failure_set(failure, "%s", bet_fault_text(done.fault));
    }
    first->at.checksum = checksum_extend(first->at.checksum, first->csv, done.csv_bytes);
    first->at.rows += done.rows;
    first->at.end = dataset_position(first->dataset);
    return true;
}

/* Takes the `good` rows of the piece that stand before the one that is no bet. */
static enum first_rows_end take_good_rows(struct first_rows *first, uint64_t good)
{
    struct failure ignored;
    uint64_t taken = 0;
    first_rows_seek(first, &first->at);
    if (good > 0 && (collect(first, good, &taken, &ignored) != DATASET_ROW ||
                     !add_piece(first, &taken, &ignored))) {
        first_rows_seek(first, &first->at); /* the file is being written to */
    }
    return FIRST_ROWS_BAD_ROW;
}

enum first_rows_end first_rows_advance(struct first_rows *first, uint64_t rows,
                                       struct failure *failure)
{
    uint64_t end_rows = first->at.rows + rows;
    while (first->at.rows < end_rows) {
        uint64_t taken = 0;
        uint64_t good = 0;
        enum dataset_result result = collect(first, end_rows - first->at.rows, &taken, failure);
        struct failure fault;
        if (taken > 0 && !add_piece(first, &good, &fault)) {
            *failure = fault;
            return take_good_rows(first, good);
        }
        switch (result) {
        case DATASET_ROW:
            break;
        case DATASET_END:
            return FIRST_ROWS_ENDED;
        case DATASET_BAD_ROW:
            return FIRST_ROWS_BAD_ROW;
        case DATASET_FAILED:
            return FIRST_ROWS_FAILED;
        }
    }
    return FIRST_ROWS_TAKEN;
}
