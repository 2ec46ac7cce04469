/*
 * test_sales.c - the end of a draw, by the storer's own functions: who may close the sales and
 * without whom, what an order gets as its answer, and what is left when a step is taken again.
 *
 * The test's process is the storer. It calls what the storer's loop calls, a round at a time.
 */
#include "server/storer/sales.h"

#include "lib/checksum.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "seal/draw_report.h"
#include "seal/record.h"
#include "seal/signature.h"
#include "server/storer/done_round.h"
#include "server/storer/flush.h"
#include "server/storer/holding.h"
#include "server/storer/order_desk.h"
#include "server/storer/sealing.h"
#include "shm/agencies.h"
#include "shm/ring.h"
#include "tests/harness/heritages.h"

#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { RING_BYTES = 4096, AGENCIES = 8, NUMBER = 7574, SOON_MS = 50, DAY_MS = 24 * 60 * 60 * 1000 };

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct heritage heritage;
    struct disk disk;
    struct storage storage;
    bool is_open;
};

static struct segment *segment_of(struct fixture *fixture)
{
    return &fixture->heritage.segment;
}

static struct control *control_of(struct fixture *fixture)
{
    return &fixture->storage.control;
}

/* ---------------------------------------------------------- the draw's life ---- */

/* A storer begins: it opens what is there and takes it over. */
static void begin(struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    fixture->disk =
        (struct disk){.heritage = &fixture->heritage, .segment = &fixture->heritage.segment};
    agencies_recount_done(segment_of(fixture));
    if (!storage_open(&fixture->storage, &fixture->disk, &failure)) {
        fail_msg("%s", failure.text);
    }
    fixture->is_open = true;
    sales_take_over(&fixture->storage);
    assert_true(flush_inherited(&fixture->storage) && done_round_adopt(&fixture->storage));
}

/* The storer dies, and another one begins. */
static void die(struct fixture *fixture)
{
    storage_close(&fixture->storage);
    begin(fixture);
}

/* What the storer's loop does; true when no storer has to end. */
static bool live_a_round(struct fixture *fixture)
{
    struct storage *storage = &fixture->storage;
    return flush_appended(storage) && done_round_store_asked(storage) && sales_look(storage) &&
           order_desk_look(storage) && (!sealing_is_due(storage) || sealing_seal(storage)) &&
           (!holding_is_due(storage) || holding_hold_draw(storage)) && order_desk_look(storage);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.heritage = {.config = {.ring_bytes = RING_BYTES,
                                                       .limit_agencies = AGENCIES,
                                                       .agencies_expected = 3,
                                                       .lottery_name = "1"}}};
    *state = &fixture;
    log_set_threshold(LOG_LEVELS); /* nothing: most failures are wanted */
    heritages_open(&fixture.scratch, &fixture.processes, &fixture.heritage,
                   (struct segment_plan){.ring_bytes = RING_BYTES, .agency_limit = AGENCIES});
    heritages_add_lottery(&fixture.scratch, &fixture.heritage);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->is_open) {
        storage_close(&fixture->storage);
    }
    heritages_close(&fixture->scratch, &fixture->processes, &fixture->heritage);
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

/* Opens a draw in which these agencies may bet, 3 are expected, and the number comes like this. */
static void open_draw(struct fixture *fixture, const char *allowed, enum number_source number_by)
{
    struct control *control = &fixture->heritage.directory.control;
    struct server_config *config = &fixture->heritage.config;
    struct failure failure = {.text = ""};
    bool synced = false;
    control->terms = (struct lottery_terms){.draw = "1",
                                            .agencies_expected = config->agencies_expected,
                                            .number_by = number_by,
                                            .closes_at_ms = config->closes_at_ms};
    control->terms.winning_number = number_by == NUMBER_BY_COMMAND ? 0 : NUMBER;
    control->opened_at_ms = clock_wall_ms();
    (void)snprintf(control->terms.agencies_allowed, sizeof control->terms.agencies_allowed, "%s",
                   allowed);
    if (!agency_set_parse(allowed, "test", &config->allowed, &failure) ||
        !control_write(&fixture->heritage.directory, control, &synced, &failure)) {
        fail_msg("%s", failure.text);
    }
    begin(fixture);
}

