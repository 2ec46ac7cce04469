/*
 * test_config.c - configuration from defaults, file and environment, by a table
 * that has a key of each kind.
 */
#include "tests/unit/config_fixture.h"

#include "lib/config_value.h"
#include "lib/log.h"

#include <fcntl.h>

enum { MODE_SLOW, MODE_FAST };
enum { TEXT_BYTES_MAX = CONFIG_TEXT_BYTES - 1, DAY_MS = 24 * 60 * 60 * 1000 };

struct settings {
    char name[CONFIG_TEXT_BYTES];
    char directory[CONFIG_TEXT_BYTES];
    uint64_t port;
    uint64_t size;
    uint64_t wait_ms;
    int mode;
    int level;
    uint64_t depth;
    char secret[CONFIG_TEXT_BYTES];
};

enum { NAME, DIRECTORY, PORT, SIZE, WAIT, MODE, LEVEL, DEPTH, SECRET, SETTINGS };

static const char *const modes[] = {"slow", "fast", NULL};

static const struct config_key keys[SETTINGS] = {
    [NAME] = {.path = {"name"},
              .environment = {"TEST_NAME"},
              .kind = CONFIG_TEXT,
              .offset = offsetof(struct settings, name),
              .default_value = "nobody"},
    [DIRECTORY] = {.path = {"data.directory"},
                   .environment = {"TEST_DIRECTORY"},
                   .kind = CONFIG_TEXT,
                   .offset = offsetof(struct settings, directory),
                   .default_value = "data",
                   .minimum = 1},
    [PORT] = {.path = {"server.port", "server.tcp_port"},
              .environment = {"TEST_PORT", "TEST_OLD_PORT"},
              .kind = CONFIG_UINT64,
              .offset = offsetof(struct settings, port),
              .default_value = "12345",
              .minimum = 1,
              .maximum = 65535},
    [SIZE] = {.path = {"server.size"},
              .environment = {"TEST_SIZE"},
              .kind = CONFIG_BYTES,
              .offset = offsetof(struct settings, size),
              .default_value = "8M",
              .minimum = 65536,
              .maximum = 1024UL * 1024 * 1024},
    [WAIT] = {.path = {"wait"},
              .environment = {"TEST_WAIT"},
              .kind = CONFIG_DURATION,
              .offset = offsetof(struct settings, wait_ms),
              .default_value = "90s",
              .minimum = 1,
              .maximum = DAY_MS},
    [MODE] = {.path = {"mode"},
              .environment = {"TEST_MODE"},
              .kind = CONFIG_CHOICE,
              .offset = offsetof(struct settings, mode),
              .logged_as = "course_mode",
              .default_value = "slow",
              .choices = modes},
    [LEVEL] = {.path = {"log.level"},
               .environment = {"TEST_LEVEL"},
               .kind = CONFIG_LOG_LEVEL,
               .offset = offsetof(struct settings, level),
               .default_value = "INFO"},
    [DEPTH] = {.path = {"one.two.three"},
               .environment = {"TEST_DEPTH"},
               .kind = CONFIG_UINT64,
               .offset = offsetof(struct settings, depth),
               .default_value = "0",
               .maximum = UINT64_MAX},
    [SECRET] = {.environment = {"TEST_SECRET"},
                .kind = CONFIG_TEXT,
                .offset = offsetof(struct settings, secret),
                .default_value = ""},
};

static const struct config_table table = {.keys = keys, .count = SETTINGS};

static struct settings settings;
static struct config_origin origins[SETTINGS];
static struct failure failure;

static int open_fixture(void **state)
{
    return fixture_open(state, &table);
}

static bool load(const char *file)
{
    memset(&settings, 0, sizeof settings);
    memset(&failure, 0, sizeof failure);
    return config_load(&table, file, &settings, origins, &failure);
}

static void assert_loads(void **state, const char *text)
{
    if (!load(fixture_write(state, text))) {
        fail_msg("refused: %s", failure.text);
    }
}

static void assert_refused(void **state, const char *text, const char *behind_file)
{
    assert_false(load(fixture_write(state, text)));
    fixture_assert_file_failure(state, &failure, behind_file);
}

static void assert_variable_refused(void **state, const char *name, const char *value,
                                    const char *message)
{
    fixture_set(name, value);
    assert_false(load(fixture_write(state, "")));
    assert_string_equal(failure.text, message);
    assert_int_equal(unsetenv(name), 0);
}

