/*
 * test_archive.c - a draw's files are moved to draws/NAME/, from whatever step the last try came to.
 */
#include "store/archive.h"

#include "lib/log.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"
#include "tests/harness/stranger.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { NAMES_BYTES = 256, OWNERS_MODE = 0700, OPEN_MODE = 0755 };

#define IDENTITY       "00112233445566778899aabbccddeeff"
#define OTHER_IDENTITY "ffeeddccbbaa99887766554433221100"

/* In the order in which they are moved. */
static const char *const names[] = {"bets.csv", "done.csv",  "checkpoint", "seal.json",
                                    "seal.sig", "draw.json", "draw.sig",   "winners.csv"};

enum { NAMES = sizeof names / sizeof names[0] };

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    struct control finished, next;
    char names[NAMES_BYTES]; /* that archive_list has given */
};

/* What renameat2 does in place of its work: 0: its work. */
static int rename_error;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    if (rename_error != 0) {
        errno = rename_error;
        return -1;
    }
    return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}

static struct control make(const char *draw, const char *identity, enum control_state state)
{
    struct control control = {.ring_bytes = 4096,
                              .terms = {.agencies_expected = 1, .agencies_allowed = "1"},
                              .state = state};
    (void)snprintf(control.identity, sizeof control.identity, "%s", identity);
    (void)snprintf(control.terms.draw, sizeof control.terms.draw, "%s", draw);
    return control;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    rename_error = 0;
    fixture = (struct fixture){.finished = make("W47", IDENTITY, CONTROL_DRAWN),
                               .next = make("W48", OTHER_IDENTITY, CONTROL_NEW)};
    (void)snprintf(fixture.next.archiving, sizeof fixture.next.archiving, "W47");
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR);
    scratch_open(&fixture.scratch);
    fixture.directory = scratch_directory(&fixture.scratch);
    for (size_t i = 0; i < NAMES; i++) {
        scratch_write(&fixture.scratch, names[i], names[i], strlen(names[i]));
    }
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    scratch_close(&fixture->scratch);
    return 0;
}

/* ---------------------------------------------------------------- steps ---- */

static void prepare(struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    bool synced = false;
    if (!archive_prepare(&fixture->directory, &fixture->finished, &synced, &failure)) {
        fail_msg("%s", failure.text);
    }
    assert_true(synced);
}

static void commit(struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    bool synced = false;
    if (!control_write(&fixture->directory, &fixture->next, &synced, &failure)) {
        fail_msg("%s", failure.text);
    }
}

/* As a start does it: by what control says. */
static void complete(struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    struct control control;
    assert_int_equal(control_read(&fixture->directory, &control, &failure), CONTROL_READ);
    if (!archive_complete(&fixture->directory, &control, &failure)) {
        fail_msg("%s", failure.text);
    }
    assert_string_equal(control.archiving, "");
}

