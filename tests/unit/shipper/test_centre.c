/*
 * test_centre.c - centres that draw together, on an engine in memory that fails as it is told.
 */
#include "shipper/centre.h"

#include "engine/engine_memory.h"
#include "lib/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { CENTRES = 3, NUMBER = 7574, TIMEOUT_MS = 100, REPLICAS = 1 };

/* A centre of the test: its own client of the engine, and what it is. */
struct party {
    struct engine *engine;
    struct centre centre;
    struct lottery_terms terms;
    struct centre_facts facts;
    struct failure failure;
};

struct fixture {
    struct engine_memory *memory;
    struct party parties[CENTRES]; /* A, B, C */
};

static const char *const names[CENTRES] = {"A", "B", "C"};
static const char *const identities[CENTRES] = {"0123456789abcdef0123456789abcdea",
                                                "0123456789abcdef0123456789abcdeb",
                                                "0123456789abcdef0123456789abcdec"};
static const char *const seals[CENTRES] = {
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"};

/* Begins as a new shipper does: nothing has been read. */
static void begin(struct party *party, const char *own, const char *expected)
{
    struct centre_set set;
    assert_true(centre_set_parse(expected, "test", &set, &party->failure));
    centre_begin(&party->centre, own, party->terms.draw, &set);
}

static void make_party(struct fixture *fixture, int i)
{
    struct party *party = &fixture->parties[i];
    party->engine = engine_open_memory(fixture->memory);
    assert_non_null(party->engine);
    party->terms = (struct lottery_terms){.draw = "2026.48",
                                          .agencies_expected = 2,
                                          .agencies_allowed = "1-2",
                                          .number_by = NUMBER_BY_CONFIGURATION,
                                          .winning_number = NUMBER};
    party->facts = (struct centre_facts){.node = "node",
                                         .epoch = 1,
                                         .identity = identities[i],
                                         .terms = &party->terms,
                                         .is_copied = true,
                                         .seal_sha256 = seals[i],
                                         .agencies = 2,
                                         .bets = 10U + (unsigned)i,
                                         .bytes = 500U + (unsigned)i};
    begin(party, names[i], "A,B,C");
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.memory = engine_memory_make()};
    *state = &fixture;
    for (int i = 0; i < CENTRES; i++) {
        make_party(&fixture, i);
    }
    assert_int_equal(centre_make_stream(fixture.parties[0].engine, REPLICAS, TIMEOUT_MS,
                                        &fixture.parties[0].failure),
                     ENGINE_STORED);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < CENTRES; i++) {
        engine_close(fixture->parties[i].engine);
    }
    engine_memory_drop(fixture->memory);
    return 0;
}

enum { AWAY = CENTRE_STATES };

/* The state, or AWAY. */
static int look(struct party *party)
{
    enum centre_state state = CENTRE_UNKNOWN;
    return centre_look(&party->centre, party->engine, &party->facts, TIMEOUT_MS, &state,
                       &party->failure) == CENTRE_AWAY
               ? (int)AWAY
               : (int)state;
}

static int seal_and_look(struct party *party)
{
    party->facts.sealed = true;
    return look(party);
}

static void let_numbers_come_by_command(struct fixture *fixture)
{
    for (int i = 0; i < CENTRES; i++) {
        fixture->parties[i].terms.number_by = NUMBER_BY_COMMAND;
        fixture->parties[i].terms.winning_number = 0;
    }
}

static uint64_t messages(struct party *party)
{
    uint64_t last = 0;
    assert_int_equal(
        engine_last_sequence(party->engine, NATIONAL_STREAM, TIMEOUT_MS, &last, &party->failure),
        ENGINE_READ);
    return last;
}

