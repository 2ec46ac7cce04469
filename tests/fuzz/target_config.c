/*
 * target_config.c - a configuration file of any bytes, for the server and for an agency,
 * read as YAML and read as INI.
 *
 * Promises: it is taken or refused, never half; a refusal says something; what
 * is taken is within every key's bounds, is the same when it is read again, and
 * can be described in any room.
 */
#include "client/client_config.h"
#include "server/server_config.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DESCRIPTION_BYTES = 4096, SMALL_DESCRIPTION_BYTES = 40, FILE_NAME_BYTES = 80 };

/* The input's second name, in the scratch directory: it ends in ".ini". */
static char ini_name[FILE_NAME_BYTES];

static void unset_variables(const struct config_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        for (size_t n = 0; n < CONFIG_NAMES_MAX && table->keys[i].environment[n] != NULL; n++) {
            (void)unsetenv(table->keys[i].environment[n]);
        }
    }
}

/* What the environment of whoever runs this says must not matter. */
static void clear_environment(void)
{
    unset_variables(&server_config_table);
    unset_variables(&client_config_table);
    (void)unsetenv("SERVER_HOST");
    (void)unsetenv("SERVER_PORT");
}

static void check_number(const struct config_key *key, uint64_t value)
{
    FUZZ_EXPECT(value >= key->minimum && value <= key->maximum);
}

static void check_text(const struct config_key *key, const char *text)
{
    size_t bytes = strnlen(text, CONFIG_TEXT_BYTES);
    FUZZ_EXPECT(bytes < CONFIG_TEXT_BYTES && bytes >= key->minimum);
    for (size_t i = 0; i < bytes; i++) {
        FUZZ_EXPECT((unsigned char)text[i] >= ' ');
    }
}

static void check_choice(const struct config_key *key, int value)
{
    FUZZ_EXPECT(value >= 0);
    for (int i = 0; key->choices != NULL && i <= value; i++) {
        FUZZ_EXPECT(key->choices[i] != NULL);
    }
}

static void check_bounds(const struct config_table *table, const void *config)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct config_key *key = &table->keys[i];
        const char *value = (const char *)config + key->offset;
        uint64_t number = 0;
        int choice = 0;
        switch (key->kind) {
        case CONFIG_TEXT:
            check_text(key, value);
            break;
        case CONFIG_UINT32:
            check_number(key, *(const uint32_t *)(const void *)value);
            break;
        case CONFIG_UINT64:
        case CONFIG_BYTES:
        case CONFIG_DURATION:
            memcpy(&number, value, sizeof number);
            check_number(key, number);
            break;
        case CONFIG_CHOICE:
        case CONFIG_LOG_LEVEL:
            memcpy(&choice, value, sizeof choice);
            check_choice(key, choice);
            break;
        }
    }
}

static void check_description(const struct config_table *table, const void *config, size_t capacity)
{
    char *text = malloc(capacity);
    FUZZ_EXPECT(text != NULL);
    config_describe(table, config, text, capacity);
    FUZZ_EXPECT(strnlen(text, capacity) < capacity);
    free(text);
}

static void check_taken(const struct config_table *table, const void *config, const void *again,
                        size_t config_bytes)
{
    check_bounds(table, config);
    FUZZ_EXPECT(memcmp(config, again, config_bytes) == 0);
    check_description(table, config, DESCRIPTION_BYTES);
    check_description(table, config, SMALL_DESCRIPTION_BYTES);
}

static void check_refusal(const struct failure *failure, const struct failure *again)
{
    size_t bytes = strnlen(failure->text, sizeof failure->text);
    FUZZ_EXPECT(bytes > 0 && bytes < sizeof failure->text);
    FUZZ_EXPECT(strcmp(failure->text, again->text) == 0);
}

static void check_server(const char *file)
{
    struct server_config config;
    struct server_config again;
    struct failure failure = {.text = ""};
    struct failure failure_again = {.text = ""};
    const struct config_request request = {.file = file};
    bool taken = server_config_load(&request, &config, &failure);
    FUZZ_EXPECT(server_config_load(&request, &again, &failure_again) == taken);
    if (!taken) {
        check_refusal(&failure, &failure_again);
        return;
    }
    check_taken(&server_config_table, &config, &again, sizeof config);
    FUZZ_EXPECT(config.allowed.count <= AGENCY_RANGES_MAX);
    for (uint32_t i = 0; i < config.allowed.count && !config.allowed.any; i++) {
        FUZZ_EXPECT(config.allowed.ranges[i].first <= config.allowed.ranges[i].last);
        FUZZ_EXPECT(server_config_allows(&config, config.allowed.ranges[i].first));
        FUZZ_EXPECT(server_config_allows(&config, config.allowed.ranges[i].last));
    }
    FUZZ_EXPECT(config.ring_bytes % (uint64_t)sysconf(_SC_PAGESIZE) == 0);
}

static void check_client(const char *file)
{
    struct client_config config;
    struct client_config again;
    struct failure failure = {.text = ""};
    struct failure failure_again = {.text = ""};
    bool taken = client_config_load(file, &config, &failure);
    FUZZ_EXPECT(client_config_load(file, &again, &failure_again) == taken);
    if (!taken) {
        check_refusal(&failure, &failure_again);
        return;
    }
    check_taken(&client_config_table, &config, &again, sizeof config);
    FUZZ_EXPECT(strchr(config.server_address, ':') != NULL);
}

/* Another name for the file; every input has it in the same place. */
static void name_ini(const char *name)
{
    scratch_open();
    (void)snprintf(ini_name, sizeof ini_name, "%s/config.ini", scratch_path);
    FUZZ_EXPECT(symlink(name, ini_name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char name[FILE_NAME_BYTES];
    int file = memfd_create("config", MFD_CLOEXEC);
    FUZZ_EXPECT(file >= 0 && write(file, data, bytes) == (ssize_t)bytes);
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    name_ini(name);
    clear_environment();
    check_server(name);
    check_client(name);
    check_server(ini_name);
    check_client(ini_name);
    (void)close(file);
    return 0;
}
