/*
 * test_file_check.c - every row of a file that is no bet, with its line, its text and a reason.
 */
#include "client/file_check.h"

#include "client/dataset.h"
#include "tests/harness/processes.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define GOOD "Ana,Paz,11111111,1980-01-31,1"

enum { PATH_BYTES = SCRATCH_PATH_BYTES + 16, LONG_ROW = 300000, MANY_ROWS = 20000 };

struct fixture {
    struct scratch scratch;
    char path[PATH_BYTES];
    struct file_check check;
    char *told; /* without the file's name */
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.told = NULL};
    *state = &fixture;
    scratch_open(&fixture.scratch);
    (void)snprintf(fixture.path, sizeof fixture.path, "%s/b", fixture.scratch.path);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->told);
    scratch_close(&fixture->scratch);
    return 0;
}

static void check(struct fixture *fixture, const char *text, size_t bytes)
{
    size_t told_bytes = 0;
    struct failure failure;
    scratch_write(&fixture->scratch, "b", text, bytes);
    free(fixture->told);
    fixture->told = NULL;
    FILE *output = open_memstream(&fixture->told, &told_bytes);
    assert_non_null(output);
    assert_true(file_check_run(fixture->path, output, &fixture->check, &failure));
    assert_int_equal(fclose(output), 0);
}

/* `wanted` has a '@' where the file's name stands. */
static void expect_told(const struct fixture *fixture, const char *wanted)
{
    const char *told = fixture->told;
    for (; *wanted != '\0'; wanted++) {
        size_t bytes = *wanted == '@' ? strlen(fixture->path) : 1;
        if (strncmp(told, *wanted == '@' ? fixture->path : wanted, bytes) != 0) {
            fail_msg("not \"%s\" but: %s", wanted, told);
        }
        told += bytes;
    }
    assert_string_equal(told, "");
}

static void every_bad_row_is_told_with_line_reason_and_text(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = "\xEF\xBB\xBF" GOOD "\n"
                               "x\n"
                               "\n" GOOD "\r\n"
                               "Ana,Pa\tz,1,1980-01-31,1\n"
                               "Ana,Paz,1,1980-01-31,x\r\n"
                               "a\rb\n"
                               "Ana,Paz,1,1980-01-31";
    check(fixture, text, sizeof text - 1);
    expect_told(fixture,
                "@:2: not five fields: \"x\"\n"
                "@:3: the line is empty: \"\"\n"
                "@:5: not UTF-8, or a control character: \"Ana,Pa?z,1,1980-01-31,1\"\n"
                "@:6: the number is not a non-negative 32-bit decimal: \"Ana,Paz,1,1980-01-31,x\"\n"
                "@:7: the row holds a carriage return: \"a?b\"\n"
                "@:8: not five fields: \"Ana,Paz,1,1980-01-31\"\n"
                "@: 8 rows, 6 bad; 2 end in CRLF, which is as good as LF\n");
}

static void a_row_of_any_length_is_one_row(void **state)
{
    struct fixture *fixture = *state;
    char *text = malloc(LONG_ROW + sizeof GOOD);
    assert_non_null(text);
    memset(text, 'a', LONG_ROW);
    text[LONG_ROW - 1] = '\n';
    memcpy(text + LONG_ROW, GOOD, sizeof GOOD);
    check(fixture, text, LONG_ROW + sizeof GOOD - 1);
    free(text);
    assert_int_equal(fixture->check.rows, 2);
    assert_int_equal(fixture->check.bad, 1);
    assert_non_null(strstr(fixture->told, ":1: the row is longer than the 8176 bytes"));
    assert_non_null(strstr(fixture->told, "aaa...\"\n"));
}

static void a_file_of_many_rows_is_read_to_its_end(void **state)
{
    struct fixture *fixture = *state;
    const size_t row_bytes = sizeof GOOD;
    char *text = malloc(MANY_ROWS * row_bytes + sizeof "x\n\n\n");
    assert_non_null(text);
    for (size_t i = 0; i < MANY_ROWS; i++) {
        memcpy(text + i * row_bytes, GOOD "\n", row_bytes);
    }
    memcpy(text + MANY_ROWS * row_bytes, "x\n\n\n", sizeof "x\n\n\n");
    check(fixture, text, MANY_ROWS * row_bytes + sizeof "x\n\n\n" - 1);
    free(text);
    assert_int_equal(fixture->check.rows, MANY_ROWS + 1);
    assert_int_equal(fixture->check.bad, 1);
    expect_told(fixture, "@:20001: not five fields: \"x\"\n@: 20001 rows, 1 bad\n");
}

static void an_empty_file_has_no_row_and_a_missing_one_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    check(fixture, "", 0);
    expect_told(fixture, "@: 0 rows, 0 bad\n");
    assert_false(file_check_run("/nowhere/b", stdout, &fixture->check, &failure));
    assert_non_null(strstr(failure.text, "/nowhere/b: No such file"));
}

#define CHECK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK_TEST(every_bad_row_is_told_with_line_reason_and_text),
        CHECK_TEST(a_row_of_any_length_is_one_row),
        CHECK_TEST(a_file_of_many_rows_is_read_to_its_end),
        CHECK_TEST(an_empty_file_has_no_row_and_a_missing_one_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
