/*
 * test_draw.c - the draw, against a reckoning that looks at one row at a time.
 */
#include "store/draw.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "store/winners.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { FILE_BYTES_MAX = 8 * 1024 * 1024, RANDOM_FILES = 60, LONG_NAME_BYTES = 300 * 1024 };

/* Bytes that grow. */
struct text {
    char *bytes; /* owned */
    size_t count;
};

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    struct text bets, expected;
    struct draw_record record; /* of the latest draw that was held */
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.bets = {NULL, 0}};
    *state = &fixture;
    scratch_open(&fixture.scratch);
    fixture.directory = scratch_directory(&fixture.scratch);
    fixture.bets.bytes = malloc(FILE_BYTES_MAX);
    fixture.expected.bytes = malloc(FILE_BYTES_MAX);
    assert_non_null(fixture.bets.bytes);
    assert_non_null(fixture.expected.bytes);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->bets.bytes);
    free(fixture->expected.bytes);
    scratch_close(&fixture->scratch);
    return 0;
}

/* ----------------------------------------------------------- reckoning ---- */

static void put(struct text *text, const char *bytes, size_t count)
{
    assert_true(text->count + count <= FILE_BYTES_MAX);
    memcpy(text->bytes + text->count, bytes, count);
    text->count += count;
}

static void put_row(struct text *text, const char *row)
{
    put(text, row, strlen(row));
    put(text, "\r\n", 2);
}

/* Copies the winning rows of one agency, in order; returns how many. */
static uint64_t pick_winners(const struct text *bets, uint32_t agency, uint32_t winning_number,
                             struct text *out)
{
    uint64_t winners = 0;
    for (size_t from = 0; from < bets->count;) {
        const char *row = bets->bytes + from;
        const char *line_feed = memchr(row, '\n', bets->count - from);
        size_t bytes = (size_t)(line_feed + 1 - row);
        const char *number = memrchr(row, ',', bytes);
        if (strtoul(row, NULL, 10) == agency && strtoul(number + 1, NULL, 10) == winning_number) {
            put(out, row, bytes);
            winners++;
        }
        from += bytes;
    }
    return winners;
}

static struct draw_stock count_stored(const struct text *bets)
{
    struct draw_stock stored = {.bytes = bets->count,
                                .checksum =
                                    checksum_extend(CHECKSUM_EMPTY, bets->bytes, bets->count)};
    for (size_t i = 0; i < bets->count; i++) {
        stored.rows += bets->bytes[i] == '\n' ? 1 : 0;
    }
    return stored;
}

static int looks_before_stop = -1; /* -1: nobody stops the draw */

static bool should_stop(void)
{
    looks_before_stop -= looks_before_stop > 0 ? 1 : 0;
    return looks_before_stop == 0;
}

static enum draw_end hold(const struct fixture *fixture, const struct draw_stock *stored,
                          uint32_t winning_number, struct draw_record *record,
                          struct failure *failure)
{
    *failure = (struct failure){.text = ""};
    memset(record, 'x', sizeof *record);
    return draw_hold(&fixture->directory, stored, winning_number, should_stop, record, failure);
}

static enum draw_end check(const struct fixture *fixture, const struct draw_record *record,
                           struct failure *failure)
{
    *failure = (struct failure){.text = ""};
    return draw_check(&fixture->directory, record, failure);
}

