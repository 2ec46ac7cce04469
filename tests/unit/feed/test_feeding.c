/*
 * test_feeding.c - from a log in memory into a sink that has transactions, and fails as it is told.
 */
#include "tests/harness/feed_fixture.h"

#include "feed/feeding.h"
#include "lib/clock.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>

enum { TEXT_BYTES = 1 << 16, PATIENCE_MS = 50 };

/* ----------------------------------------------------------- the fake sink ---- */

/* What becomes of the next commit. */
enum sink_fault {
    SINK_NO_FAULT,
    SINK_ANSWER_LOST, /* it is kept, and the answer is AWAY */
    SINK_LOST,        /* it is not kept; AWAY */
    SINK_RIVAL,       /* another feed commits first */
    SINK_BREAKS       /* FAILED */
};

/* Keeps sequences and bytes of bets as text, with the position, as a transaction would. */
struct fake_sink {
    struct sink base;
    char stands_at[POSITION_BYTES];
    char kept[TEXT_BYTES];
    char taken[TEXT_BYTES];
    enum sink_fault fault;
    unsigned commits, stands;
    unsigned away_stands;    /* so many times it can't be reached at first */
    bool stops;              /* a signal comes with the next commit */
    struct engine *recovers; /* tells of all that it has from the second time on that it is asked */
};

static enum sink_end fake_stand(struct sink *base, char position[POSITION_BYTES],
                                struct failure *failure)
{
    struct fake_sink *sink = (struct fake_sink *)base;
    sink->stands++;
    if (sink->recovers != NULL && sink->stands > 2) {
        engine_memory_set_stale(sink->recovers, 0);
    }
    if (sink->away_stands > 0) {
        sink->away_stands--;
        (void)failure_set(failure, "the sink is away");
        return SINK_AWAY;
    }
    sink->taken[0] = '\0';
    memcpy(position, sink->stands_at, POSITION_BYTES);
    return SINK_WORKED;
}

static enum sink_end fake_take(struct sink *base, const struct engine_message *message,
                               const struct record *record, struct failure *failure)
{
    struct fake_sink *sink = (struct fake_sink *)base;
    size_t used = strlen(sink->taken);
    (void)failure;
    (void)snprintf(sink->taken + used, sizeof sink->taken - used, "%" PRIu64 ":%.*s;",
                   message->sequence, (int)record->length,
                   record->length == 0 ? "" : (const char *)record->bytes);
    return SINK_WORKED;
}

static void keep(struct fake_sink *sink, const char *after)
{
    size_t used = strlen(sink->kept);
    (void)snprintf(sink->kept + used, sizeof sink->kept - used, "%s", sink->taken);
    (void)snprintf(sink->stands_at, sizeof sink->stands_at, "%s", after);
}

static enum sink_end fake_commit(struct sink *base, const char *before, const char *after,
                                 struct failure *failure)
{
    struct fake_sink *sink = (struct fake_sink *)base;
    enum sink_fault fault = sink->fault;
    sink->fault = SINK_NO_FAULT;
    sink->commits++;
    if (sink->stops) {
        (void)raise(SIGTERM);
    }
    (void)failure_set(failure, "the sink's commit, as told");
    if (fault == SINK_RIVAL) {
        (void)snprintf(sink->stands_at, sizeof sink->stands_at, "1");
    }
    if (fault == SINK_BREAKS) {
        return SINK_FAILED;
    }
    if (fault == SINK_LOST) {
        return SINK_AWAY;
    }
    if (strcmp(before, sink->stands_at) != 0) {
        return SINK_MOVED;
    }
    keep(sink, after);
    return fault == SINK_ANSWER_LOST ? SINK_AWAY : SINK_WORKED;
}

static void open_sink(struct fake_sink *sink)
{
    static const struct sink_calls calls = {
        .stand = fake_stand, .take = fake_take, .commit = fake_commit};
    *sink = (struct fake_sink){.base = {.calls = &calls}, .stands_at = "0"};
}

/* ------------------------------------------------------------------- the log ---- */

