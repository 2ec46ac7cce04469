/*
 * test_disk.c - how the storer writes: all of it, at its place; waiting for
 * room where there is none; and giving back what was allocated and not used.
 *
 * /dev/full is a disk without room (full(4)).
 */
#include "server/storer/disk.h"

#include "lib/log.h"
#include "server/signals.h"
#include "tests/harness/heritages.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    RING_BYTES = 4096,
    MANY_BYTES = 3 * 1024 * 1024 + 17,
    SIZE_LIMIT = 5000,
    REFUSED_STATUS = 42,
    BLOCK_BYTES = 512 /* st_blocks' unit */
};

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct heritage heritage;
    struct disk disk;
    struct disk_file file;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.file = {.name = "bets.csv", .descriptor = -1}};
    *state = &fixture;
    log_set_threshold(LOG_LEVELS); /* nothing: the failures are wanted */
    heritages_open(&fixture.scratch, &fixture.processes, &fixture.heritage,
                   (struct segment_plan){.ring_bytes = RING_BYTES});
    fixture.disk = (struct disk){.heritage = &fixture.heritage,
                                 .segment = &fixture.heritage.segment,
                                 .ahead = &fixture.file};
    fixture.file.descriptor =
        openat(fixture.scratch.descriptor, "bets.csv", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fixture.file.descriptor >= 0);
    assert_true(disk_identify(&fixture.file));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    heritages_close(&fixture->scratch, &fixture->processes, &fixture->heritage);
    if (fixture->file.descriptor >= 0) {
        (void)close(fixture->file.descriptor);
    }
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

static bool write_at(struct fixture *fixture, const char *bytes, size_t count, uint64_t position)
{
    return disk_write(&fixture->disk, &fixture->file, bytes, count, position);
}

static void expect_file(struct fixture *fixture, const char *bytes, size_t count)
{
    size_t got = 0;
    char *file = scratch_read(&fixture->scratch, "bets.csv", &got);
    bool same = got == count && memcmp(file, bytes, count) == 0;
    free(file);
    assert_true(same);
}

static struct shared_storer *storer(const struct fixture *fixture)
{
    return &fixture->heritage.segment.shared->storer;
}

/* -------------------------------------------------------------- writing ---- */

static void bytes_are_written_at_their_position(void **state)
{
    struct fixture *fixture = *state;
    assert_true(write_at(fixture, "abc", 3, 0));
    assert_true(write_at(fixture, "defg", 4, 3));
    assert_true(write_at(fixture, "XY", 2, 1));
    assert_true(write_at(fixture, "", 0, 100)); /* nothing is nothing */
    expect_file(fixture, "aXYdefg", 7);
    assert_true(write_at(fixture, "z", 1, 9));
    expect_file(fixture, "aXYdefg\0\0z", 10);
    assert_int_equal(lseek(fixture->file.descriptor, 0, SEEK_CUR), 0);
    assert_int_equal(atomic_load(&storer(fixture)->write_retries), 0);
}

static void many_bytes_are_written_whole(void **state)
{
    struct fixture *fixture = *state;
    char *bytes = malloc(MANY_BYTES);
    assert_non_null(bytes);
    for (size_t i = 0; i < MANY_BYTES; i++) {
        bytes[i] = (char)(i * 31 + i / 4096);
    }
    assert_true(write_at(fixture, bytes, MANY_BYTES, 0));
    expect_file(fixture, bytes, MANY_BYTES);
    free(bytes);
}

/* The kernel takes a part and then refuses the rest (EFBIG): that is no full disk. */
static int write_over_the_limit(void *context)
{
    struct fixture *fixture = context;
    static char bytes[2 * SIZE_LIMIT];
    const struct rlimit limit = {SIZE_LIMIT, SIZE_LIMIT};
    memset(bytes, 'b', sizeof bytes);
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 1;
    }
    return write_at(fixture, bytes, sizeof bytes, 10) ? 2 : REFUSED_STATUS;
}

static void another_error_than_no_room_ends_the_writing(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    pid_t pid = processes_start(&fixture->processes, write_over_the_limit, fixture);
    processes_expect_exit(&fixture->processes, pid, REFUSED_STATUS);
    assert_int_equal(fstat(fixture->file.descriptor, &status), 0);
    assert_int_equal(status.st_size, SIZE_LIMIT); /* as far as it went */
    const struct disk_file read_only = {
        .name = "bets.csv",
        .descriptor = openat(fixture->scratch.descriptor, "bets.csv", O_RDONLY | O_CLOEXEC)};
    assert_true(read_only.descriptor >= 0);
    bool written = disk_write(&fixture->disk, &read_only, "x", 1, 0);
    (void)close(read_only.descriptor);
    assert_false(written);
    assert_int_equal(atomic_load(&storer(fixture)->write_retries), 0);
    assert_int_equal(fixture->disk.trust, DISK_TRUSTED);
}