static void assert_defaults(void)
{
    assert_string_equal(settings.name, "nobody");
    assert_string_equal(settings.directory, "data");
    assert_int_equal(settings.port, 12345);
    assert_int_equal(settings.size, 8 * 1024 * 1024);
    assert_int_equal(settings.wait_ms, 90000);
    assert_int_equal(settings.mode, MODE_SLOW);
    assert_int_equal(settings.level, LOG_LEVEL_INFO);
    assert_int_equal(settings.depth, 0);
    assert_string_equal(settings.secret, "");
}

/* ---- where values come from ------------------------------------------------ */

static void an_empty_file_leaves_the_defaults(void **state)
{
    assert_loads(state, "");
    assert_defaults();
    for (size_t i = 0; i < SETTINGS; i++) {
        assert_int_equal(origins[i].source, CONFIG_FROM_DEFAULT);
        assert_int_equal(origins[i].line, 0);
    }
    assert_string_equal(origins[PORT].place, "server.port");
    assert_string_equal(origins[SECRET].place, "TEST_SECRET");
}

static void a_file_of_comments_or_of_nothing_leaves_the_defaults(void **state)
{
    static const char *const texts[] = {"# nothing\n\n# here\n", "---\n", "---\n...\n", "{}\n",
                                        "~\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_loads(state, texts[i]);
        assert_defaults();
    }
}

static void an_empty_section_leaves_its_defaults(void **state)
{
    assert_loads(state, "server:\nlog: {}\none:\n  two: ~\n");
    assert_defaults();
}

static void the_file_sets_a_key_of_each_kind(void **state)
{
    assert_loads(state, "name: \"John Smith\"\ndata:\n  directory: 'x/y'\nserver:\n  port: 80\n"
                        "  size: 128k\nwait: 1m\nmode: FAST\nlog:\n  level: warning\n"
                        "one: {two: {three: 7}}\n");
    assert_string_equal(settings.name, "John Smith");
    assert_string_equal(settings.directory, "x/y");
    assert_int_equal(settings.port, 80);
    assert_int_equal(settings.size, 128 * 1024);
    assert_int_equal(settings.wait_ms, 60000);
    assert_int_equal(settings.mode, MODE_FAST);
    assert_int_equal(settings.level, LOG_LEVEL_WARNING);
    assert_int_equal(settings.depth, 7);
}

static void the_origin_of_a_value_in_the_file_is_its_file_line_and_key(void **state)
{
    const struct config_fixture *fixture = *state;
    char place[FIXTURE_MESSAGE_BYTES];
    assert_loads(state, "# first\nserver:\n  # second\n  port: 80\n");
    assert_int_equal(origins[PORT].source, CONFIG_FROM_FILE);
    assert_int_equal(origins[PORT].line, 4);
    (void)snprintf(place, sizeof place, "%s:4: server.port", fixture->path);
    assert_string_equal(origins[PORT].place, place);
}

static void an_alias_names_the_same_value(void **state)
{
    assert_loads(state, "server:\n  tcp_port: 81\n");
    assert_int_equal(settings.port, 81);
}

static void the_environment_wins_over_the_file(void **state)
{
    fixture_set("TEST_PORT", "90");
    fixture_set("TEST_SECRET", "hush");
    assert_loads(state, "server:\n  port: 80\n");
    assert_int_equal(settings.port, 90);
    assert_string_equal(settings.secret, "hush");
    assert_int_equal(origins[PORT].source, CONFIG_FROM_ENVIRONMENT);
    assert_int_equal(origins[PORT].line, 0);
    assert_string_equal(origins[PORT].place, "TEST_PORT");
}

static void the_first_variable_that_is_set_wins(void **state)
{
    fixture_set("TEST_OLD_PORT", "91");
    assert_loads(state, "");
    assert_int_equal(settings.port, 91);
    assert_string_equal(origins[PORT].place, "TEST_OLD_PORT");
    fixture_set("TEST_PORT", "90");
    assert_loads(state, "");
    assert_int_equal(settings.port, 90);
}

static void an_empty_variable_counts_as_not_set(void **state)
{
    fixture_set("TEST_PORT", "");
    fixture_set("TEST_OLD_PORT", "91");
    fixture_set("TEST_NAME", "");
    assert_loads(state, "name: file\n");
    assert_int_equal(settings.port, 91);
    assert_string_equal(settings.name, "file");
}