/* ------------------------------------------------------------ its agencies ---- */

static enum append_result try_bet(struct fixture *fixture, uint32_t id)
{
    char row[64];
    int bytes = snprintf(row, sizeof row, "%u,a,b,1,2000-01-01,%d\r\n", (unsigned)id, NUMBER);
    struct append append = {.agency = agencies_find_or_add(segment_of(fixture), id),
                            .bytes = row,
                            .count = (size_t)bytes,
                            .bets = 1,
                            .epoch = EPOCH_UNFENCED,
                            .checksum = checksum_extend(CHECKSUM_EMPTY, row, (size_t)bytes),
                            .checksum_factor = checksum_factor((size_t)bytes)};
    uint64_t end = 0;
    assert_non_null(append.agency);
    return ring_append(segment_of(fixture), 0, &append, &end);
}

static void bet(struct fixture *fixture, uint32_t id)
{
    assert_int_equal(try_bet(fixture, id), APPEND_DONE);
}

static struct agency *ask_done(struct fixture *fixture, uint32_t id)
{
    struct agency *agency = agencies_find_or_add(segment_of(fixture), id);
    assert_non_null(agency);
    assert_true(agencies_ask_done(segment_of(fixture), 0, agency, EPOCH_UNFENCED));
    return agency;
}

/* ------------------------------------------------------------- its operator ---- */

static void post(struct fixture *fixture, enum order_kind kind, uint32_t number, const char *text,
                 const char *reason)
{
    struct order order = {.kind = kind, .number = number};
    (void)snprintf(order.text, sizeof order.text, "%s", text);
    (void)snprintf(order.reason, sizeof order.reason, "%s", reason);
    assert_true(orders_post(segment_of(fixture), &order));
}

/* The order has been answered like this, with a text that says `part`. */
static void expect_answer(struct fixture *fixture, bool carried_out, const char *part)
{
    bool was_carried_out = !carried_out;
    char text[SHARED_ANSWER_BYTES] = "";
    assert_true(orders_take_answer(segment_of(fixture), &was_carried_out, text));
    if (was_carried_out != carried_out || strstr(text, part) == NULL) {
        fail_msg("carried out: %d, '%s' does not say '%s'", was_carried_out, text, part);
    }
}

static void expect_close(struct fixture *fixture, const char *without, bool closed,
                         const char *part)
{
    post(fixture, ORDER_CLOSE, 0, without, "no line");
    assert_true(live_a_round(fixture));
    expect_answer(fixture, closed, part);
}

static void expect_draw(struct fixture *fixture, uint32_t number, const char *seal, bool drawn,
                        const char *part)
{
    post(fixture, ORDER_DRAW, number, seal, "");
    assert_true(live_a_round(fixture));
    expect_answer(fixture, drawn, part);
}

/* Control, as it is on the disk, and the segment say so. */
static void expect_state(struct fixture *fixture, enum control_state expected)
{
    struct control control;
    struct failure failure = {.text = ""};
    if (control_read(&fixture->heritage.directory, &control, &failure) != CONTROL_READ) {
        fail_msg("%s", failure.text);
    }
    assert_string_equal(control_state_name(control.state), control_state_name(expected));
    assert_int_equal(atomic_load(&segment_of(fixture)->shared->storer.draw_state), expected);
}

static void expect_closing(struct fixture *fixture, enum closed_by by, const char *without)
{
    const struct closing *closing = &control_of(fixture)->closing;
    assert_int_equal(closing->by, by);
    assert_string_equal(closing->without, without);
    assert_true(closing->at_ms > 0);
}

/* --------------------------------------------------------------- by agencies ---- */

