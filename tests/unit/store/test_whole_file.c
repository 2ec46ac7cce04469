/*
 * test_whole_file.c - a small file is replaced whole, or what stood there stays.
 */
#include "store/whole_file.h"

#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void expect_file(const struct fixture *fixture, const char *text)
{
    size_t bytes = 0;
    char *found = scratch_read(&fixture->scratch, "seal.json", &bytes);
    assert_int_equal(bytes, strlen(text));
    assert_string_equal(found, text);
    free(found);
}

static void a_file_is_made_and_replaced(void **state)
{
    struct fixture *fixture = *state;
    static const char *const texts[] = {"{\"long\":\"one\"}", "{}", ""};
    struct failure failure = {.text = ""};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool synced = false;
        if (!whole_file_write(&fixture->directory, "seal.json", texts[i], strlen(texts[i]), &synced,
                              &failure)) {
            fail_msg("%s", failure.text);
        }
        assert_true(synced);
        expect_file(fixture, texts[i]);
        assert_false(scratch_has(&fixture->scratch, "seal.json.tmp"));
    }
}

static void what_a_writer_that_died_has_left_is_overwritten(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    bool synced = false;
    scratch_write(&fixture->scratch, "seal.json.tmp", "half of something longer", 24);
    assert_int_equal(fchmodat(fixture->scratch.descriptor, "seal.json.tmp", S_IRUSR | S_IWUSR, 0),
                     0);
    if (!whole_file_write(&fixture->directory, "seal.json", "{}", 2, &synced, &failure)) {
        fail_msg("%s", failure.text);
    }
    expect_file(fixture, "{}");
}

static void what_cannot_be_replaced_stays_and_the_failure_says_why(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    bool synced = false;
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "seal.json", S_IRWXU), 0);
    assert_false(whole_file_write(&fixture->directory, "seal.json", "{}", 2, &synced, &failure));
    assert_true(synced); /* it was no sync that failed */
    assert_int_equal(errno, EISDIR);
    assert_non_null(strstr(failure.text, "/seal.json.tmp to seal.json: "));
    assert_int_equal(unlinkat(fixture->scratch.descriptor, "seal.json", AT_REMOVEDIR), 0);
}

#define WHOLE_FILE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WHOLE_FILE_TEST(a_file_is_made_and_replaced),
        WHOLE_FILE_TEST(what_a_writer_that_died_has_left_is_overwritten),
        WHOLE_FILE_TEST(what_cannot_be_replaced_stays_and_the_failure_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