static void assert_failure(const struct party *party, const char *text)
{
    if (strstr(party->failure.text, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", party->failure.text, text);
    }
}

/* ------------------------------------------------------------------ drawing ---- */

static void all_centres_draw_the_same_once_the_last_one_is_closed(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    assert_int_equal(look(&parties[0]), CENTRE_OPEN);
    assert_int_equal(seal_and_look(&parties[0]), CENTRE_AWAITS);
    assert_failure(&parties[0], "B, C");
    assert_int_equal(seal_and_look(&parties[1]), CENTRE_AWAITS);
    assert_failure(&parties[1], "to be closed: C");
    assert_int_equal(look(&parties[0]), CENTRE_AWAITS);
    assert_int_equal(seal_and_look(&parties[2]), CENTRE_RELEASED);
    for (int i = 0; i < CENTRES; i++) {
        assert_int_equal(look(&parties[i]), CENTRE_RELEASED);
        assert_int_equal(parties[i].centre.drawn.winning_number, NUMBER);
        assert_int_equal(parties[i].centre.drawn.bets, 33);
        assert_string_equal(parties[i].centre.drawn.centre, "C");
    }
    assert_int_equal(messages(&parties[0]), CENTRES + 1);
}

/* What has not reached the engine may be lost with this machine. */
static void nothing_is_said_to_be_closed_before_the_engine_has_it(void **state)
{
    struct fixture *fixture = *state;
    struct party *a = &fixture->parties[0];
    a->facts.is_copied = false;
    assert_int_equal(seal_and_look(a), CENTRE_OPEN);
    assert_int_equal(messages(a), 0);
    a->facts.is_copied = true;
    assert_int_equal(look(a), CENTRE_AWAITS);
    a->facts.is_copied = false; /* control is written again: what was said stays said */
    assert_int_equal(look(a), CENTRE_AWAITS);
}

static void a_shipper_that_comes_later_reads_the_same_draw(void **state)
{
    struct fixture *fixture = *state;
    struct party *a = &fixture->parties[0];
    for (int i = 0; i < CENTRES; i++) {
        (void)seal_and_look(&fixture->parties[i]);
    }
    begin(a, "A", "A,B,C");
    a->facts.epoch = 2;
    a->facts.node = "standby"; /* which has taken over the same files */
    assert_int_equal(look(a), CENTRE_RELEASED);
    assert_int_equal(messages(a), CENTRES + 1);
}

static void draws_of_other_names_are_none_of_ours(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    for (int i = 0; i < CENTRES; i++) {
        (void)seal_and_look(&parties[i]);
    }
    for (int i = 0; i < CENTRES; i++) {
        (void)snprintf(parties[i].terms.draw, sizeof parties[i].terms.draw, "2026");
        parties[i].terms.winning_number = 1;
        begin(&parties[i], names[i], "A,B,C");
        parties[i].facts.sealed = false;
        assert_int_equal(look(&parties[i]), CENTRE_OPEN);
    }
    for (int i = 0; i < CENTRES; i++) {
        (void)seal_and_look(&parties[i]);
    }
    assert_int_equal(look(&parties[0]), CENTRE_RELEASED);
    assert_int_equal(parties[0].centre.drawn.winning_number, 1);
}

static void a_number_by_command_is_said_by_one_and_taken_by_all(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    let_numbers_come_by_command(fixture);
    parties[1].facts.number_said = true; /* too early: nothing is drawn by it yet */
    parties[1].facts.number = 4242;
    (void)seal_and_look(&parties[0]);
    assert_int_equal(seal_and_look(&parties[1]), CENTRE_AWAITS);
    assert_int_equal(seal_and_look(&parties[2]), CENTRE_READY);
    assert_int_equal(look(&parties[0]), CENTRE_READY);
    assert_int_equal(look(&parties[1]), CENTRE_RELEASED);
    for (int i = 0; i < CENTRES; i++) {
        assert_int_equal(look(&parties[i]), CENTRE_RELEASED);
        assert_int_equal(parties[i].centre.drawn.winning_number, 4242);
    }
}

static void of_two_numbers_that_are_said_the_first_one_counts(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    let_numbers_come_by_command(fixture);
    for (int i = 0; i < CENTRES; i++) {
        (void)seal_and_look(&parties[i]);
    }
    for (int i = 0; i < CENTRES; i++) {
        assert_int_equal(look(&parties[i]), CENTRE_READY);
        parties[i].facts.number_said = true;
        parties[i].facts.number = 100U + (unsigned)i;
    }
    for (int i = CENTRES - 1; i >= 0; i--) {
        assert_int_equal(look(&parties[i]), CENTRE_RELEASED);
        assert_int_equal(parties[i].centre.drawn.winning_number, 102);
    }
}

/* ------------------------------------------------------------------- faults ---- */

/* All look in turn until all are released: never more than a few times. */
static void assert_all_get_there(struct fixture *fixture)
{
    int released = 0;
    for (int looks = 0; looks < 6 && released < CENTRES; looks++) {
        released = 0;
        for (int i = 0; i < CENTRES; i++) {
            released += look(&fixture->parties[i]) == CENTRE_RELEASED;
        }
    }
    assert_int_equal(released, CENTRES);
}

static void no_fault_of_an_append_stores_anything_twice_or_never(void **state)
{
    struct fixture *fixture = *state;
    const enum engine_memory_fault faults[] = {ENGINE_MEMORY_ANSWER_LOST, ENGINE_MEMORY_LOST,
                                               ENGINE_MEMORY_LATE, ENGINE_MEMORY_REFUSE};
    struct party *parties = fixture->parties;
    uint64_t before = 0;
    for (size_t fault = 0; fault < sizeof faults / sizeof faults[0]; fault++) {
        for (int faulty = 0; faulty < CENTRES; faulty++) {
            for (int i = 0; i < CENTRES; i++) {
                (void)snprintf(parties[i].terms.draw, sizeof parties[i].terms.draw, "%zu-%d", fault,
                               faulty);
                parties[i].facts.sealed = true;
                begin(&parties[i], names[i], "A,B,C");
            }
            for (int i = 0; i < CENTRES; i++) { /* its `closed` */
                if (i == faulty) {
                    engine_memory_fail_append(parties[i].engine, faults[fault]);
                }
                (void)look(&parties[i]);
            }
            engine_memory_fail_append(parties[faulty].engine, faults[fault]); /* its `drawn` */
            (void)look(&parties[faulty]);
            engine_memory_fail_append(parties[faulty].engine, ENGINE_MEMORY_NO_FAULT);
            assert_all_get_there(fixture);
            assert_int_equal(messages(&parties[0]) - before, CENTRES + 1);
            before = messages(&parties[0]);
        }
    }
}

static void a_forbidden_append_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct party *a = &fixture->parties[0];
    engine_memory_fail_append(a->engine, ENGINE_MEMORY_FORBID);
    assert_int_equal(seal_and_look(a), AWAY);
    assert_failure(a, "forbidden");
}