static void the_last_done_closes_seals_and_draws(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct seal seal;
    open_draw(fixture, "1-3", NUMBER_BY_CONFIGURATION);
    bet(fixture, 1);
    bet(fixture, 2);
    assert_true(live_a_round(fixture));
    expect_state(fixture, CONTROL_OPEN);
    for (uint32_t id = 1; id <= 3; id++) {
        (void)ask_done(fixture, id);
    }
    assert_true(live_a_round(fixture));
    expect_state(fixture, CONTROL_DRAWN);
    expect_closing(fixture, CLOSED_BY_AGENCIES, "");
    const struct control *control = control_of(fixture);
    assert_int_equal(control->draw.winners, 2);
    assert_true(control->sealed_at_ms >= control->closing.at_ms);
    assert_true(control->drawn_at_ms >= control->sealed_at_ms);
    assert_int_equal(record_read_seal(&fixture->heritage.directory, control, &seal, &failure),
                     SEAL_GOOD);
    assert_int_equal(seal.agency_count, 3);
    assert_int_equal(seal.bets_rows, 2);
    seal_close(&seal);
    assert_int_equal(record_check_draw(&fixture->heritage.directory, control, &failure), SEAL_GOOD);
    assert_false(scratch_has(&fixture->scratch, DATA_SEAL_SIGNATURE_FILE));
    assert_int_equal(atomic_load(&segment_of(fixture)->shared->storer.drawn), 1);
}

static void who_is_cut_off_by_a_quorum_is_named_and_takes_part(void **state)
{
    struct fixture *fixture = *state;
    open_draw(fixture, "any", NUMBER_BY_COMMAND);
    bet(fixture, 40);
    for (uint32_t id = 1; id <= 3; id++) {
        (void)ask_done(fixture, id);
    }
    assert_true(live_a_round(fixture));
    expect_state(fixture, CONTROL_SEALED);
    expect_closing(fixture, CLOSED_BY_AGENCIES, "40");
    assert_int_equal(try_bet(fixture, 40), APPEND_SALES_CLOSED);
    /* its DONE is answered, and done.csv stays as it was sealed */
    uint64_t done_bytes = fixture->storage.done.bytes;
    struct agency *agency = ask_done(fixture, 40);
    assert_true(live_a_round(fixture));
    assert_int_equal(atomic_load(&agency->phase), AGENCY_CLOSED_OUT);
    assert_int_equal(try_bet(fixture, 40), APPEND_SALES_CLOSED);
    assert_int_equal(fixture->storage.done.bytes, done_bytes);
    die(fixture);
    expect_state(fixture, CONTROL_SEALED);
}

/* ------------------------------------------------------------------- by time ---- */

static void the_closing_time_closes_out_who_is_missing(void **state)
{
    struct fixture *fixture = *state;
    fixture->heritage.config.closes_at_ms = clock_wall_ms() + DAY_MS;
    open_draw(fixture, "1-4,7", NUMBER_BY_CONFIGURATION);
    bet(fixture, 2);
    (void)ask_done(fixture, 1);
    assert_true(live_a_round(fixture));
    expect_state(fixture, CONTROL_OPEN);
    assert_int_equal(sales_patience_ms(&fixture->storage, SOON_MS), SOON_MS);
    control_of(fixture)->terms.closes_at_ms = clock_wall_ms() - 1;
    assert_int_equal(sales_patience_ms(&fixture->storage, SOON_MS), 0);
    assert_true(live_a_round(fixture));
    expect_state(fixture, CONTROL_DRAWN);
    expect_closing(fixture, CLOSED_BY_TIME, "2-4,7"); /* 3, 4 and 7 never came */
    assert_int_equal(control_of(fixture)->draw.bets, 1);
    assert_int_equal(sales_patience_ms(&fixture->storage, SOON_MS), SOON_MS);
}

static void more_than_control_can_name_are_any(void **state)
{
    enum { FAR = 70000 };
    struct fixture *fixture = *state;
    struct agency_set *allowed = &fixture->heritage.config.allowed;
    fixture->heritage.config.closes_at_ms = 1;
    open_draw(fixture, "1", NUMBER_BY_COMMAND);
    *allowed = (struct agency_set){.count = AGENCY_RANGES_MAX};
    for (uint32_t i = 0; i < AGENCY_RANGES_MAX; i++) { /* 64 names of up to seven digits */
        allowed->ranges[i] = (struct agency_range){.first = FAR * i, .last = FAR * i};
    }
    bet(fixture, FAR);
    assert_true(live_a_round(fixture));
    expect_closing(fixture, CLOSED_BY_TIME, "any");
    expect_state(fixture, CONTROL_SEALED);
}

/* ---------------------------------------------------------------- by command ---- */

