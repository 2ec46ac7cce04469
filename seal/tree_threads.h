/*
 * tree_threads.h - reads a file of rows once, and computes its Merkle tree on all processors.
 *
 * The caller's thread reads the file in pieces of whole rows and gets each of them, to hash what
 * it wants to. Meanwhile threads make the chain of each piece (merkle.h), and the caller's thread
 * joins these chains in order; where no thread can be had, it makes them, too. Memory is that of
 * TREE_PIECES pieces, whatever the file has; a piece grows only for a row that is longer, up to
 * CSV_ROW_BYTES_MAX.
 *
 * The threads have all signals blocked, so that the process's handlers run in the thread that
 * waits for them. They end in tree_threads_close, and with the process.
 *
 * Any process may call, from one thread.
 */
#ifndef SEAL_TREE_THREADS_H
#define SEAL_TREE_THREADS_H

#include "seal/merkle.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TREE_PIECES = 8, TREE_THREADS_MAX = 4 };

/* Some rows of the file, on their way through a thread. */
struct tree_piece {
    char *rows; /* owned */
    size_t capacity;
    size_t bytes; /* of whole rows */
    size_t read;  /* with what has been read of the next row */
    uint64_t first_row;
    size_t row_count;
    struct merkle_chain chain; /* once it is made */
    bool made;                 /* under the lock */
};

struct tree_thread {
    struct tree_threads *tree;
    struct sha256 sha256; /* of its chains */
    pthread_t id;
};

struct tree_threads {
    int file;            /* the caller's */
    uint64_t bytes_left; /* of the file, to be read */
    uint64_t position;   /* of them */
    bool at_end;
    struct tree_piece pieces[TREE_PIECES]; /* number n is in place n modulo TREE_PIECES */
    uint64_t read;                         /* pieces that were read; under the lock */
    uint64_t taken;                        /* of these, by threads; under the lock */
    uint64_t joined;                       /* of these, into the chain */
    bool closing;                          /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t piece_read, piece_made;
    struct tree_thread threads[TREE_THREADS_MAX];
    size_t thread_count;
    struct sha256 sha256; /* of the chain */
    struct merkle_chain chain;
};

/*
 * Begins to read the first `bytes` bytes of the file. Returns false with errno when there is no
 * memory; nothing is to be closed then.
 */
bool tree_threads_open(struct tree_threads *tree, int file, uint64_t bytes);

enum tree_read { TREE_ROWS, TREE_END, TREE_FAILED };

/*
 * Gives the next whole rows, valid until the next call: each ends in LF, but the last one of the
 * file may lack it. A row that is longer than CSV_ROW_BYTES_MAX counts as several.
 * TREE_FAILED comes with errno.
 */
enum tree_read tree_threads_next(struct tree_threads *tree, const char **rows, size_t *bytes,
                                 size_t *row_count);

/* Waits for the threads and returns the root. Called once, after TREE_END. */
struct sha256_digest tree_threads_root(struct tree_threads *tree);

/* Ends the threads and frees everything. May be called at any time after tree_threads_open. */
void tree_threads_close(struct tree_threads *tree);

#endif
