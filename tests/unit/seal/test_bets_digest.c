/*
 * test_bets_digest.c - one pass over bets.csv, against a reckoning row by row.
 */
#include "seal/bets_digest.h"

#include "lib/checksum.h"
#include "seal/merkle.h"
#include "tests/harness/processes.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { FILE_BYTES_MAX = 8 * 1024 * 1024, LONG_NAME_BYTES = 600 * 1024 };

struct fixture {
    struct scratch scratch;
    char *bets; /* owned */
    size_t bytes;
    int file;
};

static int looks_before_stop = -1; /* -1: never */

/* The machine lets no thread be started. */
static bool has_no_threads;

/* In place of libc's, which it calls. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *context)
{
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = NULL;
    void *symbol = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&create, &symbol, sizeof create);
    return has_no_threads ? EAGAIN : create(id, attributes, run, context);
}

static bool stops(void)
{
    return looks_before_stop >= 0 && looks_before_stop-- == 0;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.file = -1};
    *state = &fixture;
    scratch_open(&fixture.scratch);
    fixture.bets = malloc(FILE_BYTES_MAX);
    assert_non_null(fixture.bets);
    looks_before_stop = -1;
    has_no_threads = false;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->file >= 0) {
        close(fixture->file);
    }
    free(fixture->bets);
    scratch_close(&fixture->scratch);
    return 0;
}

static void put(struct fixture *fixture, const char *text)
{
    size_t bytes = strlen(text);
    assert_true(fixture->bytes + bytes <= FILE_BYTES_MAX);
    memcpy(fixture->bets + fixture->bytes, text, bytes);
    fixture->bytes += bytes;
}

static void put_row(struct fixture *fixture, uint32_t agency, unsigned number)
{
    char row[64];
    (void)snprintf(row, sizeof row, "%u,Ana,Perez,%u,1999-03-17,%u\r\n", agency, number,
                   number % 10000);
    put(fixture, row);
}

static enum bets_digest_end digest_of(struct fixture *fixture, uint64_t bytes,
                                      struct bets_digest *digest, struct failure *failure)
{
    scratch_write(&fixture->scratch, "bets.csv", fixture->bets, fixture->bytes);
    fixture->file = openat(fixture->scratch.descriptor, "bets.csv", O_RDONLY | O_CLOEXEC);
    assert_true(fixture->file >= 0);
    return bets_digest_make(fixture->file, "bets.csv", bytes, stops, digest, failure);
}

/* ------------------------------------------------------------- reckoning ---- */

static void expect_root(const struct fixture *fixture, size_t bytes,
                        const struct sha256_digest *root)
{
    struct merkle_chain chain;
    struct sha256 sha256;
    assert_true(sha256_open(&sha256));
    merkle_begin(&chain, &sha256, 0, NULL);
    for (size_t from = 0; from < bytes;) {
        const char *row = fixture->bets + from;
        const char *line_feed = memchr(row, '\n', bytes - from);
        size_t row_bytes = line_feed == NULL ? bytes - from : (size_t)(line_feed + 1 - row);
        merkle_add_row(&chain, row, row_bytes);
        from += row_bytes;
    }
    const struct sha256_digest expected = merkle_root(&chain);
    sha256_close(&sha256);
    assert_true(sha256_equal(root, &expected));
}

/* Gathers the rows of one agency, and compares. */
static void expect_agency(const struct fixture *fixture, size_t bytes,
                          const struct bets_agency *agency)
{
    char *rows = malloc(bytes + 1);
    size_t gathered = 0;
    uint64_t count = 0;
    assert_non_null(rows);
    for (size_t from = 0; from < bytes;) {
        const char *row = fixture->bets + from;
        const char *line_feed = memchr(row, '\n', bytes - from);
        size_t row_bytes = line_feed == NULL ? bytes - from : (size_t)(line_feed + 1 - row);
        if (line_feed != NULL && strtoul(row, NULL, 10) == agency->agency) {
            memcpy(rows + gathered, row, row_bytes);
            gathered += row_bytes;
            count++;
        }
        from += row_bytes;
    }
    struct sha256_digest expected;
    assert_true(sha256_of(rows, gathered, &expected));
    assert_int_equal(agency->rows, count);
    assert_int_equal(agency->bytes, gathered);
    assert_int_equal(agency->checksum, checksum_extend(CHECKSUM_EMPTY, rows, gathered));
    assert_true(sha256_equal(&agency->sha256, &expected));
    free(rows);
}

