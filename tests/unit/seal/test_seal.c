/*
 * test_seal.c - seals and draws: made, written, read again, and refused in any other spelling.
 */
#include "seal/draw_report.h"
#include "seal/seal.h"

#include "store/done_file.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"
#include "tests/harness/sealed_draw.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { TEXT_BYTES = 8192 };

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    struct control control;
    struct seal seal;
    int bets, done;
};

static int looks_before_stop = -1; /* -1: never */

static bool stops(void)
{
    return looks_before_stop >= 0 && looks_before_stop-- == 0;
}

static int open_file(const struct fixture *fixture, const char *name)
{
    int file = openat(fixture->scratch.descriptor, name, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    return file;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct failure failure;
    fixture = (struct fixture){.bets = -1};
    *state = &fixture;
    looks_before_stop = -1;
    scratch_open(&fixture.scratch);
    fixture.directory = scratch_directory(&fixture.scratch);
    sealed_draw_make(fixture.scratch.path, &(struct sealed_draw_plan){.draw = NULL});
    assert_int_equal(control_read(&fixture.directory, &fixture.control, &failure), CONTROL_READ);
    fixture.bets = open_file(&fixture, "bets.csv");
    fixture.done = open_file(&fixture, "done.csv");
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    seal_close(&fixture->seal);
    close(fixture->bets);
    close(fixture->done);
    scratch_close(&fixture->scratch);
    return 0;
}

static enum seal_end make(struct fixture *fixture, struct failure *failure)
{
    seal_close(&fixture->seal);
    return seal_make(fixture->bets, fixture->done, &fixture->control, SEALED_DRAW_SEALED_MS, stops,
                     &fixture->seal, failure);
}

static void write_anew(struct fixture *fixture, const char *name, const char *bytes, size_t count)
{
    scratch_write(&fixture->scratch, name, bytes, count); /* the same inode: what is open sees it */
}

/* -------------------------------------------------------------- the text ---- */

/* As docs/draws.md has it; computed by a program of its own. */
static const char expected_text[] =
    "{\"agencies\":["
    "{\"agency\":1,\"closed_out\":false,\"rows\":3,\"sha256\":"
    "\"e16779cae38f6d41d2cd96e77c778b01610593c1132f407d48d7486680e13de4\"},"
    "{\"agency\":2,\"closed_out\":false,\"rows\":3,\"sha256\":"
    "\"b443dae88d74c2b8fea62b79d5c6da8ae822de3475da934c1f57e4527d733b03\"},"
    "{\"agency\":3,\"closed_out\":true,\"rows\":0,\"sha256\":"
    "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"},"
    "{\"agency\":5,\"closed_out\":true,\"rows\":2,\"sha256\":"
    "\"69ac6d98c9ca0c99225513bb33384b007e7bce3f52de2b69fcef18f567af5fcc\"}],"
    "\"bets\":{\"bytes\":259,\"merkle_root\":"
    "\"41aa610f1e5a80a08b07a8b8191679a1ecc4da096dade6947b28c3cdf27fea5a\",\"rows\":8,"
    "\"sha256\":\"e7e6451b90be2a85758827fb9311868ff1a660348c3c587133ee13e3530f403e\"},"
    "\"closed\":{\"at\":\"2026-11-27T13:04:15.123Z\",\"by\":\"command\","
    "\"reason\":\"no line to \\\"5\\\" since noon\",\"without\":\"3,5\"},"
    "\"done\":{\"bytes\":84,\"sha256\":"
    "\"8dc6e912cb52f47f3842fd0eb94c258c7bf056ebdf26948b818aa17fd6f43b93\"},"
    "\"draw\":\"2026-W48\",\"format\":\"lottery seal 1\","
    "\"identity\":\"5b1e00112233445566778899aabbccdd\","
    "\"opened_at\":\"2026-11-27T13:04:14.123Z\",\"program\":\"lottery-server 1.0\","
    "\"sealed_at\":\"2026-11-27T13:04:16.123Z\","
    "\"terms\":{\"agencies_allowed\":\"1-5\",\"agencies_expected\":4,\"closes_at\":\"-\","
    "\"number_by\":\"configuration\",\"winning_number\":7574}}";

