/*
 * test_segment.c - the shared memory is made, found and replaced by its name.
 */
#include "shm/segment.h"

#include "lib/log.h"
#include "tests/harness/processes.h"
#include "tests/harness/stranger.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { RING_BYTES = 65536, SLOTS = 10, PERMISSIONS = 0777, HUGE_PAGE_BYTES = 2 * 1024 * 1024 };

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct segment_plan plan;
    struct segment segment;
    uint32_t key;
    char name[SEGMENT_NAME_BYTES];
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.key = 0};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR);
    scratch_open(&fixture.scratch);
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    fixture.plan = (struct segment_plan){
        .directory_device = fixture.scratch.device,
        .directory_inode = fixture.scratch.inode,
        .ring_bytes = RING_BYTES,
        .agency_limit = 5,
        .agencies_expected = 3,
        .slot_capacity = SLOTS,
    };
    fixture.key = segment_key(fixture.scratch.device, fixture.scratch.inode);
    (void)snprintf(fixture.name, sizeof fixture.name, "/lottery-%08x", fixture.key);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    if (fixture->segment.shared != NULL) {
        segment_unmap(&fixture->segment);
    }
    (void)shm_unlink(fixture->name);
    scratch_close(&fixture->scratch);
    return 0;
}

static void create(struct fixture *fixture)
{
    struct failure failure;
    if (!segment_create(&fixture->plan, &fixture->segment, &failure)) {
        fail_msg("%s", failure.text);
    }
}

/* Puts something of this many bytes under the segment's name. */
static void put_leftover(const struct fixture *fixture, const void *bytes, size_t count)
{
    int descriptor = shm_open(fixture->name, O_CREAT | O_EXCL | O_RDWR, 0600);
    assert_true(descriptor >= 0);
    ssize_t written = write(descriptor, bytes, count);
    (void)close(descriptor);
    assert_int_equal(written, count);
}

/* 0 where something stands under the segment's name. */
static int access_to_name(const struct fixture *fixture)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/dev/shm%s", fixture->name);
    return access(path, F_OK);
}

/* --------------------------------------------------------------- tests ---- */

static void a_segment_has_room_for_all_that_was_planned(void **state)
{
    struct fixture *fixture = *state;
    create(fixture);
    const struct shared_identity *identity = &fixture->segment.shared->identity;
    assert_string_equal(fixture->segment.name, fixture->name);
    assert_int_equal(identity->magic, 0); /* until it is published */
    assert_int_equal(identity->supervisor_pid, getpid());
    assert_int_equal(identity->agencies_expected, 3);
    assert_int_equal(identity->agency_limit, 5);
    assert_int_equal(identity->agency_capacity, 16);
    assert_int_equal(identity->slot_capacity, SLOTS);
    assert_int_equal(identity->ring_bytes, RING_BYTES);
    const char *base = (const char *)fixture->segment.shared;
    assert_true((const char *)fixture->segment.agencies >= base + sizeof(struct shared));
    assert_true((const char *)(fixture->segment.agencies + identity->agency_capacity) <=
                (const char *)fixture->segment.slots);
    assert_true((const char *)(fixture->segment.slots + SLOTS) <= fixture->segment.data);
    assert_int_equal(fixture->segment.shared->lifecycle.phase, SHARED_NOT_READY);
    segment_publish(&fixture->segment, SHARED_STARTING);
    assert_int_equal(identity->magic, SHARED_MAGIC);
    assert_int_equal(fixture->segment.shared->lifecycle.phase, SHARED_STARTING);
}

static mode_t mode_of_segment(const struct fixture *fixture, struct stat *status)
{
    int descriptor = shm_open(fixture->name, O_RDONLY, 0);
    assert_true(descriptor >= 0);
    int result = fstat(descriptor, status);
    (void)close(descriptor);
    assert_int_equal(result, 0);
    return status->st_mode & PERMISSIONS;
}

static void its_pages_are_there_from_the_start(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    create(fixture);
    (void)mode_of_segment(fixture, &status);
    assert_int_equal(status.st_size, fixture->segment.shared->identity.segment_bytes);
    assert_true((uint64_t)status.st_blocks * 512 >= (uint64_t)status.st_size);
}

