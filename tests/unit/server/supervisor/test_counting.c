/*
 * test_counting.c - on any number of threads, counting finds what one row after the other gives.
 */
#include "server/supervisor/counting.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "shm/agencies.h"
#include "store/csv_reader.h"
#include "tests/harness/processes.h"
#include "tests/harness/segments.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    AGENCY_LIMIT = 40,
    RING_BYTES = 16384,
    FILE_BYTES = 12 * CSV_READER_BYTES,
    FILE_ROOM = FILE_BYTES + 64 * 1024,
    SEEDS = 120,
    MOVED_BYTES = 1001,
    BYTE_VALUES = 256
};

struct fixture {
    struct scratch scratch;
    struct segment segment;
    char *bets; /* owned; FILE_ROOM */
    size_t bytes;
};

/*
 * How many processors there are, and from which position on pread fails; 0: nowhere. Not static,
 * because clang takes the pread below for the inline function of _FORTIFY_SOURCE.
 */
struct {
    unsigned processors;
    off_t broken_at;
    off_t moved_at; /* a pread from here on finds the bytes that were MOVED_BYTES later; 0: none */
} machine;

/* In place of libc's. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int sched_getaffinity(pid_t process, size_t bytes, cpu_set_t *set)
{
    assert_int_equal(process, 0);
    assert_int_equal(bytes, sizeof *set);
    CPU_ZERO(set);
    for (unsigned i = 0; i < machine.processors; i++) {
        CPU_SET(i, set);
    }
    if (machine.processors == 0) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

/* In place of libc's. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t pread(int file, void *bytes, size_t count, off_t at)
{
    if (machine.broken_at > 0 && at + (off_t)count > machine.broken_at) {
        errno = EIO;
        return -1;
    }
    at += machine.moved_at > 0 && at >= machine.moved_at ? MOVED_BYTES : 0;
    return syscall(SYS_pread64, file, bytes, count, at); /* several threads read at once */
}

static void create_segment(struct fixture *fixture)
{
    segments_create(&fixture->scratch,
                    (struct segment_plan){.ring_bytes = RING_BYTES, .agency_limit = AGENCY_LIMIT},
                    &fixture->segment);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.bets = malloc(FILE_ROOM)};
    assert_non_null(fixture.bets);
    machine.processors = 1;
    machine.broken_at = 0;
    machine.moved_at = 0;
    scratch_open(&fixture.scratch);
    create_segment(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    segment_remove(&fixture->segment);
    scratch_close(&fixture->scratch);
    free(fixture->bets);
    return 0;
}

/* ------------------------------------------------------------- reckoning ---- */

struct share {
    uint32_t agency;
    uint64_t bets, bytes, checksum;
};

/* What a file has, row by row. The shares stand in the order in which agencies come. */
struct reckoned {
    struct counting_total total;
    bool table_full;
    struct share shares[AGENCY_LIMIT];
    size_t count;
};

static void reckon_share(struct reckoned *reckoned, uint32_t agency, const char *row, size_t bytes)
{
    size_t i = 0;
    while (i < reckoned->count && reckoned->shares[i].agency != agency) {
        i++;
    }
    if (i == AGENCY_LIMIT) {
        reckoned->table_full = true;
        return;
    }
    if (i == reckoned->count) {
        reckoned->shares[reckoned->count++] = (struct share){.agency = agency};
    }
    struct share *share = &reckoned->shares[i];
    share->bets++;
    share->bytes += bytes;
    share->checksum = checksum_extend(share->checksum, row, bytes);
}