/* What Kubernetes and Docker's links say of a service, in a variable of ours. */
static void a_url_where_a_figure_is_expected_counts_as_not_set(void **state)
{
    fixture_set("TEST_PORT", "tcp://10.96.0.12:12345");
    fixture_set("TEST_OLD_PORT", "udp://10.96.0.12:53");
    fixture_set("TEST_SIZE", "tcp://10.96.0.12:12345");
    fixture_set("TEST_WAIT", "https://example.org/");
    fixture_set("TEST_MODE", "x-y.z+1://");
    fixture_set("TEST_LEVEL", "tcp://10.96.0.12:12345");
    fixture_set("TEST_NAME", "tcp://a text is what it is");
    assert_loads(state, "server:\n  port: 80\nmode: fast\n");
    assert_int_equal(settings.port, 80);
    assert_int_equal(settings.mode, 1);
    assert_int_equal(origins[SIZE].source, CONFIG_FROM_DEFAULT);
    assert_int_equal(origins[WAIT].source, CONFIG_FROM_DEFAULT);
    assert_int_equal(origins[LEVEL].source, CONFIG_FROM_DEFAULT);
    assert_string_equal(settings.name, "tcp://a text is what it is");
    fixture_set("TEST_OLD_PORT", "91");
    assert_loads(state, "");
    assert_int_equal(settings.port, 91);
    static const char *const values[] = {"://1", "1://2", "tcp:/1", "tcp//", "-a://b"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char message[CONFIG_TEXT_BYTES];
        (void)snprintf(message, sizeof message,
                       "TEST_PORT: \"%s\" is not a whole number from 1 to 65535", values[i]);
        assert_variable_refused(state, "TEST_PORT", values[i], message);
    }
}

static void a_bad_value_in_the_file_is_refused_even_where_a_variable_wins(void **state)
{
    fixture_set("TEST_PORT", "90");
    assert_refused(state, "server:\n  port: x\n",
                   ":2: server.port: \"x\" is not a whole number from 1 to 65535");
}

