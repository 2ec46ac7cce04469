/*
 * test_ownership.c - whatever is removed or replaced under its name is noticed at the next look.
 */
#include "server/supervisor/ownership.h"

#include "lib/log.h"
#include "shm/gate.h"
#include "shm/heartbeat.h"
#include "tests/harness/processes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { PATH_BYTES = 128, RING_BYTES = 4096, LOG_BYTES = 4096 };

struct fixture {
    struct scratch scratch;
    struct heritage heritage;
    struct ownership ownership;
    char path[PATH_BYTES];
    int output;   /* standard output, kept */
    int log_file; /* where the log goes instead */
};

/* What heritage_open has made, as far as it is looked at. */
static void open_heritage(struct fixture *fixture)
{
    struct heritage *heritage = &fixture->heritage;
    struct failure failure = {.text = ""};
    if (!data_directory_open(fixture->path, NULL, 0, &heritage->directory, &failure)) {
        fail_msg("%s", failure.text);
    }
    const struct segment_plan plan = {
        .directory_device = heritage->directory.device,
        .directory_inode = heritage->directory.inode,
        .ring_bytes = RING_BYTES,
        .agency_limit = 1,
        .agencies_expected = 1,
        .slot_capacity = 1,
    };
    assert_true(segment_create(&plan, &heritage->segment, &failure));
    heritage->directory.ipc_key =
        segment_key(heritage->directory.device, heritage->directory.inode);
    assert_true(gate_create(heritage->directory.ipc_key, 1, &heritage->gate_id, &failure));
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.heritage = {.gate_id = -1}};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_CRITICAL);
    scratch_open(&fixture.scratch);
    (void)snprintf(fixture.path, sizeof fixture.path, "%s/data", fixture.scratch.path);
    open_heritage(&fixture);
    scratch_write(&fixture.scratch, "data/bets.csv", "row", 3);
    atomic_store(&fixture.heritage.segment.shared->positions.head, 6);
    atomic_store(&fixture.heritage.segment.shared->positions.durable, 3);
    scratch_write(&fixture.scratch, "data/done.csv", "1", 1);
    scratch_write(&fixture.scratch, "data/control", "x", 1);
    fixture.log_file =
        openat(fixture.scratch.descriptor, "log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    fixture.output = dup(STDOUT_FILENO);
    ownership_begin(&fixture.ownership, &fixture.heritage);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)semctl(fixture->heritage.gate_id, 0, IPC_RMID);
    segment_remove(&fixture->heritage.segment);
    data_directory_close(&fixture->heritage.directory);
    (void)close(fixture->output);
    (void)close(fixture->log_file);
    scratch_close(&fixture->scratch);
    return 0;
}

/* Looks now, with the log going to the file. */
static bool look(struct fixture *fixture)
{
    fixture->ownership.looked_at_ms = 0;
    (void)fflush(stdout);
    assert_true(dup2(fixture->log_file, STDOUT_FILENO) >= 0);
    bool holds = ownership_holds(&fixture->ownership);
    (void)fflush(stdout);
    assert_true(dup2(fixture->output, STDOUT_FILENO) >= 0);
    return holds;
}

