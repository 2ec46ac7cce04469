/*
 * test_follow.c - a silent primary's log is claimed once, whatever becomes of the answer.
 */
#include "shipper/follow.h"

#include "engine/engine_memory.h"
#include "engine/record.h"
#include "store/control.h"
#include "store/replication.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

#define DRAW   "0123456789abcdef0123456789abcdef"
#define CENTRE "north"
#define STREAM "BETS_north"
#define ROW    "1,Ana,Paz,30904465,1999-03-17,2201\r\n"

enum { PATIENCE_MS = 150, TIMEOUT_MS = 100 };

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    struct engine_memory *memory;
    struct engine *primary, *standby;
    uint64_t last; /* sequence */
    uint64_t epoch;
    int words[2];
};

static void block_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGUSR1);
    assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    static const char *const subjects[] = {"lottery." CENTRE ".>"};
    struct failure failure = {.text = ""};
    fixture = (struct fixture){.memory = engine_memory_make(), .epoch = 1};
    scratch_open(&fixture.scratch);
    fixture.directory = scratch_directory(&fixture.scratch);
    fixture.primary = engine_open_memory(fixture.memory);
    fixture.standby = engine_open_memory(fixture.memory);
    assert_int_equal(
        engine_make_stream(fixture.primary, STREAM, subjects, 1, 1, TIMEOUT_MS, &failure),
        ENGINE_STORED);
    assert_int_equal(pipe(fixture.words), 0);
    block_signals();
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    engine_close(fixture->primary);
    engine_close(fixture->standby);
    engine_memory_drop(fixture->memory);
    (void)close(fixture->words[0]);
    (void)close(fixture->words[1]);
    scratch_close(&fixture->scratch);
    return 0;
}

static void append(struct fixture *fixture, struct record *record)
{
    struct engine_header headers[ENGINE_HEADERS_MAX];
    char subject[ENGINE_SUBJECT_BYTES];
    struct failure failure = {.text = ""};
    record->epoch = fixture->epoch;
    (void)snprintf(record->node, sizeof record->node, "first");
    (void)snprintf(record->identity, sizeof record->identity, DRAW);
    assert_true(record_make_nonce(record->nonce, &failure));
    record_write_subject(subject, CENTRE, record->kind);
    const struct engine_append what = {.stream = STREAM,
                                       .subject = subject,
                                       .expectation = ENGINE_AFTER_SEQUENCE,
                                       .expected = fixture->last,
                                       .header_count = record_write(record, headers),
                                       .headers = headers,
                                       .bytes = record->bytes,
                                       .count = (size_t)record->length};
    assert_int_equal(engine_append(fixture->primary, &what, TIMEOUT_MS, &fixture->last, &failure),
                     ENGINE_STORED);
}

/* What a primary ships that dies after one row. */
static void ship_a_row(struct fixture *fixture)
{
    struct scratch scratch;
    struct failure failure = {.text = ""};
    bool synced = false;
    size_t bytes = 0;
    struct control control = {
        .ring_bytes = 1 << 20,
        .identity = DRAW,
        .terms = {.draw = "1", .agencies_expected = 1, .agencies_allowed = "1"},
        .opened_at_ms = 1600000000000,
        .state = CONTROL_NEW};
    scratch_open(&scratch);
    const struct data_directory directory = {
        .path = scratch.path, .descriptor = scratch.descriptor, .lock = -1};
    assert_true(control_write(&directory, &control, &synced, &failure));
    char *text = scratch_read(&scratch, DATA_CONTROL_FILE, &bytes);
    scratch_close(&scratch);
    struct record claim = {.kind = RECORD_CLAIM};
    struct record file = {
        .kind = RECORD_FILE, .name = DATA_CONTROL_FILE, .bytes = text, .length = bytes};
    struct record bets = {.kind = RECORD_BETS, .rows = 1, .bytes = ROW, .length = strlen(ROW)};
    append(fixture, &claim);
    append(fixture, &file);
    append(fixture, &bets);
    free(text);
}