/* ----------------------------------------------------------------- room ---- */

static int write_to_a_full_disk(void *context)
{
    struct fixture *fixture = context;
    const struct disk_file full = {.name = "bets.csv",
                                   .descriptor = open("/dev/full", O_WRONLY | O_CLOEXEC)};
    signals_prepare_supervisor();
    signals_unblock();
    signals_post_on_terminate(&storer(fixture)->wakeup);
    bool written = disk_write(&fixture->disk, &full, "x", 1, 0);
    return written ? 1 : REFUSED_STATUS;
}

static bool waits_for_room(const void *context)
{
    const struct fixture *fixture = context;
    return atomic_load(&storer(fixture)->retry_errno) == ENOSPC &&
           atomic_load(&storer(fixture)->sleeping) == 1 &&
           atomic_load(&storer(fixture)->write_retries) > 0;
}

static bool has_tried_again(const void *context)
{
    const struct fixture *fixture = context;
    return atomic_load(&storer(fixture)->write_retries) > 1;
}

static void a_full_disk_is_tried_again_until_the_server_stops(void **state)
{
    struct fixture *fixture = *state;
    int status = 0;
    pid_t pid = processes_start(&fixture->processes, write_to_a_full_disk, fixture);
    processes_await(waits_for_room, fixture);
    assert_int_equal(sem_post(&storer(fixture)->wakeup), 0); /* no need to wait for its pause */
    processes_await(has_tried_again, fixture);
    assert_false(processes_has_ended(&fixture->processes, pid, &status));
    assert_int_equal(kill(pid, SIGTERM), 0);
    processes_expect_exit(&fixture->processes, pid, REFUSED_STATUS);
}

static int write_to_a_full_disk_when_stopping(void *context)
{
    struct fixture *fixture = context;
    signals_prepare_supervisor();
    signals_unblock();
    (void)kill(getpid(), SIGTERM); /* arrives before kill returns */
    int status = write_to_a_full_disk(context);
    return atomic_load(&storer(fixture)->write_retries) == 0 ? status : 1;
}

static void a_server_that_stops_does_not_wait_for_room(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = processes_start(&fixture->processes, write_to_a_full_disk_when_stopping, fixture);
    processes_expect_exit(&fixture->processes, pid, REFUSED_STATUS);
}

/* Another thread's sync may have failed meanwhile: then room would come too late. */
static void a_disk_that_is_not_trusted_is_none_to_wait_for(void **state)
{
    struct fixture *fixture = *state;
    const struct disk_file full = {.name = "bets.csv",
                                   .descriptor = open("/dev/full", O_WRONLY | O_CLOEXEC)};
    assert_true(disk_may_wait_for_room(&fixture->disk, ENOSPC));
    assert_false(disk_may_wait_for_room(&fixture->disk, EIO));
    disk_distrust(&fixture->disk, DISK_SYNC_FAILED);
    assert_false(disk_may_wait_for_room(&fixture->disk, ENOSPC));
    assert_false(disk_write(&fixture->disk, &full, "x", 1, 0));
    assert_int_equal(atomic_load(&storer(fixture)->write_retries), 0);
    (void)close(full.descriptor);
}

static void room_that_is_there_again_is_noted_with_the_first_byte(void **state)
{
    struct fixture *fixture = *state;
    atomic_store(&storer(fixture)->retry_errno, ENOSPC);
    assert_true(write_at(fixture, "", 0, 0));
    assert_int_equal(atomic_load(&storer(fixture)->retry_errno), ENOSPC);
    assert_true(write_at(fixture, "x", 1, 0));
    assert_int_equal(atomic_load(&storer(fixture)->retry_errno), 0);
    disk_note_room(&fixture->disk, "bets.csv"); /* harmless */
    assert_int_equal(atomic_load(&storer(fixture)->retry_errno), 0);
}

/* Gives its blocks back while it waits: they may be the room that is wanted. */
static int write_elsewhere_with_blocks_ahead(void *context)
{
    struct fixture *fixture = context;
    disk_allocate_ahead(&fixture->file, 1);
    int status = write_to_a_full_disk(context);
    return fixture->file.allocated == DISK_ALLOCATE_NEVER ? status : 1;
}

static void a_full_disk_gets_the_blocks_back_that_were_allocated_ahead(void **state)
{
    struct fixture *fixture = *state;
    assert_true(write_at(fixture, "content", 7, 0));
    pid_t pid = processes_start(&fixture->processes, write_elsewhere_with_blocks_ahead, fixture);
    processes_await(waits_for_room, fixture);
    assert_int_equal(kill(pid, SIGTERM), 0);
    processes_expect_exit(&fixture->processes, pid, REFUSED_STATUS);
    expect_file(fixture, "content", 7);
}