static void expect_digest(const struct fixture *fixture, size_t bytes, size_t rows, size_t agencies,
                          const struct bets_digest *digest)
{
    struct sha256_digest expected;
    assert_true(sha256_of(fixture->bets, bytes, &expected));
    assert_true(sha256_equal(&digest->sha256, &expected));
    assert_int_equal(digest->bytes, bytes);
    assert_int_equal(digest->rows, rows);
    assert_int_equal(digest->checksum, checksum_extend(CHECKSUM_EMPTY, fixture->bets, bytes));
    expect_root(fixture, bytes, &digest->merkle_root);
    assert_int_equal(digest->agency_count, agencies);
    for (size_t i = 0; i < agencies; i++) {
        assert_true(i == 0 || digest->agencies[i - 1].agency < digest->agencies[i].agency);
        expect_agency(fixture, bytes, &digest->agencies[i]);
        assert_ptr_equal(bets_digest_find(digest, digest->agencies[i].agency),
                         &digest->agencies[i]);
    }
    assert_null(bets_digest_find(digest, 4000000000U));
}

/* ----------------------------------------------------------------- tests ---- */

static void no_bets_have_the_digests_of_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct bets_digest digest;
    struct failure failure;
    assert_int_equal(digest_of(fixture, 0, &digest, &failure), BETS_DIGEST_MADE);
    expect_digest(fixture, 0, 0, 0, &digest);
    bets_digest_close(&digest);
}

static void files_of_any_number_of_pieces_are_digested_as_reckoned(void **state)
{
    static const unsigned sizes[] = {1, 2, 3, 1000, 8191, 60000, 150000};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bets_digest digest;
        struct failure failure;
        fixture->bytes = 0;
        for (unsigned row = 0; row < sizes[i]; row++) {
            put_row(fixture, row / 7 % 3 == 0 ? 70000 : row / 150 % 3, row);
        }
        assert_int_equal(digest_of(fixture, fixture->bytes, &digest, &failure), BETS_DIGEST_MADE);
        assert_int_equal(digest.bad_rows, 0);
        expect_digest(fixture, fixture->bytes, sizes[i], digest.agency_count, &digest);
        assert_in_range(digest.agency_count, 1, 4);
        bets_digest_close(&digest);
        close(fixture->file);
        fixture->file = -1;
    }
}

static void rows_longer_than_every_piece_are_digested(void **state)
{
    struct fixture *fixture = *state;
    struct bets_digest digest;
    struct failure failure;
    char *name = malloc(LONG_NAME_BYTES + 1);
    assert_non_null(name);
    memset(name, 'x', LONG_NAME_BYTES);
    name[LONG_NAME_BYTES] = '\0';
    for (unsigned i = 0; i < 11; i++) {
        put_row(fixture, 1, i);
        put(fixture, "2,");
        put(fixture, name);
        put(fixture, ",b,1,2000-01-01,7\r\n");
    }
    free(name);
    assert_int_equal(digest_of(fixture, fixture->bytes, &digest, &failure), BETS_DIGEST_MADE);
    assert_int_equal(digest.bad_rows, 0);
    expect_digest(fixture, fixture->bytes, 22, 2, &digest);
    bets_digest_close(&digest);
}

static void only_the_bytes_that_were_asked_for_are_read(void **state)
{
    struct fixture *fixture = *state;
    struct bets_digest digest;
    struct failure failure;
    put_row(fixture, 1, 1);
    size_t bytes = fixture->bytes;
    put_row(fixture, 2, 2);
    assert_int_equal(digest_of(fixture, bytes, &digest, &failure), BETS_DIGEST_MADE);
    expect_digest(fixture, bytes, 1, 1, &digest);
    bets_digest_close(&digest);
}

static void a_file_that_ends_too_early_is_digested_as_far_as_it_goes(void **state)
{
    struct fixture *fixture = *state;
    struct bets_digest digest;
    struct failure failure;
    put_row(fixture, 1, 1);
    assert_int_equal(digest_of(fixture, fixture->bytes + 1000, &digest, &failure),
                     BETS_DIGEST_MADE);
    expect_digest(fixture, fixture->bytes, 1, 1, &digest);
    bets_digest_close(&digest);
}

static void rows_that_are_no_bets_are_counted_to_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct bets_digest digest;
    struct failure failure;
    put_row(fixture, 1, 1);
    size_t first_bad = fixture->bytes;
    put(fixture, "\n");
    put(fixture, "9,a,b,1,2000-13-01,7\r\n");
    put_row(fixture, 1, 2);
    put(fixture, "1,a,b,1,2000-12-01,7"); /* a rest without its end */
    assert_int_equal(digest_of(fixture, fixture->bytes, &digest, &failure), BETS_DIGEST_MADE);
    assert_int_equal(digest.bad_rows, 3);
    assert_int_equal(digest.first_bad, first_bad);
    assert_int_equal(digest.agencies[0].rows, 2);
    expect_digest(fixture, fixture->bytes, 5, 1, &digest);
    bets_digest_close(&digest);
}