/* Holds the draw in what has been gathered, and expects the winners of these agencies. */
static void expect_draw(struct fixture *fixture, uint32_t winning_number, const uint32_t *agencies,
                        size_t agency_count)
{
    uint64_t expected_winners = 0;
    size_t count = 0;
    struct draw_record record;
    struct failure failure;
    fixture->expected.count = 0;
    for (size_t i = 0; i < agency_count; i++) {
        expected_winners +=
            pick_winners(&fixture->bets, agencies[i], winning_number, &fixture->expected);
    }
    scratch_write(&fixture->scratch, "bets.csv", fixture->bets.bytes, fixture->bets.count);
    const struct draw_stock stored = count_stored(&fixture->bets);
    if (hold(fixture, &stored, winning_number, &record, &failure) != DRAW_HELD) {
        fail_msg("%s", failure.text);
    }
    char *file = scratch_read(&fixture->scratch, "winners.csv", &count);
    assert_int_equal(record.bets, stored.rows);
    assert_int_equal(record.bytes, stored.bytes);
    assert_int_equal(record.checksum, stored.checksum);
    assert_int_equal(record.winners, expected_winners);
    assert_int_equal(record.winners_bytes, fixture->expected.count);
    assert_int_equal(
        record.winners_file_checksum,
        checksum_extend(CHECKSUM_EMPTY, fixture->expected.bytes, fixture->expected.count));
    assert_int_equal(count, fixture->expected.count);
    assert_memory_equal(file, fixture->expected.bytes, count);
    free(file);
    assert_false(scratch_has(&fixture->scratch, "winners.csv.tmp"));
    assert_false(scratch_has(&fixture->scratch, "winners.csv.unsorted"));
    assert_int_equal(check(fixture, &record, &failure), DRAW_HELD);
    fixture->record = record;
}

/* --------------------------------------------------------------- tests ---- */

static void no_bets_have_no_winners(void **state)
{
    struct fixture *fixture = *state;
    expect_draw(fixture, 7574, NULL, 0);
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,1");
    expect_draw(fixture, 7574, (const uint32_t[]){1}, 1);
}

static void winners_stand_by_agency_in_the_order_of_their_bets(void **state)
{
    struct fixture *fixture = *state;
    put_row(&fixture->bets, "10,first,b,1,2000-01-01,7574");
    put_row(&fixture->bets, "2,first,b,1,2000-01-01,7574");
    put_row(&fixture->bets, "10,second,b,1,2000-01-01,7574");
    put_row(&fixture->bets, "1,loser,b,1,2000-01-01,7573");
    put_row(&fixture->bets, "4294967295,first,b,1,2000-01-01,7574");
    put_row(&fixture->bets, "1,first,b,1,2000-01-01,7574");
    put_row(&fixture->bets, "2,second,b,1,2000-01-01,7574");
    expect_draw(fixture, 7574, (const uint32_t[]){1, 2, 10, 4294967295U}, 4);
}

static void only_the_whole_number_wins(void **state)
{
    struct fixture *fixture = *state;
    static const char *const rows[] = {
        "1,a,b,1,2000-01-01,17574",        "1,a,b,1,2000-01-01,75740",
        "1,a,b,1,2000-01-01,107574",       "1,a,b,7574,2000-01-01,757",
        "1,7574,7574,7574,2000-01-01,1",   "7574,a,b,1,2000-01-01,74",
        "1,a7574,b7574,1,2000-01-01,0",    "1,a,b,1,2000-01-01,74",
        "1,\"\"\"7574\",b,1,2000-01-01,4",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_row(&fixture->bets, rows[i]);
    }
    expect_draw(fixture, 7574, NULL, 0);
    put_row(&fixture->bets, "7574,\"\"\"a7574\",b7574,7574,2000-01-01,7574");
    expect_draw(fixture, 7574, (const uint32_t[]){7574}, 1);
}

static void leading_zeros_do_not_keep_a_number_from_winning(void **state)
{
    struct fixture *fixture = *state;
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,007574");
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,7574");
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,00000000000000000000000000007574");
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,1007574");
    expect_draw(fixture, 7574, (const uint32_t[]){1}, 1);
}