/* ----------------------------------------------------------- allocation ---- */

static off_t blocks(const struct fixture *fixture)
{
    struct stat status;
    assert_int_equal(fstat(fixture->file.descriptor, &status), 0);
    return (off_t)status.st_blocks * BLOCK_BYTES;
}

static void blocks_are_allocated_ahead_in_large_pieces_without_growing_the_file(void **state)
{
    struct fixture *fixture = *state;
    assert_true(write_at(fixture, "content", 7, 0));
    disk_allocate_ahead(&fixture->file, 7);
    uint64_t allocated = fixture->file.allocated;
    assert_true(allocated > (uint64_t)1024 * 1024);
    expect_file(fixture, "content", 7);
    disk_allocate_ahead(&fixture->file, allocated); /* up to there it is done */
    assert_int_equal(fixture->file.allocated, allocated);
    disk_allocate_ahead(&fixture->file, allocated + 1);
    assert_true(fixture->file.allocated > allocated + 1);
    expect_file(fixture, "content", 7);
}

static void releasing_what_was_allocated_keeps_content_and_size(void **state)
{
    struct fixture *fixture = *state;
    assert_true(write_at(fixture, "content", 7, 0));
    off_t before = blocks(fixture);
    disk_allocate_ahead(&fixture->file, 7);
    off_t ahead = blocks(fixture);
    disk_release_allocated(&fixture->file);
    assert_int_equal(fixture->file.allocated, DISK_ALLOCATE_NEVER);
    assert_true(blocks(fixture) < ahead || ahead == before); /* not every file system can do it */
    expect_file(fixture, "content", 7);
    disk_allocate_ahead(&fixture->file, UINT64_C(1) << 40); /* never again */
    assert_int_equal(fixture->file.allocated, DISK_ALLOCATE_NEVER);
    assert_true(write_at(fixture, "s", 1, 7));
    expect_file(fixture, "contents", 8);
}

static void a_file_without_allocated_blocks_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct disk_file closed = {.name = "x", .descriptor = -1, .allocated = 5};
    disk_release_allocated(&closed);
    assert_int_equal(closed.allocated, 5);
    disk_release_allocated(&fixture->file);
    assert_int_equal(fixture->file.allocated, 0);
}

/* ----------------------------------------------------------------- sync ---- */