struct case_of {
    struct fixture log;
    struct fake_sink sink;
    struct stop stop;
    struct failure failure;
    char position[POSITION_BYTES];
};

/* Claim, two bets, one bet, done: messages 1 to 4. */
static struct case_of *open_case(void **state)
{
    struct case_of *it = calloc(1, sizeof *it);
    assert_non_null(it);
    *state = it;
    fixture_open(&it->log);
    open_sink(&it->sink);
    fixture_claim(&it->log);
    fixture_bets(&it->log, "1,a,b,1,2000-01-01,7\r\n1,c,d,2,2000-01-01,8\r\n", 2);
    fixture_bets(&it->log, "2,e,f,3,2000-01-01,9\r\n", 1);
    fixture_done(&it->log, "1,2,x\n");
    return it;
}

static int set_up(void **state)
{
    struct failure failure;
    assert_true(stop_block(&failure));
    (void)open_case(state);
    return 0;
}

static int tear_down(void **state)
{
    struct case_of *it = *state;
    fixture_close(&it->log);
    free(it);
    return 0;
}

#define KEPT                                                                                       \
    "1:;2:1,a,b,1,2000-01-01,7\r\n1,c,d,2,2000-01-01,8\r\n;3:2,e,f,3,2000-01-01,9\r\n;4:1,2,x\n;"

static enum feeding_end feed_with_patience(struct case_of *it, bool follows, int64_t patience_ms)
{
    const struct feeding_plan plan = {.engine = it->log.reader,
                                      .stream = "BETS_north",
                                      .sink = &it->sink.base,
                                      .stop = &it->stop,
                                      .follows = follows,
                                      .patience_ms = patience_ms};
    return feeding_run(&plan, it->position, &it->failure);
}

static enum feeding_end feed_with(struct case_of *it, bool follows)
{
    return feed_with_patience(it, follows, PATIENCE_MS);
}

static enum feeding_end feed(struct case_of *it)
{
    return feed_with(it, false);
}

static void expect_broken(struct case_of *it, const char *kept, const char *reason)
{
    assert_int_equal(feed(it), FEEDING_BROKEN);
    assert_string_equal(it->sink.kept, kept);
    if (strstr(it->failure.text, reason) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", it->failure.text, reason);
    }
}

/* ------------------------------------------------------------------- delivering ---- */

static void all_records_are_delivered_in_one_group(void **state)
{
    struct case_of *it = *state;
    assert_int_equal(feed(it), FEEDING_DONE);
    assert_string_equal(it->sink.kept, KEPT);
    assert_int_equal(it->sink.commits, 1);
    assert_string_equal(it->position, it->sink.stands_at);
}

static void a_second_feed_goes_on_where_the_first_has_ended(void **state)
{
    struct case_of *it = *state;
    assert_int_equal(feed(it), FEEDING_DONE);
    assert_int_equal(feed(it), FEEDING_DONE);
    assert_string_equal(it->sink.kept, KEPT);
    fixture_bets(&it->log, "1,g,h,4,2000-01-01,1\r\n", 1);
    assert_int_equal(feed(it), FEEDING_DONE);
    assert_string_equal(it->sink.kept, KEPT "5:1,g,h,4,2000-01-01,1\r\n;");
}

static void a_message_number_is_a_position_up_to_which_nothing_is_delivered(void **state)
{
    struct case_of *it = *state;
    (void)snprintf(it->sink.stands_at, sizeof it->sink.stands_at, "2");
    assert_int_equal(feed(it), FEEDING_DONE);
    assert_string_equal(it->sink.kept, "3:2,e,f,3,2000-01-01,9\r\n;4:1,2,x\n;");
}

static void a_new_claim_is_read_on(void **state)
{
    struct case_of *it = *state;
    it->log.node = "two-89abcdef";
    fixture_claim(&it->log);
    fixture_bets(&it->log, "1,g,h,4,2000-01-01,1\r\n", 1);
    fixture_file(&it->log, "control", "whole");
    assert_int_equal(feed(it), FEEDING_DONE);
    assert_string_equal(it->sink.kept, KEPT "5:;6:1,g,h,4,2000-01-01,1\r\n;7:whole;");
}