static void an_engine_that_is_away_holds_the_draw_until_it_is_back(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    engine_memory_set_away(parties[2].engine, true);
    (void)seal_and_look(&parties[0]);
    (void)seal_and_look(&parties[1]);
    assert_int_equal(seal_and_look(&parties[2]), AWAY);
    assert_int_equal(look(&parties[0]), CENTRE_AWAITS);
    engine_memory_set_away(parties[2].engine, false);
    assert_int_equal(look(&parties[2]), CENTRE_RELEASED);
    assert_int_equal(look(&parties[0]), CENTRE_RELEASED);
}

static void a_centre_that_reads_old_answers_appends_nothing_twice(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    (void)seal_and_look(&parties[0]);
    (void)seal_and_look(&parties[1]);
    (void)seal_and_look(&parties[2]);
    begin(&parties[0], "A", "A,B,C");
    engine_memory_set_stale(parties[0].engine, 1); /* its own `closed` alone */
    assert_int_equal(look(&parties[0]), CENTRE_AWAITS);
    engine_memory_set_stale(parties[0].engine, CENTRES); /* all closed, `drawn` not seen */
    assert_int_equal(look(&parties[0]), AWAY);
    engine_memory_set_stale(parties[0].engine, 0);
    assert_int_equal(look(&parties[0]), CENTRE_RELEASED);
    assert_int_equal(messages(&parties[0]), CENTRES + 1);
}

static void two_shippers_of_a_centre_say_the_same_once(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    struct party *second = &parties[1]; /* another shipper of A, on the same files */
    second->facts = parties[0].facts;
    second->facts.epoch = 2;
    begin(second, "A", "A,C");
    begin(&parties[0], "A", "A,C");
    begin(&parties[2], "C", "A,C");
    assert_int_equal(seal_and_look(&parties[0]), CENTRE_AWAITS);
    assert_int_equal(seal_and_look(second), CENTRE_AWAITS);
    assert_int_equal(messages(second), 1);
    assert_int_equal(seal_and_look(&parties[2]), CENTRE_RELEASED);
    assert_int_equal(look(second), CENTRE_RELEASED);
    assert_int_equal(look(&parties[0]), CENTRE_RELEASED);
}