static void zero_and_the_largest_number_can_win(void **state)
{
    struct fixture *fixture = *state;
    static const char *const numbers[] = {"0",   "00",         "000",          "10",
                                          "100", "4294967295", "004294967295", "294967295"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char row[64];
        (void)snprintf(row, sizeof row, "1,a,b,1,2000-01-01,%s", numbers[i]);
        put_row(&fixture->bets, row);
    }
    expect_draw(fixture, 0, (const uint32_t[]){1}, 1);
    expect_draw(fixture, 4294967295U, (const uint32_t[]){1}, 1);
    expect_draw(fixture, 10, (const uint32_t[]){1}, 1);
}

static void all_rows_may_win(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 20000; i++) { /* more than any buffer of the draw holds */
        char row[64];
        (void)snprintf(row, sizeof row, "%d,name,row %d,1,2000-01-01,7574", 1 + i * 7 % 5, i);
        put_row(&fixture->bets, row);
    }
    expect_draw(fixture, 7574, (const uint32_t[]){1, 2, 3, 4, 5}, 5);
}

static void rows_longer_than_every_buffer_win_too(void **state)
{
    struct fixture *fixture = *state;
    char *name = malloc(LONG_NAME_BYTES);
    assert_non_null(name);
    memset(name, 'x', LONG_NAME_BYTES);
    for (int i = 0; i < 6; i++) {
        put_row(&fixture->bets, i % 2 == 0 ? "1,a,b,1,2000-01-01,7574" : "2,a,b,1,2000-01-01,1");
        put(&fixture->bets, i % 2 == 0 ? "2," : "1,", 2);
        put(&fixture->bets, name, LONG_NAME_BYTES / (1U << i));
        put_row(&fixture->bets, ",b,1,2000-01-01,7574");
    }
    free(name);
    expect_draw(fixture, 7574, (const uint32_t[]){1, 2}, 2);
}

static void thousands_of_agencies_are_sorted(void **state)
{
    struct fixture *fixture = *state;
    enum { AGENCIES = 5000 };
    static uint32_t agencies[AGENCIES];
    for (uint32_t i = 0; i < AGENCIES; i++) {
        char row[64];
        agencies[i] = i;
        (void)snprintf(row, sizeof row, "%u,a,b,1,2000-01-01,7574", i * 7 % AGENCIES);
        put_row(&fixture->bets, row);
    }
    expect_draw(fixture, 7574, agencies, AGENCIES);
}

static void random_files_are_drawn_as_reckoned(void **state)
{
    struct fixture *fixture = *state;
    static const char *const numbers[] = {"7574", "07574", "17574", "75740", "574", "0"};
    static const char *const names[] = {"a", "\"\"\"7574\"", "7574", "Peñé Lorca", "x0"};
    static const uint32_t agencies[] = {0, 1, 2, 3, 10, 7574};
    unsigned seed = 8;
    for (int file = 0; file < RANDOM_FILES; file++) {
        fixture->bets.count = 0;
        for (int rows = rand_r(&seed) % 3000; rows > 0; rows--) {
            char row[128];
            (void)snprintf(row, sizeof row, "%u,%s,%s,%d,2000-01-01,%s",
                           agencies[rand_r(&seed) % 6], names[rand_r(&seed) % 5],
                           names[rand_r(&seed) % 5], rand_r(&seed), numbers[rand_r(&seed) % 6]);
            put_row(&fixture->bets, row);
        }
        expect_draw(fixture, 7574, agencies, 6);
    }
}

static void what_an_interrupted_draw_left_is_overwritten(void **state)
{
    struct fixture *fixture = *state;
    static char garbage[4096];
    memset(garbage, 'x', sizeof garbage);
    scratch_write(&fixture->scratch, "winners.csv.tmp", garbage, sizeof garbage);
    scratch_write(&fixture->scratch, "winners.csv.unsorted", garbage, sizeof garbage);
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,7574");
    expect_draw(fixture, 7574, (const uint32_t[]){1}, 1);
    expect_draw(fixture, 7574, (const uint32_t[]){1}, 1); /* and again: the same bytes */
    struct failure failure;
    scratch_write(&fixture->scratch, "winners.csv.tmp", garbage, sizeof garbage);
    scratch_write(&fixture->scratch, "winners.csv.unsorted", garbage, sizeof garbage);
    assert_int_equal(check(fixture, &fixture->record, &failure), DRAW_HELD);
    assert_int_equal(fixture->record.winners, 1);
    assert_false(scratch_has(&fixture->scratch, "winners.csv.tmp"));
    assert_false(scratch_has(&fixture->scratch, "winners.csv.unsorted"));
}

