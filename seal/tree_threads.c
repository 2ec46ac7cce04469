/*
 * tree_threads.c - see tree_threads.h.
 */
#include "seal/tree_threads.h"

#include "lib/byte_search.h"
#include "lib/thread.h"
#include "store/csv_reader.h"
#include "store/file_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 * 1024 }; /* some thousand rows; fits the second-level cache */

static struct tree_piece *piece_number(struct tree_threads *tree, uint64_t number)
{
    return &tree->pieces[number % TREE_PIECES];
}

/* --------------------------------------------------------------- threads ---- */

static void make_chain(struct sha256 *sha256, struct tree_piece *piece)
{
    const char *end = piece->rows + piece->bytes;
    merkle_begin(&piece->chain, sha256, piece->first_row, NULL);
    for (const char *row = piece->rows; row < end;) {
        const char *line_feed = memchr(row, '\n', (size_t)(end - row));
        const char *next = line_feed == NULL ? end : line_feed + 1;
        merkle_add_row(&piece->chain, row, (size_t)(next - row));
        row = next;
    }
}

/* The next piece that no thread has taken; NULL when there will be no more. */
static struct tree_piece *take_piece(struct tree_threads *tree)
{
    struct tree_piece *piece = NULL;
    pthread_mutex_lock(&tree->lock);
    while (tree->taken == tree->read && !tree->closing) {
        pthread_cond_wait(&tree->piece_read, &tree->lock);
    }
    if (!tree->closing) {
        piece = piece_number(tree, tree->taken++);
    }
    pthread_mutex_unlock(&tree->lock);
    return piece;
}

static void *make_chains(void *context)
{
    struct tree_thread *thread = context;
    struct tree_threads *tree = thread->tree;
    struct tree_piece *piece = NULL;
    while ((piece = take_piece(tree)) != NULL) {
        make_chain(&thread->sha256, piece);
        pthread_mutex_lock(&tree->lock);
        piece->made = true;
        pthread_cond_signal(&tree->piece_made);
        pthread_mutex_unlock(&tree->lock);
    }
    return NULL;
}

/* Returns 0, or why not. */
static int start_thread(struct tree_threads *tree)
{
    struct tree_thread *thread = &tree->threads[tree->thread_count];
    thread->tree = tree;
    if (!sha256_open(&thread->sha256)) {
        return ENOMEM;
    }
    int error = thread_start(&thread->id, make_chains, thread);
    if (error != 0) {
        sha256_close(&thread->sha256);
        return error;
    }
    tree->thread_count++;
    return 0;
}

/*
 * One for each processor; fewer do. With none, which is all that a process limit may leave, the
 * caller's thread makes the chains.
 */
static void start_threads(struct tree_threads *tree)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int error = 0;
    do {
        error = start_thread(tree);
    } while (error == 0 && tree->thread_count < TREE_THREADS_MAX &&
             (long)tree->thread_count < processors);
}

bool tree_threads_open(struct tree_threads *tree, int file, uint64_t bytes)
{
    *tree = (struct tree_threads){.file = file,
                                  .bytes_left = bytes,
                                  .lock = PTHREAD_MUTEX_INITIALIZER,
                                  .piece_read = PTHREAD_COND_INITIALIZER,
                                  .piece_made = PTHREAD_COND_INITIALIZER};
    bool memory = sha256_open(&tree->sha256);
    for (size_t i = 0; i < TREE_PIECES; i++) {
        tree->pieces[i].rows = malloc(PIECE_BYTES);
        tree->pieces[i].capacity = PIECE_BYTES;
        memory = memory && tree->pieces[i].rows != NULL;
    }
    merkle_begin(&tree->chain, &tree->sha256, 0, NULL);
    if (!memory) {
        tree_threads_close(tree);
        errno = ENOMEM;
        return false;
    }
    start_threads(tree);
    return true;
}

void tree_threads_close(struct tree_threads *tree)
{
    pthread_mutex_lock(&tree->lock);
    tree->closing = true;
    pthread_cond_broadcast(&tree->piece_read);
    pthread_mutex_unlock(&tree->lock);
    for (size_t i = 0; i < tree->thread_count; i++) {
        pthread_join(tree->threads[i].id, NULL);
        sha256_close(&tree->threads[i].sha256);
    }
    for (size_t i = 0; i < TREE_PIECES; i++) {
        free(tree->pieces[i].rows);
    }
    sha256_close(&tree->sha256);
    pthread_cond_destroy(&tree->piece_read);
    pthread_cond_destroy(&tree->piece_made);
    pthread_mutex_destroy(&tree->lock);
}

