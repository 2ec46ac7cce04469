/*
 * test_national.c - the records of stream DRAW: written, read again, and refused in any other form.
 */
#include "seal/national.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define IDENTITY "0123456789abcdef0123456789abcdef"
#define SEAL     "aaaaaaaabbbbbbbbccccccccddddddddaaaaaaaabbbbbbbbccccccccdddddddd"

#define CLOSED_TEXT                                                                                \
    "{\"agencies\":5,\"bets\":78697,\"bytes\":3906000,\"centre\":\"A\",\"closed_by\":\"centre\","  \
    "\"draw\":\"2026.W48\",\"epoch\":3,\"expected\":\"A,B,C\",\"format\":\"lottery closed 1\","    \
    "\"identity\":\"" IDENTITY "\",\"node\":\"one\",\"reason\":\"-\",\"seal_sha256\":\"" SEAL      \
    "\",\"terms\":{\"agencies_allowed\":\"1-5\",\"agencies_expected\":5,\"closes_at\":\"-\","      \
    "\"number_by\":\"command\",\"winning_number\":null}}"

static struct national_closed a_closed(void)
{
    return (struct national_closed){.centre = "A",
                                    .by = NATIONAL_BY_CENTRE,
                                    .identity = IDENTITY,
                                    .terms = {.draw = "2026.W48",
                                              .agencies_expected = 5,
                                              .agencies_allowed = "1-5",
                                              .centres_expected = "A,B,C",
                                              .number_by = NUMBER_BY_COMMAND},
                                    .agencies = 5,
                                    .bets = 78697,
                                    .bytes = 3906000,
                                    .seal_sha256 = SEAL,
                                    .node = "one",
                                    .epoch = 3};
}

static struct national_closed an_operator_s(void)
{
    struct national_closed closed = a_closed();
    closed.by = NATIONAL_BY_OPERATOR;
    closed.agencies = closed.bets = closed.bytes = 0;
    closed.identity[0] = closed.seal_sha256[0] = '\0';
    (void)snprintf(closed.centre, sizeof closed.centre, "B");
    (void)snprintf(closed.reason, sizeof closed.reason, "flooded");
    return closed;
}

static struct national_drawn a_drawn(void)
{
    struct national_drawn drawn = {.draw = "2026.W48",
                                   .centre = "A",
                                   .node = "one",
                                   .epoch = 3,
                                   .winning_number = 7574,
                                   .bets = 78697,
                                   .bytes = 3906000,
                                   .share_count = 2};
    const struct national_closed closed[] = {a_closed(), an_operator_s()};
    for (size_t i = 0; i < 2; i++) {
        size_t bytes = 0;
        struct sha256_digest sha256;
        char *text = national_write_closed(&closed[i], &bytes);
        assert_non_null(text);
        assert_true(sha256_of(text, bytes, &sha256));
        national_share_of(&closed[i], &sha256, &drawn.shares[i]);
        free(text);
    }
    return drawn;
}

static void subjects_name_draw_and_centre(void **state)
{
    (void)state;
    char subject[NATIONAL_SUBJECT_BYTES];
    national_closed_subject("2026-W48", "A", subject);
    assert_string_equal(subject, "lottery.draw.2026-W48.closed.A");
    national_drawn_subject("2026-W48", subject);
    assert_string_equal(subject, "lottery.draw.2026-W48.drawn");
}

/* Else the draw "1.closed.drawn" could not be told from centre `drawn` of draw "1". */
static void a_point_of_a_draw_s_name_separates_nothing(void **state)
{
    (void)state;
    char subject[NATIONAL_SUBJECT_BYTES];
    national_drawn_subject("1.closed", subject);
    assert_string_equal(subject, "lottery.draw.1=closed.drawn");
    national_closed_subject("1..", "drawn", subject);
    assert_string_equal(subject, "lottery.draw.1==.closed.drawn");
}

