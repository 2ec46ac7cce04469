/*
 * proof.h - a proof that one bet is in a sealed file: some hundred bytes, and no other bet.
 *
 * It holds the row, its place, and the siblings of its leaf in the Merkle tree of the seal. With
 * seal.json, anybody can compute the root from it. docs/draws.md has the format, and says what
 * the siblings tell of other rows.
 *
 * Called by lottery-verify.
 */
#ifndef SEAL_PROOF_H
#define SEAL_PROOF_H

#include "lib/failure.h"
#include "seal/merkle.h"
#include "seal/seal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proof {
    char identity[CONTROL_IDENTITY_DIGITS + 1];
    char draw[CONTROL_DRAW_BYTES];
    struct sha256_digest seal_sha256;
    uint64_t rows;           /* of bets.csv */
    struct merkle_path path; /* of the row; path.leaf is its index in bets.csv, from 0 */
    char *row;               /* owned; as in bets.csv, without its CRLF, terminated */
};

enum proof_end {
    PROOF_MADE,
    PROOF_FAILED, /* bets.csv can't be read, or there is no memory */
    PROOF_NO_ROW, /* the agency has fewer rows */
    PROOF_CHANGED /* bets.csv is not the one that was sealed */
};

/*
 * Makes the proof of the agency's row number `number`, counted from 1, by reading all of the
 * open bets.csv. `seal_sha256` is that of the seal's file. Any answer but PROOF_MADE comes with
 * the failure; after PROOF_MADE the caller closes *proof.
 */
enum proof_end proof_make(int bets_file, const struct seal *seal,
                          const struct sha256_digest *seal_sha256, uint32_t agency, uint64_t number,
                          struct proof *proof, struct failure *failure);

/* True when the proof's row is in the file that was sealed; else false with the failure. */
bool proof_check(const struct proof *proof, const struct seal *seal,
                 const struct sha256_digest *seal_sha256, struct failure *failure);

/* As seal_write_text and seal_parse. */
char *proof_write_text(const struct proof *proof, size_t *bytes);
bool proof_parse(const char *text, size_t bytes, const char *path, struct proof *proof,
                 struct failure *failure);

/* Frees the row and zeroes the proof. */
void proof_close(struct proof *proof);

#endif
