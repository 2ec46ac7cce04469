/*
 * test_storer.c - how a storer ends that can't take over: which of its ends stops the server.
 *
 * Each storer is a child that has been asked to stop already: one that could take
 * over finds nothing to do, and ends as drained.
 */
#include "server/storer/storer.h"

#include "lib/checksum.h"
#include "lib/log.h"
#include "server/signals.h"
#include "shm/agencies.h"
#include "shm/waiting.h"
#include "store/done_file.h"
#include "tests/harness/heritages.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { RING_BYTES = 4096, NO_STORER = 99 };

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct heritage heritage;
    struct control control;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){
        .heritage = {
            .config = {.ring_bytes = RING_BYTES, .agencies_expected = 1, .limit_agencies = 1}}};
    *state = &fixture;
    log_set_threshold(LOG_LEVELS); /* nothing: the failures are wanted */
    heritages_open(&fixture.scratch, &fixture.processes, &fixture.heritage,
                   (struct segment_plan){.ring_bytes = RING_BYTES});
    heritages_add_lottery(&fixture.scratch, &fixture.heritage);
    fixture.control = fixture.heritage.directory.control;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    heritages_close(&fixture->scratch, &fixture->processes, &fixture->heritage);
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

/* Puts the fixture's control into the place of the one that is there. */
static void write_control(const struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    bool synced = false;
    if (!control_write(&fixture->heritage.directory, &fixture->control, &synced, &failure)) {
        fail_msg("%s", failure.text);
    }
}

static int live(void *context)
{
    const struct fixture *fixture = context;
    int ready[2];
    signals_prepare_supervisor();
    if (pipe(ready) != 0 || !signals_prepare_child(getppid()) || kill(getpid(), SIGTERM) != 0) {
        return NO_STORER;
    }
    const struct process_errand errand = {.descriptor = ready[1],
                                          .supervisors = PROCESS_NO_DESCRIPTOR};
    return storer_run(&fixture->heritage, &errand);
}

static void expect_end(struct fixture *fixture, int status)
{
    wait_set_up_storer(&fixture->heritage.segment);
    pid_t pid = processes_start(&fixture->processes, live, fixture);
    processes_expect_exit(&fixture->processes, pid, status);
}

static struct shared_storer *shared(const struct fixture *fixture)
{
    return &fixture->heritage.segment.shared->storer;
}

/* --------------------------------------------------------------- tests ---- */

static void a_storer_that_is_asked_to_stop_ends_as_drained(void **state)
{
    struct fixture *fixture = *state;
    expect_end(fixture, STORER_EXIT_DRAINED);
    assert_int_equal(atomic_load(&shared(fixture)->sync_failed), 0);
}

/* The one whose sync failed was killed before it could end with the status that says so. */
static void a_successor_of_one_whose_sync_failed_does_not_go_on(void **state)
{
    struct fixture *fixture = *state;
    atomic_store(&shared(fixture)->sync_failed, 1);
    expect_end(fixture, STORER_EXIT_DISK_DISTRUSTED);
    expect_end(fixture, STORER_EXIT_DISK_DISTRUSTED); /* nor does any other one */
    assert_false(scratch_has(&fixture->scratch, "done.csv"));
}

static const char winners[] = "1,a,b,1,2000-01-01,7574\r\n";

/* Too many open files, no permission: another storer may do better, and the disk is as it was. */
static void files_that_cannot_be_opened_or_read_are_no_lie_of_the_disk(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {"done.csv", "winners.csv"};
    fixture->control.state = CONTROL_DRAWN;
    fixture->control.draw.winners_bytes = sizeof winners - 1;
    fixture->control.draw.winners_file_checksum =
        checksum_extend(CHECKSUM_EMPTY, winners, sizeof winners - 1);
    write_control(fixture);
    scratch_write(&fixture->scratch, "winners.csv", winners, sizeof winners - 1);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)unlinkat(fixture->scratch.descriptor, files[i], 0);
        assert_int_equal(mkdirat(fixture->scratch.descriptor, files[i], 0755), 0);
        expect_end(fixture, STORER_EXIT_FAILED);
        assert_int_equal(atomic_load(&shared(fixture)->sync_failed), 0);
        assert_int_equal(unlinkat(fixture->scratch.descriptor, files[i], AT_REMOVEDIR), 0);
        scratch_write(&fixture->scratch, files[i], winners, i == 1 ? sizeof winners - 1 : 0);
        expect_end(fixture, STORER_EXIT_DRAINED);
    }
    assert_int_equal(unlinkat(fixture->scratch.descriptor, "bets.csv", 0), 0);
    expect_end(fixture, STORER_EXIT_FAILED);
    assert_int_equal(atomic_load(&shared(fixture)->sync_failed), 0);
}