/* The next look ends the server, one line says why, and the data's loss halts it at once. */
static void expect_loss(struct fixture *fixture, bool of_data, const char *words)
{
    char line[LOG_BYTES] = "";
    assert_false(look(fixture));
    assert_false(look(fixture)); /* and says it once */
    ssize_t got = pread(fixture->log_file, line, sizeof line - 1, 0);
    line[got > 0 ? got : 0] = '\0';
    if (strstr(line, words) == NULL) {
        fail_msg("'%s' does not say '%s'", line, words);
    }
    assert_non_null(
        strstr(line, of_data ? "start the server again: agencies resume" : "RemoveIPC=no"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_int_equal(atomic_load(&fixture->heritage.segment.shared->lifecycle.halted),
                     of_data ? 1 : 0);
}

static void move(const struct fixture *fixture, const char *from, const char *to)
{
    assert_int_equal(renameat(fixture->scratch.descriptor, from, fixture->scratch.descriptor, to),
                     0);
}

static void what_is_all_there_holds_and_the_supervisor_is_seen_alive(void **state)
{
    struct fixture *fixture = *state;
    _Atomic int64_t *beat = &fixture->heritage.segment.shared->supervisor.beat_at_ms;
    assert_true(heartbeat_age_ms(beat) >= 0);
    atomic_store(beat, 1);
    assert_true(ownership_holds(&fixture->ownership)); /* it has just looked: not again */
    assert_int_equal(atomic_load(beat), 1);
    int64_t patience_ms = ownership_patience_ms(&fixture->ownership);
    assert_true(patience_ms > 0 && patience_ms < HEARTBEAT_EVERY_MS);
    assert_true(look(fixture));
    assert_true(heartbeat_age_ms(beat) < HEARTBEAT_LATE_MS);
}

static void files_that_the_server_replaces_itself_or_that_come_later_are_no_loss(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, "data/control.tmp", "y", 1);
    move(fixture, "data/control.tmp", "data/control");
    scratch_write(&fixture->scratch, "data/bets.csv", "longer", 6);
    scratch_write(&fixture->scratch, "data/winners.csv", "", 0);
    assert_true(look(fixture));
    assert_int_equal(unlinkat(fixture->scratch.descriptor, "data/winners.csv", 0), 0);
    expect_loss(fixture, true, "winners.csv");
}

static void a_file_that_is_removed_is_lost(void **state)
{
    static const char *const names[] = {"lock", "bets.csv", "done.csv", "control"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_BYTES];
        (void)snprintf(path, sizeof path, "data/%s", names[i]);
        assert_int_equal(unlinkat(fixture->scratch.descriptor, path, 0), 0);
        expect_loss(fixture, true, names[i]);
        (void)tear_down(state);
        (void)set_up(state);
    }
}

static void bets_that_are_fewer_than_were_stored_or_more_than_were_sent_are_lost(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, "data/bets.csv", "ro", 2);
    expect_loss(fixture, true, "somebody cut it");
    (void)tear_down(state);
    (void)set_up(state);
    scratch_write(&fixture->scratch, "data/bets.csv", "rowforged", 9);
    expect_loss(fixture, true, "somebody wrote into it");
}

static void a_file_that_is_replaced_is_lost(void **state)
{
    static const char *const names[] = {"lock", "bets.csv", "done.csv"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[PATH_BYTES];
        (void)snprintf(path, sizeof path, "data/%s", names[i]);
        scratch_write(&fixture->scratch, "restored", "row", 3);
        move(fixture, "restored", path);
        expect_loss(fixture, true, "another file stands in the place of");
        (void)tear_down(state);
        (void)set_up(state);
    }
    scratch_write(&fixture->scratch, "elsewhere", "row", 3);
    move(fixture, "data/bets.csv", "away");
    assert_int_equal(symlinkat("../away", fixture->scratch.descriptor, "data/bets.csv"), 0);
    expect_loss(fixture, true, "another file stands in the place of");
}

static void a_directory_that_is_moved_is_lost(void **state)
{
    struct fixture *fixture = *state;
    move(fixture, "data", "data.old");
    expect_loss(fixture, true, "is no longer under its name: No such file");
}

static void a_directory_that_is_replaced_is_lost(void **state)
{
    struct fixture *fixture = *state;
    move(fixture, "data", "data.old");
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "data", 0700), 0);
    expect_loss(fixture, true, "another one stands in the place of data directory");
}

static void a_segment_that_is_removed_is_lost_but_no_bet(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(shm_unlink(fixture->heritage.segment.name), 0);
    expect_loss(fixture, false, "shared memory /lottery-");
}

static void a_semaphore_set_that_is_removed_is_lost_but_no_bet(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(semctl(fixture->heritage.gate_id, 0, IPC_RMID), 0);
    expect_loss(fixture, false, "semaphore set 0x");
}

#define OWNERSHIP_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OWNERSHIP_TEST(what_is_all_there_holds_and_the_supervisor_is_seen_alive),
        OWNERSHIP_TEST(files_that_the_server_replaces_itself_or_that_come_later_are_no_loss),
        OWNERSHIP_TEST(a_file_that_is_removed_is_lost),
        OWNERSHIP_TEST(bets_that_are_fewer_than_were_stored_or_more_than_were_sent_are_lost),
        OWNERSHIP_TEST(a_file_that_is_replaced_is_lost),
        OWNERSHIP_TEST(a_directory_that_is_moved_is_lost),
        OWNERSHIP_TEST(a_directory_that_is_replaced_is_lost),
        OWNERSHIP_TEST(a_segment_that_is_removed_is_lost_but_no_bet),
        OWNERSHIP_TEST(a_semaphore_set_that_is_removed_is_lost_but_no_bet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