static void expect_missing(struct party *party, const char *text)
{
    enum centre_state state = CENTRE_UNKNOWN;
    assert_int_equal(centre_look(&party->centre, party->engine, &party->facts, TIMEOUT_MS, &state,
                                 &party->failure),
                     CENTRE_MISSING);
    assert_failure(party, text);
}

static void a_stream_that_has_lost_a_record_releases_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    (void)seal_and_look(&parties[0]);
    (void)seal_and_look(&parties[1]);
    engine_memory_lose_one(fixture->memory, NATIONAL_STREAM, 1);
    parties[2].facts.sealed = true;
    expect_missing(&parties[2], "missing");
}

static void expect_anew(struct party *party, const char *text)
{
    enum centre_state state = CENTRE_UNKNOWN;
    party->centre.patience_ms = 0;
    assert_int_equal(centre_look(&party->centre, party->engine, &party->facts, TIMEOUT_MS, &state,
                                 &party->failure),
                     CENTRE_ANEW);
    assert_failure(party, text);
}

static void make_stream(struct party *party)
{
    assert_int_equal(centre_make_stream(party->engine, REPLICAS, TIMEOUT_MS, &party->failure),
                     ENGINE_STORED);
}

/* Whoever has read it says again what it has said, and the draw is held by all as it would have been. */
static void a_stream_that_was_made_anew_is_read_anew(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    (void)seal_and_look(&parties[0]);
    (void)seal_and_look(&parties[1]);
    (void)look(&parties[0]);
    engine_memory_lose_stream(fixture->memory, NATIONAL_STREAM);
    expect_missing(&parties[0], "no such stream");
    expect_missing(&parties[0], "no such stream");
    make_stream(&parties[2]);
    parties[0].centre.patience_ms = INT64_MAX;
    assert_int_equal(look(&parties[0]), AWAY); /* perhaps a node that has just started again */
    assert_failure(&parties[0], "ends before message 2");
    expect_anew(&parties[0], "ends before message 2");
    assert_int_equal(look(&parties[0]), CENTRE_AWAITS);
    assert_int_equal(seal_and_look(&parties[2]), CENTRE_AWAITS);
    assert_failure(&parties[2], "to be closed: B");
    expect_anew(&parties[1], "message 2 of stream DRAW is another one");
    assert_int_equal(look(&parties[1]), CENTRE_RELEASED);
    for (int i = 0; i < CENTRES; i++) {
        assert_int_equal(look(&parties[i]), CENTRE_RELEASED);
        assert_int_equal(parties[i].centre.drawn.bets, 33);
    }
}

static void a_stream_of_the_same_words_at_another_time_is_another_one(void **state)
{
    struct fixture *fixture = *state;
    struct party *a = &fixture->parties[0];
    (void)seal_and_look(a);
    engine_memory_lose_stream(fixture->memory, NATIONAL_STREAM);
    make_stream(a);
    struct party twin = *a; /* says the same */
    begin(&twin, "A", "A,B,C");
    const int64_t began_ms = clock_wall_ms();
    while (clock_wall_ms() == began_ms) { /* the engine notes milliseconds */
    }
    assert_int_equal(look(&twin), CENTRE_AWAITS);
    expect_anew(a, "message 1 of stream DRAW is another one");
    assert_int_equal(look(a), CENTRE_AWAITS);
    assert_int_equal(messages(a), 1);
}

static void a_draw_that_was_released_stays_so_whatever_becomes_of_the_stream(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    for (int i = 0; i < CENTRES; i++) {
        (void)seal_and_look(&parties[i]);
    }
    assert_int_equal(look(&parties[0]), CENTRE_RELEASED);
    engine_memory_lose_stream(fixture->memory, NATIONAL_STREAM);
    assert_int_equal(look(&parties[0]), CENTRE_RELEASED);
    engine_memory_set_away(parties[0].engine, true);
    assert_int_equal(look(&parties[0]), CENTRE_RELEASED);
}

static void append_by_hand(struct fixture *fixture, const char *subject, const void *bytes,
                           size_t count)
{
    struct party *party = &fixture->parties[0];
    uint64_t sequence = 0;
    const struct engine_append append = {.stream = NATIONAL_STREAM,
                                         .subject = subject,
                                         .expectation = ENGINE_AFTER_SEQUENCE,
                                         .expected = messages(party),
                                         .bytes = bytes,
                                         .count = count};
    assert_int_equal(engine_append(party->engine, &append, TIMEOUT_MS, &sequence, &party->failure),
                     ENGINE_STORED);
}

