/*
 * test_segment.c - the shared memory is made, found and replaced by its name.
 */
#include "shm/segment.h"

#include "lib/log.h"
#include "tests/harness/processes.h"

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

static void its_pages_are_there_and_all_may_read_it(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    create(fixture);
    int descriptor = shm_open(fixture->name, O_RDONLY, 0);
    assert_true(descriptor >= 0);
    int result = fstat(descriptor, &status);
    (void)close(descriptor);
    assert_int_equal(result, 0);
    assert_int_equal(status.st_size, fixture->segment.shared->identity.segment_bytes);
    assert_true((uint64_t)status.st_blocks * 512 >= (uint64_t)status.st_size);
    assert_int_equal(status.st_mode & PERMISSIONS, 0644);
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
    struct segment old = fixture->segment;
    create(fixture);
    assert_int_equal(fixture->segment.data[0], 0);
    assert_int_equal(atomic_load(&fixture->segment.shared->positions.head), 0);
    assert_int_equal(atomic_load(&old.shared->positions.head), 5); /* still who has it mapped */
    segment_unmap(&old);
}

static void a_leftover_that_was_never_finished_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    put_leftover(fixture, "", 0);
    create(fixture);
    segment_remove(&fixture->segment);
    put_leftover(fixture, "not a segment", 13);
    create(fixture);
}

static void a_segment_of_another_directory_is_refused_and_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct segment segment;
    struct failure failure;
    create(fixture);
    segment_publish(&fixture->segment, SHARED_READY);
    fixture->segment.shared->identity.directory_inode++;
    assert_false(segment_create(&fixture->plan, &segment, &failure));
    assert_non_null(strstr(failure.text, fixture->name));
    int descriptor = shm_open(fixture->name, O_RDONLY, 0);
    assert_true(descriptor >= 0);
    (void)close(descriptor);
}

static void a_segment_that_has_no_room_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    fixture->plan.ring_bytes = UINT64_C(1) << 46;
    assert_false(segment_create(&fixture->plan, &fixture->segment, &failure));
    assert_non_null(strstr(failure.text, fixture->name));
    assert_true(shm_open(fixture->name, O_RDONLY, 0) < 0);
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
        SEGMENT_TEST(its_pages_are_there_and_all_may_read_it),
        SEGMENT_TEST(the_rings_bytes_stand_there_twice),
        SEGMENT_TEST(a_ring_of_whole_huge_pages_begins_at_one),
        SEGMENT_TEST(a_leftover_of_the_same_directory_is_replaced),
        SEGMENT_TEST(a_leftover_that_was_never_finished_is_replaced),
        SEGMENT_TEST(a_segment_of_another_directory_is_refused_and_left_alone),
        SEGMENT_TEST(a_segment_that_has_no_room_leaves_nothing),
        SEGMENT_TEST(a_removed_segment_has_no_name),
        SEGMENT_TEST(keys_tell_directories_apart_and_are_never_private),
        SEGMENT_TEST(attaching_tells_absent_starting_and_there_apart),
        SEGMENT_TEST(every_size_that_differs_is_another_version),
        SEGMENT_TEST(who_attaches_sees_everything_and_can_write_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