static void write_here(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void without_a_file_name_config_yaml_is_read_or_else_config_ini(void **state)
{
    (void)state;
    enum { NEITHER, INI, BOTH, CASES };
    char directory[] = "/tmp/test_config_XXXXXX";
    bool loaded[CASES];
    uint64_t port[CASES];
    int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(back >= 0);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    for (int i = NEITHER; i < CASES; i++) {
        if (i == INI) {
            write_here(CONFIG_DEFAULT_INI_FILE, "[DEFAULT]\nTEST_PORT = 81\n");
        } else if (i == BOTH) {
            write_here(CONFIG_DEFAULT_FILE, "server:\n  port: 82\n");
        }
        loaded[i] = load(NULL);
        port[i] = settings.port;
    }
    assert_int_equal(unlink(CONFIG_DEFAULT_FILE), 0);
    assert_int_equal(unlink(CONFIG_DEFAULT_INI_FILE), 0);
    assert_int_equal(fchdir(back), 0);
    assert_int_equal(close(back), 0);
    assert_int_equal(rmdir(directory), 0);
    assert_true(loaded[NEITHER] && loaded[INI] && loaded[BOTH]);
    assert_int_equal(port[NEITHER], 12345);
    assert_int_equal(port[INI], 81);
    assert_int_equal(port[BOTH], 82);
}

static void a_key_without_default_has_to_be_set(void **state)
{
    static const struct config_key id = {.path = {"id"},
                                         .environment = {"TEST_PORT", "TEST_OLD_PORT"},
                                         .kind = CONFIG_UINT64,
                                         .maximum = 9};
    static const struct config_table only_id = {.keys = &id, .count = 1};
    uint64_t value = 0;
    assert_false(config_load(&only_id, fixture_write(state, ""), &value, origins, &failure));
    assert_string_equal(failure.text, "id: is not set and has no default; set it in the file or "
                                      "the environment (TEST_PORT, TEST_OLD_PORT)");
    assert_true(config_load(&only_id, fixture_write(state, "id: 0\n"), &value, origins, &failure));
    fixture_set("TEST_OLD_PORT", "9");
    assert_true(config_load(&only_id, fixture_write(state, ""), &value, origins, &failure));
    assert_int_equal(value, 9);
}

/* ---- values ---------------------------------------------------------------- */

static void a_value_below_its_minimum_names_file_line_and_bounds(void **state)
{
    assert_refused(state, "server:\n  port: 0\n",
                   ":2: server.port: \"0\" is not a whole number from 1 to 65535");
    assert_refused(state, "\n\nserver:\n  size: 65535\n",
                   ":4: server.size: \"65535\" is not a size in bytes from 64k to 1G (write it "
                   "like 8192, 64k, 8M or 1G)");
    assert_refused(state, "wait: 0\n",
                   ":1: wait: \"0\" is not a duration from 1ms to 24h (write it like 100ms, 5s, "
                   "1m30s or 1h)");
}

static void a_value_above_its_maximum_names_file_line_and_bounds(void **state)
{
    assert_refused(state, "server:\n  port: 65536\n",
                   ":2: server.port: \"65536\" is not a whole number from 1 to 65535");
    assert_refused(state, "server: {size: 1025M}\n",
                   ":1: server.size: \"1025M\" is not a size in bytes from 64k to 1G (write it "
                   "like 8192, 64k, 8M or 1G)");
    assert_refused(state, "wait: 24h1ms\n",
                   ":1: wait: \"24h1ms\" is not a duration from 1ms to 24h (write it like 100ms, "
                   "5s, 1m30s or 1h)");
}

static void the_bounds_themselves_are_allowed(void **state)
{
    assert_loads(state, "server: {port: 1, size: 64K}\nwait: 1ms\n");
    assert_loads(state, "server: {port: 65535, size: 1g}\nwait: 24h\n"
                        "one: {two: {three: 18446744073709551615}}\n");
    assert_true(settings.depth == UINT64_MAX);
}

static void what_is_not_a_whole_number_is_refused(void **state)
{
    static const char *const wrong[] = {"x",
                                        "-1",
                                        "+1",
                                        "1.5",
                                        "0x10",
                                        "1e3",
                                        "1_000",
                                        "''",
                                        "' 1'",
                                        "'1 '",
                                        "18446744073709551616",
                                        "99999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[FIXTURE_MESSAGE_BYTES];
        (void)snprintf(text, sizeof text, "one: {two: {three: %s}}\n", wrong[i]);
        assert_false(load(fixture_write(state, text)));
        assert_non_null(strstr(failure.text, "is not a whole number from 0 to "));
    }
}

static void a_number_with_leading_zeros_is_decimal(void **state)
{
    assert_loads(state, "server:\n  port: 0080\n");
    assert_int_equal(settings.port, 80);
}

static void a_number_without_value_is_refused(void **state)
{
    assert_refused(state, "server:\n  port:\n",
                   ":2: server.port: \"\" is not a whole number from 1 to 65535");
}

static void a_duration_is_read_in_milliseconds(void **state)
{
    static const struct {
        const char *text;
        uint64_t duration_ms;
    } cases[] = {{"0m20s", 20000},       {"5s", 5000}, {"100ms", 100}, {"1h", 3600000},
                 {"1h1m1s1ms", 3661001}, {"0", 0},     {"0s", 0},      {"1m500ms", 60500}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t duration_ms = 1;
        assert_true(config_value_parse_duration(cases[i].text, &duration_ms));
        assert_int_equal(duration_ms, cases[i].duration_ms);
    }
}

static void what_is_not_a_duration_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "5",
                                        "s",
                                        "5 s",
                                        "-5s",
                                        "1.5s",
                                        "5S",
                                        "1s1m",
                                        "1s1s",
                                        "1ms1s",
                                        "5d",
                                        "5s ",
                                        "00",
                                        "1m5",
                                        "5sm",
                                        "5hm",
                                        "5ss",
                                        "5ms5",
                                        "5msx",
                                        "5124095576030432h",
                                        "18446744073709551615ms1",
                                        "18446744073709551616ms",
                                        "1s18446744073709551615ms"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint64_t duration_ms;
        if (config_value_parse_duration(wrong[i], &duration_ms)) {
            fail_msg("taken as a duration: %s", wrong[i]);
        }
    }
}

static void a_size_is_read_in_powers_of_1024(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {{"8192", 8192},   {"64k", 65536},   {"64K", 65536},
                 {"8M", 8U << 20}, {"8m", 8U << 20}, {"1G", 1U << 30},
                 {"1g", 1U << 30}, {"0", 0},         {"0k", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t bytes = 1;
        assert_true(config_value_parse_bytes(cases[i].text, &bytes));
        assert_int_equal(bytes, cases[i].bytes);
    }
}

static void what_is_not_a_size_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "k",
                                        "64 k",
                                        "64kB",
                                        "64kk",
                                        "-1",
                                        "1.5k",
                                        "1T",
                                        "0x10",
                                        " 64",
                                        "64 ",
                                        "18446744073709551616",
                                        "18014398509481984k"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint64_t bytes;
        if (config_value_parse_bytes(wrong[i], &bytes)) {
            fail_msg("taken as a size: %s", wrong[i]);
        }
    }
}

static void an_unknown_choice_names_the_choices(void **state)
{
    assert_refused(state, "mode: medium\n", ":1: mode: \"medium\" is not one of slow, fast");
    assert_refused(state, "mode:\n", ":1: mode: \"\" is not one of slow, fast");
}

