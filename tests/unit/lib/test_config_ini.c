/*
 * test_config_ini.c - a configuration file as the course's server has it.
 */
#include "tests/unit/config_fixture.h"

#include <sys/stat.h>

enum { TEXT_BYTES_MAX = CONFIG_TEXT_BYTES - 1 };

struct settings {
    char name[CONFIG_TEXT_BYTES];
    uint64_t port;
    uint64_t wait_ms;
};

enum { NAME, PORT, WAIT, SETTINGS };

static const struct config_key keys[SETTINGS] = {
    [NAME] = {.path = {"name"},
              .environment = {"TEST_NAME"},
              .kind = CONFIG_TEXT,
              .offset = offsetof(struct settings, name),
              .default_value = "nobody"},
    [PORT] = {.path = {"server.port"},
              .environment = {"TEST_PORT", "TEST_OLD_PORT"},
              .kind = CONFIG_UINT64,
              .offset = offsetof(struct settings, port),
              .default_value = "12345",
              .minimum = 1,
              .maximum = 65535},
    [WAIT] = {.path = {"wait"},
              .environment = {"TEST_WAIT"},
              .kind = CONFIG_DURATION,
              .offset = offsetof(struct settings, wait_ms),
              .default_value = "90s",
              .minimum = 1,
              .maximum = UINT64_MAX},
};

static const struct config_table table = {.keys = keys, .count = SETTINGS};

static struct settings settings;
static struct config_origin origins[SETTINGS];
static struct failure failure;
static char ini_path[FIXTURE_PATH_BYTES + sizeof ".ini"]; /* another name of the fixture's file */

static int open_fixture(void **state)
{
    int opened = fixture_open(state, &table);
    const struct config_fixture *fixture = *state;
    (void)snprintf(ini_path, sizeof ini_path, "%s.ini", fixture->path);
    return opened == 0 ? symlink(fixture->path, ini_path) : opened;
}

static int close_fixture(void **state)
{
    return unlink(ini_path) | fixture_close(state);
}

static bool load_bytes(void **state, const char *text, size_t bytes)
{
    memset(&settings, 0, sizeof settings);
    memset(&failure, 0, sizeof failure);
    (void)fixture_write_bytes(state, text, bytes);
    return config_load(&table, ini_path, &settings, origins, &failure);
}

static void assert_loads(void **state, const char *text)
{
    if (!load_bytes(state, text, strlen(text))) {
        fail_msg("refused: %s", failure.text);
    }
}

static void assert_refused(void **state, const char *text, const char *behind_file)
{
    assert_false(load_bytes(state, text, strlen(text)));
    assert_memory_equal(failure.text, ini_path, strlen(ini_path));
    assert_string_equal(failure.text + strlen(ini_path), behind_file);
}

/* ---- what is taken ----------------------------------------------------------- */

static void the_keys_are_the_names_of_the_variables(void **state)
{
    char place[FIXTURE_MESSAGE_BYTES];
    assert_loads(state, "[DEFAULT]\nTEST_NAME = Ana Paz\nTEST_OLD_PORT = 80\nTEST_WAIT = 5s\n");
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
    assert_loads(state, "[DEFAULT]\ntest_Port = 80\n");
    assert_int_equal(settings.port, 80);
}

static void blanks_colons_and_windows_line_ends_do_not_matter(void **state)
{
    assert_loads(state,
                 "[DEFAULT] \t\r\nTEST_NAME:a = b: c\r\nTEST_PORT\t=\t80 \r\n\r\nTEST_WAIT=1m");
    assert_string_equal(settings.name, "a = b: c");
    assert_int_equal(settings.port, 80);
    assert_int_equal(settings.wait_ms, 60000);
}

static void comments_and_empty_lines_say_nothing(void **state)
{
    assert_loads(state, "# first\n\n; second\n  ; third\n[DEFAULT]\n#TEST_PORT = 80\n \t\n");
    assert_int_equal(settings.port, 12345);
    assert_loads(state, "");
    assert_int_equal(settings.port, 12345);
}

static void a_comment_behind_a_value_is_a_part_of_it(void **state)
{
    assert_loads(state, "[DEFAULT]\nTEST_NAME = a ; b # c\n");
    assert_string_equal(settings.name, "a ; b # c");
}

static void an_empty_value_is_the_empty_text(void **state)
{
    assert_loads(state, "[DEFAULT]\nTEST_NAME =\n");
    assert_string_equal(settings.name, "");
}

static void the_environment_wins_over_the_file(void **state)
{
    fixture_set("TEST_PORT", "90");
    assert_loads(state, "[DEFAULT]\nTEST_PORT = 80\n");
    assert_int_equal(settings.port, 90);
}

/* ---- what is refused ---------------------------------------------------------- */

static void an_unknown_key_names_what_is_known(void **state)
{
    assert_refused(state, "[DEFAULT]\nTEST_PORTS = 80\n",
                   ":2: TEST_PORTS: unknown key; known are the environment variables (TEST_NAME, "
                   "TEST_PORT, TEST_WAIT)");
    assert_refused(state, "[DEFAULT]\nserver.port = 80\n",
                   ":2: server.port: unknown key; known are the environment variables (TEST_NAME, "
                   "TEST_PORT, TEST_WAIT)");
}