static void expect_no_preparing(struct fixture *fixture, const char *reason)
{
    struct failure failure = {.text = ""};
    bool synced = false;
    assert_false(archive_prepare(&fixture->directory, &fixture->finished, &synced, &failure));
    if (strstr(failure.text, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", failure.text, reason);
    }
}

static void expect_no_completing(struct fixture *fixture, const char *reason)
{
    struct failure failure = {.text = ""};
    struct control control = fixture->next;
    assert_false(archive_complete(&fixture->directory, &control, &failure));
    assert_string_equal(control.archiving, "W47");
    if (strstr(failure.text, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", failure.text, reason);
    }
}

static void expect_text(struct fixture *fixture, const char *path, const char *text)
{
    size_t count = 0;
    char *found = scratch_read(&fixture->scratch, path, &count);
    bool same = count == strlen(text) && memcmp(found, text, count) == 0;
    free(found);
    assert_true(same);
}

/* The old draw's files, and its control, are in the archive; the next draw's control is alone. */
static void expect_archived(struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    struct control control;
    struct archive archive;
    char path[SCRATCH_PATH_BYTES];
    for (size_t i = 0; i < NAMES; i++) {
        (void)snprintf(path, sizeof path, "draws/W47/%s", names[i]);
        expect_text(fixture, path, names[i]);
        assert_false(scratch_has(&fixture->scratch, names[i]));
    }
    assert_int_equal(control_read(&fixture->directory, &control, &failure), CONTROL_READ);
    assert_string_equal(control.identity, OTHER_IDENTITY);
    assert_string_equal(control.archiving, "");
    assert_true(archive_open(&fixture->directory, "W47", &archive, &failure));
    assert_int_equal(control_read(&archive.directory, &control, &failure), CONTROL_READ);
    archive_close(&archive);
    assert_string_equal(control.identity, IDENTITY);
    assert_int_equal(control.state, CONTROL_DRAWN);
}

static void a_draw_is_moved_to_its_archive(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    prepare(fixture);
    assert_int_equal(fstatat(fixture->scratch.descriptor, "draws/W47", &status, 0), 0);
    assert_int_equal(status.st_mode & ALLPERMS, OWNERS_MODE);
    commit(fixture);
    complete(fixture);
    expect_archived(fixture);
}

static void preparing_again_replaces_what_was_prepared(void **state)
{
    struct fixture *fixture = *state;
    fixture->finished.state = CONTROL_ABANDONED;
    prepare(fixture);
    fixture->finished.state = CONTROL_DRAWN;
    prepare(fixture);
    commit(fixture);
    complete(fixture);
    expect_archived(fixture);
}

/* Whoever died had made directories and nothing in them. */
static void preparing_goes_on_from_an_empty_directory(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "draws", OWNERS_MODE), 0);
    prepare(fixture);
    scratch_close(&fixture->scratch);
    (void)set_up(state);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "draws", OWNERS_MODE), 0);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "draws/W47", OWNERS_MODE), 0);
    scratch_write(&fixture->scratch, "draws/W47/control.tmp", "half", sizeof "half");
    prepare(fixture);
    commit(fixture);
    complete(fixture);
    expect_archived(fixture);
}

static void completing_goes_on_after_any_file(void **state)
{
    struct fixture *fixture = *state;
    for (size_t moved = 0; moved <= NAMES; moved++) {
        prepare(fixture);
        commit(fixture);
        for (size_t i = 0; i < moved; i++) {
            char path[SCRATCH_PATH_BYTES];
            (void)snprintf(path, sizeof path, "draws/W47/%s", names[i]);
            assert_int_equal(
                renameat(fixture->scratch.descriptor, names[i], fixture->scratch.descriptor, path),
                0);
        }
        complete(fixture);
        complete(fixture); /* there is nothing left to do */
        expect_archived(fixture);
        scratch_close(&fixture->scratch);
        (void)set_up(state);
    }
}

static void what_a_draw_never_had_is_not_missed(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < NAMES; i++) {
        assert_int_equal(unlinkat(fixture->scratch.descriptor, names[i], 0), 0);
    }
    prepare(fixture);
    commit(fixture);
    complete(fixture);
    assert_false(scratch_has(&fixture->scratch, "draws/W47/bets.csv"));
    assert_true(scratch_has(&fixture->scratch, "draws/W47/control"));
}

static void nothing_is_moved_while_nothing_is_being_archived(void **state)
{
    struct fixture *fixture = *state;
    fixture->next.archiving[0] = '\0';
    commit(fixture);
    complete(fixture);
    assert_true(scratch_has(&fixture->scratch, "bets.csv"));
    assert_false(scratch_has(&fixture->scratch, "draws"));
}

/* ------------------------------------------------------------- refusals ---- */

static void a_file_in_both_places_is_refused_and_both_are_left(void **state)
{
    struct fixture *fixture = *state;
    static const int errors[] = {0, EINVAL, ENOSYS}; /* the last ones: there is no NOREPLACE */
    prepare(fixture);
    commit(fixture);
    scratch_write(&fixture->scratch, "draws/W47/done.csv", "other", strlen("other"));
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        rename_error = errors[i];
        expect_no_completing(fixture, "done.csv");
    }
    expect_text(fixture, "done.csv", "done.csv");
    expect_text(fixture, "draws/W47/done.csv", "other");
    assert_true(scratch_has(&fixture->scratch, "winners.csv"));
}

