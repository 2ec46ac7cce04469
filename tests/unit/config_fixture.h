/*
 * config_fixture.h - a configuration file of its own for each test of the
 * configuration, and an environment without the variables of the table.
 *
 * The test says what is loaded by a struct config_subject. What all tests of keys assert
 * stands here once.
 *
 * Included by lib/config_sample.h, test_server_config.c and test_client_config.c only.
 */
#ifndef TESTS_UNIT_CONFIG_FIXTURE_H
#define TESTS_UNIT_CONFIG_FIXTURE_H

#include "lib/config.h"
#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIXTURE_PATH_BYTES = 64, FIXTURE_MESSAGE_BYTES = 1024, FIXTURE_FILE_BYTES = 16384 };

/* The configuration that a test program loads. */
struct config_subject {
    const struct config_table *table;
    const void *config;      /* what `load` fills */
    struct failure *failure; /* of the latest load */
    const char *least;       /* the shortest file that is loaded */
    bool (*load)(const char *file);
};

struct config_fixture {
    char path[FIXTURE_PATH_BYTES];
    int fd;
    const struct config_subject *subject;
};

static inline void fixture_clear_environment(const struct config_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        for (size_t n = 0; n < CONFIG_NAMES_MAX && table->keys[i].environment[n] != NULL; n++) {
            assert_int_equal(unsetenv(table->keys[i].environment[n]), 0);
        }
    }
}

/* An empty file, and no variable of the table set. */
static inline int fixture_open(void **state, const struct config_subject *subject)
{
    static struct config_fixture fixture;
    (void)snprintf(fixture.path, sizeof fixture.path, "/tmp/test_config_XXXXXX");
    fixture.fd = mkstemp(fixture.path);
    fixture.subject = subject;
    *state = &fixture;
    fixture_clear_environment(subject->table);
    return fixture.fd < 0 ? -1 : 0;
}

static inline int fixture_close(void **state)
{
    struct config_fixture *fixture = *state;
    fixture_clear_environment(fixture->subject->table);
    (void)close(fixture->fd);
    return unlink(fixture->path);
}

/* The file's content from now on. */
static inline const char *fixture_write_bytes(void **state, const char *text, size_t bytes)
{
    struct config_fixture *fixture = *state;
    assert_int_equal(ftruncate(fixture->fd, 0), 0);
    assert_int_equal(pwrite(fixture->fd, text, bytes, 0), (ssize_t)bytes);
    return fixture->path;
}

static inline const char *fixture_write(void **state, const char *text)
{
    return fixture_write_bytes(state, text, strlen(text));
}

static inline void fixture_set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

/* A file that is delivered names every variable of the table. */
static inline void fixture_assert_names_variables(const char *path,
                                                  const struct config_table *table)
{
    static char text[FIXTURE_FILE_BYTES];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[bytes] = '\0';
    for (size_t i = 0; i < table->count; i++) {
        for (size_t n = 0; n < CONFIG_NAMES_MAX && table->keys[i].environment[n] != NULL; n++) {
            if (strstr(text, table->keys[i].environment[n]) == NULL) {
                fail_msg("%s does not name %s", path, table->keys[i].environment[n]);
            }
        }
    }
}

/* The failure is the file's name followed by `rest`. */
static inline void fixture_assert_file_failure(void **state, const char *rest)
{
    const struct config_fixture *fixture = *state;
    const char *text = fixture->subject->failure->text;
    size_t path_bytes = strlen(fixture->path);
    if (strncmp(text, fixture->path, path_bytes) != 0) {
        fail_msg("does not begin with %s: %s", fixture->path, text);
    }
    assert_string_equal(text + path_bytes, rest);
}

/* ---- what all tests of keys assert ----------------------------------------- */

static inline bool load_text(void **state, const char *text)
{
    const struct config_subject *subject = ((const struct config_fixture *)*state)->subject;
    memset(subject->failure, 0, sizeof *subject->failure);
    return subject->load(fixture_write(state, text));
}

static inline void assert_loads(void **state, const char *text)
{
    if (!load_text(state, text)) {
        fail_msg("refused: %s", ((const struct config_fixture *)*state)->subject->failure->text);
    }
}

static inline void assert_refused(void **state, const char *text, const char *rest)
{
    assert_false(load_text(state, text));
    fixture_assert_file_failure(state, rest);
}

/* The least file is refused with this message while the variable has this value. */
static inline void assert_variable_refused(void **state, const char *name, const char *value,
                                           const char *message)
{
    const struct config_subject *subject = ((const struct config_fixture *)*state)->subject;
    fixture_set(name, value);
    assert_false(load_text(state, subject->least));
    assert_string_equal(subject->failure->text, message);
    assert_int_equal(unsetenv(name), 0);
}

/* A value of a variable, and the message after the variable's name that refuses it. */
struct config_bad_value {
    const char *variable, *value, *message;
};

static inline void assert_values_refused(void **state, const struct config_bad_value *cases,
                                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char message[FIXTURE_MESSAGE_BYTES];
        (void)snprintf(message, sizeof message, "%s: %s", cases[i].variable, cases[i].message);
        assert_variable_refused(state, cases[i].variable, cases[i].value, message);
    }
}

/* The description in the log, followed by " |", has these fields. */
static inline void assert_described(void **state, const char *fields)
{
    const struct config_subject *subject = ((const struct config_fixture *)*state)->subject;
    char text[LOG_LINE_BYTES];
    config_describe(subject->table, subject->config, text, sizeof text - 2);
    size_t used = strlen(text);
    (void)snprintf(text + used, sizeof text - used, " |");
    if (strstr(text, fields) == NULL) {
        fail_msg("not%s but%s", fields, text);
    }
}

/* A value of a key: how a file and a variable set it, and how it is described. */
struct config_setting {
    const char *file, *variable, *value, *described;
};

static inline void assert_settable(void **state, const struct config_setting *settings,
                                   size_t count)
{
    const struct config_subject *subject = ((const struct config_fixture *)*state)->subject;
    for (size_t i = 0; i < count; i++) {
        assert_loads(state, settings[i].file);
        assert_described(state, settings[i].described);
        fixture_set(settings[i].variable, settings[i].value);
        assert_loads(state, subject->least);
        assert_described(state, settings[i].described);
        assert_int_equal(unsetenv(settings[i].variable), 0);
    }
}

#endif