enum { MESSAGES_OF_TWO_DRAWS = 11 };

#define NEXT_IDENTITY "ffeeddccbbaa99887766554433221100"

/* Message 5 to 10: the end of the draw, the next draw, a takeover in it. */
static void append_message(struct case_of *it, int message)
{
    struct fixture *log = &it->log;
    switch (message) {
    case 5:
        fixture_file(log, "seal.json", "seal");
        break;
    case 6:
        fixture_open_draw(log, NEXT_IDENTITY, "control of the next draw");
        break;
    case 7:
        fixture_bets(log, "1,a,b,1,2000-01-01,7\r\n", 1); /* as in the draw before */
        break;
    case 8:
        fixture_done(log, "1,1,x\n");
        break;
    case 9:
        log->node = "two-89abcdef";
        fixture_claim(log);
        break;
    default:
        fixture_bets(log, "2,g,h,4,2000-01-01,1\r\n", 1);
        break;
    }
}

/* Whatever the feed had delivered when it ended, of this draw or of that, the next one goes on there. */
static void each_position_goes_on_over_the_opening_of_a_draw(void **state)
{
    struct case_of *it = *state;
    char positions[MESSAGES_OF_TWO_DRAWS][POSITION_BYTES];
    size_t kept[MESSAGES_OF_TWO_DRAWS] = {0};
    int first = 4; /* of messages that are there already */
    for (int message = first; message < MESSAGES_OF_TWO_DRAWS; message++) {
        if (message > first) {
            append_message(it, message);
        }
        assert_int_equal(feed(it), FEEDING_DONE);
        memcpy(positions[message], it->position, POSITION_BYTES);
        kept[message] = strlen(it->sink.kept);
    }
    char all[TEXT_BYTES];
    memcpy(all, it->sink.kept, sizeof all);
    assert_non_null(
        strstr(all, "6:control of the next draw;7:1,a,b,1,2000-01-01,7\r\n;8:1,1,x\n;"));
    static const enum sink_fault faults[] = {SINK_NO_FAULT, SINK_ANSWER_LOST, SINK_LOST};
    for (int message = first; message < MESSAGES_OF_TWO_DRAWS; message++) {
        for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
            open_sink(&it->sink);
            it->sink.fault = faults[i];
            memcpy(it->sink.stands_at, positions[message], POSITION_BYTES);
            assert_int_equal(feed(it), FEEDING_DONE);
            assert_string_equal(it->sink.kept, all + kept[message]);
            assert_string_equal(it->position, positions[MESSAGES_OF_TWO_DRAWS - 1]);
        }
        open_sink(&it->sink); /* the number alone: it is read from the beginning */
        (void)snprintf(it->sink.stands_at, sizeof it->sink.stands_at, "%d", message);
        assert_int_equal(feed(it), FEEDING_DONE);
        assert_string_equal(it->sink.kept, all + kept[message]);
    }
}

/* What comes behind an opening begins at 0; what goes on behind the draw before was put there by hand. */
static void a_record_of_the_draw_before_behind_the_opening_is_found(void **state)
{
    struct case_of *it = *state;
    const uint64_t bets_end = it->log.bets_end;
    fixture_open_draw(&it->log, NEXT_IDENTITY, "c");
    it->log.identity = FIXTURE_IDENTITY;
    it->log.bets_end = bets_end;
    fixture_bets(&it->log, "1,g,h,4,2000-01-01,1\r\n", 1);
    expect_broken(it, KEPT "5:c;", "it is of the draw " FIXTURE_IDENTITY);
}