static void an_unknown_log_level_names_the_levels(void **state)
{
    assert_refused(state, "log:\n  level: loud\n",
                   ":2: log.level: \"loud\" is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL");
}

static void a_log_level_is_taken_in_any_case_and_by_its_short_name(void **state)
{
    assert_loads(state, "log: {level: Debug}\n");
    assert_int_equal(settings.level, LOG_LEVEL_DEBUG);
    assert_loads(state, "log: {level: warn}\n");
    assert_int_equal(settings.level, LOG_LEVEL_WARNING);
}

static void a_text_may_be_empty_in_the_file(void **state)
{
    static const char *const texts[] = {"name: \"\"\n", "name: ''\n", "name:\n", "name: ~\n",
                                        "name: null\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_loads(state, texts[i]);
        assert_string_equal(settings.name, "");
        assert_int_equal(origins[NAME].source, CONFIG_FROM_FILE);
    }
}

static void a_quoted_null_is_a_text(void **state)
{
    assert_loads(state, "name: \"null\"\ndata: {directory: '~'}\n");
    assert_string_equal(settings.name, "null");
    assert_string_equal(settings.directory, "~");
}

static void a_text_below_its_minimum_is_refused(void **state)
{
    assert_refused(state, "data:\n  directory: \"\"\n",
                   ":2: data.directory: is 0 bytes long; at least 1 are needed");
}

static void a_text_that_is_too_long_is_refused_and_not_cut(void **state)
{
    char text[FIXTURE_MESSAGE_BYTES];
    char value[CONFIG_TEXT_BYTES + 1] = "";
    memset(value, 'a', CONFIG_TEXT_BYTES);
    (void)snprintf(text, sizeof text, "name: %s\n", value);
    assert_refused(state, text, ":1: name: is 256 bytes long; at most 255 are allowed");
    assert_variable_refused(state, "TEST_NAME", value,
                            "TEST_NAME: is 256 bytes long; at most 255 are allowed");
    value[TEXT_BYTES_MAX] = '\0';
    (void)snprintf(text, sizeof text, "name: %s\n", value);
    assert_loads(state, text);
    assert_string_equal(settings.name, value);
}

static void a_wrong_value_that_is_long_is_shown_by_its_beginning(void **state)
{
    char value[CONFIG_TEXT_BYTES] = "";
    memset(value, '9', sizeof value - 1);
    assert_variable_refused(
        state, "TEST_PORT", value,
        "TEST_PORT: \"999999999999999999999999999999999999999999999999999999999999...\" is not a "
        "whole number from 1 to 65535");
}

static void a_control_character_in_a_value_is_refused(void **state)
{
    static const char message[] =
        ":1: name: holds a control character; one line of text is allowed";
    assert_refused(state, "name: \"a\\0b\"\n", message);
    assert_refused(state, "name: \"a\\nb\"\n", message);
    assert_refused(state, "name: |\n  a\n", message);
    assert_variable_refused(state, "TEST_NAME", "a\x7f",
                            "TEST_NAME: holds a control character; one line of text is allowed");
}

static void a_bad_value_in_the_environment_names_the_variable(void **state)
{
    assert_variable_refused(state, "TEST_PORT", "x",
                            "TEST_PORT: \"x\" is not a whole number from 1 to 65535");
    assert_variable_refused(state, "TEST_OLD_PORT", "0",
                            "TEST_OLD_PORT: \"0\" is not a whole number from 1 to 65535");
    assert_variable_refused(state, "TEST_MODE", "x", "TEST_MODE: \"x\" is not one of slow, fast");
}

/* ---- keys ------------------------------------------------------------------ */

static void an_unknown_key_at_the_top_names_what_is_known(void **state)
{
    static const char known[] = "known here are name, data, server, wait, mode, log, one";
    char message[FIXTURE_MESSAGE_BYTES];
    (void)snprintf(message, sizeof message, ":2: nmae: unknown key; %s", known);
    assert_refused(state, "wait: 1s\nnmae: x\n", message);
    (void)snprintf(message, sizeof message, ":1: serve: unknown key; %s", known);
    assert_refused(state, "serve:\n  port: 80\n", message);
    (void)snprintf(message, sizeof message, ":1: TEST_SECRET: unknown key; %s", known);
    assert_refused(state, "TEST_SECRET: x\n", message);
}

static void an_unknown_key_in_a_section_names_what_is_known_there(void **state)
{
    assert_refused(state, "server:\n  port: 80\n  prot: 80\n",
                   ":3: server.prot: unknown key; known here are port, tcp_port, size");
    assert_refused(state, "one:\n  two:\n    four: 1\n",
                   ":3: one.two.four: unknown key; known here are three");
}