/* Whom a command has to name, and may not name: agency 1 is done, 2 has bets, and 3 never came. */
static void a_command_closes_out_by_name_only(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *without, *answer;
    } refused[] = {
        {"", "2 agencies are not done: 2-3; "},
        {"2", "1 agency is not done: 3; "},
        {"1-3", "agency 1 is done: leave it out"},
        {"2-4", "agency 4 is not one of this draw's (1-3)"},
        {"any", "by their numbers"},
        {"two", "agencies to be closed out: \"two\" is not like 1-5"},
        {"2,2-3", "agency 2 is named twice"},
        {"0-4294967295", "by their numbers"},
    };
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    bet(fixture, 2);
    (void)ask_done(fixture, 1);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        expect_close(fixture, refused[i].without, false, refused[i].answer);
        expect_state(fixture, CONTROL_OPEN);
        bet(fixture, 2); /* sales go on */
    }
    expect_close(fixture, "2-3", true, "");
    expect_answer(fixture, true, control_of(fixture)->seal_sha256);
    expect_state(fixture, CONTROL_SEALED);
    expect_closing(fixture, CLOSED_BY_COMMAND, "2-3");
    assert_string_equal(control_of(fixture)->closing.reason, "no line");
    assert_int_equal(try_bet(fixture, 2), APPEND_SALES_CLOSED);
}

static void where_any_agency_may_bet_those_are_named_that_are_expected(void **state)
{
    struct fixture *fixture = *state;
    open_draw(fixture, "any", NUMBER_BY_COMMAND);
    bet(fixture, 9);
    (void)ask_done(fixture, 1);
    expect_close(fixture, "", false, "1 agency is not done: 9; ");
    expect_close(fixture, "9", false, "1 agencies are done and 1 named, and 3 are expected");
    expect_close(fixture, "9,20-28", false, "more than limits.agencies (8)");
    expect_close(fixture, "9,20", true, "");
    expect_closing(fixture, CLOSED_BY_COMMAND, "9,20");
}

/* The expected ones are done, and the grace for others is not over: a command need not wait. */
static void a_command_ends_the_grace(void **state)
{
    struct fixture *fixture = *state;
    fixture->heritage.config.agencies_grace_ms = DAY_MS;
    open_draw(fixture, "1-4", NUMBER_BY_COMMAND);
    bet(fixture, 4);
    for (uint32_t id = 1; id <= 3; id++) {
        (void)ask_done(fixture, id);
    }
    expect_close(fixture, "", false, "1 agency is not done: 4; ");
    expect_state(fixture, CONTROL_OPEN);
    expect_close(fixture, "4", true, "");
    expect_closing(fixture, CLOSED_BY_COMMAND, "4");
}

static void a_reason_that_control_cannot_hold_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char long_reason[CONTROL_REASON_BYTES + 1];
    memset(long_reason, 'x', sizeof long_reason - 1);
    long_reason[sizeof long_reason - 1] = '\0';
    const char *const reasons[] = {"two\nlines", "\x1b[2J", long_reason};
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        post(fixture, ORDER_CLOSE, 0, "1-3", reasons[i]);
        assert_true(live_a_round(fixture));
        expect_answer(fixture, false, "printable text of at most 127 bytes");
    }
    expect_state(fixture, CONTROL_NEW);
}

/* Sales that are closed are closed: the same order is answered again, and no other one is. */
static void an_order_that_was_carried_out_is_answered_again(void **state)
{
    struct fixture *fixture = *state;
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    expect_close(fixture, "1-3", true, "");
    char seal[CONTROL_SHA256_DIGITS + 1];
    memcpy(seal, control_of(fixture)->seal_sha256, sizeof seal);
    expect_close(fixture, "1-3", true, seal);
    expect_close(fixture, "1-2", false, "the draw is sealed already: its sales were closed at ");
    post(fixture, ORDER_CLOSE, 0, "1-3", "another reason");
    die(fixture);
    assert_true(live_a_round(fixture));
    expect_answer(fixture, false, "by: command, without 1-3), and its seal is ");
    assert_string_equal(control_of(fixture)->seal_sha256, seal);
}

/* --------------------------------------------------------------- the number ---- */

