/*
 * counting.h - counts the rows of bets.csv into the agencies table, on all processors.
 *
 * Why it exists: where no checkpoint agrees with the file, a start reads all of it, and validating
 * a row takes several times as long as reading it.
 *
 * What it promises: the same as if one thread had gone from row to row (store/row_crew.h). It ends
 * at the first row that is not valid, whichever thread has found it, and agencies stand in the table
 * in the order in which the file has them. Its threads have ended when counting_run returns, so
 * they are never there when the supervisor forks.
 *
 * Called by tally, in the supervisor, before there are other processes. If the supervisor dies,
 * the next start counts again.
 */
#ifndef SERVER_SUPERVISOR_COUNTING_H
#define SERVER_SUPERVISOR_COUNTING_H

#include "shm/segment.h"

#include <stdbool.h>
#include <stdint.h>

/* Where counting begins, and where it has ended. */
struct counting_total {
    uint64_t rows, bytes; /* of whole, valid rows at the start of the file */
    uint64_t checksum;    /* of these bytes */
};

enum counting_end {
    COUNTING_DONE,
    COUNTING_FAILED,    /* the file can't be read, or there is no memory; with errno */
    COUNTING_TABLE_FULL /* the rows have more agencies than the table takes */
};

/*
 * Counts from *total on, until the first row of `file` that is not valid. The file has
 * `file_bytes` bytes, by which the number of threads is chosen.
 */
enum counting_end counting_run(const struct segment *segment, int file, uint64_t file_bytes,
                               struct counting_total *total);

#endif
