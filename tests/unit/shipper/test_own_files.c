/*
 * test_own_files.c - a primary's files: read by position or whole, offered in order, and once.
 */
#include "shipper/own_files.h"

#include "tests/harness/processes.h"
#include "tests/harness/sealed_draw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    struct own_files files;
    struct control control;
};

static struct failure failure;

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.control = {.bets_bytes = 0}};
    *state = &fixture;
    scratch_open(&fixture.scratch);
    fixture.directory = (struct data_directory){
        .path = fixture.scratch.path, .descriptor = fixture.scratch.descriptor, .lock = -1};
    sealed_draw_make(fixture.scratch.path, &(struct sealed_draw_plan){.state = CONTROL_SEALED});
    own_files_open(&fixture.files, &fixture.directory);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    own_files_close(&fixture->files);
    scratch_close(&fixture->scratch);
    return 0;
}

/* The names of what is offered after a read, each with a space behind it; `ships` notes it all. */
static const char *offered(struct fixture *fixture, bool ships)
{
    static char names[OWN_FILES_SMALL * RECORD_NAME_BYTES + 1];
    struct record record;
    size_t used = 0;
    names[0] = '\0';
    assert_true(own_files_read_small(&fixture->files, &fixture->control, &failure));
    for (int i = 0; i < OWN_FILES_SMALL; i++) {
        if (own_files_offer(&fixture->files, i, &record)) {
            size_t count = 0;
            char *bytes = scratch_read(&fixture->scratch, record.name, &count);
            assert_int_equal(record.kind, RECORD_FILE);
            assert_int_equal(record.length, count);
            assert_memory_equal(record.bytes, bytes, count);
            free(bytes);
            used += (size_t)snprintf(names + used, sizeof names - used, "%s ", record.name);
            if (ships) {
                own_files_note_shipped(&fixture->files, i);
            }
        }
    }
    return names;
}

static void what_is_there_is_offered_and_control_last(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(offered(fixture, false), DATA_SEAL_FILE " " DATA_CONTROL_FILE " ");
    assert_int_equal(fixture->control.state, CONTROL_SEALED);
    scratch_write(&fixture->scratch, DATA_SEAL_SIGNATURE_FILE, "signed", strlen("signed"));
    assert_string_equal(offered(fixture, false),
                        DATA_SEAL_SIGNATURE_FILE " " DATA_SEAL_FILE " " DATA_CONTROL_FILE " ");
}

static void what_was_shipped_is_offered_again_when_it_differs_or_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, DATA_SEAL_SIGNATURE_FILE, "signed", strlen("signed"));
    (void)offered(fixture, true);
    assert_string_equal(offered(fixture, true), "");
    scratch_write(&fixture->scratch, DATA_SEAL_SIGNATURE_FILE, "Signed", strlen("Signed"));
    assert_string_equal(offered(fixture, true), DATA_SEAL_SIGNATURE_FILE " ");
    assert_string_equal(offered(fixture, true), "");
    own_files_forget_shipped(&fixture->files);
    assert_string_equal(offered(fixture, true),
                        DATA_SEAL_SIGNATURE_FILE " " DATA_SEAL_FILE " " DATA_CONTROL_FILE " ");
}

static void a_control_that_is_none_is_refused(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, DATA_CONTROL_FILE, "nothing\n", strlen("nothing\n"));
    assert_false(own_files_read_small(&fixture->files, &fixture->control, &failure));
    assert_non_null(strstr(failure.text, DATA_CONTROL_FILE));
}

static void lines_are_read_by_position_and_never_past_the_end(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        enum record_kind kind;
        const char *name;
    } growing[] = {{RECORD_BETS, DATA_BETS_FILE}, {RECORD_DONE, DATA_DONE_FILE}};
    for (size_t i = 0; i < sizeof growing / sizeof growing[0]; i++) {
        char bytes[2];
        size_t count = 0;
        char *whole = scratch_read(&fixture->scratch, growing[i].name, &count);
        assert_true(own_files_read(&fixture->files, growing[i].kind, count - sizeof bytes, bytes,
                                   sizeof bytes, &failure));
        assert_memory_equal(bytes, whole + count - sizeof bytes, sizeof bytes);
        assert_false(own_files_read(&fixture->files, growing[i].kind, count - 1, bytes,
                                    sizeof bytes, &failure));
        assert_non_null(strstr(failure.text, "which was durable"));
        free(whole);
    }
}

static void a_directory_without_its_seal_knows_less_than_the_log(void **state)
{
    struct fixture *fixture = *state;
    struct record draw = {.kind = RECORD_FILE, .name = DATA_DRAW_FILE};
    assert_false(own_files_know(&fixture->files, &draw, &failure));
    assert_non_null(
        strstr(failure.text, "has draw.json, and this directory has not: it is an older"));
}

static void a_directory_with_another_seal_than_the_log_is_not_the_one_that_shipped(void **state)
{
    struct fixture *fixture = *state;
    size_t count = 0;
    char *text = scratch_read(&fixture->scratch, DATA_SEAL_FILE, &count);
    struct record seal = {
        .kind = RECORD_FILE, .name = DATA_SEAL_FILE, .bytes = text, .length = count};
    assert_true(own_files_know(&fixture->files, &seal, &failure));
    text[count / 2] ^= 1;
    assert_false(own_files_know(&fixture->files, &seal, &failure));
    assert_non_null(strstr(failure.text, "has another one: it is an older copy, or was changed"));
    text[count / 2] ^= 1;
    seal.length--;
    assert_false(own_files_know(&fixture->files, &seal, &failure));
    free(text);
}

#define OWN_FILES_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OWN_FILES_TEST(what_is_there_is_offered_and_control_last),
        OWN_FILES_TEST(what_was_shipped_is_offered_again_when_it_differs_or_is_forgotten),
        OWN_FILES_TEST(a_control_that_is_none_is_refused),
        OWN_FILES_TEST(lines_are_read_by_position_and_never_past_the_end),
        OWN_FILES_TEST(a_directory_without_its_seal_knows_less_than_the_log),
        OWN_FILES_TEST(a_directory_with_another_seal_than_the_log_is_not_the_one_that_shipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