static void a_wrong_value_names_line_key_and_bounds(void **state)
{
    assert_refused(state, "[DEFAULT]\n\nTEST_PORT = \"80\"\n",
                   ":3: TEST_PORT: \"\"80\"\" is not a whole number from 1 to 65535");
    assert_refused(state, "[DEFAULT]\nTEST_PORT =\n",
                   ":2: TEST_PORT: \"\" is not a whole number from 1 to 65535");
}

static void a_key_given_twice_names_both_lines(void **state)
{
    assert_refused(state, "[DEFAULT]\nTEST_PORT = 80\nTEST_PORT = 80\n",
                   ":3: TEST_PORT: given twice; the first time is in line 2");
    assert_refused(state, "[DEFAULT]\nTEST_PORT = 80\ntest_old_port = 81\n",
                   ":3: test_old_port: given twice; the first time is in line 2");
}

static void a_key_needs_the_section_and_there_is_one(void **state)
{
    assert_refused(state, "TEST_PORT = 80\n",
                   ":1: a key before [DEFAULT], the section that holds all keys");
    assert_refused(state, "[server]\n", ":1: unknown section; [DEFAULT] is the only one");
    assert_refused(state, "[DEFAULT\n", ":1: unknown section; [DEFAULT] is the only one");
    assert_refused(state, "[default]\n", ":1: unknown section; [DEFAULT] is the only one");
    assert_refused(state, "[DEFAULT]\n\n[DEFAULT]\n",
                   ":3: [DEFAULT] stands here twice; the first time is line 1");
}

static void a_line_that_is_no_key_is_refused(void **state)
{
    static const char message[] = ":2: neither KEY = VALUE, nor [DEFAULT], nor a comment (# or ;)";
    assert_refused(state, "[DEFAULT]\nTEST_PORT\n", message);
    assert_refused(state, "[DEFAULT]\n= 80\n", message);
    assert_refused(state, "[DEFAULT]\nTEST_PORT 80\n", message);
}

static void a_value_of_several_lines_is_refused(void **state)
{
    assert_refused(state, "[DEFAULT]\nTEST_NAME = a\n  b\n",
                   ":3: begins with a blank, which would continue the value above; a value is one "
                   "line");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    static const char message[] = ":2: holds bytes that are not UTF-8 text";
    assert_refused(state, "[DEFAULT]\nTEST_NAME = \xff\n", message);
    assert_refused(state, "[DEFAULT]\nTEST_NAME = a\x1b[K\n", message);
    assert_refused(state, "[DEFAULT]\n\rTEST_NAME = a\n", message);
    assert_false(load_bytes(state, "[DEFAULT]\nTEST_NAME = a\0b\n", 26));
    assert_string_equal(failure.text + strlen(ini_path), message);
    assert_refused(state, "[DEFAULT]\nTEST_NAME = a\tb\n",
                   ":2: TEST_NAME: holds a control character; one line of text is allowed");
}

static void a_long_name_is_shown_by_its_beginning(void **state)
{
    char text[FIXTURE_MESSAGE_BYTES] = "[DEFAULT]\n";
    memset(text + strlen(text), 'x', TEXT_BYTES_MAX);
    (void)strncat(text, " = 1\n", sizeof text - strlen(text) - 1);
    assert_false(load_bytes(state, text, strlen(text)));
    assert_non_null(strstr(failure.text, "xxx: unknown key; known are"));
    assert_non_null(strstr(failure.text, "TEST_WAIT)"));
}

static void a_directory_is_refused(void **state)
{
    (void)state;
    char directory[] = "/tmp/test_config_XXXXXX";
    char path[sizeof directory + sizeof "/x.ini"];
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/x.ini", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    bool loaded = config_load(&table, path, &settings, origins, &failure);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(directory), 0);
    assert_false(loaded);
    assert_string_equal(failure.text + strlen(path), ": cannot read it: Is a directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_keys_are_the_names_of_the_variables),
        TEST(keys_are_taken_in_any_case),
        TEST(blanks_colons_and_windows_line_ends_do_not_matter),
        TEST(comments_and_empty_lines_say_nothing),
        TEST(a_comment_behind_a_value_is_a_part_of_it),
        TEST(an_empty_value_is_the_empty_text),
        TEST(the_environment_wins_over_the_file),
        TEST(an_unknown_key_names_what_is_known),
        TEST(a_wrong_value_names_line_key_and_bounds),
        TEST(a_key_given_twice_names_both_lines),
        TEST(a_key_needs_the_section_and_there_is_one),
        TEST(a_line_that_is_no_key_is_refused),
        TEST(a_value_of_several_lines_is_refused),
        TEST(bytes_that_are_no_text_are_refused),
        TEST(a_long_name_is_shown_by_its_beginning),
        TEST(a_directory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