static void a_seal_has_the_documented_text(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    size_t bytes = 0;
    assert_int_equal(make(fixture, &failure), SEAL_GOOD);
    char *text = seal_write_text(&fixture->seal, &bytes);
    assert_string_equal(text, expected_text);
    assert_int_equal(bytes, strlen(text));
    free(text);
}

static void what_is_written_is_read_again(void **state)
{
    struct fixture *fixture = *state;
    static const enum number_source sources[] = {NUMBER_BY_CONFIGURATION, NUMBER_BY_OPENING,
                                                 NUMBER_BY_COMMAND};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        struct failure failure = {.text = ""};
        struct seal again;
        size_t bytes = 0;
        size_t again_bytes = 0;
        fixture->control.terms.number_by = sources[i];
        fixture->control.terms.number_given = true; /* a seal does not know it all the same */
        assert_int_equal(make(fixture, &failure), SEAL_GOOD);
        char *text = seal_write_text(&fixture->seal, &bytes);
        assert_int_equal(strstr(text, "\"winning_number\":null") != NULL,
                         sources[i] == NUMBER_BY_COMMAND);
        if (!seal_parse(text, bytes, "seal.json", &again, &failure)) {
            fail_msg("%s", failure.text);
        }
        char *again_text = seal_write_text(&again, &again_bytes);
        assert_string_equal(again_text, text);
        assert_int_equal(again.agency_count, 4);
        assert_ptr_equal(seal_find(&again, 5), &again.agencies[3]);
        assert_null(seal_find(&again, 4));
        free(again_text);
        free(text);
        seal_close(&again);
    }
}

/* One of several centres says which draw together; whoever draws alone has a seal as it always was. */
static void a_seal_of_several_centres_names_them(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct seal again;
    size_t bytes = 0;
    (void)snprintf(fixture->control.terms.centres_expected, CONFIG_TEXT_BYTES, "A,B");
    assert_int_equal(make(fixture, &failure), SEAL_GOOD);
    char *text = seal_write_text(&fixture->seal, &bytes);
    assert_non_null(
        strstr(text, "\"agencies_expected\":4,\"centres_expected\":\"A,B\",\"closes_at\""));
    assert_true(seal_parse(text, bytes, "seal.json", &again, &failure));
    assert_string_equal(again.terms.centres_expected, "A,B");
    seal_close(&again);
    free(text);
}

/* Puts `with` in the place of the first `what` of a good text, and expects the refusal to say so. */
static void expect_refused(const char *what, const char *with, const char *message)
{
    char text[TEXT_BYTES];
    struct failure failure = {.text = ""};
    struct seal seal;
    const char *place = strstr(expected_text, what);
    assert_non_null(place);
    int bytes = snprintf(text, sizeof text, "%.*s%s%s", (int)(place - expected_text), expected_text,
                         with, place + strlen(what));
    if (seal_parse(text, (size_t)bytes, "a/seal.json", &seal, &failure)) {
        fail_msg("accepted: %s", text);
    }
    if (strstr(failure.text, message) == NULL || strstr(failure.text, "a/seal.json") == NULL) {
        fail_msg("'%s' is refused by: %s", with, failure.text);
    }
    assert_null(seal.agencies);
}

static void any_other_spelling_is_refused(void **state)
{
    (void)state;
    expect_refused("{\"agencies\"", " {\"agencies\"", "not canonical");
    expect_refused("\"closed_out\":false,\"rows\":3", "\"rows\":3,\"closed_out\":false",
                   "not canonical");
    expect_refused("2026-W48", "2026\\u002dW48", "not canonical");
    expect_refused("\"winning_number\":7574}}", "\"winning_number\":7574}}\n", "not canonical");
    expect_refused("\"winning_number\":7574}}", "\"winning_number\":7574}", "no JSON");
    expect_refused("{\"agencies\"", "[{\"agencies\"", "no JSON");
    expect_refused("\"draw\":", "\"done\":", "no JSON"); /* twice the same name */
    expect_refused("\"winning_number\":7574", "\"winning_number\":99999999999999999999", "no JSON");
}

