/*
 * prefix.h - the checksum of an agency's first rows, as PREFIX asks for it (docs/protocol.md).
 *
 * An agency asks when its file differs from what is stored, to find the first row that does.
 * The answer is computed from bets.csv, read from the beginning, which takes as long as
 * counting all bets.
 *
 * It is also how the rows of an agency are counted in the archive of an earlier draw, where
 * done.csv has no line of it.
 *
 * Called by handlers.
 */
#ifndef STORE_PREFIX_H
#define STORE_PREFIX_H

#include "lib/failure.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Computes the checksum of the agency's first `rows` rows in the first `safe` bytes of
 * bets.csv, which are acknowledged. Returns false with the failure when there are fewer rows,
 * the file can't be read, or `should_stop`, which is called from time to time, returns true.
 */
bool prefix_checksum(const struct data_directory *directory, uint64_t safe, uint32_t agency,
                     uint64_t rows, bool (*should_stop)(void), uint64_t *checksum,
                     struct failure *failure);

/*
 * Counts the agency's rows in a bets.csv that does not change any more, an archive's: all of it,
 * which is `bytes` long, or as long as it is where that is 0. Sets *rows and *checksum. Returns
 * false with the failure when the file can't be read, has another length or a row that is no bet,
 * or should_stop returns true.
 */
bool prefix_count(const struct data_directory *directory, uint64_t bytes, uint32_t agency,
                  bool (*should_stop)(void), uint64_t *rows, uint64_t *checksum,
                  struct failure *failure);

#endif