/* Another try may do better; nothing is wrong with the disk. */
static void winners_that_cannot_be_read_are_not_taken_for_a_failed_sync(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    const struct draw_record record = {.winners_bytes = 1};
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "winners.csv", 0755), 0);
    assert_int_equal(check(fixture, &record, &failure), DRAW_FAILED);
    assert_non_null(strstr(failure.text, "is a directory"));
}

static void a_draw_without_bets_file_fails_and_says_where(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct draw_record record;
    const struct draw_stock nothing = {0};
    assert_int_equal(hold(fixture, &nothing, 7574, &record, &failure), DRAW_FAILED);
    assert_non_null(strstr(failure.text, fixture->scratch.path));
    assert_false(scratch_has(&fixture->scratch, "winners.csv"));
}

/* --------------------------------------------------------------- damage ---- */

/* Of a file with these bytes, where what was gathered had been stored. */
static void expect_damage(struct fixture *fixture, const char *bytes, size_t count,
                          const char *reason)
{
    struct failure failure;
    struct draw_record record;
    const struct draw_stock stored = count_stored(&fixture->bets);
    scratch_write(&fixture->scratch, "bets.csv", bytes, count);
    assert_int_equal(hold(fixture, &stored, 7574, &record, &failure), DRAW_DAMAGED);
    if (strstr(failure.text, reason) == NULL ||
        strstr(failure.text, fixture->scratch.path) == NULL) {
        fail_msg("'%s' does not say '%s'", failure.text, reason);
    }
    assert_false(scratch_has(&fixture->scratch, "winners.csv"));
    assert_false(scratch_has(&fixture->scratch, "winners.csv.unsorted"));
}

/* Zeros over the ends of some rows: the next whole one's number stands at the end of them all. */
static void a_winner_that_is_no_bet_is_told_to_nobody(void **state)
{
    struct fixture *fixture = *state;
    char reason[64];
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,7574");
    size_t at = fixture->bets.count;
    put_row(&fixture->bets, "1,second,b,1,2000-01-01,1");
    put_row(&fixture->bets, "2,third,b,1,2000-01-01,7574");
    put_row(&fixture->bets, "2,fourth,b,1,2000-01-01,7574");
    memset(fixture->bets.bytes + at + 10, 0, 20);
    (void)snprintf(reason, sizeof reason, "what would win at byte %zu is no bet", at);
    expect_damage(fixture, fixture->bets.bytes, fixture->bets.count, reason);
}

static void damage_is_found_far_behind_the_first_piece_too(void **state)
{
    struct fixture *fixture = *state;
    char reason[64];
    for (int i = 0; i < 20000; i++) {
        put_row(&fixture->bets, "1,name,b,1,2000-01-01,1");
    }
    size_t at = fixture->bets.count;
    put_row(&fixture->bets, "1,a,b,,2000-01-01,7574");
    (void)snprintf(reason, sizeof reason, "at byte %zu is no bet (the document", at);
    expect_damage(fixture, fixture->bets.bytes, fixture->bets.count, reason);
}

static void a_file_shorter_than_what_was_stored_is_not_drawn(void **state)
{
    struct fixture *fixture = *state;
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,7574");
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,7574");
    expect_damage(fixture, fixture->bets.bytes, 49, "1 rows in 25 bytes of checksum");
    expect_damage(
        fixture, "", 0,
        "0 rows in 0 bytes of checksum 0000000000000000 are there, and 2 bets in 50 bytes");
}