/* What somebody might append who has the right to. */
static const char *const garbage[] = {
    "",
    "x",
    "{",
    "{}",
    "[]",
    "null",
    "\"\"",
    "{\"format\":\"lottery closed 1\"}",
    "{\"format\":\"lottery drawn 1\",\"winning_number\":7574}",
    "{\"winning_number\":-1}",
    "\xff\xfe",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
};

/* Fills a draw of its own: all are there, none has closed yet. */
static void begin_draw(struct fixture *fixture, const char *draw)
{
    for (int i = 0; i < CENTRES; i++) {
        struct party *party = &fixture->parties[i];
        (void)snprintf(party->terms.draw, sizeof party->terms.draw, "%s", draw);
        party->facts.sealed = true;
        begin(party, names[i], "A,B,C");
    }
}

static void garbage_of_a_centre_holds_the_draw_until_that_one_is_closed_out(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        char draw[CONTROL_DRAW_BYTES];
        char subject[NATIONAL_SUBJECT_BYTES];
        (void)snprintf(draw, sizeof draw, "garbage-%zu", i);
        begin_draw(fixture, draw);
        national_closed_subject(draw, "C", subject);
        append_by_hand(fixture, subject, garbage[i], strlen(garbage[i]));
        for (int party = 0; party < CENTRES; party++) {
            assert_int_equal(look(&parties[party]), CENTRE_HELD);
            assert_failure(&parties[party], "what centre C says of draw garbage-");
        }
        assert_int_equal(centre_close_out(&parties[0].centre, parties[0].engine, &parties[0].facts,
                                          "C", "garbage", TIMEOUT_MS, &parties[0].failure),
                         CENTRE_OUT);
        assert_int_equal(look(&parties[0]), CENTRE_AWAITS);
        assert_int_equal(look(&parties[1]), CENTRE_RELEASED);
        assert_int_equal(look(&parties[0]), CENTRE_RELEASED);
        assert_int_equal(look(&parties[2]), CENTRE_HELD);
    }
}

static void garbage_in_the_place_of_the_drawing_draws_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        char draw[CONTROL_DRAW_BYTES];
        char subject[NATIONAL_SUBJECT_BYTES];
        (void)snprintf(draw, sizeof draw, "garbage-%zu", i);
        begin_draw(fixture, draw);
        (void)look(&parties[0]);
        (void)look(&parties[1]);
        national_drawn_subject(draw, subject);
        append_by_hand(fixture, subject, garbage[i], strlen(garbage[i]));
        for (int party = 0; party < CENTRES; party++) {
            assert_int_equal(look(&parties[party]), CENTRE_HELD);
            assert_failure(&parties[party], "how draw garbage-");
        }
    }
}

/* As long as the engine takes a message, and of other subjects. */
static void what_is_too_long_or_of_no_subject_of_ours_is_told_or_passed_over(void **state)
{
    static const char *const others[] = {
        "lottery.draw.2026=48",
        "lottery.draw.2026=48.",
        "lottery.draw.2026=48.closed",
        "lottery.draw.2026=48.closed.",
        "lottery.draw.2026=48.closed.A.B",
        "lottery.draw.2026=48.closed.-",
        "lottery.draw.2026=48.closed.a_name_of_more_than_32_letters_it_is",
        "lottery.draw.2026=48.drawn.A",
        "lottery.draw.2026=48.Drawn"};
    enum { LONG_BYTES = 1000000 };
    struct fixture *fixture = *state;
    char *text = malloc(LONG_BYTES);
    assert_non_null(text);
    memset(text, '[', LONG_BYTES);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        append_by_hand(fixture, others[i], "x", 1);
    }
    assert_int_equal(seal_and_look(&fixture->parties[0]), CENTRE_AWAITS);
    append_by_hand(fixture, "lottery.draw.2026=48.closed.B", text, LONG_BYTES);
    memset(text, '7', LONG_BYTES);
    append_by_hand(fixture, "lottery.draw.2026=48.closed.C", text, LONG_BYTES);
    free(text);
    assert_int_equal(look(&fixture->parties[0]), CENTRE_HELD);
    assert_failure(&fixture->parties[0], "what centre B says of draw 2026.48 can't be read");
}