/* The files of a running server are nobody else's: what was changed in them is not gone on with. */
static void files_that_somebody_changed_are_not_gone_on_with(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    scratch_write(&fixture->scratch, "done.csv", "1,2", 3);
    fixture->control.done_bytes = 3;
    write_control(fixture);
    expect_end(fixture, STORER_EXIT_DISK_DISTRUSTED);
    assert_int_equal(atomic_load(&shared(fixture)->sync_failed), 1);

    (void)tear_down(state);
    (void)set_up(state);
    fixture->control.done_bytes = 3; /* and it is missing */
    write_control(fixture);
    expect_end(fixture, STORER_EXIT_DISK_DISTRUSTED);
    assert_false(scratch_has(&fixture->scratch, "done.csv"));

    (void)tear_down(state);
    (void)set_up(state);
    assert_int_equal(fstatat(fixture->scratch.descriptor, "bets.csv", &status, 0), 0);
    fixture->heritage.directory.bets_inode = status.st_ino;
    expect_end(fixture, STORER_EXIT_DRAINED);
    fixture->heritage.directory.bets_inode = status.st_ino + 1;
    expect_end(fixture, STORER_EXIT_DISK_DISTRUSTED);

    (void)tear_down(state);
    (void)set_up(state);
    fixture->control.state = CONTROL_DRAWN; /* nobody has won */
    write_control(fixture);
    scratch_write(&fixture->scratch, "winners.csv", "", 0);
    expect_end(fixture, STORER_EXIT_DRAINED);
    scratch_write(&fixture->scratch, "winners.csv", winners, sizeof winners - 1);
    expect_end(fixture, STORER_EXIT_DISK_DISTRUSTED);
    assert_int_equal(atomic_load(&shared(fixture)->winners), 0);
}

static void the_control_of_another_lottery_or_of_before_is_not_gone_on_with(void **state)
{
    struct fixture *fixture = *state;
    fixture->control.terms.winning_number++;
    write_control(fixture);
    expect_end(fixture, STORER_EXIT_DISK_DISTRUSTED);
    assert_int_equal(atomic_load(&shared(fixture)->sync_failed), 1);

    (void)tear_down(state);
    (void)set_up(state);
    fixture->control.identity[0] = 'f';
    write_control(fixture);
    expect_end(fixture, STORER_EXIT_DISK_DISTRUSTED);

    (void)tear_down(state);
    (void)set_up(state);
    fixture->control.state = CONTROL_OPEN;
    fixture->control.bets_bytes = 1; /* nothing has been appended */
    write_control(fixture);
    expect_end(fixture, STORER_EXIT_DISK_DISTRUSTED);

    (void)tear_down(state);
    (void)set_up(state);
    atomic_store(&shared(fixture)->drawn, 1); /* and the control is of before the draw */
    expect_end(fixture, STORER_EXIT_DISK_DISTRUSTED);
}

static void the_lines_of_another_lottery_are_not_gone_on_with(void **state)
{
    struct fixture *fixture = *state;
    const struct done_line line = {.agency = 1};
    char text[DONE_LINE_BYTES_MAX];
    size_t bytes = done_file_write_line(text, &line);
    assert_non_null(agencies_find_or_add(&fixture->heritage.segment, 1));
    scratch_write(&fixture->scratch, "done.csv", text, bytes);
    expect_end(fixture, STORER_EXIT_DISK_DISTRUSTED); /* the agency has not asked */

    (void)tear_down(state);
    (void)set_up(state);
    struct agency *agency = agencies_find_or_add(&fixture->heritage.segment, 1);
    scratch_write(&fixture->scratch, "done.csv", text, bytes);
    atomic_store(&agency->phase, AGENCY_DONE_ASKED);
    expect_end(fixture, STORER_EXIT_DRAINED);
    assert_int_equal(atomic_load(&agency->phase), AGENCY_DONE);
    expect_end(fixture, STORER_EXIT_DRAINED);
    scratch_write(&fixture->scratch, "done.csv", "", 0); /* control, too, may be an old one */
    fixture->control.done_bytes = 0;
    write_control(fixture);
    expect_end(fixture, STORER_EXIT_DISK_DISTRUSTED);
}

static void a_control_that_is_missing_or_damaged_is_no_start(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, "control", "damaged", 7);
    expect_end(fixture, STORER_EXIT_FAILED);
    assert_int_equal(unlinkat(fixture->scratch.descriptor, "control", 0), 0);
    expect_end(fixture, STORER_EXIT_FAILED);
    assert_false(scratch_has(&fixture->scratch, "done.csv"));
}

/* Making winners.csv again may take long: a server that stops leaves it to the next start. */
static void winners_that_are_missing_do_not_keep_a_server_from_stopping(void **state)
{
    struct fixture *fixture = *state;
    fixture->control.state = CONTROL_DRAWN;
    write_control(fixture);
    expect_end(fixture, STORER_EXIT_DRAINED);
    assert_int_equal(atomic_load(&shared(fixture)->drawn), 0);
    assert_int_equal(atomic_load(&shared(fixture)->sync_failed), 0);
}

#define STORER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORER_TEST(a_storer_that_is_asked_to_stop_ends_as_drained),
        STORER_TEST(files_that_cannot_be_opened_or_read_are_no_lie_of_the_disk),
        STORER_TEST(a_successor_of_one_whose_sync_failed_does_not_go_on),
        STORER_TEST(files_that_somebody_changed_are_not_gone_on_with),
        STORER_TEST(the_control_of_another_lottery_or_of_before_is_not_gone_on_with),
        STORER_TEST(the_lines_of_another_lottery_are_not_gone_on_with),
        STORER_TEST(a_control_that_is_missing_or_damaged_is_no_start),
        STORER_TEST(winners_that_are_missing_do_not_keep_a_server_from_stopping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