static void a_sync_that_fails_ends_the_trust_in_the_disk(void **state)
{
    struct fixture *fixture = *state;
    int ends[2];
    assert_true(disk_sync(&fixture->disk, &fixture->file));
    assert_int_equal(fixture->disk.trust, DISK_TRUSTED);
    assert_int_equal(atomic_load(&storer(fixture)->sync_failed), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const struct disk_file pipe_end = {.name = "bets.csv", .descriptor = ends[1]};
    bool synced = disk_sync(&fixture->disk, &pipe_end); /* EINVAL: a pipe has no disk */
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_false(synced);
    assert_int_equal(fixture->disk.trust, DISK_SYNC_FAILED);
    assert_int_equal(atomic_load(&storer(fixture)->sync_failed), 1); /* for a successor */
    assert_true(disk_sync(&fixture->disk, &fixture->file));
    assert_int_equal(fixture->disk.trust, DISK_SYNC_FAILED);
}

/* ---------------------------------------------------------------- in place ---- */

enum { IN_PLACE_BYTES = 7 };

static bool is_in_place(struct fixture *fixture, uint64_t bytes)
{
    return disk_is_in_place(&fixture->disk, &fixture->file, bytes);
}

static void a_file_is_in_place_while_nobody_touches_it(void **state)
{
    struct fixture *fixture = *state;
    assert_true(write_at(fixture, "content", IN_PLACE_BYTES, 0));
    assert_true(is_in_place(fixture, IN_PLACE_BYTES));
    assert_true(is_in_place(fixture, 0)); /* it may be longer */
    assert_int_equal(linkat(fixture->scratch.descriptor, "bets.csv", fixture->scratch.descriptor,
                            "another name", 0),
                     0);
    assert_true(is_in_place(fixture, IN_PLACE_BYTES));
    disk_allocate_ahead(&fixture->file, IN_PLACE_BYTES);
    assert_true(is_in_place(fixture, IN_PLACE_BYTES));
    disk_release_allocated(&fixture->file);
    assert_true(is_in_place(fixture, IN_PLACE_BYTES));
    assert_int_equal(fixture->disk.trust, DISK_TRUSTED);
    assert_int_equal(atomic_load(&storer(fixture)->sync_failed), 0);
}

static void remove_it(int directory)
{
    assert_int_equal(unlinkat(directory, "bets.csv", 0), 0);
}

static void rename_it(int directory)
{
    assert_int_equal(renameat(directory, "bets.csv", directory, "elsewhere"), 0);
}

static void write_it_anew(int directory)
{
    int file = openat(directory, "bets.csv", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_int_equal(write(file, "content", IN_PLACE_BYTES), IN_PLACE_BYTES);
    assert_int_equal(close(file), 0);
}

static void replace_it(int directory)
{
    remove_it(directory);
    write_it_anew(directory);
}

/* As an editor does: the file that is open is still there, under another name. */
static void replace_it_and_keep_the_old_one(int directory)
{
    rename_it(directory);
    write_it_anew(directory);
}

static void cut_it(int directory)
{
    int file = openat(directory, "bets.csv", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(file, IN_PLACE_BYTES - 1), 0);
    assert_int_equal(close(file), 0);
}

static void put_a_link_to_it_into_its_place(int directory)
{
    rename_it(directory);
    assert_int_equal(symlinkat("elsewhere", directory, "bets.csv"), 0);
}

static void put_a_directory_into_its_place(int directory)
{
    rename_it(directory);
    assert_int_equal(mkdirat(directory, "bets.csv", 0700), 0);
}

static void whatever_is_done_to_a_file_is_noticed_and_remembered(void **state)
{
    static void (*const deeds[])(int directory) = {remove_it,
                                                   rename_it,
                                                   replace_it,
                                                   replace_it_and_keep_the_old_one,
                                                   cut_it,
                                                   put_a_link_to_it_into_its_place,
                                                   put_a_directory_into_its_place};
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        struct fixture *fixture = *state;
        assert_true(write_at(fixture, "content", IN_PLACE_BYTES, 0));
        assert_true(is_in_place(fixture, IN_PLACE_BYTES));
        deeds[i](fixture->scratch.descriptor);
        if (is_in_place(fixture, IN_PLACE_BYTES) || fixture->disk.trust != DISK_FILE_CHANGED ||
            atomic_load(&storer(fixture)->sync_failed) != 1) {
            fail_msg("deed %zu was not noticed", i);
        }
        (void)tear_down(state);
        (void)set_up(state);
    }
}

/* ----------------------------------------------------------------- control ---- */

static const struct control a_control = {.identity = "00112233445566778899aabbccddeeff",
                                         .ring_bytes = RING_BYTES,
                                         .terms = {.draw = "1", .agencies_expected = 1}};

static void control_is_written(void **state)
{
    struct fixture *fixture = *state;
    struct control found;
    struct failure failure;
    atomic_store(&storer(fixture)->retry_errno, ENOSPC);
    assert_true(disk_write_control(&fixture->disk, &a_control));
    assert_int_equal(atomic_load(&storer(fixture)->retry_errno), 0); /* there was room */
    assert_int_equal(control_read(&fixture->heritage.directory, &found, &failure), CONTROL_READ);
    assert_int_equal(fixture->disk.trust, DISK_TRUSTED);
}

static void a_control_that_cannot_be_written_ends_the_writing(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "control.tmp", 0700), 0);
    assert_false(disk_write_control(&fixture->disk, &a_control));
    assert_int_equal(fixture->disk.trust,
                     DISK_TRUSTED); /* no sync has failed: another storer may do better */
    assert_int_equal(atomic_load(&storer(fixture)->write_retries), 0);
}

#define DISK_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_TEST(bytes_are_written_at_their_position),
        DISK_TEST(many_bytes_are_written_whole),
        DISK_TEST(another_error_than_no_room_ends_the_writing),
        DISK_TEST(a_full_disk_is_tried_again_until_the_server_stops),
        DISK_TEST(a_server_that_stops_does_not_wait_for_room),
        DISK_TEST(a_disk_that_is_not_trusted_is_none_to_wait_for),
        DISK_TEST(room_that_is_there_again_is_noted_with_the_first_byte),
        DISK_TEST(a_full_disk_gets_the_blocks_back_that_were_allocated_ahead),
        DISK_TEST(blocks_are_allocated_ahead_in_large_pieces_without_growing_the_file),
        DISK_TEST(releasing_what_was_allocated_keeps_content_and_size),
        DISK_TEST(a_file_without_allocated_blocks_is_left_alone),
        DISK_TEST(a_sync_that_fails_ends_the_trust_in_the_disk),
        DISK_TEST(a_file_is_in_place_while_nobody_touches_it),
        DISK_TEST(whatever_is_done_to_a_file_is_noticed_and_remembered),
        DISK_TEST(control_is_written),
        DISK_TEST(a_control_that_cannot_be_written_ends_the_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
