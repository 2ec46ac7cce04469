/*
 * prefix.h - the checksum of an agency's first rows, for an agency that looks for the row that differs.
 *
 * The answer to PREFIX (docs/protocol.md). It is read from bets.csv, from the beginning: as slow
 * as counting, and asked only by an agency whose file is not the one that is stored.
 */
#ifndef STORE_PREFIX_H
#define STORE_PREFIX_H

#include "lib/failure.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Computes the checksum of the first `rows` rows of the agency in the first
 * `safe` bytes of bets.csv, which are acknowledged. False with the failure where there are fewer, or the file can't be
 * read. Gives up, with a failure, when `should_stop` says so. Called by handlers.
 */
bool prefix_checksum(const struct data_directory *directory, uint64_t safe, uint32_t agency,
                     uint64_t rows, bool (*should_stop)(void), uint64_t *checksum,
                     struct failure *failure);

#endif