static void a_record_that_was_changed_holds_the_draw(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    (void)seal_and_look(&parties[0]);
    engine_memory_flip_bit(fixture->memory, NATIONAL_STREAM, 1);
    assert_int_equal(seal_and_look(&parties[1]), CENTRE_HELD);
    assert_failure(&parties[1], "can't be read");
}

/* ------------------------------------------------------------ contradictions ---- */

static void a_centre_with_another_number_is_refused_by_all(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    parties[2].terms.winning_number = 1;
    (void)seal_and_look(&parties[0]);
    (void)seal_and_look(&parties[1]);
    assert_int_equal(seal_and_look(&parties[2]), CENTRE_HELD);
    assert_failure(&parties[2], "centre A has the winning number 7574, and this one 1");
    assert_int_equal(messages(&parties[2]), 2); /* it has not closed */
    assert_int_equal(look(&parties[0]), CENTRE_AWAITS);
}

static void a_centre_that_waits_for_a_command_does_not_draw_with_others_that_do_not(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    parties[1].terms.number_by = NUMBER_BY_COMMAND;
    (void)seal_and_look(&parties[0]);
    assert_int_equal(seal_and_look(&parties[1]), CENTRE_HELD);
    assert_failure(&parties[1], "7574, and this one by command");
}

static void a_centre_that_expects_others_is_refused_by_all(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    begin(&parties[1], "B", "A,B");
    (void)seal_and_look(&parties[0]);
    assert_int_equal(seal_and_look(&parties[1]), CENTRE_HELD);
    assert_failure(&parties[1], "centre A expects the centres A,B,C, and this one A,B");
    assert_int_equal(messages(&parties[1]), 1);
}

static void a_stranger_holds_the_draw_until_it_is_closed_out(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    begin(&parties[2], "D", "A,B,D");
    (void)seal_and_look(&parties[2]);
    begin(&parties[0], "A", "A,B");
    begin(&parties[1], "B", "A,B");
    assert_int_equal(seal_and_look(&parties[0]), CENTRE_HELD);
    assert_failure(&parties[0], "centre D has closed draw 2026.48, too");
    assert_int_equal(centre_close_out(&parties[0].centre, parties[0].engine, &parties[0].facts, "D",
                                      "a mistake", TIMEOUT_MS, &parties[0].failure),
                     CENTRE_OUT);
    assert_int_equal(look(&parties[0]), CENTRE_AWAITS);
    assert_int_equal(seal_and_look(&parties[1]), CENTRE_RELEASED);
    assert_int_equal(look(&parties[2]), CENTRE_HELD);
    assert_failure(&parties[2], "closed out of draw 2026.48 by an operator");
}

static void a_second_lottery_under_the_same_names_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct party *a = &fixture->parties[0];
    (void)seal_and_look(a);
    begin(a, "A", "A,B,C");
    a->facts.identity = identities[1];
    assert_int_equal(look(a), CENTRE_HELD);
    assert_failure(a, "there are two of it");
    a->facts.identity = identities[0];
    a->facts.bets++;
    assert_int_equal(look(a), CENTRE_HELD);
    a->facts.bets--;
    assert_int_equal(look(a), CENTRE_AWAITS);
}

static void older_files_than_the_own_record_draw_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct party *a = &fixture->parties[0];
    (void)seal_and_look(a);
    begin(a, "A", "A,B,C");
    a->facts.sealed = false;
    assert_int_equal(look(a), CENTRE_HELD);
    assert_failure(a, "older");
}

static void a_centre_that_learns_of_another_draw_than_its_own_draws_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    let_numbers_come_by_command(fixture);
    for (int i = 0; i < CENTRES; i++) {
        (void)seal_and_look(&parties[i]);
    }
    parties[1].facts.number_said = true;
    parties[1].facts.number = 5;
    assert_int_equal(look(&parties[1]), CENTRE_RELEASED);
    parties[0].terms.number_given = true; /* control has another number: a restored one */
    parties[0].terms.winning_number = 6;
    assert_int_equal(look(&parties[0]), CENTRE_HELD);
    assert_failure(&parties[0], "with the number 5, and this one has 6");
    begin(&parties[2], "C", "A,B,C,D"); /* a configuration that was changed since */
    assert_int_equal(look(&parties[2]), CENTRE_HELD);
    assert_failure(&parties[2], "among 3 centres");
}