static void members_that_are_unknown_or_missing_are_named(void **state)
{
    (void)state;
    expect_refused("\"terms\":{", "\"terms\":{\"a\":1,", "\"a\", which is unknown");
    expect_refused("\"draw\":\"2026-W48\",", "", "no member \"draw\"");
    expect_refused("\"reason\":\"no line to \\\"5\\\" since noon\",", "", "no member \"reason\"");
    expect_refused("\"bets\":{\"bytes\":259,", "\"bets\":{", "no member \"bytes\"");
    expect_refused(",\"winning_number\":7574", "", "no member \"winning_number\"");
    expect_refused("\"closed_out\":false,", "", "no member \"closed_out\"");
}

static void values_that_cannot_stand_there_are_refused(void **state)
{
    (void)state;
    expect_refused("\"rows\":8", "\"rows\":-8", "\"rows\"");
    expect_refused("\"rows\":8", "\"rows\":9007199254740992", "\"rows\"");
    expect_refused("\"rows\":8", "\"rows\":8.0", "\"rows\"");
    expect_refused("\"rows\":8", "\"rows\":\"8\"", "\"rows\"");
    expect_refused("\"rows\":8", "\"rows\":true", "\"rows\"");
    expect_refused("\"rows\":8", "\"rows\":9", "the agencies' rows");
    expect_refused("\"closed_out\":false", "\"closed_out\":0", "\"closed_out\"");
    expect_refused("\"agency\":2", "\"agency\":4294967296", "\"agency\"");
    expect_refused("\"agency\":2", "\"agency\":1", "ascending");
    expect_refused("\"agency\":2", "\"agency\":4", "ascending");
    expect_refused("\"by\":\"command\"", "\"by\":\"nobody\"", "\"by\"");
    expect_refused("\"by\":\"command\"", "\"by\":\"-\"", "who closed");
    expect_refused("\"format\":\"lottery seal 1\"", "\"format\":\"lottery seal 2\"", "\"format\"");
    expect_refused("13:04:16.123Z", "13:04:16.123+00:00", "\"sealed_at\"");
    expect_refused("13:04:16.123Z", "13:04:60.123Z", "\"sealed_at\"");
    expect_refused("\"sealed_at\":\"2026-11-27T13:04:16.123Z\"", "\"sealed_at\":\"-\"", "sealed");
    expect_refused("\"draw\":\"2026-W48\"", "\"draw\":\"../48\"", "\"draw\" is none");
    expect_refused("\"draw\":\"2026-W48\"", "\"draw\":\"\"", "\"draw\"");
    expect_refused("ccdd\"", "ccd\"", "\"identity\"");
    expect_refused("\"sha256\":\"e3", "\"sha256\":\"E3", "\"sha256\"");
    expect_refused("\"winning_number\":7574", "\"winning_number\":null", "\"winning_number\"");
    expect_refused("\"number_by\":\"configuration\"", "\"number_by\":\"command\"",
                   "\"winning_number\"");
    expect_refused("\"agencies_expected\":4", "\"agencies_expected\":0", "");
    static const char *const no_centres[] = {"-", "", "?", "B,A", "A,A", "A, B", "A,-", "A,B,"};
    for (size_t i = 0; i < sizeof no_centres / sizeof no_centres[0]; i++) {
        char with[TEXT_BYTES];
        (void)snprintf(with, sizeof with, "\"agencies_expected\":4,\"centres_expected\":\"%s\"",
                       no_centres[i]);
        expect_refused("\"agencies_expected\":4", with, "\"centres_expected\"");
    }
    expect_refused("\"3,5\"", "\"3,5\\u0007\"", "\"without\"");
}