static void more_agencies_than_there_can_be_are_bad_rows(void **state)
{
    enum { AGENCIES = 32767 };
    struct fixture *fixture = *state;
    struct bets_digest digest;
    struct failure failure;
    for (unsigned agency = 0; agency < AGENCIES + 2; agency++) {
        put_row(fixture, agency, agency);
    }
    assert_int_equal(digest_of(fixture, fixture->bytes, &digest, &failure), BETS_DIGEST_MADE);
    assert_int_equal(digest.agency_count, AGENCIES);
    assert_int_equal(digest.bad_rows, 2);
    assert_int_equal(digest.rows, AGENCIES + 2);
    expect_root(fixture, fixture->bytes, &digest.merkle_root);
    bets_digest_close(&digest);
}

static void it_can_be_stopped_between_any_two_pieces(void **state)
{
    struct fixture *fixture = *state;
    struct bets_digest digest;
    struct failure failure;
    for (unsigned row = 0; row < 100000; row++) {
        put_row(fixture, 1, row);
    }
    int looks = 0;
    enum bets_digest_end end = BETS_DIGEST_STOPPED;
    while (end == BETS_DIGEST_STOPPED) {
        looks_before_stop = looks++;
        end = digest_of(fixture, fixture->bytes, &digest, &failure);
        if (end == BETS_DIGEST_STOPPED) {
            assert_null(digest.agencies);
            assert_non_null(strstr(failure.text, "bets.csv"));
            close(fixture->file);
        }
    }
    assert_int_equal(end, BETS_DIGEST_MADE);
    assert_true(looks > 10); /* four million bytes in pieces of 256 KiB */
    expect_digest(fixture, fixture->bytes, 100000, 1, &digest);
    bets_digest_close(&digest);
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct bets_digest digest;
    struct failure failure;
    assert_int_equal(
        bets_digest_make(fixture->scratch.descriptor, "here/bets.csv", 1, stops, &digest, &failure),
        BETS_DIGEST_FAILED);
    assert_int_equal(errno, EISDIR);
    assert_non_null(strstr(failure.text, "here/bets.csv"));
    assert_null(digest.agencies);
}

/* As `ulimit -s` would make it, which the C library reads at its start. */
static void where_no_thread_can_be_had_the_caller_does_all(void **state)
{
    has_no_threads = true;
    files_of_any_number_of_pieces_are_digested_as_reckoned(state);
}

static void the_threads_need_no_more_stack_than_their_own(void **state)
{
    static const size_t default_bytes = (size_t)1 << 50; /* more than any process can have */
    struct fixture *fixture = *state;
    struct bets_digest digest;
    struct failure failure;
    pthread_attr_t before;
    pthread_attr_t attributes;
    assert_int_equal(pthread_getattr_default_np(&before), 0);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, default_bytes), 0);
    assert_int_equal(pthread_setattr_default_np(&attributes), 0);
    put_row(fixture, 1, 7574);
    enum bets_digest_end end = digest_of(fixture, fixture->bytes, &digest, &failure);
    assert_int_equal(pthread_setattr_default_np(&before), 0);
    assert_int_equal(pthread_attr_destroy(&attributes), 0);
    assert_int_equal(pthread_attr_destroy(&before), 0);
    assert_int_equal(end, BETS_DIGEST_MADE);
    expect_root(fixture, fixture->bytes, &digest.merkle_root);
    bets_digest_close(&digest);
}

#define DIGEST_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIGEST_TEST(no_bets_have_the_digests_of_nothing),
        DIGEST_TEST(files_of_any_number_of_pieces_are_digested_as_reckoned),
        DIGEST_TEST(rows_longer_than_every_piece_are_digested),
        DIGEST_TEST(only_the_bytes_that_were_asked_for_are_read),
        DIGEST_TEST(a_file_that_ends_too_early_is_digested_as_far_as_it_goes),
        DIGEST_TEST(rows_that_are_no_bets_are_counted_to_nobody),
        DIGEST_TEST(more_agencies_than_there_can_be_are_bad_rows),
        DIGEST_TEST(it_can_be_stopped_between_any_two_pieces),
        DIGEST_TEST(a_file_that_cannot_be_read_is_told),
        DIGEST_TEST(where_no_thread_can_be_had_the_caller_does_all),
        DIGEST_TEST(the_threads_need_no_more_stack_than_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