/* --------------------------------------------------------------- closing out ---- */

static enum centre_close_out close_out(struct party *party, const char *name)
{
    return centre_close_out(&party->centre, party->engine, &party->facts, name, "flooded",
                            TIMEOUT_MS, &party->failure);
}

static void a_missing_centre_is_closed_out_and_draws_nothing_when_it_comes(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    (void)seal_and_look(&parties[0]);
    assert_int_equal(seal_and_look(&parties[1]), CENTRE_AWAITS);
    assert_int_equal(close_out(&parties[0], "C"), CENTRE_OUT);
    assert_int_equal(close_out(&parties[1], "C"), CENTRE_OUT); /* said twice, stored once */
    assert_int_equal(messages(&parties[0]), 3);
    assert_int_equal(look(&parties[0]), CENTRE_RELEASED);
    assert_int_equal(look(&parties[1]), CENTRE_RELEASED);
    assert_int_equal(parties[1].centre.drawn.bets, 21);
    assert_int_equal(
        centre_standing_of(&parties[0].centre, &parties[0].centre.entries[2], &parties[0].facts),
        CENTRE_CLOSED_OUT);
    assert_int_equal(look(&parties[2]), CENTRE_HELD); /* while it still sells */
    assert_int_equal(seal_and_look(&parties[2]), CENTRE_HELD);
    assert_failure(&parties[2], "reason: flooded");
    assert_int_equal(messages(&parties[0]), 4);
}

/* Two operators and the centre itself: whoever is first is in the stream, and all three learn of that. */
static void of_two_operators_and_the_centre_itself_the_first_one_counts(void **state)
{
    static const enum engine_memory_fault faults[] = {
        ENGINE_MEMORY_NO_FAULT, ENGINE_MEMORY_ANSWER_LOST, ENGINE_MEMORY_LATE, ENGINE_MEMORY_LOST};
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    for (unsigned order = 0; order < CENTRES * sizeof faults / sizeof faults[0]; order++) {
        char draw[CONTROL_DRAW_BYTES];
        const unsigned first = order % CENTRES;
        (void)snprintf(draw, sizeof draw, "race-%u", order);
        begin_draw(fixture, draw);
        (void)look(&parties[0]);
        (void)look(&parties[1]);
        const uint64_t before = messages(&parties[0]);
        for (unsigned i = 0; i < CENTRES; i++) {
            const unsigned party = (first + i) % CENTRES;
            if (i == 0) {
                engine_memory_fail_append(parties[party].engine, faults[order / CENTRES]);
            }
            (void)(party == 2 ? look(&parties[2]) : (int)close_out(&parties[party], "C"));
        }
        const enum centre_close_out out = close_out(&parties[0], "C");
        assert_int_equal(close_out(&parties[1], "C"), out);
        const bool takes_part = look(&parties[2]) == CENTRE_RELEASED;
        assert_int_equal(out, takes_part ? CENTRE_OUT_REFUSED : CENTRE_OUT);
        assert_int_equal(look(&parties[0]), CENTRE_RELEASED);
        assert_int_equal(look(&parties[1]), CENTRE_RELEASED);
        assert_int_equal(parties[0].centre.drawn.bets, takes_part ? 33 : 21);
        assert_int_equal(messages(&parties[0]) - before, 2); /* of C, and the drawing */
    }
}

static void nobody_is_closed_out_who_need_not_be(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    (void)seal_and_look(&parties[1]);
    assert_int_equal(close_out(&parties[0], "A"), CENTRE_OUT_REFUSED);
    assert_failure(&parties[0], "is this one");
    assert_int_equal(close_out(&parties[0], "B"), CENTRE_OUT_REFUSED);
    assert_failure(&parties[0], "takes part with 11 bets");
    assert_int_equal(close_out(&parties[0], "X"), CENTRE_OUT_REFUSED);
    assert_failure(&parties[0], "none of this draw's");
    (void)seal_and_look(&parties[0]);
    (void)seal_and_look(&parties[2]);
    begin(&parties[0], "A", "A,B,C,D");
    assert_int_equal(close_out(&parties[0], "D"), CENTRE_OUT_REFUSED);
    assert_failure(&parties[0], "has been drawn");
}

