/*
 * test_bet_csv.c - what is accepted from bets.csv is exactly what is written to it.
 */
#include "tests/unit/bet/reckoning.h"

static bool csv_is_accepted(const char *row)
{
    uint32_t agency = 0;
    return bet_csv_parse(row, strlen(row), &agency) == BET_VALID;
}

static void only_what_we_would_write_is_accepted_from_bets_csv(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ",",
        "1",
        "1,",
        "a,b,1,2000-01-01,7",
        "1,\"",
        "1,\"\"",
        "1,\"\"\"\"",
        "1,\"\"\"\",",
        "01,a,b,1,2000-01-01,7",
        "00,a,b,1,2000-01-01,7",
        "-1,a,b,1,2000-01-01,7",
        "+1,a,b,1,2000-01-01,7",
        " 1,a,b,1,2000-01-01,7",
        "4294967296,a,b,1,2000-01-01,7",
        "10000000000,a,b,1,2000-01-01,7",
        "1,\"a\",b,1,2000-01-01,7",
        "1,\"a,b\",c,1,2000-01-01,7",
        "1,\"a,\"\"b\",c,1,2000-01-01,7",
        "1,a\"b,c,1,2000-01-01,7",
        "1,a\"\"b,c,1,2000-01-01,7",
        "1,\"\",b,1,2000-01-01,7",
        "1,\"\"\"a,b,1,2000-01-01,7",
        "1,\"\"\"a\" ,b,1,2000-01-01,7",
        "1,a,\"\"\"b\"\"\"\",1,2000-01-01,7",
        "1,a,b,\"1\",2000-01-01,7",
        "1,a,b,1,\"2000-01-01\",7",
        "1,a,b,1,2000-01-01,\"7\"",
        "1,a,b,1,2000-01-01,7\r",
        "1,\"\"\"\",b,1,2000-01-01,7,",
        "1,\"\"\"\",,1,2000-01-01,7",
        "1,\"\"\"\t\",b,1,2000-01-01,7",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (csv_is_accepted(bad[i])) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    assert_true(csv_is_accepted("0,a,b,1,2000-01-01,7"));
    assert_true(csv_is_accepted("4294967295,\"\"\"\",\"a\"\"\",1,2000-01-01,007"));
}

static void a_changed_csv_row_is_judged_as_by_the_slow_reckoning(void **state)
{
    (void)state;
    unsigned seed = 4180;
    int accepted = 0;
    for (int i = 0; i < MUTATIONS; i++) {
        struct text row;
        char csv[2 * ROW_BYTES_MAX];
        make_random_row(&row, &seed);
        size_t bytes =
            bet_rows_to_csv(random_agency(&seed), row.bytes, row.count, csv).csv_bytes - 2;
        for (unsigned left = 1 + below(&seed, 3); left > 0; left--) {
            mutate(csv, &bytes, &seed);
        }
        uint32_t agency = 0;
        uint32_t agency_slowly = 0;
        if (has_longer_characters(csv, bytes)) {
            continue;
        }
        char *copy = malloc(bytes > 0 ? bytes : 1); /* of exactly this size, for AddressSanitizer */
        assert_non_null(copy);
        memcpy(copy, csv, bytes);
        bool valid = bet_csv_parse(copy, bytes, &agency) == BET_VALID;
        free(copy);
        if (valid != is_csv_row_slowly(csv, bytes, &agency_slowly)) {
            fail_msg("accepted: %d: %.*s", valid, (int)bytes, csv);
        }
        assert_true(!valid || agency == agency_slowly);
        accepted += valid ? 1 : 0;
    }
    assert_in_range(accepted, MUTATIONS / 50, MUTATIONS / 2); /* both answers were met */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_we_would_write_is_accepted_from_bets_csv),
        cmocka_unit_test(a_changed_csv_row_is_judged_as_by_the_slow_reckoning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