/* ------------------------------------------------------------ the making ---- */

static void expect_damaged(struct fixture *fixture, const char *message)
{
    struct failure failure = {.text = ""};
    assert_int_equal(make(fixture, &failure), SEAL_DAMAGED);
    if (strstr(failure.text, message) == NULL) {
        fail_msg("it says: %s", failure.text);
    }
    assert_null(fixture->seal.agencies);
}

static void files_of_other_bytes_than_control_says_are_not_sealed(void **state)
{
    struct fixture *fixture = *state;
    fixture->control.bets_bytes--;
    expect_damaged(fixture, "bets.csv has 259 bytes");
    fixture->control.bets_bytes++;
    fixture->control.done_bytes++;
    expect_damaged(fixture, "done.csv has");
}

static void what_is_no_bet_is_not_sealed(void **state)
{
    struct fixture *fixture = *state;
    size_t bytes = 0;
    char *text = scratch_read(&fixture->scratch, "bets.csv", &bytes);
    text[0] = 'x';
    write_anew(fixture, "bets.csv", text, bytes);
    free(text);
    expect_damaged(fixture, "1 rows are no bets, the first at byte 0");
}

static void lines_of_done_that_do_not_agree_with_the_bets_are_not_sealed(void **state)
{
    struct fixture *fixture = *state;
    size_t bytes = 0;
    char *text = scratch_read(&fixture->scratch, "done.csv", &bytes);
    size_t first = strcspn(text, "\n") + 1;
    struct done_line line;
    char changed[2 * DONE_LINE_BYTES_MAX];

    /* without the first line, agency 2's, which was not closed out */
    write_anew(fixture, "done.csv", text + first, bytes - first);
    fixture->control.done_bytes = bytes - first;
    expect_damaged(fixture, "bets.csv has rows of agency 2, which is neither done");

    /* with that line alone, and twice */
    assert_true(done_file_parse_line(text, first - 1, &line));
    memcpy(changed, text, first);
    memcpy(changed + first, text, first);
    write_anew(fixture, "done.csv", changed, 2 * first);
    fixture->control.done_bytes = 2 * first;
    expect_damaged(fixture, "two lines of agency 2");

    line.bets++;
    size_t count = done_file_write_line(changed, &line);
    write_anew(fixture, "done.csv", changed, count);
    fixture->control.done_bytes = count;
    expect_damaged(fixture, "agency 2 has 4 bets, and bets.csv has 3");

    line.bets--;
    line.checksum++;
    count = done_file_write_line(changed, &line);
    write_anew(fixture, "done.csv", changed, count);
    expect_damaged(fixture, "agency 2 has 3 bets");

    write_anew(fixture, "done.csv", changed, count - 1);
    fixture->control.done_bytes = count - 1;
    expect_damaged(fixture, "unfinished line");
    free(text);
}

/* Who was closed out has no line, and may have no bets; there may be too many to be named. */
static void agencies_that_were_closed_out_need_no_line(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    static const char *const without[] = {"3,5-6", "any"};
    static const uint32_t agencies[][5] = {{1, 2, 3, 5, 6}, {1, 2, 5}};
    static const size_t counts[] = {5, 3};
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        (void)snprintf(fixture->control.closing.without, sizeof fixture->control.closing.without,
                       "%s", without[i]);
        if (make(fixture, &failure) != SEAL_GOOD) {
            fail_msg("%s", failure.text);
        }
        assert_int_equal(fixture->seal.agency_count, counts[i]);
        for (size_t k = 0; k < counts[i]; k++) {
            const struct seal_agency *agency = &fixture->seal.agencies[k];
            assert_int_equal(agency->agency, agencies[i][k]);
            assert_int_equal(agency->closed_out, agency->agency >= 3);
        }
        assert_int_equal(seal_find(&fixture->seal, 5)->rows, 2);
    }
}