static void keys_are_told_apart_by_case(void **state)
{
    assert_refused(state, "server:\n  Port: 80\n",
                   ":2: server.Port: unknown key; known here are port, tcp_port, size");
}

static void an_empty_key_is_unknown(void **state)
{
    assert_refused(state, "\"\": {name: x}\n",
                   ":1: : unknown key; known here are name, data, server, wait, mode, log, one");
    assert_refused(state, "server:\n  \"\": 1\n",
                   ":2: server.: unknown key; known here are port, tcp_port, size");
}

static void a_key_that_is_longer_than_any_is_unknown(void **state)
{
    char key[FIXTURE_MESSAGE_BYTES / 4] = "";
    char text[FIXTURE_MESSAGE_BYTES];
    memset(key, 'k', sizeof key - 1);
    (void)snprintf(text, sizeof text, "%s: 1\n", key);
    assert_false(load(fixture_write(state, text)));
    assert_non_null(strstr(failure.text, ": unknown key; known here are name, "));
}

static void a_key_given_twice_names_both_lines(void **state)
{
    assert_refused(state, "server:\n  port: 80\n  port: 80\n",
                   ":3: server.port: given twice; the first time is in line 2");
    assert_refused(state, "name: x\n\nname: y\n",
                   ":3: name: given twice; the first time is in line 1");
}

static void a_key_given_by_two_of_its_names_is_given_twice(void **state)
{
    assert_refused(state, "server:\n  port: 80\n  tcp_port: 81\n",
                   ":3: server.tcp_port: given twice; the first time is in line 2");
}

static void a_section_given_twice_names_both_lines(void **state)
{
    assert_refused(state, "server:\n  port: 80\nname: x\nserver:\n  size: 1M\n",
                   ":4: server: given twice; the first time is in line 1");
    assert_refused(state, "server:\nserver:\n",
                   ":2: server: given twice; the first time is in line 1");
}

static void a_key_has_to_be_a_plain_name(void **state)
{
    static const char message[] =
        ":1: this key is not a plain name; lists, sections, anchors, aliases and tags cannot be "
        "keys";
    assert_refused(state, "? [a, b]\n: 1\n", message);
    assert_refused(state, "? {a: b}\n: 1\n", message);
    assert_refused(state, "&a name: x\n", message);
    assert_refused(state, "!!str name: x\n", message);
    assert_refused(state, "\"na\\nme\": x\n", ":1: this key holds a control character");
    assert_refused(state, "\"name\\0x\": x\n", ":1: this key holds a control character");
}

/* ---- structure ------------------------------------------------------------- */

static void a_list_where_a_value_belongs_is_refused(void **state)
{
    assert_refused(state, "server:\n  port: [80, 81]\n",
                   ":2: server.port: is a list; it has to be a single value");
    assert_refused(state, "server:\n  port:\n    - 80\n",
                   ":2: server.port: is a list; it has to be a single value");
}

static void a_section_where_a_value_belongs_is_refused(void **state)
{
    assert_refused(state, "name:\n  first: x\n",
                   ":1: name: is a section; it has to be a single value");
}

static void a_value_or_list_where_a_section_belongs_is_refused(void **state)
{
    assert_refused(state, "server: 80\n",
                   ":1: server: is a value; it has to be a section with keys of its own");
    assert_refused(state, "server:\n  - port: 80\n",
                   ":1: server: is a list; it has to be a section with keys of its own");
}

static void anchors_aliases_and_tags_are_refused(void **state)
{
    static const char value[] =
        ":1: name: is an anchor, alias or tag (&, *, !); it has to be a single value";
    static const char section[] = ":1: server: is an anchor, alias or tag (&, *, !); it has to be "
                                  "a section with keys of its own";
    assert_refused(state, "name: &n x\n", value);
    assert_refused(state, "name: *n\n", value);
    assert_refused(state, "name: !!str x\n", value);
    assert_refused(state, "name: ! x\n", value);
    assert_refused(state, "server: &s\n  port: 80\n", section);
    assert_refused(state, "server: &s\n", section);
    assert_refused(state, "server: *s\n", section);
    assert_refused(state, "server:\n  <<: *s\n",
                   ":2: server.<<: unknown key; known here are port, tcp_port, size");
}

static void a_file_that_is_not_keys_and_values_is_refused(void **state)
{
    static const char message[] = ":1: only keys and sections may stand here (KEY: VALUE)";
    assert_refused(state, "just words\n", message);
    assert_refused(state, "- name: x\n", message);
    assert_refused(state, "&a {name: x}\n", message);
    assert_refused(state, "\"\"\n", message);
}