static void a_centre_s_record_has_one_text(void **state)
{
    (void)state;
    struct national_closed closed = a_closed();
    struct national_closed again;
    struct failure failure;
    size_t bytes = 0;
    char *text = national_write_closed(&closed, &bytes);
    assert_string_equal(text, CLOSED_TEXT);
    assert_true(national_parse_closed(text, bytes, "closed", &again, &failure));
    free(text);
    text = national_write_closed(&again, &bytes);
    assert_string_equal(text, CLOSED_TEXT);
    free(text);
}

static void an_operator_s_record_has_no_bets(void **state)
{
    (void)state;
    struct national_closed closed = an_operator_s();
    struct national_closed again;
    struct failure failure;
    size_t bytes = 0;
    char *text = national_write_closed(&closed, &bytes);
    assert_true(national_parse_closed(text, bytes, "closed", &again, &failure));
    assert_int_equal(again.by, NATIONAL_BY_OPERATOR);
    assert_string_equal(again.reason, "flooded");
    free(text);
    closed.bets = 1;
    text = national_write_closed(&closed, &bytes);
    assert_false(national_parse_closed(text, bytes, "closed", &again, &failure));
    free(text);
}

static void a_known_number_stands_in_the_terms(void **state)
{
    (void)state;
    struct national_closed closed = a_closed();
    struct national_closed again;
    struct failure failure;
    size_t bytes = 0;
    closed.terms.number_by = NUMBER_BY_CONFIGURATION;
    closed.terms.winning_number = 7574;
    char *text = national_write_closed(&closed, &bytes);
    assert_non_null(strstr(text, "\"number_by\":\"configuration\",\"winning_number\":7574}"));
    assert_true(national_parse_closed(text, bytes, "closed", &again, &failure));
    assert_int_equal(again.terms.winning_number, 7574);
    free(text);
}

static void a_draw_s_record_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct national_drawn drawn = a_drawn();
    struct national_drawn again;
    struct failure failure;
    size_t bytes = 0;
    char *text = national_write_drawn(&drawn, &bytes);
    assert_true(national_parse_drawn(text, bytes, "drawn", &again, &failure));
    assert_int_equal(again.winning_number, 7574);
    assert_int_equal(again.share_count, 2);
    assert_true(national_shares_equal(&again.shares[0], &drawn.shares[0]));
    assert_false(national_shares_equal(&again.shares[0], &drawn.shares[1]));
    free(text);
}

static void a_draw_with_other_sums_or_order_is_refused(void **state)
{
    (void)state;
    struct national_drawn drawn = a_drawn();
    struct national_drawn again;
    struct failure failure;
    size_t bytes = 0;
    drawn.bets++;
    char *text = national_write_drawn(&drawn, &bytes);
    assert_false(national_parse_drawn(text, bytes, "drawn", &again, &failure));
    free(text);
    drawn = a_drawn();
    struct national_share first = drawn.shares[0];
    drawn.shares[0] = drawn.shares[1];
    drawn.shares[1] = first;
    text = national_write_drawn(&drawn, &bytes);
    assert_false(national_parse_drawn(text, bytes, "drawn", &again, &failure));
    free(text);
}

static void no_cut_or_changed_text_is_taken(void **state)
{
    (void)state;
    char text[] = CLOSED_TEXT;
    struct national_closed closed;
    struct failure failure;
    for (size_t bytes = 0; bytes < sizeof text - 1; bytes++) {
        assert_false(national_parse_closed(text, bytes, "closed", &closed, &failure));
    }
    *strstr(text, "centre\",\"draw") = 'C';
    assert_false(national_parse_closed(text, sizeof text - 1, "closed", &closed, &failure));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subjects_name_draw_and_centre),
        cmocka_unit_test(a_point_of_a_draw_s_name_separates_nothing),
        cmocka_unit_test(a_centre_s_record_has_one_text),
        cmocka_unit_test(an_operator_s_record_has_no_bets),
        cmocka_unit_test(a_known_number_stands_in_the_terms),
        cmocka_unit_test(a_draw_s_record_is_read_as_it_was_written),
        cmocka_unit_test(a_draw_with_other_sums_or_order_is_refused),
        cmocka_unit_test(no_cut_or_changed_text_is_taken),
    };
    return cmocka_run_group_tests_name("seal/national", tests, NULL, NULL);
}