static void sealing_can_be_stopped(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    looks_before_stop = 0;
    assert_int_equal(make(fixture, &failure), SEAL_INTERRUPTED);
    assert_null(fixture->seal.agencies);
    assert_int_equal(make(fixture, &failure), SEAL_GOOD);
}

/* --------------------------------------------------------- the comparing ---- */

static enum seal_end compare(struct fixture *fixture, struct failure *failure)
{
    return seal_compare(&fixture->seal, fixture->bets, fixture->done, stops, failure);
}

static void every_other_byte_or_length_is_found_by_comparing(void **state)
{
    static const char *const names[] = {"bets.csv", "done.csv"};
    struct fixture *fixture = *state;
    struct failure failure;
    assert_int_equal(make(fixture, &failure), SEAL_GOOD);
    assert_int_equal(compare(fixture, &failure), SEAL_GOOD);
    for (size_t i = 0; i < 2; i++) {
        size_t bytes = 0;
        char *text = scratch_read(&fixture->scratch, names[i], &bytes);
        for (size_t at = 0; at < bytes; at++) {
            text[at] ^= 1;
            write_anew(fixture, names[i], text, bytes);
            assert_int_equal(compare(fixture, &failure), SEAL_DAMAGED);
            assert_non_null(strstr(failure.text, names[i]));
            text[at] ^= 1;
        }
        write_anew(fixture, names[i], text, bytes - 1);
        assert_int_equal(compare(fixture, &failure), SEAL_DAMAGED);
        write_anew(fixture, names[i], text, bytes + 1); /* and its NUL */
        assert_int_equal(compare(fixture, &failure), SEAL_DAMAGED);
        write_anew(fixture, names[i], text, bytes);
        assert_int_equal(compare(fixture, &failure), SEAL_GOOD);
        free(text);
    }
    looks_before_stop = 0;
    assert_int_equal(compare(fixture, &failure), SEAL_INTERRUPTED);
}

/* ---------------------------------------------------------- the draw ---- */

static const char expected_report[] =
    "{\"agencies\":[{\"agency\":1,\"winners\":2},{\"agency\":2,\"winners\":1},"
    "{\"agency\":3,\"winners\":0},{\"agency\":5,\"winners\":1}],"
    "\"draw\":\"2026-W48\",\"drawn_at\":\"2026-11-27T13:04:17.123Z\","
    "\"format\":\"lottery draw 1\",\"identity\":\"5b1e00112233445566778899aabbccdd\","
    "\"number_by\":\"configuration\",\"program\":\"lottery-server 1.0\","
    "\"seal_sha256\":\"57cf937b1458aaa9e44bca93e5e5786ffa7093adbf0c1217808f52201d0b6b06\","
    "\"winners\":{\"bytes\":129,\"rows\":4,\"sha256\":"
    "\"3fc729d02f2913e77b90dddf8c3ef50ed44d9f69aa7e5642d044938af8de1c2e\"},"
    "\"winning_number\":7574}";

static void a_draw_has_the_documented_text_and_is_read_again(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct draw_report report;
    size_t bytes = 0;
    char *text = scratch_read(&fixture->scratch, "draw.json", &bytes);
    assert_string_equal(text, expected_report);
    assert_true(draw_report_parse(text, bytes, "draw.json", &report, &failure));
    free(text);
    text = draw_report_write_text(&report, &bytes);
    assert_string_equal(text, expected_report);
    free(text);
    draw_report_close(&report);
}

/* One of several centres names what all of them have said. */
static void a_national_draw_names_the_record_of_all_centres(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct draw_report report;
    size_t bytes = 0;
    char *text = scratch_read(&fixture->scratch, "draw.json", &bytes);
    assert_true(draw_report_parse(text, bytes, "draw.json", &report, &failure));
    free(text);
    assert_false(report.is_national);
    report.is_national = true;
    assert_true(sha256_of("drawn", 5, &report.national_sha256));
    text = draw_report_write_text(&report, &bytes);
    draw_report_close(&report);
    assert_non_null(strstr(text, "\"national_sha256\":\"8b6df8c1"));
    assert_true(draw_report_parse(text, bytes, "draw.json", &report, &failure));
    assert_true(report.is_national);
    draw_report_close(&report);
    *strstr(text, "8b6df8c1") = 'x'; /* no digest */
    assert_false(draw_report_parse(text, bytes, "draw.json", &report, &failure));
    free(text);
}