static void the_number_comes_once_and_with_the_hash_of_the_seal(void **state)
{
    struct fixture *fixture = *state;
    static const char other[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    bet(fixture, 1);
    expect_draw(fixture, NUMBER, other, false, "the draw is open: no number is taken before");
    expect_close(fixture, "1-3", true, "");
    const char *seal = control_of(fixture)->seal_sha256;
    expect_draw(fixture, NUMBER, "", false, "not the hash of this draw's seal");
    expect_draw(fixture, NUMBER, other, false, "not the hash of this draw's seal");
    expect_state(fixture, CONTROL_SEALED);
    expect_draw(fixture, NUMBER, seal, true, "");
    expect_answer(fixture, true, control_of(fixture)->draw_sha256);
    expect_state(fixture, CONTROL_DRAWN);
    assert_int_equal(control_of(fixture)->draw.winners, 1);
    char drawn[CONTROL_SHA256_DIGITS + 1];
    memcpy(drawn, control_of(fixture)->draw_sha256, sizeof drawn);
    expect_draw(fixture, NUMBER, seal, true, drawn);
    expect_draw(fixture, NUMBER + 1, seal, false, "7574 already, and there is never a second one");
    expect_close(fixture, "1-3", true, seal);
}

static void a_number_that_is_known_is_not_taken_by_command(void **state)
{
    struct fixture *fixture = *state;
    open_draw(fixture, "1-3", NUMBER_BY_OPENING);
    expect_draw(fixture, NUMBER, "", false, "is 7574, by its opening");
}

/* The storer dies after the number was noted: the next one draws, and takes no other. */
static void a_number_that_was_noted_stays(void **state)
{
    struct fixture *fixture = *state;
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    expect_close(fixture, "1-3", true, "");
    post(fixture, ORDER_DRAW, NUMBER, control_of(fixture)->seal_sha256, "");
    assert_true(order_desk_look(&fixture->storage));
    expect_state(fixture, CONTROL_SEALED);
    die(fixture);
    assert_true(control_has_number(&control_of(fixture)->terms));
    assert_true(live_a_round(fixture));
    expect_answer(fixture, true, control_of(fixture)->draw_sha256);
    expect_state(fixture, CONTROL_DRAWN);
}

/* -------------------------------------------------------------------- deaths ---- */

/* Before control says closed, a death leaves an open draw, in which bets are taken. */
static void a_death_before_the_commit_point_reopens_the_sales(void **state)
{
    struct fixture *fixture = *state;
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    bet(fixture, 1);
    assert_true(live_a_round(fixture));
    (void)agencies_close_for_draw(segment_of(fixture));
    assert_int_equal(try_bet(fixture, 1), APPEND_SALES_CLOSED);
    die(fixture);
    bet(fixture, 1);
    expect_state(fixture, CONTROL_OPEN);
    expect_close(fixture, "1-3", true, "");
    assert_int_equal(control_of(fixture)->bets_bytes,
                     atomic_load(&segment_of(fixture)->shared->positions.head));
}

/* After it, a new segment does not know that sales are closed, and the storer tells it. */
static void a_death_after_the_commit_point_seals_the_same_bytes(void **state)
{
    struct fixture *fixture = *state;
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    bet(fixture, 1);
    post(fixture, ORDER_CLOSE, 0, "1-3", "");
    assert_true(flush_appended(&fixture->storage) && order_desk_look(&fixture->storage));
    expect_state(fixture, CONTROL_CLOSED);
    agencies_reopen(segment_of(fixture));
    die(fixture);
    assert_int_equal(try_bet(fixture, 1), APPEND_SALES_CLOSED);
    assert_true(live_a_round(fixture));
    expect_state(fixture, CONTROL_SEALED);
    expect_answer(fixture, true, control_of(fixture)->seal_sha256);
}

static void a_seal_that_nobody_was_told_is_made_anew(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct seal seal;
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    post(fixture, ORDER_CLOSE, 0, "1-3", "");
    assert_true(order_desk_look(&fixture->storage));
    scratch_write(&fixture->scratch, DATA_SEAL_FILE, "half", 4);
    scratch_write(&fixture->scratch, DATA_SEAL_SIGNATURE_FILE, "of another key", 14);
    assert_true(live_a_round(fixture));
    assert_int_equal(
        record_read_seal(&fixture->heritage.directory, control_of(fixture), &seal, &failure),
        SEAL_GOOD);
    seal_close(&seal);
    assert_false(scratch_has(&fixture->scratch, DATA_SEAL_SIGNATURE_FILE));
}

/* Until the wall clock, to which a record's time belongs, has gone on. */
static void await_next_ms(void)
{
    int64_t now_ms = clock_wall_ms();
    while (clock_wall_ms() == now_ms) {
        sched_yield();
    }
}

/* A server that is started with this control, as somebody has put it back. */
static void restore(struct fixture *fixture, const struct control *control)
{
    struct failure failure = {.text = ""};
    bool synced = true;
    atomic_store(&segment_of(fixture)->shared->storer.draw_state, control->state);
    atomic_store(&segment_of(fixture)->shared->storer.drawn, 0);
    if (!control_write(&fixture->heritage.directory, control, &synced, &failure)) {
        fail_msg("%s", failure.text);
    }
    die(fixture);
}

/* Somebody may have been told, or a storer died between the record's rename and control's. */
static void a_record_that_is_in_place_is_made_again_with_its_hash(void **state)
{
    struct fixture *fixture = *state;
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    bet(fixture, 1);
    post(fixture, ORDER_CLOSE, 0, "1-3", "");
    assert_true(flush_appended(&fixture->storage) && order_desk_look(&fixture->storage));
    const struct control closed = *control_of(fixture);
    assert_true(live_a_round(fixture));
    const struct control sealed = *control_of(fixture);
    await_next_ms();
    restore(fixture, &closed);
    expect_state(fixture, CONTROL_CLOSED);
    assert_true(live_a_round(fixture));
    assert_string_equal(control_of(fixture)->seal_sha256, sealed.seal_sha256);
    post(fixture, ORDER_DRAW, NUMBER, sealed.seal_sha256, "");
    assert_true(order_desk_look(&fixture->storage));
    const struct control numbered = *control_of(fixture);
    assert_true(live_a_round(fixture));
    const struct control drawn = *control_of(fixture);
    await_next_ms();
    restore(fixture, &numbered);
    assert_true(live_a_round(fixture));
    expect_state(fixture, CONTROL_DRAWN);
    assert_string_equal(control_of(fixture)->draw_sha256, drawn.draw_sha256);
}

/* The clock has been set back since the opening: nothing is told to have happened before it. */
static void a_clock_that_was_set_back_keeps_the_steps_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    struct control *control = control_of(fixture);
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    control->opened_at_ms = clock_wall_ms() + DAY_MS;
    const struct control opened = *control;
    restore(fixture, &opened);
    post(fixture, ORDER_CLOSE, 0, "1-3", "");
    assert_true(live_a_round(fixture));
    post(fixture, ORDER_DRAW, NUMBER, control->seal_sha256, "");
    assert_true(live_a_round(fixture));
    expect_state(fixture, CONTROL_DRAWN);
    assert_true(control->closing.at_ms == opened.opened_at_ms);
    assert_true(control->sealed_at_ms == opened.opened_at_ms);
    assert_true(control->drawn_at_ms == opened.opened_at_ms);
}