/* --------------------------------------------------------------- reading ---- */

/* Waits for the oldest piece that is not in the chain yet, and puts it there. */
static void join_oldest(struct tree_threads *tree)
{
    struct tree_piece *piece = piece_number(tree, tree->joined++);
    if (tree->thread_count == 0) {
        make_chain(&tree->sha256, piece);
    } else {
        pthread_mutex_lock(&tree->lock);
        while (!piece->made) {
            pthread_cond_wait(&tree->piece_made, &tree->lock);
        }
        pthread_mutex_unlock(&tree->lock);
    }
    merkle_add_chain(&tree->chain, &piece->chain);
}

/* Reads once, at the end of the piece. Returns the bytes, 0 at the end, -1 with errno. */
static ssize_t read_more(struct tree_threads *tree, struct tree_piece *piece)
{
    size_t room = piece->capacity - piece->read;
    size_t wanted = room < tree->bytes_left ? room : (size_t)tree->bytes_left;
    ssize_t got = wanted == 0 ? 0
                              : file_read_up_to(tree->file, piece->rows + piece->read, wanted,
                                                tree->position);
    if (got > 0) {
        piece->read += (size_t)got;
        tree->position += (uint64_t)got;
        tree->bytes_left -= (uint64_t)got;
    }
    return got;
}

static bool enlarge(struct tree_piece *piece)
{
    char *larger = realloc(piece->rows, 2 * piece->capacity);
    if (larger != NULL) {
        piece->rows = larger;
        piece->capacity *= 2;
    }
    return larger != NULL;
}

/* Reads whole rows, or what is left of the file. False with errno when that fails. */
static bool fill(struct tree_threads *tree, struct tree_piece *piece)
{
    while (piece->bytes == 0) {
        size_t searched = piece->read;
        if (searched == piece->capacity && searched < CSV_ROW_BYTES_MAX && !enlarge(piece)) {
            return false;
        }
        ssize_t got = read_more(tree, piece);
        if (got < 0) {
            return false;
        }
        const char *line_feed = memrchr(piece->rows + searched, '\n', (size_t)got);
        if (line_feed != NULL) {
            piece->bytes = (size_t)(line_feed + 1 - piece->rows);
        } else if (got == 0) {
            tree->at_end = searched < piece->capacity;
            piece->bytes = piece->read;
            break;
        }
    }
    piece->row_count = byte_count(piece->rows, piece->bytes, '\n');
    if (piece->bytes > 0 && piece->rows[piece->bytes - 1] != '\n') {
        piece->row_count++;
    }
    return true;
}

/* Begins the next piece with what was read of its first row already. */
static struct tree_piece *begin_piece(struct tree_threads *tree)
{
    const struct tree_piece *last = piece_number(tree, tree->read + TREE_PIECES - 1);
    struct tree_piece *piece = piece_number(tree, tree->read);
    size_t begun = last->read - last->bytes;
    while (piece->capacity < begun) {
        if (!enlarge(piece)) {
            return NULL;
        }
    }
    memcpy(piece->rows, last->rows + last->bytes, begun);
    piece->read = begun;
    piece->bytes = 0;
    piece->made = false;
    piece->first_row = last->first_row + last->row_count;
    return piece;
}

enum tree_read tree_threads_next(struct tree_threads *tree, const char **rows, size_t *bytes,
                                 size_t *row_count)
{
    if (tree->at_end) {
        return TREE_END;
    }
    if (tree->read - tree->joined == TREE_PIECES) {
        join_oldest(tree);
    }
    struct tree_piece *piece = begin_piece(tree);
    if (piece == NULL || !fill(tree, piece)) {
        return TREE_FAILED;
    }
    *rows = piece->rows;
    *bytes = piece->bytes;
    *row_count = piece->row_count;
    pthread_mutex_lock(&tree->lock);
    tree->read++;
    pthread_cond_signal(&tree->piece_read);
    pthread_mutex_unlock(&tree->lock);
    return piece->bytes > 0 ? TREE_ROWS : TREE_END;
}

struct sha256_digest tree_threads_root(struct tree_threads *tree)
{
    while (tree->joined < tree->read) {
        join_oldest(tree);
    }
    return merkle_root(&tree->chain);
}