static void expect_report_refused(const char *what, const char *with, const char *message)
{
    char text[TEXT_BYTES];
    struct failure failure = {.text = ""};
    struct draw_report report;
    const char *place = strstr(expected_report, what);
    assert_non_null(place);
    int bytes = snprintf(text, sizeof text, "%.*s%s%s", (int)(place - expected_report),
                         expected_report, with, place + strlen(what));
    if (draw_report_parse(text, (size_t)bytes, "draw.json", &report, &failure)) {
        fail_msg("accepted: %s", text);
    }
    if (strstr(failure.text, message) == NULL) {
        fail_msg("'%s' is refused by: %s", with, failure.text);
    }
    assert_null(report.agencies);
}

static void any_other_draw_is_refused(void **state)
{
    (void)state;
    expect_report_refused("{\"agencies\"", "{ \"agencies\"", "not canonical");
    expect_report_refused("\"winners\":2", "\"winners\":3", "winners.csv");
    expect_report_refused("\"agency\":2", "\"agency\":1", "ascending");
    expect_report_refused("\"draw\":\"2026-W48\",", "", "no member \"draw\"");
    expect_report_refused("\"winning_number\":7574", "\"winning_number\":null", "winning_number");
    expect_report_refused("\"winners\":{\"bytes\"", "\"winners\":{\"a\":1,\"bytes\"", "unknown");
    expect_report_refused("\"drawn_at\":\"2026-11-27T13:04:17.123Z\"", "\"drawn_at\":\"-\"",
                          "when it was held");
}

static void winners_of_an_agency_without_seal_make_no_draw(void **state)
{
    static const char *const rows[] = {"4,a,b,1,2000-01-01,7574\r\n", "1,a,b,1,2000-01-32,7574\r\n",
                                       "\n"};
    struct fixture *fixture = *state;
    struct failure failure;
    assert_int_equal(make(fixture, &failure), SEAL_GOOD);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct draw_report report;
        write_anew(fixture, "winners.csv", rows[i], strlen(rows[i]));
        int winners = open_file(fixture, "winners.csv");
        assert_int_equal(draw_report_make(winners, &fixture->seal, &fixture->seal.bets_sha256,
                                          &fixture->control.terms, SEALED_DRAW_DRAWN_MS, stops,
                                          &report, &failure),
                         SEAL_DAMAGED);
        assert_non_null(strstr(failure.text, "row 1 is no bet of an agency of the seal"));
        close(winners);
    }
}

#define SEAL_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEAL_TEST(a_seal_has_the_documented_text),
        SEAL_TEST(what_is_written_is_read_again),
        SEAL_TEST(a_seal_of_several_centres_names_them),
        SEAL_TEST(any_other_spelling_is_refused),
        SEAL_TEST(members_that_are_unknown_or_missing_are_named),
        SEAL_TEST(values_that_cannot_stand_there_are_refused),
        SEAL_TEST(files_of_other_bytes_than_control_says_are_not_sealed),
        SEAL_TEST(what_is_no_bet_is_not_sealed),
        SEAL_TEST(lines_of_done_that_do_not_agree_with_the_bets_are_not_sealed),
        SEAL_TEST(agencies_that_were_closed_out_need_no_line),
        SEAL_TEST(sealing_can_be_stopped),
        SEAL_TEST(every_other_byte_or_length_is_found_by_comparing),
        SEAL_TEST(a_draw_has_the_documented_text_and_is_read_again),
        SEAL_TEST(a_national_draw_names_the_record_of_all_centres),
        SEAL_TEST(any_other_draw_is_refused),
        SEAL_TEST(winners_of_an_agency_without_seal_make_no_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