static enum follow_end follow(const struct fixture *fixture)
{
    const struct follow_plan plan = {.engine = fixture->standby,
                                     .directory = &fixture->directory,
                                     .centre = CENTRE,
                                     .node = "second",
                                     .takeover_after_ms = PATIENCE_MS,
                                     .words = fixture->words[1]};
    return follow_run(&plan);
}

/* The log ends with one claim, of epoch 2, by the standby; and it has the row. */
static void expect_one_claim(struct fixture *fixture)
{
    struct engine_message message;
    struct record claim;
    struct failure failure = {.text = ""};
    uint64_t last = 0;
    size_t bytes = 0;
    assert_int_equal(engine_last_sequence(fixture->primary, STREAM, TIMEOUT_MS, &last, &failure),
                     ENGINE_READ);
    assert_int_equal(last, fixture->last + 1);
    assert_int_equal(engine_read(fixture->primary, STREAM, last, TIMEOUT_MS, &message, &failure),
                     ENGINE_READ);
    assert_true(record_read(&message, &claim, &failure));
    assert_int_equal(claim.kind, RECORD_CLAIM);
    assert_int_equal(claim.epoch, 2);
    assert_string_equal(claim.node, "second");
    assert_int_equal(claim.bets_end, strlen(ROW));
    char *bets = scratch_read(&fixture->scratch, DATA_BETS_FILE, &bytes);
    assert_string_equal(bets, ROW);
    free(bets);
}

static void expect_words(const struct fixture *fixture, const char *expected)
{
    char words[512];
    ssize_t got = read(fixture->words[0], words, sizeof words - 1);
    assert_true(got > 0);
    words[got] = '\0';
    if (strstr(words, expected) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", expected, words);
    }
}

static void a_silent_primarys_log_is_claimed(void **state)
{
    struct fixture *fixture = *state;
    ship_a_row(fixture);
    assert_int_equal(follow(fixture), FOLLOW_CLAIMED);
    expect_one_claim(fixture);
    expect_words(fixture, "control\nclaimed 2\n");
}

static void claim_with(struct fixture *fixture, enum engine_memory_fault fault)
{
    ship_a_row(fixture);
    engine_memory_fail_append(fixture->standby, fault);
    assert_int_equal(follow(fixture), FOLLOW_CLAIMED);
    expect_one_claim(fixture);
}

static void an_answer_that_is_lost_makes_no_second_claim(void **state)
{
    claim_with(*state, ENGINE_MEMORY_ANSWER_LOST);
}

static void a_claim_that_is_lost_is_appended_again(void **state)
{
    claim_with(*state, ENGINE_MEMORY_LOST);
}

static void a_claim_that_comes_late_makes_no_second_one(void **state)
{
    claim_with(*state, ENGINE_MEMORY_LATE);
}

static void a_claim_that_is_refused_is_tried_again(void **state)
{
    claim_with(*state, ENGINE_MEMORY_REFUSE);
}

static void a_reader_that_is_behind_does_not_claim_over_records(void **state)
{
    struct fixture *fixture = *state;
    ship_a_row(fixture);
    engine_memory_set_stale(fixture->standby, 2); /* it sees no row, and the append does */
    assert_int_equal(kill(getpid(), SIGUSR1), 0); /* at once, before the state is settled */
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(follow(fixture), FOLLOW_STOPPED);
    engine_memory_set_stale(fixture->standby, 0);
    assert_int_equal(follow(fixture), FOLLOW_CLAIMED);
    expect_one_claim(fixture);
}

static void an_empty_log_is_not_claimed_even_by_order(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(follow(fixture), FOLLOW_STOPPED);
    expect_words(fixture, "refused the log is empty");
}