static void a_file_system_without_noreplace_does(void **state)
{
    struct fixture *fixture = *state;
    rename_error = EINVAL;
    prepare(fixture);
    commit(fixture);
    complete(fixture);
    expect_archived(fixture);
}

static void a_file_that_can_not_be_moved_is_told_and_moved_later(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    commit(fixture);
    rename_error = EIO;
    expect_no_completing(fixture, "Input/output error");
    rename_error = 0;
    complete(fixture);
    expect_archived(fixture);
}

static void another_draws_archive_of_that_name_is_refused(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    (void)snprintf(fixture->finished.identity, sizeof fixture->finished.identity, OTHER_IDENTITY);
    expect_no_preparing(fixture, "another draw's archive");
}

static void a_file_that_would_be_in_the_way_is_refused_before_anything_is_moved(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    scratch_write(&fixture->scratch, "draws/W47/winners.csv", "", 0);
    expect_no_preparing(fixture, "winners.csv is in the way");
}

static void a_damaged_control_of_an_archive_is_refused(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    scratch_write(&fixture->scratch, "draws/W47/control", "lottery data 3\n", 15);
    expect_no_preparing(fixture, "damaged");
    expect_no_completing(fixture, "damaged");
    assert_true(scratch_has(&fixture->scratch, "bets.csv"));
}

static void an_archive_that_was_not_prepared_gets_no_file(void **state)
{
    struct fixture *fixture = *state;
    expect_no_completing(fixture, "No such file");
    fixture->finished = make("W46", IDENTITY, CONTROL_DRAWN);
    prepare(fixture);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "draws/W47", OWNERS_MODE), 0);
    expect_no_completing(fixture, "has not the control");
    assert_int_equal(renameat(fixture->scratch.descriptor, "draws/W46/control",
                              fixture->scratch.descriptor, "draws/W47/control"),
                     0);
    expect_no_completing(fixture, "has not the control");
    assert_true(scratch_has(&fixture->scratch, "bets.csv"));
}

static void draws_that_leads_elsewhere_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct archive archive;
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "elsewhere", OWNERS_MODE), 0);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "elsewhere/W47", OWNERS_MODE), 0);
    assert_int_equal(symlinkat("elsewhere", fixture->scratch.descriptor, "draws"), 0);
    expect_no_preparing(fixture, "draws");
    assert_false(archive_open(&fixture->directory, "W47", &archive, &failure));
    assert_false(archive_list(&fixture->directory, NULL, NULL, &failure));
    assert_int_equal(unlinkat(fixture->scratch.descriptor, "draws", 0), 0);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "draws", OWNERS_MODE), 0);
    assert_int_equal(symlinkat("../elsewhere/W47", fixture->scratch.descriptor, "draws/W47"), 0);
    expect_no_preparing(fixture, "draws/W47");
    assert_false(scratch_has(&fixture->scratch, "elsewhere/W47/control"));
}

static void draws_that_others_may_change_is_refused(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    assert_int_equal(fchmodat(fixture->scratch.descriptor, "draws/W47", OPEN_MODE, 0), 0);
    expect_no_preparing(fixture, "draws/W47");
    assert_int_equal(fchmodat(fixture->scratch.descriptor, "draws/W47", OWNERS_MODE, 0), 0);
    assert_int_equal(fchmodat(fixture->scratch.descriptor, "draws", OPEN_MODE, 0), 0);
    expect_no_preparing(fixture, "draws");
    expect_no_completing(fixture, "draws");
}

static void draws_of_another_user_is_refused(void **state)
{
    struct fixture *fixture = *state;
    STRANGER_NEEDED();
    prepare(fixture);
    assert_int_equal(fchownat(fixture->scratch.descriptor, "draws", STRANGER_UID, STRANGER_GID, 0),
                     0);
    expect_no_preparing(fixture, "draws");
    expect_no_completing(fixture, "draws");
}