/* Zeros in rows that lose: they look at no winner, and yet somebody's bet may be under them. */
static void rows_that_have_vanished_are_missed(void **state)
{
    struct fixture *fixture = *state;
    static const char damaged[] = "1,a,b,1,2000-01-01,75\0\0\0\0\0\0c,d,2,2000-01-02,1\r\n";
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,7574");
    put_row(&fixture->bets, "1,c,d,2,2000-01-02,1");
    assert_int_equal(sizeof damaged - 1, fixture->bets.count);
    expect_damage(fixture, damaged, sizeof damaged - 1, "1 rows in 47 bytes of checksum");
}

static void more_agencies_with_winners_than_there_can_be_are_damage(void **state)
{
    struct fixture *fixture = *state;
    enum { AGENCIES = 32767 };
    for (uint32_t i = 0; i < AGENCIES; i++) {
        char row[64];
        (void)snprintf(row, sizeof row, "%u,a,b,1,2000-01-01,7574", i * 131071U);
        put_row(&fixture->bets, row);
    }
    struct failure failure;
    struct draw_record record;
    struct draw_stock stored = count_stored(&fixture->bets);
    scratch_write(&fixture->scratch, "bets.csv", fixture->bets.bytes, fixture->bets.count);
    assert_int_equal(hold(fixture, &stored, 7574, &record, &failure), DRAW_HELD);
    assert_int_equal(record.winners, AGENCIES);
    assert_int_equal(unlinkat(fixture->scratch.descriptor, "winners.csv", 0), 0);
    put_row(&fixture->bets, "3,a,b,1,2000-01-01,7574");
    expect_damage(fixture, fixture->bets.bytes, fixture->bets.count, "more than 32767 agencies");
}

/* Of rows that lose: nobody looks at them, and yet it is not what was stored. */
static void any_other_byte_of_any_row_is_missed(void **state)
{
    struct fixture *fixture = *state;
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,7574");
    put_row(&fixture->bets, "1,c,d,2,2000-01-02,1");
    put_row(&fixture->bets, "2,c,d,2,2000-01-02,7573");
    char *damaged = malloc(fixture->bets.count);
    assert_non_null(damaged);
    memcpy(damaged, fixture->bets.bytes, fixture->bets.count);
    for (size_t at = 0; at < fixture->bets.count; at++) {
        damaged[at] = (char)(damaged[at] ^ 1);
        expect_damage(fixture, damaged, fixture->bets.count, "bets.csv");
        damaged[at] = (char)(damaged[at] ^ 1);
    }
    char *loser =
        memmem(damaged, fixture->bets.count, "7573", 4); /* the last byte of it would make it win */
    loser[3] = '4';
    expect_damage(fixture, damaged, fixture->bets.count, "was changed");
    free(damaged);
}

static void rows_that_have_changed_places_are_missed(void **state)
{
    struct fixture *fixture = *state;
    static const char damaged[] = "1,c,d,2,2000-01-02,1\r\n1,a,b,1,2000-01-01,1\r\n";
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,1");
    put_row(&fixture->bets, "1,c,d,2,2000-01-02,1");
    expect_damage(fixture, damaged, sizeof damaged - 1, "was changed");
}

static void what_stands_behind_what_was_stored_takes_no_part(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct draw_record record;
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,7574");
    const struct draw_stock stored = count_stored(&fixture->bets);
    put_row(&fixture->bets, "1,c,d,2,2000-01-02,7574");
    scratch_write(&fixture->scratch, "bets.csv", fixture->bets.bytes, fixture->bets.count);
    assert_int_equal(hold(fixture, &stored, 7574, &record, &failure), DRAW_HELD);
    assert_int_equal(record.winners, 1);
    assert_int_equal(record.bytes, stored.bytes);
}

/* ---------------------------------------------------------- interruption ---- */

