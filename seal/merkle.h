/*
 * merkle.h - the Merkle tree of RFC 6962, section 2.1, in memory of O(log n).
 *
 * A leaf's hash is SHA-256(0x00 || row), a node's SHA-256(0x01 || left || right). A tree of n > 1
 * leaves is split at the largest power of two below n, so all of its nodes but those at the right
 * edge stand over 2^level leaves, the first of which is a multiple of that. These are made from
 * left to right, and two of them become one as soon as they can: what is left at any time is a
 * chain of at most 128 nodes.
 *
 * A chain may begin at any leaf, so several threads can each make the chain of a piece of the
 * rows, and another one puts those into one chain from leaf 0 on (bets_digest.h).
 *
 * Pure functions on what they are given; any process may call them.
 */
#ifndef SEAL_MERKLE_H
#define SEAL_MERKLE_H

#include "seal/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Nodes in a chain, at most: levels go up and then down again. Siblings in a path: a tree
 * of 2^63 leaves is as high as that.
 */
enum { MERKLE_CHAIN_MAX = 128, MERKLE_PATH_MAX = 63 };

/* The siblings of a leaf on the way to the root, the lowest first: RFC 6962, section 2.1.1. */
struct merkle_path {
    uint64_t leaf; /* whose siblings are wanted; set before the chain grows */
    size_t count;
    struct sha256_digest siblings[MERKLE_PATH_MAX];
};

/* A complete subtree of 2^level leaves. */
struct merkle_node {
    struct sha256_digest hash;
    unsigned level;
};

struct merkle_chain {
    struct sha256 *sha256; /* the caller's, open; of the thread that makes the chain */
    uint64_t first;        /* the chain's first leaf, counted from 0 */
    uint64_t next;         /* the leaf after its last one */
    size_t count;
    struct merkle_node nodes[MERKLE_CHAIN_MAX]; /* from left to right */
    struct merkle_path *path; /* the caller's, filled while the chain grows; NULL: none */
};

/* Begins an empty chain at leaf number `first`. */
void merkle_begin(struct merkle_chain *chain, struct sha256 *sha256, uint64_t first,
                  struct merkle_path *path);

/* Adds the next leaf: a row of bets.csv with its CRLF. */
void merkle_add_row(struct merkle_chain *chain, const char *row, size_t bytes);

/* Adds a chain that begins where this one ends. */
void merkle_add_chain(struct merkle_chain *chain, const struct merkle_chain *more);

/*
 * Returns the root over all leaves of a chain that begins at leaf 0, and completes its path. The
 * root of no leaves is SHA-256 of nothing. The chain can't grow afterwards.
 */
struct sha256_digest merkle_root(struct merkle_chain *chain);

/* The hash of one row as a leaf. */
struct sha256_digest merkle_leaf(struct sha256 *sha256, const char *row, size_t bytes);

/*
 * Computes the root to which a leaf with this hash and path belongs in a tree of `leaves` leaves
 * (RFC 9162, section 2.1.3.2). False when the path has not the length that it has there.
 */
bool merkle_root_by_path(struct sha256 *sha256, const struct sha256_digest *leaf,
                         const struct merkle_path *path, uint64_t leaves,
                         struct sha256_digest *root);

#endif
