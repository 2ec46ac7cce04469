/*
 * test_config.c - configuration from defaults, file and environment, and what the log and
 * the help say of it.
 */
#include "tests/unit/lib/config_sample.h"

#include "tests/harness/processes.h"

#include <fcntl.h>

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

static void without_a_file_name_config_yaml_is_read_or_else_config_ini(void **state)
{
    (void)state;
    enum { NEITHER, INI, BOTH, CASES };
    static const char ini[] = "[DEFAULT]\nTEST_PORT = 81\n";
    static const char yaml[] = "server:\n  port: 82\n";
    struct scratch scratch;
    bool loaded[CASES];
    uint64_t port[CASES];
    int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(back >= 0);
    scratch_open(&scratch);
    assert_int_equal(chdir(scratch.path), 0);
    for (int i = NEITHER; i < CASES; i++) {
        if (i == INI) {
            scratch_write(&scratch, CONFIG_DEFAULT_INI_FILE, ini, strlen(ini));
        } else if (i == BOTH) {
            scratch_write(&scratch, CONFIG_DEFAULT_FILE, yaml, strlen(yaml));
        }
        loaded[i] = load(NULL);
        port[i] = settings.port;
    }
    assert_int_equal(fchdir(back), 0);
    assert_int_equal(close(back), 0);
    scratch_close(&scratch);
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
    assert_false(config_load(&only_id, &(struct config_request){.file = fixture_write(state, "")},
                             &value, origins, &failure));
    assert_string_equal(failure.text, "id: is not set and has no default; set it in the file or "
                                      "the environment (TEST_PORT, TEST_OLD_PORT)");
    assert_true(config_load(&only_id,
                            &(struct config_request){.file = fixture_write(state, "id: 0\n")},
                            &value, origins, &failure));
    fixture_set("TEST_OLD_PORT", "9");
    assert_true(config_load(&only_id, &(struct config_request){.file = fixture_write(state, "")},
                            &value, origins, &failure));
    assert_int_equal(value, 9);
}

/* ---- the log line ---------------------------------------------------------- */