static void an_order_is_carried_out_at_once(void **state)
{
    struct fixture *fixture = *state;
    ship_a_row(fixture);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(follow(fixture), FOLLOW_STOPPED); /* it has read one record at least */
    assert_int_equal(follow(fixture), FOLLOW_CLAIMED);
    expect_one_claim(fixture);
}

static void an_engine_that_lost_records_ends_it(void **state)
{
    struct fixture *fixture = *state;
    ship_a_row(fixture);
    engine_memory_lose_one(fixture->memory, STREAM, 2);
    assert_int_equal(follow(fixture), FOLLOW_REFUSED);
}

/* Makes the stream again, as an operator's hand does. */
static void make_again(struct fixture *fixture)
{
    static const char *const subjects[] = {"lottery." CENTRE ".>"};
    struct failure failure = {.text = ""};
    engine_memory_lose_stream(fixture->memory, STREAM);
    assert_int_equal(
        engine_make_stream(fixture->primary, STREAM, subjects, 1, 1, TIMEOUT_MS, &failure),
        ENGINE_STORED);
    fixture->last = 0;
}

/* Follows what a primary ships until all of it is in the files and settled. */
static void follow_it_all(struct fixture *fixture)
{
    ship_a_row(fixture);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(follow(fixture), FOLLOW_STOPPED);
}

static struct replication_state state_of(const struct fixture *fixture)
{
    struct replication_state stored;
    struct failure failure;
    assert_int_equal(replication_read(&fixture->directory, &stored, &failure), REPLICATION_READ);
    return stored;
}

/* What it knows of the log before must not be taken for what it knows of this one: it lacks the row. */
static void a_stream_that_was_made_again_as_long_as_it_was_is_not_claimed(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    uint64_t last = 0;
    follow_it_all(fixture);
    const uint64_t known = state_of(fixture).sequence;
    assert_true(known > 0);
    make_again(fixture);
    fixture->epoch = 2;
    while (fixture->last < known) {
        struct record claim = {.kind = RECORD_CLAIM};
        append(fixture, &claim);
        fixture->epoch++;
    }
    assert_int_equal(follow(fixture), FOLLOW_REFUSED);
    assert_int_equal(engine_last_sequence(fixture->primary, STREAM, TIMEOUT_MS, &last, &failure),
                     ENGINE_READ);
    assert_int_equal(last, known);
}

static void a_stream_that_was_made_again_and_is_shorter_is_refused(void **state)
{
    struct fixture *fixture = *state;
    follow_it_all(fixture);
    make_again(fixture);
    assert_int_equal(follow(fixture), FOLLOW_REFUSED);
}

/* The count goes on after a purge: so a log that begins later is no log that is not there yet. */
static void a_log_whose_first_record_was_deleted_is_not_awaited_for_ever(void **state)
{
    struct fixture *fixture = *state;
    ship_a_row(fixture);
    engine_memory_lose_one(fixture->memory, STREAM, 1);
    assert_int_equal(follow(fixture), FOLLOW_REFUSED);
}

static void a_flipped_bit_ends_it(void **state)
{
    struct fixture *fixture = *state;
    ship_a_row(fixture);
    engine_memory_flip_bit(fixture->memory, STREAM, 3);
    assert_int_equal(follow(fixture), FOLLOW_REFUSED);
    assert_false(scratch_has(&fixture->scratch, DATA_WINNERS_FILE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_silent_primarys_log_is_claimed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_that_is_lost_makes_no_second_claim, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_claim_that_is_lost_is_appended_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_claim_that_comes_late_makes_no_second_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_claim_that_is_refused_is_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_that_is_behind_does_not_claim_over_records, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_empty_log_is_not_claimed_even_by_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_order_is_carried_out_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_engine_that_lost_records_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_stream_that_was_made_again_as_long_as_it_was_is_not_claimed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stream_that_was_made_again_and_is_shorter_is_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_log_whose_first_record_was_deleted_is_not_awaited_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flipped_bit_ends_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
