/*
 * test_generate.c - generated files hold what they promise.
 */
#include "generate/generate.h"

#include "bet/bet.h"
#include "tests/harness/processes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

static const struct generate_plan default_plan = {
    .bets = GENERATE_BETS_DEFAULT,
    .agencies = GENERATE_AGENCIES_DEFAULT,
    .winning_number = GENERATE_WINNING_NUMBER_DEFAULT,
};

static void the_default_is_split_like_the_real_files(void **state)
{
    (void)state;
    static const uint64_t rows[] = {26936, 25518, 16014, 9238, 991};
    static const uint32_t winners[] = {2, 3, 3, 2, 0};
    for (uint32_t i = 0; i < GENERATE_AGENCIES_DEFAULT; i++) {
        assert_int_equal(generate_rows(&default_plan, i + 1), rows[i]);
        assert_int_equal(generate_winners(&default_plan, i + 1), winners[i]);
    }
}

static void every_bet_belongs_to_one_agency(void **state)
{
    (void)state;
    static const uint64_t bets[] = {1, 7, 1000, 78697, 12345678, GENERATE_BETS_MAX};
    static const uint32_t agencies[] = {1, 2, 5, 6, 13, GENERATE_AGENCIES_MAX};
    for (size_t i = 0; i < sizeof bets / sizeof bets[0]; i++) {
        for (size_t j = 0; j < sizeof agencies / sizeof agencies[0]; j++) {
            const struct generate_plan plan = {.bets = bets[i], .agencies = agencies[j]};
            uint64_t rows = 0;
            for (uint32_t agency = 1; agency <= agencies[j]; agency++) {
                rows += generate_rows(&plan, agency);
                assert_true(generate_winners(&plan, agency) <= generate_rows(&plan, agency));
            }
            assert_int_equal(rows, bets[i]);
        }
    }
}

/* What a file turned out to hold. */
struct content {
    uint64_t rows;
    uint64_t winners;
    uint64_t checksum;
};

static void look_at_row(const char *line, size_t bytes, uint32_t winning_number,
                        struct content *content)
{
    struct bet bet;
    uint32_t number = 0;
    assert_true(bytes > 2);
    assert_memory_equal(line + bytes - 2, "\r\n", 2);
    assert_int_equal(bet_parse(line, bytes - 2, &bet), BET_VALID);
    assert_int_equal(bet.fields[BET_DOCUMENT].bytes, 8);
    assert_true(
        bet_parse_uint32(bet.fields[BET_NUMBER].text, bet.fields[BET_NUMBER].bytes, &number));
    assert_in_range(number, 0, 9999);
    content->rows++;
    content->winners += number == winning_number;
    for (size_t i = 0; i < bytes; i++) {
        content->checksum = content->checksum * 31 + (unsigned char)line[i];
    }
}

/* Writes one agency's file, looks at every row of it, and removes it. */
static struct content write_and_look(struct generate_plan plan, uint32_t agency)
{
    struct scratch scratch;
    struct content content = {0};
    struct generate_file file;
    struct failure failure;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t bytes = 0;
    scratch_open(&scratch);
    plan.directory = scratch.path;
    assert_true(generate_write(&plan, agency, &file, &failure));
    FILE *stream = fopen(file.path, "re");
    assert_non_null(stream);
    while ((bytes = getline(&line, &capacity, stream)) > 0) {
        look_at_row(line, (size_t)bytes, plan.winning_number, &content);
    }
    (void)fclose(stream);
    free(line);
    assert_int_equal(content.rows, file.rows);
    assert_int_equal(content.winners, file.winners);
    assert_int_equal(unlink(file.path), 0);
    assert_int_equal(rmdir(scratch.path), 0); /* nothing else was left behind */
    scratch_close(&scratch);
    return content;
}

static void every_row_is_a_valid_bet_and_the_winners_are_as_promised(void **state)
{
    (void)state;
    for (uint32_t agency = 1; agency <= GENERATE_AGENCIES_DEFAULT; agency++) {
        struct content content = write_and_look(default_plan, agency);
        assert_int_equal(content.winners, generate_winners(&default_plan, agency));
    }
}

static void the_winning_number_may_be_the_first_or_the_last(void **state)
{
    (void)state;
    struct generate_plan plan = default_plan;
    plan.winning_number = 0;
    assert_int_equal(write_and_look(plan, 2).winners, 3);
    plan.winning_number = 9999;
    assert_int_equal(write_and_look(plan, 2).winners, 3);
}

static void an_agency_with_fewer_rows_than_winners_wins_with_all(void **state)
{
    (void)state;
    const struct generate_plan plan = {.bets = 2, .agencies = 2, .winning_number = 5};
    assert_int_equal(write_and_look(plan, 1).winners, 1);
    assert_int_equal(write_and_look(plan, 2).winners, 1);
}

static void the_same_plan_gives_the_same_bytes_and_another_seed_others(void **state)
{
    (void)state;
    struct generate_plan plan = default_plan;
    uint64_t checksum = write_and_look(plan, 4).checksum;
    assert_int_equal(write_and_look(plan, 4).checksum, checksum);
    plan.seed = 1;
    assert_true(write_and_look(plan, 4).checksum != checksum);
}

static void a_directory_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct generate_plan plan = default_plan;
    struct generate_file file;
    struct failure failure;
    plan.directory = "/nonexistent";
    assert_false(generate_write(&plan, 1, &file, &failure));
    assert_non_null(strstr(failure.text, "/nonexistent"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_split_like_the_real_files),
        cmocka_unit_test(every_bet_belongs_to_one_agency),
        cmocka_unit_test(every_row_is_a_valid_bet_and_the_winners_are_as_promised),
        cmocka_unit_test(the_winning_number_may_be_the_first_or_the_last),
        cmocka_unit_test(an_agency_with_fewer_rows_than_winners_wins_with_all),
        cmocka_unit_test(the_same_plan_gives_the_same_bytes_and_another_seed_others),
        cmocka_unit_test(a_directory_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
