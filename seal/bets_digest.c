/*
 * bets_digest.c - see bets_digest.h.
 */
#include "seal/bets_digest.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "lib/limits.h"
#include "seal/tree_threads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_CAPACITY = 1 << 16, INDEX_SHIFT = 16 };

/* What the pass has found so far. */
struct pass {
    struct bets_digest *digest;
    struct sha256 sha256;         /* of the whole file */
    struct sha256 *agency_sha256; /* owned; of the agency in the same place of `agencies` */
    uint16_t *index;              /* owned; open hash: 1 + an agency's place; 0: free */
    const char *at;               /* the rows that bet_csv_scan is about to tell of */
    bool failed;                  /* no memory for another agency; errno says so */
};

/* -------------------------------------------------------------- agencies ---- */

/* The agency's place in the index, or the free one for it. Knuth's multiplicative hash. */
static uint16_t *index_of(const struct pass *pass, uint32_t agency)
{
    uint32_t at = (agency * UINT32_C(2654435761)) >> INDEX_SHIFT;
    while (pass->index[at] != 0 && pass->digest->agencies[pass->index[at] - 1].agency != agency) {
        at = (at + 1) % INDEX_CAPACITY;
    }
    return &pass->index[at];
}

/* Adds an agency at its free place. False when there are too many, or there is no memory. */
static bool add_agency(struct pass *pass, uint32_t agency, uint16_t *index)
{
    struct bets_digest *digest = pass->digest;
    if (digest->agency_count == LIMITS_AGENCIES_MAX) {
        return false;
    }
    if (!sha256_open(&pass->agency_sha256[digest->agency_count])) {
        errno = ENOMEM;
        pass->failed = true;
        return false;
    }
    digest->agencies[digest->agency_count++] =
        (struct bets_agency){.agency = agency, .checksum = CHECKSUM_EMPTY};
    *index = (uint16_t)digest->agency_count;
    return true;
}

static void add_bad_rows(struct bets_digest *digest, uint64_t rows, uint64_t position)
{
    digest->first_bad = digest->bad_rows == 0 ? position : digest->first_bad;
    digest->bad_rows += rows;
}

/* bet_csv_scan's `run`. Rows of one agency more than there can be are no bets. */
static void take_run(void *context, uint32_t agency, uint64_t rows, uint64_t bytes)
{
    struct pass *pass = context;
    struct bets_digest *digest = pass->digest;
    uint16_t *index = index_of(pass, agency);
    if (*index == 0 && !add_agency(pass, agency, index)) {
        add_bad_rows(digest, rows, digest->bytes);
    } else {
        struct bets_agency *entry = &digest->agencies[*index - 1];
        entry->rows += rows;
        entry->bytes += bytes;
        entry->checksum = checksum_extend(entry->checksum, pass->at, bytes);
        sha256_extend(&pass->agency_sha256[*index - 1], pass->at, bytes);
    }
    digest->bytes += bytes;
    pass->at += bytes;
}

static int compare_agencies(const void *left, const void *right)
{
    const struct bets_agency *a = left;
    const struct bets_agency *b = right;
    return (a->agency > b->agency) - (a->agency < b->agency);
}

/* ------------------------------------------------------------------ rows ---- */

/* A row that bet_csv_scan has stopped at. */
static void skip_bad_row(struct pass *pass, const char *end)
{
    const char *line_feed = memchr(pass->at, '\n', (size_t)(end - pass->at));
    const char *next = line_feed == NULL ? end : line_feed + 1;
    add_bad_rows(pass->digest, 1, pass->digest->bytes);
    pass->digest->bytes += (uint64_t)(next - pass->at);
    pass->at = next;
}

static void take_rows(struct pass *pass, const char *rows, size_t bytes, size_t row_count)
{
    const char *end = rows + bytes;
    pass->digest->rows += row_count;
    pass->digest->checksum = checksum_extend(pass->digest->checksum, rows, bytes);
    sha256_extend(&pass->sha256, rows, bytes);
    pass->at = rows;
    while (pass->at < end && !pass->failed) {
        (void)bet_csv_scan(pass->at, (size_t)(end - pass->at), take_run, pass);
        if (pass->at < end) {
            skip_bad_row(pass, end);
        }
    }
}