static void a_centre_that_contradicts_is_closed_out_and_the_others_go_on(void **state)
{
    struct fixture *fixture = *state;
    struct party *parties = fixture->parties;
    parties[2].terms.winning_number = 1;
    (void)seal_and_look(&parties[2]); /* the wrong one is the first */
    assert_int_equal(seal_and_look(&parties[0]), CENTRE_HELD);
    assert_int_equal(seal_and_look(&parties[1]), CENTRE_HELD);
    assert_int_equal(close_out(&parties[1], "C"), CENTRE_OUT);
    assert_int_equal(look(&parties[1]), CENTRE_AWAITS);
    assert_int_equal(look(&parties[0]), CENTRE_RELEASED);
    assert_int_equal(look(&parties[1]), CENTRE_RELEASED);
    assert_int_equal(look(&parties[2]), CENTRE_HELD);
}

static void a_lost_answer_closes_out_once(void **state)
{
    struct fixture *fixture = *state;
    struct party *a = &fixture->parties[0];
    const enum engine_memory_fault faults[] = {ENGINE_MEMORY_ANSWER_LOST, ENGINE_MEMORY_LATE,
                                               ENGINE_MEMORY_LOST, ENGINE_MEMORY_REFUSE};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        (void)snprintf(a->terms.draw, sizeof a->terms.draw, "%zu", i);
        begin(a, "A", "A,B,C");
        uint64_t before = messages(a);
        engine_memory_fail_append(a->engine, faults[i]);
        enum centre_close_out out = close_out(a, "B");
        assert_int_equal(out, faults[i] == ENGINE_MEMORY_REFUSE ? CENTRE_OUT : CENTRE_OUT_AWAY);
        assert_int_equal(close_out(a, "B"), CENTRE_OUT);
        assert_int_equal(messages(a) - before, 1);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_centres_draw_the_same_once_the_last_one_is_closed),
        TEST(nothing_is_said_to_be_closed_before_the_engine_has_it),
        TEST(a_shipper_that_comes_later_reads_the_same_draw),
        TEST(draws_of_other_names_are_none_of_ours),
        TEST(a_number_by_command_is_said_by_one_and_taken_by_all),
        TEST(of_two_numbers_that_are_said_the_first_one_counts),
        TEST(no_fault_of_an_append_stores_anything_twice_or_never),
        TEST(a_forbidden_append_is_told),
        TEST(an_engine_that_is_away_holds_the_draw_until_it_is_back),
        TEST(a_centre_that_reads_old_answers_appends_nothing_twice),
        TEST(two_shippers_of_a_centre_say_the_same_once),
        TEST(a_stream_that_has_lost_a_record_releases_nothing),
        TEST(a_stream_that_was_made_anew_is_read_anew),
        TEST(a_stream_of_the_same_words_at_another_time_is_another_one),
        TEST(a_draw_that_was_released_stays_so_whatever_becomes_of_the_stream),
        TEST(garbage_of_a_centre_holds_the_draw_until_that_one_is_closed_out),
        TEST(garbage_in_the_place_of_the_drawing_draws_nothing),
        TEST(what_is_too_long_or_of_no_subject_of_ours_is_told_or_passed_over),
        TEST(a_record_that_was_changed_holds_the_draw),
        TEST(a_centre_with_another_number_is_refused_by_all),
        TEST(a_centre_that_waits_for_a_command_does_not_draw_with_others_that_do_not),
        TEST(a_centre_that_expects_others_is_refused_by_all),
        TEST(a_stranger_holds_the_draw_until_it_is_closed_out),
        TEST(a_second_lottery_under_the_same_names_is_refused),
        TEST(older_files_than_the_own_record_draw_nothing),
        TEST(a_centre_that_learns_of_another_draw_than_its_own_draws_nothing),
        TEST(a_missing_centre_is_closed_out_and_draws_nothing_when_it_comes),
        TEST(of_two_operators_and_the_centre_itself_the_first_one_counts),
        TEST(nobody_is_closed_out_who_need_not_be),
        TEST(a_centre_that_contradicts_is_closed_out_and_the_others_go_on),
        TEST(a_lost_answer_closes_out_once),
    };
    return cmocka_run_group_tests_name("shipper/centre", tests, NULL, NULL);
}