static void a_second_document_is_refused(void **state)
{
    assert_refused(state, "name: x\n---\nname: y\n", ":2: a second document (---); one is allowed");
}

static void what_is_not_yaml_names_the_line(void **state)
{
    assert_refused(state, "server:\n  port: 80\n size: 1M\n",
                   ":3: not YAML: did not find expected key, while parsing a block mapping");
    assert_refused(state, "server:\n\tport: 80\n",
                   ":2: not YAML: found character that cannot start any token, while scanning for "
                   "the next token");
    assert_refused(state, "name: \"x\n",
                   ":2: not YAML: found unexpected end of stream, while scanning a quoted scalar");
}

static void bytes_that_are_not_utf_8_name_the_byte(void **state)
{
    assert_refused(state, "name: \xff\n", ": not YAML: invalid leading UTF-8 octet, at byte 6");
    assert_false(load(fixture_write_bytes(state, "name: a\0b\n", 10)));
    fixture_assert_file_failure(state, &failure,
                                ": not YAML: control characters are not allowed, at byte 7");
}

static void a_file_that_cannot_be_read_is_refused(void **state)
{
    (void)state;
    assert_false(load("/nonexistent/config.yaml"));
    assert_string_equal(failure.text,
                        "/nonexistent/config.yaml: cannot open it: No such file or directory");
    assert_false(load("/tmp"));
    assert_string_equal(failure.text, "/tmp: cannot read it: Is a directory");
}

static void a_long_file_name_leaves_room_for_the_message(void **state)
{
    char path[FIXTURE_MESSAGE_BYTES] = "/tmp";
    for (size_t used = strlen(path); used + sizeof "/.." < 600; used += strlen("/./.")) {
        (void)snprintf(path + used, sizeof path - used, "/./.");
    }
    const struct config_fixture *fixture = *state;
    size_t used = strlen(path);
    (void)snprintf(path + used, sizeof path - used, "%s", strrchr(fixture->path, '/'));
    (void)fixture_write(state, "server:\n  port: x\n");
    assert_false(load(path));
    assert_non_null(strstr(failure.text, strrchr(fixture->path, '/')));
    assert_non_null(
        strstr(failure.text, ":2: server.port: \"x\" is not a whole number from 1 to 65535"));
}

/* ---- the log line ---------------------------------------------------------- */

static void the_description_names_every_key_and_value(void **state)
{
    char text[FIXTURE_MESSAGE_BYTES];
    fixture_set("TEST_SECRET", "hush");
    assert_loads(state, "");
    config_describe(&table, &settings, text, sizeof text);
    assert_string_equal(text, " | name: nobody | data.directory: data | server.port: 12345 | "
                              "server.size: 8M | wait: 1m30s | mode: slow | log.level: INFO | "
                              "one.two.three: 0 | TEST_SECRET: hush | course_mode: slow");
}

static void values_are_described_as_they_are_written(void **state)
{
    static const struct {
        const char *file, *described;
    } cases[] = {{"wait: 24h\n", " | wait: 24h | "},
                 {"wait: 100ms\n", " | wait: 100ms | "},
                 {"wait: 1h0m1s5ms\n", " | wait: 1h1s5ms | "},
                 {"server: {size: 65537}\n", " | server.size: 65537 | "},
                 {"server: {size: 65k}\n", " | server.size: 65k | "},
                 {"server: {size: 1024M}\n", " | server.size: 1G | "},
                 {"mode: fast\n", " | mode: fast | "},
                 {"log: {level: critical}\n", " | log.level: CRITICAL | "}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[FIXTURE_MESSAGE_BYTES];
        assert_loads(state, cases[i].file);
        config_describe(&table, &settings, text, sizeof text);
        assert_non_null(strstr(text, cases[i].described));
    }
}