static void only_its_user_may_read_it_whatever_the_umask_is(void **state)
{
    static const mode_t umasks[] = {0, 022, 0777};
    struct fixture *fixture = *state;
    struct stat status;
    for (size_t i = 0; i < sizeof umasks / sizeof umasks[0]; i++) {
        mode_t before = umask(umasks[i]);
        create(fixture);
        (void)umask(before);
        assert_int_equal(mode_of_segment(fixture, &status), 0600);
        segment_remove(&fixture->segment);
    }
}

static void it_is_opened_to_one_group(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct stat status;
    create(fixture);
    assert_true(segment_open_to_group(&fixture->segment, getegid(), &failure));
    assert_int_equal(mode_of_segment(fixture, &status), 0640);
    assert_int_equal(status.st_gid, getegid());
}

static void the_rings_bytes_stand_there_twice(void **state)
{
    struct fixture *fixture = *state;
    create(fixture);
    char *data = fixture->segment.data;
    for (size_t i = 0; i < RING_BYTES; i++) {
        data[i + i % 2 * RING_BYTES] = (char)(i % 251); /* through either of the two */
    }
    for (size_t i = 0; i < RING_BYTES; i++) {
        assert_int_equal((unsigned char)data[i], i % 251);
        assert_int_equal((unsigned char)data[i + RING_BYTES], i % 251);
    }
}

static void a_ring_of_whole_huge_pages_begins_at_one(void **state)
{
    struct fixture *fixture = *state;
    fixture->plan.ring_bytes = (uint64_t)2 * HUGE_PAGE_BYTES;
    create(fixture);
    const struct shared_identity *identity = &fixture->segment.shared->identity;
    char *data = fixture->segment.data;
    assert_int_equal(identity->data_offset % HUGE_PAGE_BYTES, 0);
    assert_int_equal((uintptr_t)data % HUGE_PAGE_BYTES, 0);
    assert_int_equal((uintptr_t)fixture->segment.shared % HUGE_PAGE_BYTES, 0);
    data[identity->ring_bytes - 1] = 'z'; /* the last byte of the one is that of the other */
    data[identity->ring_bytes] = 'a';
    assert_int_equal(data[2 * identity->ring_bytes - 1], 'z');
    assert_int_equal(data[0], 'a');
}

static void a_leftover_of_the_same_directory_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    create(fixture);
    fixture->segment.data[0] = 'x';
    atomic_store(&fixture->segment.shared->positions.head, 5);
    struct segment old; /* a reader's: it holds no lock */
    struct failure failure;
    segment_publish(&fixture->segment, SHARED_READY);
    assert_int_equal(segment_attach(fixture->key, &old, &failure), SEGMENT_ATTACHED);
    segment_unmap(&fixture->segment); /* as the end of its last process does */
    create(fixture);
    assert_int_equal(fixture->segment.data[0], 0);
    assert_int_equal(atomic_load(&fixture->segment.shared->positions.head), 0);
    assert_int_equal(atomic_load(&old.shared->positions.head), 5); /* still who has it mapped */
    segment_unmap(&old);
}

static void a_leftover_that_was_never_finished_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    static const char zeros[100];
    put_leftover(fixture, "", 0);
    create(fixture);
    segment_remove(&fixture->segment);
    put_leftover(fixture, zeros, sizeof zeros);
    create(fixture);
}

/* ------------------------------------------------------------ somebody else's ---- */

static void expect_answer(const struct fixture *fixture, enum segment_answer expected,
                          const char *reason);