static void the_description_names_every_key_and_value(void **state)
{
    char text[FIXTURE_MESSAGE_BYTES];
    fixture_set("TEST_SECRET", "hush");
    assert_loads(state, "");
    config_describe(&table, &settings, text, sizeof text);
    assert_string_equal(
        text, " | course_mode: slow | name: nobody | data.directory: data | server.port: 12345 | "
              "server.size: 8M | wait: 1m30s | mode: slow | log.level: INFO | "
              "one.two.three: 0 | TEST_SECRET: hush");
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

/* ---- the help -------------------------------------------------------------- */

static void the_help_aligns_names_and_breaks_meanings_between_words(void **state)
{
    (void)state;
    static const struct config_key helped[] = {
        {.path = {"a.long_key"},
         .environment = {"LONG"},
         .default_value = "",
         .meaning = "what it means"},
        {.path = {"b", "c"},
         .environment = {"B", "C"},
         .default_value = "",
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
        "              no key of the file\n"
        "              has to be set\n");
}

/* ------------------------------------------------------------- all mistakes ---- */

enum { TOLD_BYTES = 4096, VALUES_BYTES = 2048 };

/* Notes a mistake, without the name of the file, in a line of its own. */
static void note(const char *mistake, void *context)
{
    char *told = context;
    const char *rest = strncmp(mistake, "/tmp/", 5) == 0 ? strchr(mistake, ':') : mistake;
    size_t used = strlen(told);
    (void)snprintf(told + used, TOLD_BYTES - used, "%s\n", rest);
}

static void assert_told(void **state, const char *text, const char *wanted)
{
    char told[TOLD_BYTES] = "";
    const struct config_request request = {
        .file = fixture_write(state, text), .tell = note, .context = told};
    assert_false(config_load(&table, &request, &settings, origins, &failure));
    assert_string_equal(told, wanted);
}

static void all_mistakes_are_told_at_once(void **state)
{
    fixture_set("TEST_WAIT", "soon");
    assert_told(
        state,
        "nmae: x\n"
        "server:\n"
        "  prt: [1, {a: 2}, [3]]\n"
        "  port: 70000\n"
        "  size: {big: yes}\n"
        "directory: here\n"
        "mode: fats\n"
        "server:\n"
        "  port: 1\n"
        "? [a, list]\n"
        ": {of: things}\n"
        "log: 3\n"
        "mode: slow\n",
        ":1: nmae: unknown key; did you mean name? Known here are name, data, server, wait, "
        "mode, log, one\n"
        ":3: server.prt: unknown key; did you mean port? Known here are port, tcp_port, "
        "size\n"
        ":4: server.port: \"70000\" is not a whole number from 1 to 65535\n"
        ":5: server.size: is a section; it has to be a single value\n"
        ":6: directory: unknown key; did you mean data.directory? Known here are name, "
        "data, server, wait, mode, log, one\n"
        ":7: mode: \"fats\" is not one of slow, fast\n"
        ":8: server: given twice; the first time is in line 2\n"
        ":10: this key is not a plain name; lists, sections, anchors, aliases and tags "
        "cannot be keys\n"
        ":12: log: is a value; it has to be a section with keys of its own\n"
        ":13: mode: given twice; the first time is in line 7\n"
        "TEST_WAIT: \"soon\" is not a duration from 1ms to 24h (write it like 100ms, 5s, "
        "1m30s or 1h)\n");
    assert_non_null(strstr(failure.text, ":1: nmae: unknown key"));
}

static void what_is_no_yaml_ends_the_file_and_the_environment_is_read(void **state)
{
    fixture_set("TEST_PORT", "0");
    assert_told(state, "mode: quick\nname: [\nwiat: 3s\n",
                ":1: mode: \"quick\" is not one of slow, fast\n"
                ":2: name: is a list; it has to be a single value\n"
                ":4: not YAML: did not find expected ',' or ']', while parsing a flow sequence\n"
                "TEST_PORT: \"0\" is not a whole number from 1 to 65535\n");
}

static void an_option_wins_over_everything(void **state)
{
    const struct config_given given[] = {
        {"server.port", "--port", "7"}, {"name", "--name", "first"}, {"name", "--name", "second"}};
    const struct config_request request = {.file = fixture_write(state, "server: {port: 8}\n"),
                                           .given = given,
                                           .given_count = sizeof given / sizeof given[0]};
    fixture_set("TEST_PORT", "9");
    assert_true(config_load(&table, &request, &settings, origins, &failure));
    assert_int_equal(settings.port, 7);
    assert_string_equal(settings.name, "second");
    assert_int_equal(origins[PORT].source, CONFIG_FROM_OPTION);
    assert_string_equal(origins[PORT].place, "--port");
}

static void an_options_mistake_names_the_option(void **state)
{
    const struct config_given given = {"server.port", "--port", "no"};
    const struct config_request request = {
        .file = fixture_write(state, ""), .given = &given, .given_count = 1};
    assert_false(config_load(&table, &request, &settings, origins, &failure));
    assert_string_equal(failure.text, "--port: \"no\" is not a whole number from 1 to 65535");
}

static void values_are_printed_with_where_they_come_from(void **state)
{
    const struct config_given given = {"wait", "--wait", "10m"};
    const struct config_request request = {.file =
                                               fixture_write(state, "name: x\nserver: {port: 8}\n"),
                                           .given = &given,
                                           .given_count = 1};
    char printed[VALUES_BYTES] = "";
    char wanted[VALUES_BYTES];
    FILE *file = fmemopen(printed, sizeof printed, "w");
    fixture_set("TEST_MODE", "fast");
    assert_non_null(file);
    assert_true(config_load(&table, &request, &settings, origins, &failure));
    config_print_values(&table, &settings, origins, file);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(wanted, sizeof wanted,
                   "name            x     %s:1\n"
                   "data.directory  data  default\n"
                   "server.port     8     %s:2\n"
                   "server.size     8M    default\n"
                   "wait            10m   --wait\n"
                   "mode            fast  TEST_MODE\n"
                   "log.level       INFO  default\n"
                   "one.two.three   0     default\n"
                   "TEST_SECRET           default\n",
                   request.file, request.file);
    assert_string_equal(printed, wanted);
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
        TEST(the_description_names_every_key_and_value),
        TEST(values_are_described_as_they_are_written),
        TEST(a_description_is_cut_at_its_capacity),
        TEST(the_help_aligns_names_and_breaks_meanings_between_words),
        TEST(all_mistakes_are_told_at_once),
        TEST(what_is_no_yaml_ends_the_file_and_the_environment_is_read),
        TEST(an_option_wins_over_everything),
        TEST(an_options_mistake_names_the_option),
        TEST(values_are_printed_with_where_they_come_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
