/*
 * test_config_file.c - the keys and the structure of a YAML file.
 */
#include "tests/unit/lib/config_sample.h"

/* ---- keys ------------------------------------------------------------------ */

static void an_unknown_key_at_the_top_names_what_is_known(void **state)
{
    static const char known[] = "known here are name, data, server, wait, mode, log, one";
    char message[FIXTURE_MESSAGE_BYTES];
    (void)snprintf(message, sizeof message, ":2: nmae: unknown key; did you mean name? K%s",
                   known + 1);
    assert_refused(state, "wait: 1s\nnmae: x\n", message);
    (void)snprintf(message, sizeof message, ":1: serve: unknown key; did you mean server? K%s",
                   known + 1);
    assert_refused(state, "serve:\n  port: 80\n", message);
    (void)snprintf(message, sizeof message, ":1: TEST_SECRET: unknown key; %s", known);
    assert_refused(state, "TEST_SECRET: x\n", message);
}

static void an_unknown_key_in_a_section_names_what_is_known_there(void **state)
{
    assert_refused(
        state, "server:\n  port: 80\n  prot: 80\n",
        ":3: server.prot: unknown key; did you mean port? Known here are port, tcp_port, "
        "size");
    assert_refused(state, "one:\n  two:\n    four: 1\n",
                   ":3: one.two.four: unknown key; known here are three");
}

static void keys_are_told_apart_by_case(void **state)
{
    assert_refused(
        state, "server:\n  Port: 80\n",
        ":2: server.Port: unknown key; did you mean port? Known here are port, tcp_port, "
        "size");
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
    fixture_assert_file_failure(state, ": not YAML: control characters are not allowed, at byte 7");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