/* ------------------------------------------------------------------- changes ---- */

/* Closes and seals a draw with a bet, and has a byte of this file changed before the number. */
static void expect_no_draw_after_change(struct fixture *fixture, const char *name)
{
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    bet(fixture, 1);
    (void)ask_done(fixture, 1);
    expect_close(fixture, "2-3", true, "");
    size_t bytes = 0;
    char *text = scratch_read(&fixture->scratch, name, &bytes);
    text[2] ^= 1;
    scratch_write(&fixture->scratch, name, text, bytes);
    free(text);
    post(fixture, ORDER_DRAW, NUMBER, control_of(fixture)->seal_sha256, "");
    assert_false(live_a_round(fixture));
    assert_int_equal(fixture->disk.trust, DISK_DAMAGED);
    assert_false(scratch_has(&fixture->scratch, DATA_WINNERS_FILE));
    expect_state(fixture, CONTROL_SEALED);
}

static void nothing_is_drawn_from_bets_that_were_changed_after_the_seal(void **state)
{
    expect_no_draw_after_change(*state, DATA_BETS_FILE);
}

static void nothing_is_drawn_beside_a_done_file_that_was_changed_after_the_seal(void **state)
{
    expect_no_draw_after_change(*state, DATA_DONE_FILE);
}

static void nothing_is_drawn_by_a_seal_that_was_changed(void **state)
{
    expect_no_draw_after_change(*state, DATA_SEAL_FILE);
}