static void reckon(const struct fixture *fixture, size_t from, struct reckoned *reckoned)
{
    size_t at = from;
    *reckoned = (struct reckoned){.total = {.bytes = from}};
    while (at < fixture->bytes) {
        const char *row = fixture->bets + at;
        const char *line_feed = memchr(row, '\n', fixture->bytes - at);
        uint32_t agency = 0;
        if (line_feed == NULL || line_feed == row || line_feed[-1] != '\r' ||
            bet_csv_parse(row, (size_t)(line_feed - 1 - row), &agency) != BET_VALID) {
            break;
        }
        size_t row_bytes = (size_t)(line_feed + 1 - row);
        reckon_share(reckoned, agency, row, row_bytes);
        reckoned->total.rows++;
        reckoned->total.checksum = checksum_extend(reckoned->total.checksum, row, row_bytes);
        at += row_bytes;
    }
    reckoned->total.bytes = at;
}

static enum counting_end count(struct fixture *fixture, size_t from, struct counting_total *total)
{
    *total = (struct counting_total){.bytes = from};
    segment_remove(&fixture->segment);
    create_segment(fixture);
    int file = openat(fixture->scratch.descriptor, "bets", O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    enum counting_end end = counting_run(&fixture->segment, file, fixture->bytes, total);
    (void)close(file);
    return end;
}

static void write_file(const struct fixture *fixture)
{
    scratch_write(&fixture->scratch, "bets", fixture->bets, fixture->bytes);
}

static void expect_share(const struct fixture *fixture, const struct share *share)
{
    const struct agency *agency = agencies_find(&fixture->segment, share->agency);
    assert_non_null(agency);
    assert_int_equal(atomic_load(&agency->bets), share->bets);
    assert_int_equal(atomic_load(&agency->bytes), share->bytes);
    assert_int_equal(atomic_load(&agency->checksum), share->checksum);
}

/* Counts the file on each number of processors. */
static void expect_as_row_by_row(struct fixture *fixture, size_t from)
{
    static const unsigned processors[] = {1, 2, 3, 16, 0};
    static struct reckoned reckoned;
    struct counting_total total;
    reckon(fixture, from, &reckoned);
    write_file(fixture);
    for (size_t i = 0; i < sizeof processors / sizeof processors[0]; i++) {
        machine.processors = processors[i];
        enum counting_end end = count(fixture, from, &total);
        assert_int_equal(end, reckoned.table_full ? COUNTING_TABLE_FULL : COUNTING_DONE);
        assert_int_equal(total.rows, reckoned.total.rows);
        assert_int_equal(total.bytes, reckoned.total.bytes);
        assert_int_equal(total.checksum, reckoned.total.checksum);
        assert_int_equal(fixture->segment.shared->append.agencies_present, reckoned.count);
        for (size_t k = 0; k < reckoned.count; k++) {
            expect_share(fixture, &reckoned.shares[k]);
        }
    }
}

/* ---------------------------------------------------------------- making ---- */

static unsigned below(unsigned *seed, unsigned limit)
{
    return (unsigned)rand_r(seed) % limit;
}

static size_t put_name(char *out, unsigned *seed)
{
    static const char *const names[] = {"Ana",   "Peñé",      "a",
                                        "María", "José Luis", "\"\"\"q\"\"\"",
                                        "日本",  "Santiago",  "de la Concepción y Todos"};
    return (size_t)sprintf(out, "%s", names[below(seed, sizeof names / sizeof names[0])]);
}

static size_t put_row(char *out, uint32_t agency, unsigned *seed)
{
    size_t used = (size_t)sprintf(out, "%u,", agency);
    used += put_name(out + used, seed);
    out[used++] = ',';
    used += put_name(out + used, seed);
    used += (size_t)sprintf(out + used, ",%u,%04u-%02u-%02u,%u\r\n", 1 + below(seed, 99999999),
                            1900 + below(seed, 125), 1 + below(seed, 12), 1 + below(seed, 28),
                            below(seed, 10000));
    return used;
}

/* Fills the file with rows, in runs of up to `longest_run` rows of one of `agencies` agencies. */
static void make_file(struct fixture *fixture, unsigned agencies, unsigned longest_run,
                      unsigned *seed)
{
    fixture->bytes = 0;
    while (fixture->bytes < FILE_BYTES) {
        const uint32_t agency = below(seed, agencies) * 429496729U / 7;
        for (unsigned left = 1 + below(seed, longest_run); left > 0 && fixture->bytes < FILE_BYTES;
             left--) {
            fixture->bytes += put_row(fixture->bets + fixture->bytes, agency, seed);
        }
    }
}

static void damage(struct fixture *fixture, unsigned *seed)
{
    static const char special[] = "\r\n,\"\xc3\xa9\x80\x7f\x1f 0-\xff";
    char *at = fixture->bets + below(seed, (unsigned)fixture->bytes);
    const size_t left = (size_t)(fixture->bets + fixture->bytes - at);
    switch (below(seed, 5)) {
    case 0:
        *at = special[below(seed, sizeof special)];
        break;
    case 1:
        *at = (char)below(seed, BYTE_VALUES);
        break;
    case 2: /* away */
        memmove(at, at + 1, left - 1);
        fixture->bytes--;
        break;
    case 3: /* a page that was never written */
        memset(at, 0, left < 4096 ? left : 4096);
        break;
    default: /* cut off */
        fixture->bytes -= left;
        break;
    }
}

/* ----------------------------------------------------------------- tests ---- */

static void whole_files_are_counted(void **state)
{
    struct fixture *fixture = *state;
    unsigned seed = 20261127;
    make_file(fixture, 1, UINT16_MAX, &seed);
    expect_as_row_by_row(fixture, 0);
    make_file(fixture, 5, 300, &seed);
    expect_as_row_by_row(fixture, 0);
    make_file(fixture, AGENCY_LIMIT, 1, &seed);
    expect_as_row_by_row(fixture, 0);
    fixture->bytes = 0;
    expect_as_row_by_row(fixture, 0);
}

static void counting_goes_on_from_any_row(void **state)
{
    struct fixture *fixture = *state;
    unsigned seed = 7574;
    make_file(fixture, 3, 30, &seed);
    for (int i = 0; i < 10; i++) {
        const char *row = memchr(fixture->bets + below(&seed, (unsigned)fixture->bytes - 200), '\n',
                                 fixture->bytes);
        expect_as_row_by_row(fixture, (size_t)(row + 1 - fixture->bets));
    }
    expect_as_row_by_row(fixture, fixture->bytes);
}

static void damaged_files_are_counted_up_to_the_first_bad_row(void **state)
{
    struct fixture *fixture = *state;
    unsigned bad = 0;
    for (unsigned round = 0; round < SEEDS; round++) {
        unsigned seed = round;
        make_file(fixture, 1 + below(&seed, 8), 1 + below(&seed, 3) * 200, &seed);
        const size_t bytes = fixture->bytes;
        for (unsigned left = 1 + below(&seed, 3); left > 0 && fixture->bytes > 0; left--) {
            damage(fixture, &seed);
        }
        expect_as_row_by_row(fixture, 0);
        bad += fixture->bytes == bytes ? 1 : 0;
    }
    assert_in_range(bad, SEEDS / 10, SEEDS);
}

static void a_row_that_is_longer_than_a_piece_is_a_row(void **state)
{
    struct fixture *fixture = *state;
    unsigned seed = 2201;
    make_file(fixture, 2, 20, &seed);
    char *row = memchr(fixture->bets + CSV_READER_BYTES / 2, '\n', CSV_READER_BYTES);
    static const char names[] = "7,a";
    memcpy(row + 1, names, sizeof names - 1);
    memset(row + sizeof names, 'x', (size_t)3 * CSV_READER_BYTES);
    static const char rest[] = "x,b,1,2000-01-01,7\r\n";
    memcpy(row + sizeof names + (size_t)3 * CSV_READER_BYTES, rest, sizeof rest - 1);
    char *end = row + sizeof names + (size_t)3 * CSV_READER_BYTES + sizeof rest - 1;
    const char *next = (const char *)memchr(end, '\n', FILE_ROOM / 8) + 1;
    const size_t left = (size_t)(fixture->bets + fixture->bytes - next);
    memmove(end, next, left);
    fixture->bytes = (size_t)(end + left - fixture->bets);
    expect_as_row_by_row(fixture, 0);
}

/* A long row before them has made the buffer large, and there are more of them than can be noted. */
static void short_rows_of_many_agencies_after_a_long_one_are_counted(void **state)
{
    struct fixture *fixture = *state;
    const size_t long_bytes = (size_t)4 * CSV_READER_BYTES;
    size_t used = (size_t)sprintf(fixture->bets, "7,a");
    memset(fixture->bets + used, 'x', long_bytes);
    used += long_bytes;
    used += (size_t)sprintf(fixture->bets + used, ",b,1,2000-01-01,7\r\n");
    for (uint32_t agency = 0; used < FILE_BYTES; agency = (agency + 1) % 10) {
        used += (size_t)sprintf(fixture->bets + used, "%u,a,b,1,2000-01-01,7\r\n", agency);
    }
    fixture->bytes = used;
    expect_as_row_by_row(fixture, 0);
    fixture->bets[FILE_BYTES - CSV_READER_BYTES] = '\n';
    expect_as_row_by_row(fixture, 0);
}

static void more_agencies_than_the_table_takes_are_told(void **state)
{
    struct fixture *fixture = *state;
    unsigned seed = 41;
    make_file(fixture, AGENCY_LIMIT + 1, 3, &seed);
    expect_as_row_by_row(fixture, 0);
    /* Those after a row that is not valid don't count. */
    make_file(fixture, 1, UINT16_MAX, &seed);
    fixture->bets[FILE_BYTES / 2] = '\n';
    for (uint32_t agency = 1; agency <= AGENCY_LIMIT; agency++) {
        fixture->bytes += put_row(fixture->bets + fixture->bytes, agency, &seed);
    }
    expect_as_row_by_row(fixture, 0);
}

static void a_file_that_cannot_be_read_is_told_unless_a_row_before_is_bad(void **state)
{
    struct fixture *fixture = *state;
    struct counting_total total;
    unsigned seed = 5;
    make_file(fixture, 5, 100, &seed);
    write_file(fixture);
    for (machine.processors = 1; machine.processors <= 3; machine.processors++) {
        machine.broken_at = (off_t)5 * CSV_READER_BYTES;
        assert_int_equal(count(fixture, 0, &total), COUNTING_FAILED);
        assert_int_equal(errno, EIO);
    }
    machine.broken_at = 0;
    fixture->bets[(size_t)4 * CSV_READER_BYTES] = '\n';
    write_file(fixture);
    for (machine.processors = 1; machine.processors <= 3; machine.processors++) {
        machine.broken_at = (off_t)6 * CSV_READER_BYTES;
        assert_int_equal(count(fixture, 0, &total), COUNTING_DONE);
        assert_in_range(total.bytes, (size_t)3 * CSV_READER_BYTES, (size_t)4 * CSV_READER_BYTES);
    }
}

static void a_file_that_is_changed_meanwhile_cannot_be_read(void **state)
{
    struct fixture *fixture = *state;
    struct counting_total total;
    unsigned seed = 5;
    make_file(fixture, 5, 100, &seed);
    write_file(fixture);
    machine.moved_at = (off_t)3 * CSV_READER_BYTES;
    for (machine.processors = 1; machine.processors <= 3; machine.processors++) {
        assert_int_equal(count(fixture, 0, &total), COUNTING_FAILED);
        assert_int_equal(errno, EIO);
        assert_in_range(total.bytes, 2 * CSV_READER_BYTES, 4 * CSV_READER_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_files_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counting_goes_on_from_any_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_files_are_counted_up_to_the_first_bad_row, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_row_that_is_longer_than_a_piece_is_a_row, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(short_rows_of_many_agencies_after_a_long_one_are_counted,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_agencies_than_the_table_takes_are_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_file_that_cannot_be_read_is_told_unless_a_row_before_is_bad, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_changed_meanwhile_cannot_be_read, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
