/*
 * test_winners_report.c - winners are checked, counted and written whole.
 */
#include "client/winners_report.h"

#include "tests/harness/processes.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { PLACE_PATH_BYTES = 2 * SCRATCH_PATH_BYTES };

static const char two_winners[] = "2,Ana,Núñez,20000000,1990-01-01,7574\n"
                                  "2,Luis,Vega,20000001,1990-01-02,7574\n";
static const char two_rows[] = "Ana,Núñez,20000000,1990-01-01,7574\n"
                               "Luis,Vega,20000001,1990-01-02,7574\n";

/* Takes the rows of `body`, each ended by LF; how that ended, at the first that is not taken. */
static enum winners_end take(struct winners_report *report, const char *body)
{
    struct failure failure;
    enum winners_end end = WINNERS_TAKEN;
    while (*body != '\0' && end == WINNERS_TAKEN) {
        size_t bytes = strcspn(body, "\n");
        end = winners_report_take(report, body, bytes, &failure);
        body += bytes + 1;
    }
    return end;
}

static void rows_are_only_counted_where_no_file_is_wanted(void **state)
{
    (void)state;
    struct winners_report report;
    struct failure failure;
    assert_true(winners_report_open(&report, "", 2, &failure));
    assert_int_equal(report.winners, 0);
    assert_int_equal(take(&report, two_winners), WINNERS_TAKEN);
    assert_int_equal(report.winners, 2);
    assert_true(winners_report_keep(&report, &failure));
}

static void what_is_no_bet_of_this_agency_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "\n",
        "garbage\n",
        "2,\n",
        "x,Ana,Sosa,20000000,1990-01-01,7574\n",
        "2,Ana,Sosa,20000000,1990-01-01\n",
        "2,Ana,Sosa,20000000,1990-13-01,7574\n",
        "1,Ana,Sosa,20000000,1990-01-01,7574\n",
        "2,Ana,Sosa,20000000,1990-01-01,7574\r\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct winners_report report;
        struct failure failure;
        assert_true(winners_report_open(&report, "", 2, &failure));
        assert_int_equal(take(&report, rows[i]), WINNERS_NO_BET);
        winners_report_discard(&report);
    }
}

/* A directory of its own, the names that the winners have there, and their report. */
struct winners_place {
    struct scratch scratch;
    char path[PLACE_PATH_BYTES];
    char partial[PLACE_PATH_BYTES + sizeof ".partial"];
    struct winners_report report;
};

static void open_winners_place(struct winners_place *place)
{
    struct failure failure;
    scratch_open(&place->scratch);
    (void)snprintf(place->path, sizeof place->path, "%s/winners.csv", place->scratch.path);
    (void)snprintf(place->partial, sizeof place->partial, "%s.partial", place->path);
    assert_true(winners_report_open(&place->report, place->path, 2, &failure));
}

/* Nothing is left in the directory. */
static void close_empty(struct scratch *scratch)
{
    assert_int_equal(rmdir(scratch->path), 0);
    scratch_close(scratch);
}

/* The file holds exactly this, and nothing else is in the directory; both are removed. */
static void expect_only_winners(struct winners_place *place, const char *content)
{
    size_t bytes = 0;
    char *found = scratch_read(&place->scratch, "winners.csv", &bytes);
    assert_int_equal(bytes, strlen(content));
    assert_memory_equal(found, content, bytes);
    free(found);
    assert_int_equal(unlink(place->path), 0);
    close_empty(&place->scratch);
}

static void the_file_holds_rows_of_the_input_and_appears_whole(void **state)
{
    (void)state;
    struct winners_place place;
    struct failure failure;
    open_winners_place(&place);
    assert_int_equal(take(&place.report, two_winners), WINNERS_TAKEN);
    assert_int_equal(access(place.path, F_OK), -1);
    assert_int_equal(access(place.partial, F_OK), 0);
    assert_true(winners_report_keep(&place.report, &failure));
    expect_only_winners(&place, two_rows);
}

static void nothing_is_left_of_winners_that_did_not_come_whole(void **state)
{
    (void)state;
    struct winners_place place;
    open_winners_place(&place);
    assert_int_equal(take(&place.report, two_winners), WINNERS_TAKEN);
    winners_report_discard(&place.report);
    close_empty(&place.scratch);
}

static void an_earlier_file_stays_until_the_new_one_is_whole(void **state)
{
    (void)state;
    struct winners_place place;
    struct failure failure;
    open_winners_place(&place);
    assert_int_equal(take(&place.report, two_winners), WINNERS_TAKEN);
    assert_true(winners_report_keep(&place.report, &failure));
    assert_true(winners_report_open(&place.report, place.path, 2, &failure));
    assert_int_equal(take(&place.report, "1,Ana,Sosa,20000000,1990-01-01,7574\n"), WINNERS_NO_BET);
    winners_report_discard(&place.report);
    expect_only_winners(&place, two_rows);
}

static void a_place_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    struct winners_report report;
    struct failure failure;
    assert_false(winners_report_open(&report, "/nonexistent/winners.csv", 2, &failure));
    assert_non_null(strstr(failure.text, "/nonexistent/winners.csv"));
}