/* Another key may do where errno is EEXIST. What stood there stands there still. */
static void expect_refusal(struct fixture *fixture, int error, const char *words)
{
    struct segment segment;
    struct failure failure = {.text = ""};
    assert_false(segment_create(&fixture->plan, &segment, &failure));
    assert_int_equal(errno, error);
    assert_non_null(strstr(failure.text, fixture->name));
    if (strstr(failure.text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", failure.text, words);
    }
    assert_int_equal(access_to_name(fixture), 0);
}

static void a_living_servers_segment_is_refused_and_that_server_named(void **state)
{
    struct fixture *fixture = *state;
    char pid[32];
    create(fixture);
    segment_publish(&fixture->segment, SHARED_READY);
    (void)snprintf(pid, sizeof pid, "a living server, pid %d", (int)getpid());
    expect_refusal(fixture, EBUSY, pid);
    fixture->plan.key_remembered = true;
    expect_refusal(fixture, EBUSY, pid);
}

static int live_on(void *context)
{
    (void)context;
    for (;;) {
        (void)pause();
    }
    return 0;
}

static void a_child_that_inherited_it_is_a_living_server(void **state)
{
    struct fixture *fixture = *state;
    create(fixture);
    pid_t child = processes_start(&fixture->processes, live_on, fixture);
    segment_unmap(&fixture->segment);
    expect_refusal(fixture, EBUSY, "a living server");
    (void)processes_kill(&fixture->processes, child);
    create(fixture);
}

static void another_directorys_segment_is_stepped_around_unless_its_key_is_remembered(void **state)
{
    struct fixture *fixture = *state;
    create(fixture);
    segment_publish(&fixture->segment, SHARED_READY);
    fixture->segment.shared->identity.directory_inode++;
    expect_refusal(fixture, EEXIST, "a living server of another data directory");
    fixture->plan.key_remembered = true;
    expect_refusal(fixture, EEXIST, "a living server of another data directory");
    segment_unmap(&fixture->segment);
    fixture->plan.key_remembered = false;
    expect_refusal(fixture, EEXIST, "another data directory has left");
    fixture->plan.key_remembered = true;
    create(fixture); /* our own, of before the file system was mounted anew */
}

static void another_programs_name_is_stepped_around(void **state)
{
    struct fixture *fixture = *state;
    put_leftover(fixture, "not a segment", 13);
    expect_refusal(fixture, EEXIST, "of another program");
    fixture->plan.key = segment_next_key(fixture->key);
    create(fixture);
    assert_string_not_equal(fixture->segment.name, fixture->name);
    segment_remove(&fixture->segment);
}

static int squat(void *context)
{
    const struct fixture *fixture = context;
    (void)umask(0);
    return stranger_become() && shm_open(fixture->name, O_CREAT | O_EXCL | O_RDWR, 0666) >= 0 ? 0
                                                                                              : 1;
}

static void another_users_name_is_stepped_around(void **state)
{
    struct fixture *fixture = *state;
    STRANGER_NEEDED();
    pid_t pid = processes_start(&fixture->processes, squat, fixture);
    processes_expect_exit(&fixture->processes, pid, 0);
    expect_refusal(fixture, EEXIST, "another user's");
    fixture->plan.key_remembered = true;
    expect_refusal(fixture, EEXIST, "another user's");
}

/* Without blocking on the pipe, following the link, or reading the directory. */
static void what_is_no_shared_memory_is_stepped_around(void **state)
{
    struct fixture *fixture = *state;
    char path[64];
    (void)snprintf(path, sizeof path, "/dev/shm%s", fixture->name);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refusal(fixture, EEXIST, "no shared memory");
    expect_answer(fixture, SEGMENT_STARTING, "");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    expect_refusal(fixture, EEXIST, "not ours to open");
    expect_answer(fixture, SEGMENT_ABSENT, "");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refusal(fixture, EEXIST, "no shared memory");
    assert_int_equal(rmdir(path), 0);
}

static int create_as_stranger(void *context)
{
    struct fixture *fixture = context;
    struct failure failure;
    return stranger_become() && !segment_create(&fixture->plan, &fixture->segment, &failure) &&
                   errno == EEXIST && strstr(failure.text, "not ours to open") != NULL
               ? 0
               : 1;
}

static int attach_as_stranger(void *context)
{
    const struct fixture *fixture = context;
    struct segment segment;
    struct failure failure;
    return stranger_become() &&
                   segment_attach(fixture->key, &segment, &failure) == SEGMENT_FORBIDDEN &&
                   segment.owner == 0
               ? 0
               : 1;
}

static void a_stranger_neither_opens_it_nor_takes_its_name(void **state)
{
    struct fixture *fixture = *state;
    STRANGER_NEEDED();
    create(fixture);
    segment_publish(&fixture->segment, SHARED_READY);
    pid_t maker = processes_start(&fixture->processes, create_as_stranger, fixture);
    pid_t reader = processes_start(&fixture->processes, attach_as_stranger, fixture);
    processes_expect_exit(&fixture->processes, maker, 0);
    processes_expect_exit(&fixture->processes, reader, 0);
}

static void a_segment_that_has_lost_its_name_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct failure what = {.text = ""};
    create(fixture);
    assert_true(segment_is_in_place(&fixture->segment, &what));
    assert_int_equal(shm_unlink(fixture->name), 0);
    assert_false(segment_is_in_place(&fixture->segment, &what));
    assert_non_null(strstr(what.text, "has been removed"));
}

