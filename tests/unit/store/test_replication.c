/*
 * test_replication.c - a directory's place in the log is read as it was written, or not at all.
 */
#include "store/replication.h"

#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    scratch_open(&fixture.scratch);
    fixture.directory = scratch_directory(&fixture.scratch);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    scratch_close(&fixture->scratch);
    return 0;
}

static struct replication_state some_state(void)
{
    struct replication_state state = {.id = "00c0ffee",
                                      .role = REPLICATION_STANDBY,
                                      .identity = "0123456789abcdef0123456789abcdef",
                                      .writer = "north-1",
                                      .epoch = 3,
                                      .sequence = 4711,
                                      .bets_end = 1234567,
                                      .done_end = 89,
                                      .connected = true,
                                      .told_bets_end = 1234999,
                                      .heard_at_ms = 1700000000123,
                                      .written_at_ms = 1700000000456,
                                      .why = "the engine is away"};
    replication_note_takeover(&state, 2, 1600000000000, "south-1");
    replication_note_takeover(&state, 3, 1600000001000, "north-1");
    return state;
}

static void write_it(const struct fixture *fixture, const struct replication_state *state)
{
    struct failure failure = {.text = ""};
    bool synced = false;
    if (!replication_write(&fixture->directory, state, &synced, &failure)) {
        fail_msg("%s", failure.text);
    }
}

static void a_state_is_read_as_it_was_written(void **state)
{
    const struct fixture *fixture = *state;
    const struct replication_state written = some_state();
    struct replication_state read;
    struct failure failure = {.text = ""};
    write_it(fixture, &written);
    assert_int_equal(replication_read(&fixture->directory, &read, &failure), REPLICATION_READ);
    assert_int_equal(read.role, REPLICATION_STANDBY);
    assert_string_equal(read.id, written.id);
    assert_string_equal(read.why, written.why);
    assert_string_equal(read.writer, written.writer);
    assert_int_equal(read.sequence, 4711);
    assert_int_equal(read.bets_end, 1234567);
    assert_int_equal(read.done_end, 89);
    assert_true(read.connected);
    assert_int_equal(read.takeover_count, 2);
    assert_int_equal(read.takeovers[1].at_ms, 1600000001000);
    assert_string_equal(read.takeovers[0].node, "south-1");
}

static void any_change_of_a_byte_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    const struct replication_state written = some_state();
    struct replication_state read;
    struct failure failure = {.text = ""};
    size_t bytes = 0;
    write_it(fixture, &written);
    char *text = scratch_read(&fixture->scratch, DATA_REPLICATION_FILE, &bytes);
    for (size_t i = 0; i < bytes; i++) {
        text[i] ^= 1;
        scratch_write(&fixture->scratch, DATA_REPLICATION_FILE, text, bytes);
        assert_int_equal(replication_read(&fixture->directory, &read, &failure),
                         REPLICATION_REFUSED);
        text[i] ^= 1;
    }
    free(text);
}

static void a_directory_keeps_its_id(void **state)
{
    const struct fixture *fixture = *state;
    struct replication_state first;
    struct replication_state second;
    struct failure failure = {.text = ""};
    char node[REPLICATION_NODE_BYTES];
    assert_true(replication_settle(&fixture->directory, &first, &failure));
    assert_true(replication_settle(&fixture->directory, &second, &failure));
    assert_int_equal(strlen(first.id), REPLICATION_ID_BYTES - 1);
    assert_string_equal(first.id, second.id);
    replication_name_node(&first, "", node);
    assert_string_equal(node + strlen(node) - strlen(first.id), first.id);
    replication_name_node(&first, "north-1", node);
    assert_string_equal(node + strlen("north-1-"), first.id);
    node[strlen("north-1")] = '\0';
    assert_string_equal(node, "north-1");
}

static void of_too_many_takeovers_the_oldest_is_forgotten(void **state)
{
    const struct fixture *fixture = *state;
    struct replication_state written = {.id = "00c0ffee"};
    struct replication_state read;
    struct failure failure = {.text = ""};
    char longest[REPLICATION_NODE_BYTES];
    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (uint64_t epoch = 1; epoch <= REPLICATION_TAKEOVERS + 3; epoch++) {
        replication_note_takeover(&written, UINT64_MAX - 100 + epoch, 1600000000000, longest);
    }
    write_it(fixture, &written);
    assert_int_equal(replication_read(&fixture->directory, &read, &failure), REPLICATION_READ);
    assert_int_equal(read.takeover_count, REPLICATION_TAKEOVERS);
    assert_int_equal(read.takeovers[0].epoch, UINT64_MAX - 100 + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_state_is_read_as_it_was_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_change_of_a_byte_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_keeps_its_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_too_many_takeovers_the_oldest_is_forgotten, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