/* They are open, and could be read to their ends. */
static void expect_no_draw_without(struct fixture *fixture, const char *name, bool is_replaced)
{
    size_t bytes = 0;
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    bet(fixture, 1);
    (void)ask_done(fixture, 1);
    expect_close(fixture, "2-3", true, "");
    char *text = scratch_read(&fixture->scratch, name, &bytes);
    assert_int_equal(unlinkat(fixture->scratch.descriptor, name, 0), 0);
    if (is_replaced) {
        scratch_write(&fixture->scratch, name, text, bytes);
    }
    free(text);
    post(fixture, ORDER_DRAW, NUMBER, control_of(fixture)->seal_sha256, "");
    assert_false(live_a_round(fixture));
    assert_int_equal(fixture->disk.trust, DISK_FILE_CHANGED);
    assert_false(scratch_has(&fixture->scratch, DATA_WINNERS_FILE));
    expect_state(fixture, CONTROL_SEALED);
}

static void nothing_is_drawn_when_bets_csv_was_removed(void **state)
{
    expect_no_draw_without(*state, DATA_BETS_FILE, false);
}

static void nothing_is_drawn_when_done_csv_was_removed(void **state)
{
    expect_no_draw_without(*state, DATA_DONE_FILE, false);
}

static void nothing_is_drawn_when_done_csv_was_replaced_by_a_copy(void **state)
{
    expect_no_draw_without(*state, DATA_DONE_FILE, true);
}

/* Of an agency that was closed out no line of done.csv speaks: what was stored of it does. */
static void bets_that_were_changed_are_not_sealed(void **state)
{
    struct fixture *fixture = *state;
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    bet(fixture, 1);
    assert_true(live_a_round(fixture));
    size_t bytes = 0;
    char *text = scratch_read(&fixture->scratch, DATA_BETS_FILE, &bytes);
    text[2] = 'z'; /* a name: the row is a bet as before */
    scratch_write(&fixture->scratch, DATA_BETS_FILE, text, bytes);
    free(text);
    post(fixture, ORDER_CLOSE, 0, "1-3", "");
    assert_false(live_a_round(fixture));
    assert_int_equal(fixture->disk.trust, DISK_DAMAGED);
    expect_state(fixture, CONTROL_CLOSED);
    assert_false(scratch_has(&fixture->scratch, DATA_SEAL_FILE));
}

/* ------------------------------------------------------------------ the key ---- */

static void expect_signed(struct fixture *fixture, const char *public_key, const char *name,
                          const char *signature_name)
{
    size_t bytes = 0;
    size_t signature_bytes = 0;
    struct signature signature;
    struct failure failure = {.text = ""};
    char *text = scratch_read(&fixture->scratch, name, &bytes);
    char *raw = scratch_read(&fixture->scratch, signature_name, &signature_bytes);
    assert_int_equal(signature_bytes, SIGNATURE_BYTES);
    memcpy(signature.bytes, raw, SIGNATURE_BYTES);
    assert_int_equal(signature_check(public_key, text, bytes, &signature, &failure),
                     SIGNATURE_GOOD);
    free(text);
    free(raw);
}

static void with_a_key_seal_and_draw_are_signed(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    char public_key[PATH_MAX];
    char *key = fixture->heritage.config.seal_key;
    (void)snprintf(key, CONFIG_TEXT_BYTES, "%s/key.pem", fixture->scratch.path);
    (void)snprintf(public_key, sizeof public_key, "%s.pub", key);
    assert_true(signature_make_key(key, &failure));
    open_draw(fixture, "1-3", NUMBER_BY_OPENING);
    expect_close(fixture, "1-3", true, "");
    expect_state(fixture, CONTROL_DRAWN);
    expect_signed(fixture, public_key, DATA_SEAL_FILE, DATA_SEAL_SIGNATURE_FILE);
    expect_signed(fixture, public_key, DATA_DRAW_FILE, DATA_DRAW_SIGNATURE_FILE);
}

