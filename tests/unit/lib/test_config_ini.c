/*
 * test_config_ini.c - a configuration file as the course's server has it.
 */
#include "tests/unit/lib/config_sample.h"

#include "tests/harness/processes.h"

#include <sys/stat.h>

static char ini_path[FIXTURE_PATH_BYTES + sizeof ".ini"]; /* another name of the fixture's file */

static int open_ini(void **state)
{
    int opened = open_fixture(state);
    const struct config_fixture *fixture = *state;
    (void)snprintf(ini_path, sizeof ini_path, "%s.ini", fixture->path);
    return opened == 0 ? symlink(fixture->path, ini_path) : opened;
}

static int close_ini(void **state)
{
    return unlink(ini_path) | fixture_close(state);
}

static void assert_ini_loads(void **state, const char *text)
{
    (void)fixture_write(state, text);
    if (!load(ini_path)) {
        fail_msg("refused: %s", failure.text);
    }
}

static void assert_ini_refused(void **state, const char *text, const char *behind_file)
{
    (void)fixture_write(state, text);
    assert_false(load(ini_path));
    assert_memory_equal(failure.text, ini_path, strlen(ini_path));
    assert_string_equal(failure.text + strlen(ini_path), behind_file);
}

/* ---- what is taken ----------------------------------------------------------- */

static void the_keys_are_the_names_of_the_variables(void **state)
{
    char place[FIXTURE_MESSAGE_BYTES];
    assert_ini_loads(state, "[DEFAULT]\nTEST_NAME = Ana Paz\nTEST_OLD_PORT = 80\nTEST_WAIT = 5s\n");
    assert_string_equal(settings.name, "Ana Paz");
    assert_int_equal(settings.port, 80);
    assert_int_equal(settings.wait_ms, 5000);
    assert_int_equal(origins[PORT].source, CONFIG_FROM_FILE);
    assert_int_equal(origins[PORT].line, 3);
    (void)snprintf(place, sizeof place, "%s:3: TEST_OLD_PORT", ini_path);
    assert_string_equal(origins[PORT].place, place);
}

static void keys_are_taken_in_any_case(void **state)
{
    assert_ini_loads(state, "[DEFAULT]\ntest_Port = 80\n");
    assert_int_equal(settings.port, 80);
}

static void blanks_colons_and_windows_line_ends_do_not_matter(void **state)
{
    assert_ini_loads(state,
                     "[DEFAULT] \t\r\nTEST_NAME:a = b: c\r\nTEST_PORT\t=\t80 \r\n\r\nTEST_WAIT=1m");
    assert_string_equal(settings.name, "a = b: c");
    assert_int_equal(settings.port, 80);
    assert_int_equal(settings.wait_ms, 60000);
}

static void comments_and_empty_lines_say_nothing(void **state)
{
    assert_ini_loads(state, "# first\n\n; second\n  ; third\n[DEFAULT]\n#TEST_PORT = 80\n \t\n");
    assert_int_equal(settings.port, 12345);
    assert_ini_loads(state, "");
    assert_int_equal(settings.port, 12345);
}

static void a_comment_behind_a_value_is_a_part_of_it(void **state)
{
    assert_ini_loads(state, "[DEFAULT]\nTEST_NAME = a ; b # c\n");
    assert_string_equal(settings.name, "a ; b # c");
}

static void an_empty_value_is_the_empty_text(void **state)
{
    assert_ini_loads(state, "[DEFAULT]\nTEST_NAME =\n");
    assert_string_equal(settings.name, "");
}

static void the_environment_wins_over_the_file(void **state)
{
    fixture_set("TEST_PORT", "90");
    assert_ini_loads(state, "[DEFAULT]\nTEST_PORT = 80\n");
    assert_int_equal(settings.port, 90);
}

/* ---- what is refused ---------------------------------------------------------- */

#define KNOWN                                                                                      \
    "known are the environment variables (TEST_NAME, TEST_DIRECTORY, TEST_PORT, TEST_SIZE, "       \
    "TEST_WAIT, TEST_MODE, TEST_LEVEL, TEST_DEPTH, TEST_SECRET)"

static void an_unknown_key_names_what_is_known(void **state)
{
    assert_ini_refused(state, "[DEFAULT]\nTEST_PORTS = 80\n",
                       ":2: TEST_PORTS: unknown key; did you mean TEST_PORT?");
    assert_ini_refused(state, "[DEFAULT]\nserver.port = 80\n",
                       ":2: server.port: unknown key; " KNOWN);
}

static void a_wrong_value_names_line_key_and_bounds(void **state)
{
    assert_ini_refused(state, "[DEFAULT]\n\nTEST_PORT = \"80\"\n",
                       ":3: TEST_PORT: \"\"80\"\" is not a whole number from 1 to 65535");
    assert_ini_refused(state, "[DEFAULT]\nTEST_PORT =\n",
                       ":2: TEST_PORT: \"\" is not a whole number from 1 to 65535");
}