static void a_segment_does_not_remove_another_ones_name(void **state)
{
    struct fixture *fixture = *state;
    struct failure what;
    char renamed[96];
    char path[64];
    create(fixture);
    (void)snprintf(path, sizeof path, "/dev/shm%s", fixture->name);
    (void)snprintf(renamed, sizeof renamed, "%s.moved", path);
    assert_int_equal(rename(path, renamed), 0);
    assert_false(segment_is_in_place(&fixture->segment, &what));
    assert_non_null(strstr(what.text, "has been renamed"));
    put_leftover(fixture, "", 0);
    assert_false(segment_is_in_place(&fixture->segment, &what));
    assert_non_null(strstr(what.text, "another one stands in the place"));
    segment_remove(&fixture->segment);
    assert_int_equal(unlink(renamed), 0);
    assert_int_equal(access_to_name(fixture), 0);
}

static void a_segment_that_has_no_room_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    fixture->plan.ring_bytes = UINT64_C(1) << 46;
    assert_false(segment_create(&fixture->plan, &fixture->segment, &failure));
    assert_non_null(strstr(failure.text, fixture->name));
    assert_non_null(strstr(failure.text, errno == ENOSPC ? "shm_size" : "shared memory"));
    assert_true(shm_open(fixture->name, O_RDONLY, 0) < 0);
}

static void room_is_looked_for_without_taking_it(void **state)
{
    (void)state;
    struct failure failure = {.text = ""};
    struct segment_plan plan = {.ring_bytes = 65536, .agency_limit = 1, .slot_capacity = 1};
    assert_true(segment_has_room(&plan, &failure));
    plan.ring_bytes = UINT64_C(1) << 50;
    assert_false(segment_has_room(&plan, &failure));
    assert_non_null(strstr(failure.text, "/dev/shm is too small"));
}

static void a_removed_segment_has_no_name(void **state)
{
    struct fixture *fixture = *state;
    create(fixture);
    segment_remove(&fixture->segment);
    assert_null(fixture->segment.shared);
    assert_true(shm_open(fixture->name, O_RDONLY, 0) < 0);
}

static void keys_tell_directories_apart_and_are_never_private(void **state)
{
    (void)state;
    assert_int_equal(segment_key(1, 2), segment_key(1, 2));
    assert_int_not_equal(segment_key(1, 2), segment_key(2, 1));
    assert_int_not_equal(segment_key(1, 2), segment_key(1, 3));
    for (uint64_t i = 0; i < 100000; i++) {
        assert_int_not_equal(segment_key(i, i * 7), 0);
    }
}

/* ------------------------------------------------------------ attachment ---- */

static void expect_answer(const struct fixture *fixture, enum segment_answer expected,
                          const char *reason)
{
    struct segment segment;
    struct failure failure = {.text = ""};
    enum segment_answer answer = segment_attach(fixture->key, &segment, &failure);
    if (answer == SEGMENT_ATTACHED) {
        segment_unmap(&segment);
    }
    assert_int_equal(answer, expected);
    assert_non_null(strstr(failure.text, reason));
}

static void attaching_tells_absent_starting_and_there_apart(void **state)
{
    struct fixture *fixture = *state;
    static const char zeros[sizeof(struct shared)];
    expect_answer(fixture, SEGMENT_ABSENT, "no server");
    put_leftover(fixture, "", 0);
    expect_answer(fixture, SEGMENT_STARTING, "starting");
    assert_int_equal(shm_unlink(fixture->name), 0);
    put_leftover(fixture, zeros, sizeof zeros);
    expect_answer(fixture, SEGMENT_STARTING, "starting");
    create(fixture);
    expect_answer(fixture, SEGMENT_STARTING, "starting");
    segment_publish(&fixture->segment, SHARED_STARTING);
    expect_answer(fixture, SEGMENT_ATTACHED, "");
    segment_publish(&fixture->segment, SHARED_STOPPING);
    expect_answer(fixture, SEGMENT_ATTACHED, "");
}