/* An auditor has one public key; and a draw that another one has signed is never signed again. */
static void no_other_key_signs_the_draw_than_the_seal(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    char public_key[PATH_MAX];
    char *key = fixture->heritage.config.seal_key;
    (void)snprintf(key, CONFIG_TEXT_BYTES, "%s/key.pem", fixture->scratch.path);
    (void)snprintf(public_key, sizeof public_key, "%s.pub", key);
    assert_true(signature_make_key(key, &failure));
    open_draw(fixture, "1-3", NUMBER_BY_COMMAND);
    expect_close(fixture, "1-3", true, "");
    (void)snprintf(key, CONFIG_TEXT_BYTES, "%s/other.pem", fixture->scratch.path);
    expect_draw(fixture, NUMBER, control_of(fixture)->seal_sha256, false, "No such file");
    assert_true(signature_make_key(key, &failure));
    expect_draw(fixture, NUMBER, control_of(fixture)->seal_sha256, false,
                "was not made of seal.json with the key of seal.key");
    expect_state(fixture, CONTROL_SEALED);
    assert_false(control_of(fixture)->terms.number_given);
    (void)snprintf(key, CONFIG_TEXT_BYTES, "%s/key.pem", fixture->scratch.path);
    expect_draw(fixture, NUMBER, control_of(fixture)->seal_sha256, true, "number 7574");
    expect_signed(fixture, public_key, DATA_DRAW_FILE, DATA_DRAW_SIGNATURE_FILE);
}

static void without_its_key_nothing_is_sealed(void **state)
{
    struct fixture *fixture = *state;
    (void)snprintf(fixture->heritage.config.seal_key, CONFIG_TEXT_BYTES, "%s/none",
                   fixture->scratch.path);
    open_draw(fixture, "1-3", NUMBER_BY_OPENING);
    post(fixture, ORDER_CLOSE, 0, "1-3", "");
    assert_false(live_a_round(fixture));
    assert_int_equal(fixture->disk.trust, DISK_TRUSTED); /* the key is not the disk's fault */
    expect_state(fixture, CONTROL_CLOSED);
    assert_false(scratch_has(&fixture->scratch, DATA_SEAL_FILE));
}

#define SALES_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SALES_TEST(the_last_done_closes_seals_and_draws),
        SALES_TEST(who_is_cut_off_by_a_quorum_is_named_and_takes_part),
        SALES_TEST(the_closing_time_closes_out_who_is_missing),
        SALES_TEST(more_than_control_can_name_are_any),
        SALES_TEST(a_command_closes_out_by_name_only),
        SALES_TEST(where_any_agency_may_bet_those_are_named_that_are_expected),
        SALES_TEST(a_command_ends_the_grace),
        SALES_TEST(a_reason_that_control_cannot_hold_is_refused),
        SALES_TEST(an_order_that_was_carried_out_is_answered_again),
        SALES_TEST(the_number_comes_once_and_with_the_hash_of_the_seal),
        SALES_TEST(a_number_that_is_known_is_not_taken_by_command),
        SALES_TEST(a_number_that_was_noted_stays),
        SALES_TEST(a_death_before_the_commit_point_reopens_the_sales),
        SALES_TEST(a_death_after_the_commit_point_seals_the_same_bytes),
        SALES_TEST(a_seal_that_nobody_was_told_is_made_anew),
        SALES_TEST(a_record_that_is_in_place_is_made_again_with_its_hash),
        SALES_TEST(a_clock_that_was_set_back_keeps_the_steps_in_their_order),
        SALES_TEST(nothing_is_drawn_from_bets_that_were_changed_after_the_seal),
        SALES_TEST(nothing_is_drawn_beside_a_done_file_that_was_changed_after_the_seal),
        SALES_TEST(nothing_is_drawn_by_a_seal_that_was_changed),
        SALES_TEST(nothing_is_drawn_when_bets_csv_was_removed),
        SALES_TEST(nothing_is_drawn_when_done_csv_was_removed),
        SALES_TEST(nothing_is_drawn_when_done_csv_was_replaced_by_a_copy),
        SALES_TEST(bets_that_were_changed_are_not_sealed),
        SALES_TEST(with_a_key_seal_and_draw_are_signed),
        SALES_TEST(no_other_key_signs_the_draw_than_the_seal),
        SALES_TEST(without_its_key_nothing_is_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
