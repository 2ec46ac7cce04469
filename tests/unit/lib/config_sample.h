/*
 * config_sample.h - a table that has a key of each kind, and the values loaded by it.
 *
 * Included by test_config.c, test_config_value.c, test_config_file.c and test_config_ini.c
 * only.
 */
#ifndef TESTS_UNIT_LIB_CONFIG_SAMPLE_H
#define TESTS_UNIT_LIB_CONFIG_SAMPLE_H

#include "tests/unit/config_fixture.h"

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

static inline bool load(const char *file)
{
    memset(&settings, 0, sizeof settings);
    memset(&failure, 0, sizeof failure);
    return config_load(&table, &(struct config_request){.file = file}, &settings, origins,
                       &failure);
}

static const struct config_subject tested = {
    .table = &table, .config = &settings, .failure = &failure, .least = "", .load = load};

static inline int open_fixture(void **state)
{
    return fixture_open(state, &tested);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, fixture_close)

#endif
