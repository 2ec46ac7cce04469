/*
 * proving.h - lottery-verify --prove and --proof: seal/proof.h with files and words for people.
 *
 * Called by lottery-verify.
 */
#ifndef VERIFY_PROVING_H
#define VERIFY_PROVING_H

#include "lib/failure.h"

#include <stdint.h>

/*
 * Prints the proof of the agency's row number `row` (from 1) of the draw in the directory `path`,
 * canonical and without a line end. Returns 0; or VERIFY_EXIT_FAIL, where there is no such row or
 * the files are not what was sealed, or VERIFY_EXIT_UNREADABLE, with the failure.
 */
int proving_print(const char *path, uint32_t agency, uint64_t row, struct failure *failure);

/*
 * Checks the proof in the file `proof_path` against the seal in the file `seal_path`, and with a
 * `key` (NULL: none) the seal's signature, which stands beside it: seal.json, seal.sig. Prints a
 * line for each check. Returns 0, VERIFY_EXIT_FAIL, or VERIFY_EXIT_UNREADABLE with the failure.
 */
int proving_check(const char *proof_path, const char *seal_path, const char *key,
                  struct failure *failure);

#endif
