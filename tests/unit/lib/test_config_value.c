/*
 * test_config_value.c - values of each kind: what is taken, and what is refused.
 */
#include "tests/unit/lib/config_sample.h"

#include "lib/config_value.h"

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

/* Each kind's value is told apart from another one, and copied without its neighbours. */
static void a_value_of_each_kind_is_compared_and_copied_alone(void **state)
{
    static const char *const others[SECRET] = {[NAME] = "name: other",
                                               [DIRECTORY] = "data: {directory: other}",
                                               [PORT] = "server: {port: 7}",
                                               [SIZE] = "server: {size: 64k}",
                                               [WAIT] = "wait: 7ms",
                                               [MODE] = "mode: fast",
                                               [LEVEL] = "log: {level: ERROR}",
                                               [DEPTH] = "one: {two: {three: 7}}"};
    assert_loads(state, "mode: slow\n");
    const struct settings before = settings;
    for (size_t i = 0; i < SECRET; i++) {
        struct settings target = before;
        assert_loads(state, others[i]);
        for (size_t j = 0; j < SETTINGS; j++) {
            assert_int_equal(config_value_equal(&keys[j], &before, &settings), i != j);
            if (j != i) {
                config_value_copy(&keys[j], &settings, &target);
            }
        }
        assert_memory_equal(&target, &before, sizeof target);
        config_value_copy(&keys[i], &settings, &target);
        assert_true(config_value_equal(&keys[i], &target, &settings));
    }
}

/* What stands after a text's end is no part of it. */
static void texts_are_compared_up_to_their_ends(void **state)
{
    assert_loads(state, "name: abc\n");
    struct settings other = settings;
    other.name[sizeof "abc"] = 'x';
    assert_true(config_value_equal(&keys[NAME], &settings, &other));
    other.name[2] = '\0';
    assert_false(config_value_equal(&keys[NAME], &settings, &other));
}

static void a_bad_value_in_the_environment_names_the_variable(void **state)
{
    assert_variable_refused(state, "TEST_PORT", "x",
                            "TEST_PORT: \"x\" is not a whole number from 1 to 65535");
    assert_variable_refused(state, "TEST_OLD_PORT", "0",
                            "TEST_OLD_PORT: \"0\" is not a whole number from 1 to 65535");
    assert_variable_refused(state, "TEST_MODE", "x", "TEST_MODE: \"x\" is not one of slow, fast");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        TEST(a_value_of_each_kind_is_compared_and_copied_alone),
        TEST(texts_are_compared_up_to_their_ends),
        TEST(a_bad_value_in_the_environment_names_the_variable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
