/*
 * test_plain_file.c - a regular file is opened, and nothing else is waited for.
 */
#include "lib/plain_file.h"

#include "tests/harness/files.h"
#include "tests/harness/stage.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { BYTES_MAX = 8 };

static void a_regular_file_is_opened_for_reading_alone(void **state)
{
    struct stage *stage = *state;
    struct failure failure;
    const char *path = stage_path(stage, "file");
    char text[BYTES_MAX] = "";
    files_write(path, "12345678");
    int file = plain_file_open(path, BYTES_MAX, &failure);
    assert_true(file >= 0);
    assert_int_equal(read(file, text, sizeof text), BYTES_MAX);
    assert_memory_equal(text, "12345678", BYTES_MAX);
    assert_int_equal(fcntl(file, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(fcntl(file, F_GETFD), FD_CLOEXEC);
    (void)close(file);
    files_write(path, "123456789");
    assert_int_equal(plain_file_open(path, BYTES_MAX, &failure), -1);
    assert_string_equal(failure.text, "it has 9 bytes, and at most 8 are read");
}

static void what_is_no_regular_file_is_told(void **state)
{
    struct stage *stage = *state;
    const char *pipe_path = stage_path(stage, "pipe");
    const char *link_path = stage_path(stage, "link");
    const struct {
        const char *path, *says;
    } cases[] = {{stage_path(stage, "nowhere"), "No such file or directory"},
                 {stage->directory, "it is a directory, and no regular file"},
                 {pipe_path, "it is a pipe, and no regular file"},
                 {link_path, "it is a pipe, and no regular file"},
                 {"/dev/zero", "it is a device, and no regular file"}};
    assert_int_equal(mkfifo(pipe_path, S_IRUSR | S_IWUSR), 0);
    assert_int_equal(symlink(pipe_path, link_path), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct failure failure;
        assert_int_equal(plain_file_open(cases[i].path, BYTES_MAX, &failure), -1);
        assert_string_equal(failure.text, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_regular_file_is_opened_for_reading_alone),
        STAGE_TEST(what_is_no_regular_file_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
