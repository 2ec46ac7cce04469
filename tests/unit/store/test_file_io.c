/*
 * test_file_io.c - short and interrupted calls come to their end, and failed ones are told.
 *
 * The calls of libc are replaced here by ones that do what a test wants of them, once or
 * several times, before they do what they are for.
 */
#include "store/file_io.h"

#include "lib/checksum.h"
#include "tests/harness/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { PIECE_BYTES = 3 };

struct fixture {
    struct scratch scratch;
    int file;
};

/* What becomes of the next calls. */
static struct {
    int failures; /* so many fail, with this error */
    int error;
    bool is_short; /* a read or a write takes PIECE_BYTES at most */
    int calls;
} kernel;

static bool is_refused(void)
{
    kernel.calls++;
    if (kernel.failures > 0) {
        kernel.failures--;
        errno = kernel.error;
        return true;
    }
    return false;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

ssize_t pwrite(int file, const void *bytes, size_t count, off_t position)
{
    size_t taken = kernel.is_short && count > PIECE_BYTES ? PIECE_BYTES : count;
    return is_refused() ? -1 : syscall(SYS_pwrite64, file, bytes, taken, position);
}

ssize_t pread(int file, void *bytes, size_t count, off_t position)
{
    size_t taken = kernel.is_short && count > PIECE_BYTES ? PIECE_BYTES : count;
    return is_refused() ? -1 : syscall(SYS_pread64, file, bytes, taken, position);
}

int fsync(int file)
{
    return is_refused() ? -1 : (int)syscall(SYS_fsync, file);
}

int fdatasync(int file)
{
    return is_refused() ? -1 : (int)syscall(SYS_fdatasync, file);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

static void let_fail(int failures, int error)
{
    kernel.failures = failures;
    kernel.error = error;
    kernel.calls = 0;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    memset(&kernel, 0, sizeof kernel);
    scratch_open(&fixture.scratch);
    fixture.file = openat(fixture.scratch.descriptor, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fixture.file >= 0);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)close(fixture->file);
    scratch_close(&fixture->scratch);
    return 0;
}

static void expect_file(struct fixture *fixture, const char *bytes, size_t count)
{
    size_t got = 0;
    char *file = scratch_read(&fixture->scratch, "file", &got);
    bool same = got == count && memcmp(file, bytes, count) == 0;
    free(file);
    assert_true(same);
}

/* -------------------------------------------------------------- writing ---- */

static void all_bytes_are_written_at_their_position(void **state)
{
    struct fixture *fixture = *state;
    assert_true(file_write_all(fixture->file, "0123456789", 10, 0));
    assert_true(file_write_all(fixture->file, "ab", 2, 4));
    assert_true(file_write_all(fixture->file, "", 0, 100)); /* nothing is nothing */
    expect_file(fixture, "0123ab6789", 10);
}

static void a_short_write_is_followed_by_the_rest(void **state)
{
    struct fixture *fixture = *state;
    kernel.is_short = true;
    assert_true(file_write_all(fixture->file, "0123456789", 10, 2));
    assert_int_equal(kernel.calls, 4);
    expect_file(fixture,
                "\0\0"
                "0123456789",
                12);
}

static void a_write_that_a_signal_interrupts_is_done_again(void **state)
{
    struct fixture *fixture = *state;
    let_fail(3, EINTR);
    assert_true(file_write_all(fixture->file, "0123456789", 10, 0));
    assert_int_equal(kernel.calls, 4);
    expect_file(fixture, "0123456789", 10);
}

static void a_write_that_is_refused_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    let_fail(1, ENOSPC);
    assert_false(file_write_all(fixture->file, "0123456789", 10, 0));
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(kernel.calls, 1);
    expect_file(fixture, "", 0);
}

/* -------------------------------------------------------------- syncing ---- */

static bool sync_and_forget_all(int file)
{
    return file_sync_and_forget(file, 0);
}

static bool sync_directory(int file)
{
    return file_sync_directory(file, "data");
}

static bool (*const syncs[])(int file) = {file_sync, file_sync_data, sync_and_forget_all,
                                          sync_directory};

enum { SYNCS = sizeof syncs / sizeof syncs[0] };

static void a_sync_that_a_signal_interrupts_is_done_again(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < SYNCS; i++) {
        let_fail(2, EINTR);
        assert_true(syncs[i](fixture->file));
        assert_int_equal(kernel.calls, 3);
    }
}

/* The kernel has told that error and forgotten it: another try would succeed for nothing. */
static void a_sync_that_fails_is_never_tried_again(void **state)
{
    struct fixture *fixture = *state;
    static const int errors[] = {EIO, ENOSPC, EDQUOT, EAGAIN};
    for (size_t i = 0; i < SYNCS; i++) {
        for (size_t j = 0; j < sizeof errors / sizeof errors[0]; j++) {
            let_fail(1, errors[j]);
            assert_false(syncs[i](fixture->file));
            assert_int_equal(errno, errors[j]);
            assert_int_equal(kernel.calls, 1);
        }
    }
}