static void a_description_is_cut_at_its_capacity(void **state)
{
    char whole[FIXTURE_MESSAGE_BYTES];
    assert_loads(state, "");
    config_describe(&table, &settings, whole, sizeof whole);
    for (size_t capacity = 1; capacity <= strlen(whole) + 1; capacity++) {
        char *text = malloc(capacity);
        assert_non_null(text);
        config_describe(&table, &settings, text, capacity);
        assert_int_equal(strlen(text), capacity - 1);
        assert_memory_equal(text, whole, capacity - 1);
        free(text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, fixture_close)

/* ---- the help -------------------------------------------------------------- */

static void the_help_aligns_names_and_breaks_meanings_between_words(void **state)
{
    (void)state;
    static const struct config_key helped[] = {
        {.path = {"a.long_key"}, .environment = {"LONG"}, .meaning = "what it means"},
        {.path = {"b", "c"},
         .environment = {"B", "C"},
         .meaning = "this meaning is as long as a line of one hundred columns that begins behind "
                    "twelve others may be; more"},
        {.environment = {"ONLY"}, .meaning = "no key of the file"},
    };
    static const struct config_table three = {.keys = helped, .count = 3};
    char text[FIXTURE_MESSAGE_BYTES] = "";
    FILE *file = fmemopen(text, sizeof text, "w");
    assert_non_null(file);
    config_print_help(&three, file);
    assert_int_equal(fclose(file), 0);
    const char *table_text = strchr(text + 1, '\n') + 1; /* behind the title */
    assert_string_equal(
        table_text,
        "  a.long_key  LONG\n"
        "              what it means\n"
        "  b, c        B, C\n"
        "              this meaning is as long as a line of one hundred columns that begins behind "
        "twelve\n"
        "              others may be; more\n"
        "              ONLY\n"
        "              no key of the file\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_file_leaves_the_defaults),
        TEST(a_file_of_comments_or_of_nothing_leaves_the_defaults),
        TEST(an_empty_section_leaves_its_defaults),
        TEST(the_file_sets_a_key_of_each_kind),
        TEST(the_origin_of_a_value_in_the_file_is_its_file_line_and_key),
        TEST(an_alias_names_the_same_value),
        TEST(the_environment_wins_over_the_file),
        TEST(the_first_variable_that_is_set_wins),
        TEST(an_empty_variable_counts_as_not_set),
        TEST(a_url_where_a_figure_is_expected_counts_as_not_set),
        TEST(a_bad_value_in_the_file_is_refused_even_where_a_variable_wins),
        TEST(without_a_file_name_config_yaml_is_read_or_else_config_ini),
        TEST(a_key_without_default_has_to_be_set),
        TEST(a_value_below_its_minimum_names_file_line_and_bounds),
        TEST(a_value_above_its_maximum_names_file_line_and_bounds),
        TEST(the_bounds_themselves_are_allowed),
        TEST(what_is_not_a_whole_number_is_refused),
        TEST(a_number_with_leading_zeros_is_decimal),
        TEST(a_number_without_value_is_refused),
        TEST(a_duration_is_read_in_milliseconds),
        TEST(what_is_not_a_duration_is_refused),
        TEST(a_size_is_read_in_powers_of_1024),
        TEST(what_is_not_a_size_is_refused),
        TEST(an_unknown_choice_names_the_choices),
        TEST(an_unknown_log_level_names_the_levels),
        TEST(a_log_level_is_taken_in_any_case_and_by_its_short_name),
        TEST(a_text_may_be_empty_in_the_file),
        TEST(a_quoted_null_is_a_text),
        TEST(a_text_below_its_minimum_is_refused),
        TEST(a_text_that_is_too_long_is_refused_and_not_cut),
        TEST(a_wrong_value_that_is_long_is_shown_by_its_beginning),
        TEST(a_control_character_in_a_value_is_refused),
        TEST(a_bad_value_in_the_environment_names_the_variable),
        TEST(an_unknown_key_at_the_top_names_what_is_known),
        TEST(an_unknown_key_in_a_section_names_what_is_known_there),
        TEST(keys_are_told_apart_by_case),
        TEST(an_empty_key_is_unknown),
        TEST(a_key_that_is_longer_than_any_is_unknown),
        TEST(a_key_given_twice_names_both_lines),
        TEST(a_key_given_by_two_of_its_names_is_given_twice),
        TEST(a_section_given_twice_names_both_lines),
        TEST(a_key_has_to_be_a_plain_name),
        TEST(a_list_where_a_value_belongs_is_refused),
        TEST(a_section_where_a_value_belongs_is_refused),
        TEST(a_value_or_list_where_a_section_belongs_is_refused),
        TEST(anchors_aliases_and_tags_are_refused),
        TEST(a_file_that_is_not_keys_and_values_is_refused),
        TEST(a_second_document_is_refused),
        TEST(what_is_not_yaml_names_the_line),
        TEST(bytes_that_are_not_utf_8_name_the_byte),
        TEST(a_file_that_cannot_be_read_is_refused),
        TEST(a_long_file_name_leaves_room_for_the_message),
        TEST(the_description_names_every_key_and_value),
        TEST(values_are_described_as_they_are_written),
        TEST(a_description_is_cut_at_its_capacity),
        TEST(the_help_aligns_names_and_breaks_meanings_between_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
