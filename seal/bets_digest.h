/*
 * bets_digest.h - everything that is told of a bets.csv, in one pass over it.
 *
 * Its bytes, rows, checksum and SHA-256; the root of the Merkle tree over its rows; and of each
 * agency the rows, in order, with their checksum and SHA-256. The seal is made of that, and
 * lottery-verify compares it with a seal. Memory does not grow with the number of bets: it holds
 * an entry for each agency, and the pieces of tree_threads.h.
 *
 * Called by the storer, and by lottery-verify.
 */
#ifndef SEAL_BETS_DIGEST_H
#define SEAL_BETS_DIGEST_H

#include "lib/failure.h"
#include "seal/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The rows of one agency, in their order, with their CRLF. */
struct bets_agency {
    uint32_t agency;
    uint64_t rows, bytes, checksum;
    struct sha256_digest sha256;
};

struct bets_digest {
    uint64_t bytes, rows, checksum;
    struct sha256_digest sha256, merkle_root;
    struct bets_agency *agencies; /* owned; those with rows, in ascending order */
    size_t agency_count;
    uint64_t bad_rows;  /* no bets; they are counted in `rows`, and to no agency */
    uint64_t first_bad; /* the position of the first of them */
};

enum bets_digest_end {
    BETS_DIGEST_MADE,
    BETS_DIGEST_FAILED, /* with errno and the failure: may be tried again */
    BETS_DIGEST_STOPPED /* should_stop said so */
};

/*
 * Reads up to `bytes` bytes from the beginning of the file; `path` is for messages. After
 * BETS_DIGEST_MADE, which comes for files of any bytes, the caller closes *digest; else it is
 * zeroed. Row is what ends in LF, and a rest without one. Calls `should_stop`, in the caller's
 * thread, some hundred times a second.
 */
enum bets_digest_end bets_digest_make(int file, const char *path, uint64_t bytes,
                                      bool (*should_stop)(void), struct bets_digest *digest,
                                      struct failure *failure);

/* The agency's entry, or NULL where it has no rows. */
const struct bets_agency *bets_digest_find(const struct bets_digest *digest, uint32_t agency);

/* Frees the agencies and zeroes the digest. */
void bets_digest_close(struct bets_digest *digest);

#endif