static void every_size_that_differs_is_another_version(void **state)
{
    struct fixture *fixture = *state;
    create(fixture);
    segment_publish(&fixture->segment, SHARED_READY);
    struct shared_identity *identity = &fixture->segment.shared->identity;
    uint32_t *const values[] = {&identity->layout_version,  &identity->mutex_bytes,
                                &identity->semaphore_bytes, &identity->agency_bytes,
                                &identity->slot_bytes,      &identity->header_bytes};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        *values[i] ^= 8;
        expect_answer(fixture, SEGMENT_OTHER_VERSION, "another version");
        *values[i] ^= 8;
        expect_answer(fixture, SEGMENT_ATTACHED, "");
    }
    identity->magic++;
    expect_answer(fixture, SEGMENT_OTHER_VERSION, "magic");
}

static int attach_and_write(void *context)
{
    const struct fixture *fixture = context;
    struct segment segment;
    struct failure failure;
    processes_die_quietly();
    if (segment_attach(fixture->key, &segment, &failure) != SEGMENT_ATTACHED) {
        return 1;
    }
    atomic_store(&segment.shared->positions.head, 1);
    return 2;
}

static void who_attaches_sees_everything_and_can_write_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct segment segment;
    struct failure failure;
    create(fixture);
    segment_publish(&fixture->segment, SHARED_READY);
    assert_int_equal(segment_attach(fixture->key, &segment, &failure), SEGMENT_ATTACHED);
    atomic_store(&fixture->segment.shared->positions.head, 77);
    fixture->segment.agencies[15].id = 15;
    atomic_store(&fixture->segment.slots[SLOTS - 1].messages, 9);
    assert_int_equal(atomic_load(&segment.shared->positions.head), 77);
    assert_int_equal(segment.agencies[15].id, 15);
    assert_int_equal(atomic_load(&segment.slots[SLOTS - 1].messages), 9);
    assert_null(segment.data);
    segment_unmap(&segment);
    pid_t pid = processes_start(&fixture->processes, attach_and_write, fixture);
    int status = processes_wait(&fixture->processes, pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

#define SEGMENT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEGMENT_TEST(a_segment_has_room_for_all_that_was_planned),
        SEGMENT_TEST(its_pages_are_there_from_the_start),
        SEGMENT_TEST(only_its_user_may_read_it_whatever_the_umask_is),
        SEGMENT_TEST(it_is_opened_to_one_group),
        SEGMENT_TEST(the_rings_bytes_stand_there_twice),
        SEGMENT_TEST(a_ring_of_whole_huge_pages_begins_at_one),
        SEGMENT_TEST(a_leftover_of_the_same_directory_is_replaced),
        SEGMENT_TEST(a_leftover_that_was_never_finished_is_replaced),
        SEGMENT_TEST(a_living_servers_segment_is_refused_and_that_server_named),
        SEGMENT_TEST(a_child_that_inherited_it_is_a_living_server),
        SEGMENT_TEST(another_directorys_segment_is_stepped_around_unless_its_key_is_remembered),
        SEGMENT_TEST(another_programs_name_is_stepped_around),
        SEGMENT_TEST(another_users_name_is_stepped_around),
        SEGMENT_TEST(what_is_no_shared_memory_is_stepped_around),
        SEGMENT_TEST(a_stranger_neither_opens_it_nor_takes_its_name),
        SEGMENT_TEST(a_segment_that_has_lost_its_name_says_so),
        SEGMENT_TEST(a_segment_does_not_remove_another_ones_name),
        SEGMENT_TEST(a_segment_that_has_no_room_leaves_nothing),
        SEGMENT_TEST(room_is_looked_for_without_taking_it),
        SEGMENT_TEST(a_removed_segment_has_no_name),
        SEGMENT_TEST(keys_tell_directories_apart_and_are_never_private),
        SEGMENT_TEST(attaching_tells_absent_starting_and_there_apart),
        SEGMENT_TEST(every_size_that_differs_is_another_version),
        SEGMENT_TEST(who_attaches_sees_everything_and_can_write_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
