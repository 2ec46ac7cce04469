/*
 * config_reload.c - see config_reload.h.
 */
#include "server/config_reload.h"

#include "lib/config_value.h"
#include "lib/log.h"
#include "server/server_keys.h"

#include <sys/stat.h>

void config_reload_open(struct config_reload *reload, const struct server_config *config)
{
    reload->started = *config;
    reload->current = *config;
}

/* --------------------------------------------------------------- reading ---- */

static void log_mistake(const char *mistake, void *context)
{
    unsigned *mistakes = context;
    (*mistakes)++;
    log_error(LOG_RELOAD_MISTAKE, "result: fail | error: %s", mistake);
}

void config_reload_refuse(const char *mistake)
{
    log_error(LOG_RELOAD_FAILED,
              "result: fail | error: %s | reason: nothing was changed, and the server goes on with "
              "what it had: mend it, and send SIGHUP again",
              mistake);
}

/* True where the running server takes this value over. */
static bool takes_over(const struct config_reload *reload, const struct config_key *key)
{
    if (key->reloadable == CONFIG_LOWERED) {
        const char *wanted = (const char *)&reload->wanted + key->offset;
        const char *started = (const char *)&reload->started + key->offset;
        return *(const uint32_t *)(const void *)wanted <= *(const uint32_t *)(const void *)started;
    }
    return key->reloadable == CONFIG_AT_RELOAD;
}

static void put_together(struct config_reload *reload)
{
    reload->next = reload->current;
    for (size_t i = 0; i < server_config_table.count; i++) {
        const struct config_key *key = &server_config_table.keys[i];
        if (takes_over(reload, key)) {
            config_value_copy(key, &reload->wanted, &reload->next);
        }
    }
    reload->next.unidentified_is_derived = reload->wanted.unidentified_is_derived;
}

bool config_reload_read(struct config_reload *reload)
{
    unsigned mistakes = 0;
    struct failure failure = {.text = ""};
    struct stat status;
    struct config_origin origins[KEYS];
    const struct config_request request = {
        .file = reload->started.file, .tell = log_mistake, .context = &mistakes};
    if (reload->started.file == NULL) { /* and the environment can't have changed */
        reload->wanted = reload->current;
        reload->next = reload->current;
        return true;
    }
    if (stat(reload->started.file, &status) == 0 && !S_ISREG(status.st_mode)) {
        (void)failure_set(&failure, "%s: is no regular file, and is not read again",
                          reload->started.file);
        log_mistake(failure.text, &mistakes); /* and to open one could wait for ever */
    } else if (server_config_read(&request, &reload->wanted, origins, &failure)) {
        put_together(reload);
        (void)server_config_check_reloaded(&reload->next, origins, &request, &failure);
    }
    if (mistakes > 0) {
        log_error(LOG_RELOAD_FAILED,
                  "result: fail | mistakes: %u | reason: nothing was changed, and the server goes "
                  "on with what it had: mend them, and send SIGHUP again",
                  mistakes);
    }
    return mistakes == 0;
}

/* -------------------------------------------------------------- changing ---- */

void config_reload_lay_over(const struct config_reload *reload, struct server_config *target)
{
    for (size_t i = 0; i < server_config_table.count; i++) {
        const struct config_key *key = &server_config_table.keys[i];
        if (key->reloadable != CONFIG_AT_START) {
            config_value_copy(key, &reload->next, target);
        }
    }
}

/* Logs what becomes of one key, and counts it. */
static void tell_key(const struct config_reload *reload, const struct config_key *key,
                     struct config_changes *changes)
{
    char before[CONFIG_TEXT_BYTES];
    char now[CONFIG_TEXT_BYTES];
    config_value_format(key, &reload->current, before, sizeof before);
    if (!config_value_equal(key, &reload->current, &reload->next)) {
        config_value_format(key, &reload->next, now, sizeof now);
        log_info(LOG_RELOAD_CHANGED, "result: success | key: %s | before: %s | now: %s",
                 key->path[0], before, now);
        changes->taken_over++;
    } else if (!takes_over(reload, key) &&
               !config_value_equal(key, &reload->current, &reload->wanted)) {
        config_value_format(key, &reload->wanted, now, sizeof now);
        log_warning(LOG_RELOAD_NEEDS_RESTART,
                    "result: in_progress | key: %s | before: %s | file: %s | reason: needs a "
                    "restart: the server goes on with what it had",
                    key->path[0], before, now);
        changes->waiting++;
    }
}

struct config_changes config_reload_commit(struct config_reload *reload)
{
    struct config_changes changes = {0};
    for (size_t i = 0; i < server_config_table.count; i++) {
        tell_key(reload, &server_config_table.keys[i], &changes);
    }
    reload->current = reload->next;
    return changes;
}