static enum bets_digest_end read_rows(struct pass *pass, struct tree_threads *tree,
                                      bool (*should_stop)(void))
{
    const char *rows = NULL;
    size_t bytes = 0;
    size_t row_count = 0;
    enum tree_read read = TREE_ROWS;
    while (!should_stop()) {
        read = tree_threads_next(tree, &rows, &bytes, &row_count);
        if (read != TREE_ROWS) {
            break;
        }
        take_rows(pass, rows, bytes, row_count);
        if (pass->failed) {
            return BETS_DIGEST_FAILED;
        }
    }
    switch (read) {
    case TREE_END:
        pass->digest->merkle_root = tree_threads_root(tree);
        return BETS_DIGEST_MADE;
    case TREE_FAILED:
        return BETS_DIGEST_FAILED;
    case TREE_ROWS:
        break;
    }
    return BETS_DIGEST_STOPPED;
}

static enum bets_digest_end read_file(struct pass *pass, int file, uint64_t bytes,
                                      bool (*should_stop)(void))
{
    struct tree_threads tree;
    if (!tree_threads_open(&tree, file, bytes)) {
        return BETS_DIGEST_FAILED;
    }
    enum bets_digest_end end = read_rows(pass, &tree, should_stop);
    int saved_errno = errno;
    tree_threads_close(&tree);
    errno = saved_errno;
    return end;
}

/* ------------------------------------------------------------------ pass ---- */

static bool open_pass(struct pass *pass)
{
    pass->digest->agencies = calloc(LIMITS_AGENCIES_MAX, sizeof *pass->digest->agencies);
    pass->agency_sha256 = calloc(LIMITS_AGENCIES_MAX, sizeof *pass->agency_sha256);
    pass->index = calloc(INDEX_CAPACITY, sizeof *pass->index);
    return pass->digest->agencies != NULL && pass->agency_sha256 != NULL && pass->index != NULL &&
           sha256_open(&pass->sha256);
}

static void end_digests(struct pass *pass)
{
    struct bets_digest *digest = pass->digest;
    sha256_end(&pass->sha256, &digest->sha256);
    for (size_t i = 0; i < digest->agency_count; i++) {
        sha256_end(&pass->agency_sha256[i], &digest->agencies[i].sha256);
    }
    qsort(digest->agencies, digest->agency_count, sizeof *digest->agencies, compare_agencies);
}

static void close_pass(struct pass *pass)
{
    for (size_t i = 0; pass->agency_sha256 != NULL && i < pass->digest->agency_count; i++) {
        sha256_close(&pass->agency_sha256[i]);
    }
    sha256_close(&pass->sha256);
    free(pass->agency_sha256);
    free(pass->index);
}

enum bets_digest_end bets_digest_make(int file, const char *path, uint64_t bytes,
                                      bool (*should_stop)(void), struct bets_digest *digest,
                                      struct failure *failure)
{
    *digest = (struct bets_digest){.checksum = CHECKSUM_EMPTY};
    struct pass pass = {.digest = digest};
    enum bets_digest_end end =
        open_pass(&pass) ? read_file(&pass, file, bytes, should_stop) : BETS_DIGEST_FAILED;
    int saved_errno = errno;
    if (end == BETS_DIGEST_MADE) {
        end_digests(&pass);
    }
    close_pass(&pass);
    errno = saved_errno;
    if (end == BETS_DIGEST_FAILED) {
        failure_set_errno(failure, "read and hash %s", path);
    } else if (end == BETS_DIGEST_STOPPED) {
        failure_set(failure, "stopped while %s was hashed", path);
    }
    if (end != BETS_DIGEST_MADE) {
        bets_digest_close(digest);
    }
    return end;
}

const struct bets_agency *bets_digest_find(const struct bets_digest *digest, uint32_t agency)
{
    const struct bets_agency wanted = {.agency = agency};
    return digest->agency_count == 0 ? NULL
                                     : bsearch(&wanted, digest->agencies, digest->agency_count,
                                               sizeof *digest->agencies, compare_agencies);
}

void bets_digest_close(struct bets_digest *digest)
{
    free(digest->agencies);
    *digest = (struct bets_digest){0};
}