static void groups_are_no_larger_than_they_have_to_be(void **state)
{
    enum { RECORDS = 10, RECORD_BYTES = 1000000 };
    struct case_of *it = *state;
    char *rows = malloc(RECORD_BYTES + 1);
    assert_non_null(rows);
    memset(rows, 'x', RECORD_BYTES);
    memcpy(rows + RECORD_BYTES - 2, "\r\n", sizeof "\r\n");
    for (int i = 0; i < RECORDS; i++) {
        fixture_bets(&it->log, rows, 1);
    }
    free(rows);
    assert_int_equal(feed(it), FEEDING_DONE);
    assert_in_range(it->sink.commits, 2, 3);
}

/* ------------------------------------------------------------ exactly once ---- */

static void a_commit_whose_answer_is_lost_is_not_done_twice(void **state)
{
    struct case_of *it = *state;
    it->sink.fault = SINK_ANSWER_LOST;
    assert_int_equal(feed(it), FEEDING_DONE);
    assert_string_equal(it->sink.kept, KEPT);
    assert_int_equal(it->sink.commits, 1);
    assert_int_equal(it->sink.stands, 2);
}

static void a_commit_that_was_lost_is_done_again(void **state)
{
    struct case_of *it = *state;
    it->sink.fault = SINK_LOST;
    assert_int_equal(feed(it), FEEDING_DONE);
    assert_string_equal(it->sink.kept, KEPT);
    assert_int_equal(it->sink.commits, 2);
}

static void another_feed_that_was_faster_ends_this_one(void **state)
{
    struct case_of *it = *state;
    it->sink.fault = SINK_RIVAL;
    assert_int_equal(feed(it), FEEDING_MOVED);
    assert_string_equal(it->sink.kept, "");
}

static void a_sink_that_fails_ends_it(void **state)
{
    struct case_of *it = *state;
    it->sink.fault = SINK_BREAKS;
    assert_int_equal(feed(it), FEEDING_FAILED);
    assert_string_equal(it->failure.text, "the sink's commit, as told");
    assert_string_equal(it->position, "0");
    (void)snprintf(it->sink.stands_at, sizeof it->sink.stands_at, "x");
    assert_int_equal(feed(it), FEEDING_FAILED);
}

static void a_sink_or_an_engine_that_is_away_is_asked_again_while_there_is_patience(void **state)
{
    struct case_of *it = *state;
    it->sink.away_stands = 1;
    assert_int_equal(feed(it), FEEDING_DONE);
    assert_string_equal(it->sink.kept, KEPT);
    engine_memory_set_away(it->log.reader, true);
    assert_int_equal(feed(it), FEEDING_AWAY);
    assert_string_equal(it->failure.text, "read BETS_north: no connection, as told");
    assert_string_equal(it->position, it->sink.stands_at);
}

static void a_follower_goes_on_until_it_is_stopped_and_commits_what_it_has(void **state)
{
    struct case_of *it = *state;
    it->sink.away_stands = 2;
    it->sink.stops = true;
    assert_int_equal(feed_with(it, true), FEEDING_DONE);
    assert_int_equal(it->stop.signal, SIGTERM);
    assert_string_equal(it->sink.kept, KEPT);
    assert_int_equal(it->sink.stands, 3);
}

/* ------------------------------------------------------------------ a wrong log ---- */

static void what_is_right_is_delivered_before_what_is_wrong_is_told(void **state)
{
    struct case_of *it = *state;
    engine_memory_flip_bit(it->log.memory, "BETS_north", 3);
    expect_broken(it, "1:;2:1,a,b,1,2000-01-01,7\r\n1,c,d,2,2000-01-01,8\r\n;",
                  "message 3 of lottery.north.bets is no right record: its bytes have the CRC ");
    assert_true(it->sink.stands_at[0] == '2');
}

static void a_gap_in_the_engine_is_found(void **state)
{
    struct case_of *it = *state;
    engine_memory_lose_one(it->log.memory, "BETS_north", 3);
    expect_broken(it, "1:;2:1,a,b,1,2000-01-01,7\r\n1,c,d,2,2000-01-01,8\r\n;",
                  "message 3 is missing");
}

