/*
 * census.h - counts what a draw's files hold, as a start does, and changes nothing.
 *
 * Why it exists: a start counts into shared memory, and cuts and syncs files on the way
 * (server/supervisor/tally.h). lottery-admin has neither the right nor the wish to. The order of
 * reading is a backup's: done.csv, checkpoint, bets.csv. So it may be done while a server writes,
 * if control was read before.
 *
 * Memory grows with the agencies, never with the bets. Called by lottery-admin's commands.
 */
#ifndef ADMIN_CENSUS_H
#define ADMIN_CENSUS_H

#include "lib/failure.h"
#include "store/data_directory.h"
#include "store/done_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An agency with rows in bets.csv. */
struct census_agency {
    uint32_t agency;
    uint64_t bets, bytes;
    uint64_t checksum; /* of its rows, in order */
    bool is_done;      /* done.csv has a line of it */
};

struct census {
    struct census_agency *agencies; /* owned; ascending */
    size_t agency_count, agency_capacity;
    struct done_line *done; /* owned; the good lines of done.csv, from its beginning */
    size_t done_count, done_capacity;
    uint64_t done_bytes, done_file_bytes; /* of good lines; of the file */
    uint64_t rows;
    uint64_t bets_bytes, bets_file_bytes; /* of good rows, from the beginning; of the file */
    uint64_t checksum;                    /* of the good rows */
    uint64_t checkpoint_bytes;            /* a whole checkpoint vouches for these; 0: none */
    bool has_bets;                        /* bets.csv is there */
};

enum census_end {
    CENSUS_TAKEN,
    CENSUS_FAILED, /* a file can't be read, or there is no memory */
    CENSUS_REFUSED /* a file may not be there as it is, or bets.csv is not the checkpoint's */
};

/*
 * Where a draw's files are. While they are being moved to an archive some are still in the data
 * directory.
 */
struct census_place {
    const struct data_directory *directory;
    const struct data_directory *before; /* where the others still are; NULL: there are none */
};

/* Opens a file for reading, wherever it is; -1 as data_directory_open_file. */
int census_open_file(const struct census_place *place, const char *name, struct failure *failure);

/*
 * Counts the files of the lottery `identity`. With `all`, every row is read, and the checkpoint's
 * checksum compared with them; else counting goes on from the checkpoint, whose last 4,096 bytes
 * alone are compared. After CENSUS_TAKEN the caller calls census_close; any other answer comes with
 * the failure, and nothing to close.
 */
enum census_end census_take(const struct census_place *place, const char *identity, bool all,
                            struct census *census, struct failure *failure);

/* The agency's rows; NULL where it has none. */
const struct census_agency *census_find(const struct census *census, uint32_t agency);

void census_close(struct census *census);

#endif