static void a_name_that_cannot_be_given_is_a_failure(void **state)
{
    (void)state;
    struct winners_place place;
    struct failure failure;
    open_winners_place(&place);
    assert_int_equal(mkdir(place.path, 0700), 0);
    assert_false(winners_report_keep(&place.report, &failure));
    assert_non_null(strstr(failure.text, "renaming"));
    assert_int_equal(rmdir(place.path), 0);
    close_empty(&place.scratch);
}

/* ------------------------------------------------------------- the place ---- */

struct place {
    struct scratch scratch;
    char bets_path[PLACE_PATH_BYTES];
    struct dataset bets;
    bool left; /* once closed: something else was in the directory */
};

static void open_place(struct place *place)
{
    struct failure failure;
    scratch_open(&place->scratch);
    (void)snprintf(place->bets_path, sizeof place->bets_path, "%s/x.partial", place->scratch.path);
    scratch_write(&place->scratch, "x.partial", "", 0);
    assert_true(dataset_open(&place->bets, place->bets_path, &failure));
}

static void close_place(struct place *place)
{
    dataset_close(&place->bets);
    (void)unlink(place->bets_path);
    (void)rmdir(place->scratch.path);
    place->left = access(place->scratch.path, F_OK) == 0;
    scratch_close(&place->scratch);
}

/* False when `name` in the place's directory is refused with this text in the reason. */
static bool is_place(const struct place *place, const char *name, const char *text)
{
    char path[PATH_MAX];
    struct failure failure = {""};
    (void)snprintf(path, sizeof path, "%s/%s", place->scratch.path, name);
    bool good = winners_report_check_path(path, &place->bets, &failure);
    return good || strstr(failure.text, text) == NULL;
}

static void a_place_that_is_there_is_good_and_nothing_is_made(void **state)
{
    (void)state;
    struct place place;
    struct failure failure;
    open_place(&place);
    bool good = is_place(&place, "winners.csv", "");
    bool good_here = winners_report_check_path("no-such-winners", &place.bets, &failure);
    close_place(&place);
    assert_true(good && good_here);
    assert_false(place.left);
}

/* The image's user, in a directory that its host's root has mounted. */
static void a_directory_of_somebody_else_is_told_with_the_remedy(void **state)
{
    enum { IMAGE_USER = 10001 };
    (void)state;
    struct place place;
    struct failure failure = {""};
    char path[PATH_MAX];
    if (geteuid() != 0) {
        skip(); /* only root can become somebody else */
    }
    open_place(&place);
    (void)snprintf(path, sizeof path, "%s/winners.csv", place.scratch.path);
    assert_int_equal(chmod(place.scratch.path, 0755), 0);
    assert_int_equal(seteuid(IMAGE_USER), 0);
    bool good = winners_report_check_path(path, &place.bets, &failure);
    assert_int_equal(seteuid(0), 0);
    close_place(&place);
    assert_false(good);
    assert_non_null(strstr(failure.text, "Permission denied: it belongs to user 0 (mode 755), and "
                                         "this is user 10001."));
    assert_non_null(strstr(failure.text, "chown 10001 DIRECTORY"));
}

static void a_place_that_is_none_is_known_before(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } wrongs[] = {
        {"x.partial", "is the file of bets"},
        {"x", "is the file of bets"},
        {".", "is a directory"},
        {"nowhere/x", "No such file or directory"},
        {"x.partial/x", "Not a directory"},
    };
    struct place place;
    size_t taken = 0;
    open_place(&place);
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        taken += is_place(&place, wrongs[i].name, wrongs[i].text) ? i + 1 : 0;
    }
    close_place(&place);
    assert_int_equal(taken, 0);
}

/* A file would take its place: /dev/null, as root, would be gone for all programs. */
static void what_is_no_file_is_not_to_be_replaced(void **state)
{
    (void)state;
    struct place place;
    char name[PATH_MAX];
    open_place(&place);
    (void)snprintf(name, sizeof name, "%s/pipe", place.scratch.path);
    assert_int_equal(mkfifo(name, 0600), 0);
    bool pipe_taken = is_place(&place, "pipe", "is no regular file");
    assert_int_equal(unlink(name), 0);
    (void)snprintf(name, sizeof name, "%s/link", place.scratch.path);
    assert_int_equal(symlink("/dev/null", name), 0);
    bool device_taken = is_place(&place, "link", "is no regular file");
    assert_int_equal(unlink(name), 0);
    close_place(&place);
    assert_false(pipe_taken || device_taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_only_counted_where_no_file_is_wanted),
        cmocka_unit_test(what_is_no_bet_of_this_agency_is_refused),
        cmocka_unit_test(the_file_holds_rows_of_the_input_and_appears_whole),
        cmocka_unit_test(nothing_is_left_of_winners_that_did_not_come_whole),
        cmocka_unit_test(an_earlier_file_stays_until_the_new_one_is_whole),
        cmocka_unit_test(a_name_that_cannot_be_given_is_a_failure),
        cmocka_unit_test(a_place_that_cannot_be_written_is_named),
        cmocka_unit_test(a_place_that_is_there_is_good_and_nothing_is_made),
        cmocka_unit_test(a_directory_of_somebody_else_is_told_with_the_remedy),
        cmocka_unit_test(a_place_that_is_none_is_known_before),
        cmocka_unit_test(what_is_no_file_is_not_to_be_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
