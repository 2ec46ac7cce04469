/*
 * start_trial.c - see start_trial.h.
 *
 * The port is tried by listening for a moment. An agency that connects just then finds the
 * connection closed, and tries again.
 */
#include "server/start_trial.h"

#include "lib/log.h"
#include "server/heritage.h"
#include "server/listener.h"
#include "server/server_keys.h"
#include "server/terms.h"
#include "shm/gate.h"
#include "shm/segment.h"
#include "store/data_directory.h"

enum { TRIAL_KEYS_MAX = 3 };

static bool can_listen(const struct server_config *config, struct failure *failure)
{
    struct listeners listeners;
    if (!listeners_open(config, &listeners, failure)) {
        return false;
    }
    listeners_close(&listeners);
    return true;
}

static bool has_memory(const struct server_config *config, struct failure *failure)
{
    const struct segment_plan plan = {.ring_bytes = config->ring_bytes,
                                      .agency_limit = config->limit_agencies,
                                      .slot_capacity =
                                          config->limit_connections + HERITAGE_LEAVING_MAX};
    return segment_has_room(&plan, failure);
}

static bool has_semaphores(const struct server_config *config, struct failure *failure)
{
    (void)config;
    return gate_has_room(failure);
}

/* What is tried where no server runs, and the keys by which it is. */
static const struct trial {
    bool (*try)(const struct server_config *config, struct failure *failure);
    enum server_key keys[TRIAL_KEYS_MAX];
    size_t count;
} trials[] = {
    {can_listen, {KEY_ADDRESS, KEY_PORT}, 2},
    {has_memory, {KEY_RING_BYTES, KEY_AGENCIES, KEY_CONNECTIONS}, 3},
    {has_semaphores, {0}, 0},
};

/* Other terms than those of what is stored would be refused when nothing serves any more. */
static bool has_same_terms(const struct server_config *config, const struct config_origin *origins,
                           const struct data_directory_glance *glance, struct failure *failure)
{
    static const enum server_key of_terms[] = {
        KEY_EXPECTED,     KEY_ALLOWED,        KEY_WINNING_NUMBER,  KEY_LOTTERY_NAME,
        KEY_LOTTERY_DRAW, KEY_LOTTERY_CLOSES, KEY_CENTRES_EXPECTED};
    struct lottery_terms wanted;
    struct control control = glance->control;
    if (!server_keys_are_sure(origins, of_terms, sizeof of_terms / sizeof of_terms[0])) {
        return true;
    }
    server_config_terms(config, &wanted);
    return terms_settle(&control, &wanted, control.state != CONTROL_NEW || glance->has_bets,
                        config->data_directory, failure);
}

bool start_trial_run(const struct server_config *config, const struct config_origin *origins,
                     void (*tell)(const char *mistake, void *context), void *context, bool *runs)
{
    static const enum server_key of_directory[] = {KEY_DATA_DIRECTORY, KEY_DATA_GROUP};
    struct data_directory_glance glance;
    struct failure failure;
    bool right = true;
    *runs = false;
    if (!server_keys_are_sure(origins, of_directory,
                              sizeof of_directory / sizeof of_directory[0])) {
        return true;
    }
    if (!data_directory_try(config->data_directory, config->data_group, &glance, &failure) ||
        !has_same_terms(config, origins, &glance, &failure)) {
        tell(failure.text, context);
        right = false;
    }
    *runs = glance.in_use;
    for (size_t i = 0; i < sizeof trials / sizeof trials[0] && !*runs; i++) {
        if (server_keys_are_sure(origins, trials[i].keys, trials[i].count) &&
            !trials[i].try(config, &failure)) {
            tell(failure.text, context);
            right = false;
        }
    }
    return right;
}