static void a_directory_that_can_not_be_synced_is_no_failure_and_a_file_is_one(void **state)
{
    struct fixture *fixture = *state;
    static const int errors[] = {EINVAL, ENOTSUP, EOPNOTSUPP, ENOSYS};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        let_fail(1, errors[i]);
        assert_true(file_sync_directory(fixture->scratch.descriptor, fixture->scratch.path));
        assert_int_equal(kernel.calls, 1);
        let_fail(1, errors[i]);
        assert_false(file_sync(fixture->file));
        assert_int_equal(errno, errors[i]);
    }
}

static void the_parent_of_a_directory_is_synced_and_a_file_has_none(void **state)
{
    struct fixture *fixture = *state;
    let_fail(2, EINTR);
    assert_true(file_sync_parent(fixture->scratch.descriptor, fixture->scratch.path));
    assert_int_equal(kernel.calls, 3);
    let_fail(1, EIO);
    assert_false(file_sync_parent(fixture->scratch.descriptor, fixture->scratch.path));
    assert_int_equal(errno, EIO);
    assert_false(file_sync_parent(fixture->file, fixture->scratch.path));
    assert_int_equal(errno, ENOTDIR);
}

static void what_is_synced_and_forgotten_still_reads_the_same(void **state)
{
    struct fixture *fixture = *state;
    assert_true(file_write_all(fixture->file, "0123456789", 10, 0));
    assert_true(file_sync_and_forget(fixture->file, 5));
    expect_file(fixture, "0123456789", 10);
}

/* ------------------------------------------------------------------ reading ---- */

static void what_is_there_is_read_in_pieces_and_after_signals(void **state)
{
    struct fixture *fixture = *state;
    char bytes[16];
    assert_true(file_write_all(fixture->file, "0123456789", 10, 0));
    let_fail(2, EINTR);
    kernel.is_short = true;
    assert_int_equal(file_read_up_to(fixture->file, bytes, 7, 2), 7);
    assert_memory_equal(bytes, "2345678", 7);
    assert_int_equal(file_read_up_to(fixture->file, bytes, sizeof bytes, 3), 7); /* to its end */
    assert_memory_equal(bytes, "3456789", 7);
    assert_int_equal(file_read_up_to(fixture->file, bytes, sizeof bytes, 10), 0);
    assert_int_equal(file_read_up_to(fixture->file, bytes, 0, 0), 0);
    let_fail(1, EIO);
    assert_int_equal(file_read_up_to(fixture->file, bytes, 7, 2), -1);
    assert_int_equal(errno, EIO);
}

static void a_files_checksum_is_that_of_its_bytes(void **state)
{
    struct fixture *fixture = *state;
    enum { BYTES = 300 * 1000 }; /* more than one piece */
    uint64_t checksum = 99;
    char *bytes = malloc(BYTES);
    assert_non_null(bytes);
    for (size_t i = 0; i < BYTES; i++) {
        bytes[i] = (char)(1 + i * 31 + i / 4096);
    }
    assert_true(file_write_all(fixture->file, bytes, BYTES, 0));
    static const size_t counts[] = {0, 1, 131071, 131072, 131073, BYTES - 1, BYTES};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        assert_int_equal(file_checksum(fixture->file, counts[i], &checksum), counts[i]);
        assert_int_equal(checksum, checksum_extend(CHECKSUM_EMPTY, bytes, counts[i]));
    }
    uint64_t all = checksum;
    assert_int_equal(file_checksum(fixture->file, UINT64_C(1) << 40, &checksum),
                     BYTES); /* it ends */
    assert_int_equal(checksum, all);
    let_fail(1, EIO);
    assert_int_equal(file_checksum(fixture->file, BYTES, &checksum), -1);
    assert_int_equal(errno, EIO);
    free(bytes);
}

static void only_want_of_room_is_a_full_disk(void **state)
{
    (void)state;
    assert_true(file_is_disk_full(ENOSPC));
    assert_true(file_is_disk_full(EDQUOT));
    assert_false(file_is_disk_full(0));
    assert_false(file_is_disk_full(EIO));
    assert_false(file_is_disk_full(EFBIG));
    assert_false(file_is_disk_full(EINTR));
}

#define FILE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(all_bytes_are_written_at_their_position),
        FILE_TEST(a_short_write_is_followed_by_the_rest),
        FILE_TEST(a_write_that_a_signal_interrupts_is_done_again),
        FILE_TEST(a_write_that_is_refused_is_a_failure),
        cmocka_unit_test(only_want_of_room_is_a_full_disk),
        FILE_TEST(a_sync_that_a_signal_interrupts_is_done_again),
        FILE_TEST(a_sync_that_fails_is_never_tried_again),
        FILE_TEST(a_directory_that_can_not_be_synced_is_no_failure_and_a_file_is_one),
        FILE_TEST(the_parent_of_a_directory_is_synced_and_a_file_has_none),
        FILE_TEST(what_is_synced_and_forgotten_still_reads_the_same),
        FILE_TEST(what_is_there_is_read_in_pieces_and_after_signals),
        FILE_TEST(a_files_checksum_is_that_of_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