static void a_key_given_twice_names_both_lines(void **state)
{
    assert_ini_refused(state, "[DEFAULT]\nTEST_PORT = 80\nTEST_PORT = 80\n",
                       ":3: TEST_PORT: given twice; the first time is in line 2");
    assert_ini_refused(state, "[DEFAULT]\nTEST_PORT = 80\ntest_old_port = 81\n",
                       ":3: test_old_port: given twice; the first time is in line 2");
}

static void a_key_needs_the_section_and_there_is_one(void **state)
{
    assert_ini_refused(state, "TEST_PORT = 80\n",
                       ":1: a key before [DEFAULT], the section that holds all keys");
    assert_ini_refused(state, "[server]\n", ":1: unknown section; [DEFAULT] is the only one");
    assert_ini_refused(state, "[DEFAULT\n", ":1: unknown section; [DEFAULT] is the only one");
    assert_ini_refused(state, "[default]\n", ":1: unknown section; [DEFAULT] is the only one");
    assert_ini_refused(state, "[DEFAULT]\n\n[DEFAULT]\n",
                       ":3: [DEFAULT] stands here twice; the first time is line 1");
}

static void a_line_that_is_no_key_is_refused(void **state)
{
    static const char message[] = ":2: neither KEY = VALUE, nor [DEFAULT], nor a comment (# or ;)";
    assert_ini_refused(state, "[DEFAULT]\nTEST_PORT\n", message);
    assert_ini_refused(state, "[DEFAULT]\n= 80\n", message);
    assert_ini_refused(state, "[DEFAULT]\nTEST_PORT 80\n", message);
}

static void a_value_of_several_lines_is_refused(void **state)
{
    assert_ini_refused(
        state, "[DEFAULT]\nTEST_NAME = a\n  b\n",
        ":3: begins with a blank, which would continue the value above; a value is one "
        "line");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    static const char message[] = ":2: holds bytes that are not UTF-8 text";
    assert_ini_refused(state, "[DEFAULT]\nTEST_NAME = \xff\n", message);
    assert_ini_refused(state, "[DEFAULT]\nTEST_NAME = a\x1b[K\n", message);
    assert_ini_refused(state, "[DEFAULT]\n\rTEST_NAME = a\n", message);
    (void)fixture_write_bytes(state, "[DEFAULT]\nTEST_NAME = a\0b\n", 26);
    assert_false(load(ini_path));
    assert_string_equal(failure.text + strlen(ini_path), message);
    assert_ini_refused(state, "[DEFAULT]\nTEST_NAME = a\tb\n",
                       ":2: TEST_NAME: holds a control character; one line of text is allowed");
}

static void a_long_name_is_shown_by_its_beginning(void **state)
{
    char text[FIXTURE_MESSAGE_BYTES] = "[DEFAULT]\n";
    memset(text + strlen(text), 'x', TEXT_BYTES_MAX);
    (void)strncat(text, " = 1\n", sizeof text - strlen(text) - 1);
    (void)fixture_write(state, text);
    assert_false(load(ini_path));
    assert_non_null(strstr(failure.text, "xxx: unknown key; known are"));
    assert_non_null(strstr(failure.text, "TEST_SECRET)"));
}

static void a_directory_is_refused(void **state)
{
    (void)state;
    struct scratch scratch;
    char path[SCRATCH_PATH_BYTES + sizeof "/x.ini"];
    scratch_open(&scratch);
    (void)snprintf(path, sizeof path, "%s/x.ini", scratch.path);
    int made = mkdir(path, 0700);
    bool loaded = load(path);
    scratch_close(&scratch);
    assert_int_equal(made, 0);
    assert_false(loaded);
    assert_string_equal(failure.text + strlen(path), ": cannot read it: Is a directory");
}

#define INI_TEST(name) cmocka_unit_test_setup_teardown(name, open_ini, close_ini)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INI_TEST(the_keys_are_the_names_of_the_variables),
        INI_TEST(keys_are_taken_in_any_case),
        INI_TEST(blanks_colons_and_windows_line_ends_do_not_matter),
        INI_TEST(comments_and_empty_lines_say_nothing),
        INI_TEST(a_comment_behind_a_value_is_a_part_of_it),
        INI_TEST(an_empty_value_is_the_empty_text),
        INI_TEST(the_environment_wins_over_the_file),
        INI_TEST(an_unknown_key_names_what_is_known),
        INI_TEST(a_wrong_value_names_line_key_and_bounds),
        INI_TEST(a_key_given_twice_names_both_lines),
        INI_TEST(a_key_needs_the_section_and_there_is_one),
        INI_TEST(a_line_that_is_no_key_is_refused),
        INI_TEST(a_value_of_several_lines_is_refused),
        INI_TEST(bytes_that_are_no_text_are_refused),
        INI_TEST(a_long_name_is_shown_by_its_beginning),
        INI_TEST(a_directory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