static void a_draw_that_is_interrupted_tells_nothing_and_can_be_held_again(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct draw_record record;
    for (int i = 0; i < 60000; i++) { /* more than one piece */
        put_row(&fixture->bets, i % 2 == 0 ? "1,a,b,1,2000-01-01,7574" : "2,a,b,1,2000-01-01,1");
    }
    const struct draw_stock stored = count_stored(&fixture->bets);
    scratch_write(&fixture->scratch, "bets.csv", fixture->bets.bytes, fixture->bets.count);
    int looks = 0;
    enum draw_end end = DRAW_INTERRUPTED;
    while (end == DRAW_INTERRUPTED) {
        looks_before_stop = ++looks;
        end = hold(fixture, &stored, 7574, &record, &failure);
        if (end == DRAW_INTERRUPTED) {
            assert_non_null(strstr(failure.text, "the next start holds it"));
            assert_false(scratch_has(&fixture->scratch, "winners.csv"));
            assert_false(scratch_has(&fixture->scratch, "winners.csv.unsorted"));
        }
    }
    looks_before_stop = -1;
    assert_int_equal(end, DRAW_HELD);
    assert_true(looks > 3); /* it asks between pieces, in both passes */
    expect_draw(fixture, 7574, (const uint32_t[]){1, 2}, 2);
    assert_memory_equal(&record, &fixture->record, sizeof record);
}

/* ----------------------------------------------------------------- check ---- */

static void draw_some(struct fixture *fixture)
{
    put_row(&fixture->bets, "2,a,b,1,2000-01-01,7574");
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,7574");
    expect_draw(fixture, 7574, (const uint32_t[]){1, 2}, 2);
}

static void winners_that_are_missing_are_told_as_such_and_can_be_made_again(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    draw_some(fixture);
    const struct draw_record held = fixture->record;
    assert_int_equal(unlinkat(fixture->scratch.descriptor, "winners.csv", 0), 0);
    assert_int_equal(check(fixture, &held, &failure), DRAW_MISSING);
    expect_draw(fixture, 7574, (const uint32_t[]){1, 2}, 2);
    assert_memory_equal(&held, &fixture->record, sizeof held);
}

static void expect_no_winners_of_the_draw(struct fixture *fixture, const char *bytes, size_t count)
{
    struct failure failure;
    scratch_write(&fixture->scratch, "winners.csv", bytes, count);
    if (check(fixture, &fixture->record, &failure) != DRAW_DAMAGED) {
        fail_msg("taken for the draw's: '%.*s'", (int)count, bytes);
    }
    assert_non_null(strstr(failure.text, "winners.csv was changed"));
    assert_non_null(strstr(failure.text, fixture->scratch.path));
    size_t left = 0;
    char *file = scratch_read(&fixture->scratch, "winners.csv", &left);
    bool same = left == count && memcmp(file, bytes, count) == 0;
    free(file);
    assert_true(same); /* whoever is to look into it finds it */
}

static void winners_with_any_other_byte_or_length_are_damage(void **state)
{
    struct fixture *fixture = *state;
    draw_some(fixture);
    char winners[256];
    size_t count = fixture->expected.count;
    memcpy(winners, fixture->expected.bytes, count);
    for (size_t at = 0; at < count; at++) {
        winners[at] = (char)(winners[at] ^ 1);
        expect_no_winners_of_the_draw(fixture, winners, count);
        winners[at] = (char)(winners[at] ^ 1);
        expect_no_winners_of_the_draw(fixture, winners, at);
    }
    memcpy(winners + count, winners, count); /* all of it twice */
    expect_no_winners_of_the_draw(fixture, winners, count + 1);
    expect_no_winners_of_the_draw(fixture, winners, 2 * count);
}

