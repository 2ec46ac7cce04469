/*
 * config_fixture.h - a configuration file of its own for each test of the
 * configuration, and an environment without the variables of the table.
 *
 * Included by test_config.c, test_server_config.c and test_client_config.c only.
 */
#ifndef TESTS_UNIT_CONFIG_FIXTURE_H
#define TESTS_UNIT_CONFIG_FIXTURE_H

#include "lib/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIXTURE_PATH_BYTES = 64, FIXTURE_MESSAGE_BYTES = 1024, FIXTURE_FILE_BYTES = 16384 };

struct config_fixture {
    char path[FIXTURE_PATH_BYTES];
    int fd;
    const struct config_table *table;
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
static inline int fixture_open(void **state, const struct config_table *table)
{
    static struct config_fixture fixture;
    (void)snprintf(fixture.path, sizeof fixture.path, "/tmp/test_config_XXXXXX");
    fixture.fd = mkstemp(fixture.path);
    fixture.table = table;
    *state = &fixture;
    fixture_clear_environment(table);
    return fixture.fd < 0 ? -1 : 0;
}

static inline int fixture_close(void **state)
{
    struct config_fixture *fixture = *state;
    fixture_clear_environment(fixture->table);
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

/* The failure is the file's name with this behind it. */
static inline void fixture_assert_file_failure(void **state, const struct failure *failure,
                                               const char *behind_file)
{
    const struct config_fixture *fixture = *state;
    size_t path_bytes = strlen(fixture->path);
    if (strncmp(failure->text, fixture->path, path_bytes) != 0) {
        fail_msg("does not begin with %s: %s", fixture->path, failure->text);
    }
    assert_string_equal(failure->text + path_bytes, behind_file);
}

#endif