static void a_gap_and_an_overlap_in_the_file_are_found(void **state)
{
    struct case_of *it = *state;
    it->log.bets_end++;
    fixture_bets(&it->log, "1,g,h,4,2000-01-01,1\r\n", 1);
    expect_broken(it, KEPT, "record 5 of the log can't come next: gap: its bytes begin at");
    (void)tear_down(state);
    it = open_case(state);
    it->log.bets_end--;
    fixture_bets(&it->log, "1,g,h,4,2000-01-01,1\r\n", 1);
    expect_broken(it, KEPT, "overlap: its bytes begin at");
}

static void a_writer_whose_epoch_is_over_is_found(void **state)
{
    struct case_of *it = *state;
    it->log.node = "two-89abcdef";
    fixture_claim(&it->log);
    it->log.node = "one-01234567";
    it->log.epoch--;
    fixture_bets(&it->log, "1,g,h,4,2000-01-01,1\r\n", 1);
    expect_broken(it, KEPT "5:;", "the engine has not kept the old writer out");
}

static void an_engine_that_has_lost_what_was_read_is_found(void **state)
{
    struct case_of *it = *state;
    assert_int_equal(feed(it), FEEDING_DONE);
    engine_memory_lose_from(it->log.memory, "BETS_north", 4);
    expect_broken(it, KEPT, "ends with message 3, and this feed has read up to 4");
}

/* A node that has just started again tells of less than it has. */
static void an_engine_that_tells_of_less_for_a_moment_is_waited_for(void **state)
{
    struct case_of *it = *state;
    assert_int_equal(feed(it), FEEDING_DONE);
    engine_memory_set_stale(it->log.reader, 3);
    it->sink.recovers = it->log.reader;
    fixture_bets(&it->log, "1,g,h,4,2000-01-01,1\r\n", 1);
    assert_int_equal(feed_with_patience(it, false, INT64_C(10) * PATIENCE_MS), FEEDING_DONE);
    assert_string_equal(it->sink.kept, KEPT "5:1,g,h,4,2000-01-01,1\r\n;");
}

static void a_stream_that_was_made_anew_is_found(void **state)
{
    struct case_of *it = *state;
    assert_int_equal(feed(it), FEEDING_DONE);
    engine_memory_lose_from(it->log.memory, "BETS_north", 4);
    it->log.last = 3;
    it->log.done_end = 0;
    fixture_done(&it->log, "1,2,x\n"); /* the same bytes, by another append */
    expect_broken(it, KEPT,
                  "message 4 of the log BETS_north is another one than this feed has read");
}

static void a_stream_that_is_not_there_is_told(void **state)
{
    struct case_of *it = *state;
    engine_memory_lose_stream(it->log.memory, "BETS_north");
    expect_broken(it, "", "there is no such stream");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_records_are_delivered_in_one_group),
        TEST(a_second_feed_goes_on_where_the_first_has_ended),
        TEST(a_message_number_is_a_position_up_to_which_nothing_is_delivered),
        TEST(a_new_claim_is_read_on),
        TEST(each_position_goes_on_over_the_opening_of_a_draw),
        TEST(a_record_of_the_draw_before_behind_the_opening_is_found),
        TEST(groups_are_no_larger_than_they_have_to_be),
        TEST(a_commit_whose_answer_is_lost_is_not_done_twice),
        TEST(a_commit_that_was_lost_is_done_again),
        TEST(another_feed_that_was_faster_ends_this_one),
        TEST(a_sink_that_fails_ends_it),
        TEST(a_sink_or_an_engine_that_is_away_is_asked_again_while_there_is_patience),
        TEST(a_follower_goes_on_until_it_is_stopped_and_commits_what_it_has),
        TEST(what_is_right_is_delivered_before_what_is_wrong_is_told),
        TEST(a_gap_in_the_engine_is_found),
        TEST(a_gap_and_an_overlap_in_the_file_are_found),
        TEST(a_writer_whose_epoch_is_over_is_found),
        TEST(an_engine_that_has_lost_what_was_read_is_found),
        TEST(an_engine_that_tells_of_less_for_a_moment_is_waited_for),
        TEST(a_stream_that_was_made_anew_is_found),
        TEST(a_stream_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