static void a_file_in_the_place_of_draws_is_refused(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, "draws", "", 0);
    expect_no_preparing(fixture, "draws");
}

/* ------------------------------------------------------ opening, listing ---- */

static void what_is_no_name_of_a_draw_opens_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const wrong[] = {"",     ".",   "..",   "../x",  "W47/../W47", "W47/",
                                        "/W47", "-47", "W 47", "W47\n", ".hidden",    "W4\xc3\xb1"};
    struct failure failure = {.text = ""};
    struct archive archive;
    prepare(fixture);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(archive_open(&fixture->directory, wrong[i], &archive, &failure));
        assert_int_equal(errno, ENOENT);
        archive_close(&archive);
    }
}

static void an_archive_that_is_not_there_is_none(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct archive archive;
    assert_false(archive_open(&fixture->directory, "W47", &archive, &failure));
    assert_int_equal(errno, ENOENT);
    assert_false(archive_has(&fixture->directory, "W47"));
    prepare(fixture);
    assert_true(archive_has(&fixture->directory, "W47"));
    assert_false(archive_has(&fixture->directory, "W48"));
    assert_false(archive_open(&fixture->directory, "W48", &archive, &failure));
    assert_int_equal(errno, ENOENT);
}

static void note_name(void *context, const char *name)
{
    struct fixture *fixture = context;
    size_t used = strlen(fixture->names);
    (void)snprintf(fixture->names + used, sizeof fixture->names - used, "%s ", name);
}

static void archives_are_listed_by_name(void **state)
{
    static const char *const draws[] = {"W48", "W46", "9", "W47"};
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    assert_true(archive_list(&fixture->directory, note_name, fixture, &failure));
    assert_string_equal(fixture->names, "");
    for (size_t i = 0; i < sizeof draws / sizeof draws[0]; i++) {
        fixture->finished = make(draws[i], IDENTITY, CONTROL_DRAWN);
        prepare(fixture);
    }
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "draws/.lost", OWNERS_MODE), 0);
    assert_true(archive_list(&fixture->directory, note_name, fixture, &failure));
    assert_string_equal(fixture->names, "9 W46 W47 W48 ");
}

#define ARCHIVE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARCHIVE_TEST(a_draw_is_moved_to_its_archive),
        ARCHIVE_TEST(preparing_again_replaces_what_was_prepared),
        ARCHIVE_TEST(preparing_goes_on_from_an_empty_directory),
        ARCHIVE_TEST(completing_goes_on_after_any_file),
        ARCHIVE_TEST(what_a_draw_never_had_is_not_missed),
        ARCHIVE_TEST(nothing_is_moved_while_nothing_is_being_archived),
        ARCHIVE_TEST(a_file_in_both_places_is_refused_and_both_are_left),
        ARCHIVE_TEST(a_file_system_without_noreplace_does),
        ARCHIVE_TEST(a_file_that_can_not_be_moved_is_told_and_moved_later),
        ARCHIVE_TEST(another_draws_archive_of_that_name_is_refused),
        ARCHIVE_TEST(a_file_that_would_be_in_the_way_is_refused_before_anything_is_moved),
        ARCHIVE_TEST(a_damaged_control_of_an_archive_is_refused),
        ARCHIVE_TEST(an_archive_that_was_not_prepared_gets_no_file),
        ARCHIVE_TEST(draws_that_leads_elsewhere_is_refused),
        ARCHIVE_TEST(draws_that_others_may_change_is_refused),
        ARCHIVE_TEST(draws_of_another_user_is_refused),
        ARCHIVE_TEST(a_file_in_the_place_of_draws_is_refused),
        ARCHIVE_TEST(what_is_no_name_of_a_draw_opens_nothing),
        ARCHIVE_TEST(an_archive_that_is_not_there_is_none),
        ARCHIVE_TEST(archives_are_listed_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