static void a_link_to_winners_is_not_followed(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    int directory = fixture->scratch.descriptor;
    draw_some(fixture);
    assert_int_equal(renameat(directory, "winners.csv", directory, "elsewhere"), 0);
    assert_int_equal(symlinkat("elsewhere", directory, "winners.csv"), 0);
    assert_int_equal(check(fixture, &fixture->record, &failure), DRAW_FAILED);
}

/* -------------------------------------------------------------- winners ---- */

static bool gather(void *context, const char *row, size_t bytes)
{
    put(context, row, bytes);
    return true;
}

static bool gather_one(void *context, const char *row, size_t bytes)
{
    put(context, row, bytes);
    return false;
}

static void what_is_drawn_is_found_by_its_agency(void **state)
{
    struct fixture *fixture = *state;
    struct text found = {malloc(FILE_BYTES_MAX), 0};
    struct failure failure;
    assert_non_null(found.bytes);
    put_row(&fixture->bets, "2,\"\"\"a\"\"\",b,1,2000-01-01,7574");
    put_row(&fixture->bets, "1,a,b,1,2000-01-01,7574");
    put_row(&fixture->bets, "2,c,d,2,2000-01-01,07574");
    expect_draw(fixture, 7574, (const uint32_t[]){1, 2}, 2);
    const struct winners_seal seal = {.bytes = fixture->record.winners_bytes,
                                      .checksum = fixture->record.winners_file_checksum};
    assert_int_equal(winners_read(&fixture->directory, &seal, 2, gather, &found, &failure),
                     WINNERS_GIVEN);
    static const char expected[] = "2,\"a\",b,1,2000-01-01,7574\n2,c,d,2,2000-01-01,07574\n";
    assert_int_equal(found.count, strlen(expected));
    assert_memory_equal(found.bytes, expected, found.count);
    found.count = 0;
    assert_int_equal(winners_read(&fixture->directory, &seal, 2, gather_one, &found, &failure),
                     WINNERS_GIVEN);
    assert_int_equal(found.count, strcspn(expected, "\n") + 1);
    free(found.bytes);
}

#define DRAW_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRAW_TEST(no_bets_have_no_winners),
        DRAW_TEST(winners_stand_by_agency_in_the_order_of_their_bets),
        DRAW_TEST(only_the_whole_number_wins),
        DRAW_TEST(leading_zeros_do_not_keep_a_number_from_winning),
        DRAW_TEST(zero_and_the_largest_number_can_win),
        DRAW_TEST(all_rows_may_win),
        DRAW_TEST(rows_longer_than_every_buffer_win_too),
        DRAW_TEST(thousands_of_agencies_are_sorted),
        DRAW_TEST(random_files_are_drawn_as_reckoned),
        DRAW_TEST(what_an_interrupted_draw_left_is_overwritten),
        DRAW_TEST(winners_that_cannot_be_read_are_not_taken_for_a_failed_sync),
        DRAW_TEST(a_draw_without_bets_file_fails_and_says_where),
        DRAW_TEST(a_winner_that_is_no_bet_is_told_to_nobody),
        DRAW_TEST(damage_is_found_far_behind_the_first_piece_too),
        DRAW_TEST(a_file_shorter_than_what_was_stored_is_not_drawn),
        DRAW_TEST(rows_that_have_vanished_are_missed),
        DRAW_TEST(more_agencies_with_winners_than_there_can_be_are_damage),
        DRAW_TEST(any_other_byte_of_any_row_is_missed),
        DRAW_TEST(rows_that_have_changed_places_are_missed),
        DRAW_TEST(what_stands_behind_what_was_stored_takes_no_part),
        DRAW_TEST(a_draw_that_is_interrupted_tells_nothing_and_can_be_held_again),
        DRAW_TEST(winners_that_are_missing_are_told_as_such_and_can_be_made_again),
        DRAW_TEST(winners_with_any_other_byte_or_length_are_damage),
        DRAW_TEST(a_link_to_winners_is_not_followed),
        DRAW_TEST(what_is_drawn_is_found_by_its_agency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
