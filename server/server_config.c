/*
 * server_config.c - see server_config.h.
 *
 * The rules that join several keys, and what follows from them. server_keys.c has the keys.
 */
#include "server/server_config.h"

#include "lib/config_value.h"
#include "lib/text.h"
#include "lib/timestamp.h"
#include "server/server_keys.h"
#include "store/centre_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    RING_MESSAGES_MIN = 4,
    UNIDENTIFIED_PART = 4, /* by default strangers have a quarter of the connections */
    NUMBER_TEXT_BYTES = 64
};

/* True where the environment, or the INI file, sets the number of agencies by that name. */
static bool is_quorum_set(const struct config_origin *expected)
{
    const char *variable = getenv(server_quorum_variable);
    const char *name = strrchr(expected->place, ' ');
    return (variable != NULL && variable[0] != '\0') ||
           (name != NULL && strcasecmp(name + 1, server_quorum_variable) == 0);
}

static bool derive_allowed(struct server_config *config, const struct config_origin *origins,
                           struct failure *failure)
{
    if (config->agencies_allowed[0] == '\0') {
        config->allowed.any = is_quorum_set(&origins[KEY_EXPECTED]);
        if (!config->allowed.any && config->agencies_expected > 0) {
            config->allowed.ranges[config->allowed.count++] =
                (struct agency_range){.first = 1, .last = config->agencies_expected};
        }
        return true;
    }
    return agency_set_parse(config->agencies_allowed, origins[KEY_ALLOWED].place, &config->allowed,
                            failure);
}

/* How many ids are allowed. With `any`, every expected agency can come. */
static uint64_t count_allowed(const struct server_config *config)
{
    return config->allowed.any ? config->agencies_expected : agency_set_size(&config->allowed);
}

/* The place of the one of two contradicting keys that is to be corrected: the one that was set. */
static const char *blame(const struct config_origin *origins, enum server_key first,
                         enum server_key second)
{
    return origins[first].source != CONFIG_FROM_DEFAULT ? origins[first].place
                                                        : origins[second].place;
}

static bool check_agencies(const struct server_config *config, const struct config_origin *origins,
                           struct failure *failure)
{
    uint64_t allowed = count_allowed(config);
    enum server_key many = config->allowed.count > 0 && config->agencies_allowed[0] != '\0'
                               ? KEY_ALLOWED
                               : KEY_EXPECTED;
    if (allowed > config->limit_agencies) {
        return failure_set(failure,
                           "%s: %" PRIu64 " agencies are more than limits.agencies (%" PRIu32 ")",
                           blame(origins, many, KEY_AGENCIES), allowed, config->limit_agencies);
    }
    return true;
}

static bool check_ring(const struct server_config *config, const struct config_origin *origins,
                       struct failure *failure)
{
    struct server_config needed = {.ring_bytes = RING_MESSAGES_MIN * config->limit_message_bytes};
    if (config->ring_bytes >= needed.ring_bytes) {
        return true;
    }
    char ring[NUMBER_TEXT_BYTES];
    char message[NUMBER_TEXT_BYTES];
    char least[NUMBER_TEXT_BYTES];
    config_value_format(&server_config_table.keys[KEY_RING_BYTES], config, ring, sizeof ring);
    config_value_format(&server_config_table.keys[KEY_MESSAGE_BYTES], config, message,
                        sizeof message);
    config_value_format(&server_config_table.keys[KEY_RING_BYTES], &needed, least, sizeof least);
    return failure_set(failure,
                       "%s: ring.bytes (%s) has to hold %d messages of limits.message_bytes (%s), "
                       "so at least %s",
                       blame(origins, KEY_RING_BYTES, KEY_MESSAGE_BYTES), ring, RING_MESSAGES_MIN,
                       message, least);
}

/* Else strangers could keep all agencies out. One connection is an agency's and a stranger's. */
static bool derive_unidentified(struct server_config *config, const struct config_origin *origins,
                                struct failure *failure)
{
    config->unidentified_is_derived =
        config->unidentified_is_derived || config->limit_unidentified == 0;
    if (config->unidentified_is_derived) {
        config->limit_unidentified = config->limit_connections / UNIDENTIFIED_PART;
        config->limit_unidentified += config->limit_unidentified == 0 ? 1 : 0;
    }
    return config->limit_unidentified < config->limit_connections ||
           config->limit_connections == 1 ||
           failure_set(failure,
                       "%s: limits.unidentified_connections (%" PRIu32
                       ") has to be less than limits.max_connections (%" PRIu32 ")",
                       blame(origins, KEY_UNIDENTIFIED, KEY_CONNECTIONS),
                       config->limit_unidentified, config->limit_connections);
}

/* Only a handler that was forked ahead comes back for another connection. */
static bool check_reserve(const struct server_config *config, const struct config_origin *origins,
                          struct failure *failure)
{
    return config->limit_connections_per_handler == 1 || config->limit_handlers_ahead > 0 ||
           failure_set(failure,
                       "%s: limits.connections_per_handler is %" PRIu32
                       ", but with limits.handlers_ahead 0 no handler serves a second connection",
                       blame(origins, KEY_CONNECTIONS_PER_HANDLER, KEY_HANDLERS_AHEAD),
                       config->limit_connections_per_handler);
}

/* The draw's name becomes that of a directory, and its closing time is a moment. */
static bool check_lottery(struct server_config *config, const struct config_origin *origins,
                          struct failure *failure)
{
    if (!control_is_draw_name(config->lottery_name)) {
        return failure_set(failure,
                           "%s: \"%.60s\" is no name of a draw: 1 to 32 letters, digits, '.', '_' "
                           "and '-', the first one a letter or a digit",
                           origins[KEY_LOTTERY_NAME].place, config->lottery_name);
    }
    return config->lottery_closes[0] == '\0' ||
           timestamp_parse(config->lottery_closes, &config->closes_at_ms) ||
           failure_set(failure, "%s: \"%.60s\" is no moment like 2026-11-28T20:00:00Z",
                       origins[KEY_LOTTERY_CLOSES].place, config->lottery_closes);
}

/* With TLS, the server has to know who it is, and whom it trusts. */
static bool check_tls(const struct server_config *config, const struct config_origin *origins,
                      struct failure *failure)
{
    static const enum server_key needed[] = {KEY_TLS_CERTIFICATE, KEY_TLS_KEY, KEY_TLS_CA};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0] && config->tls_mode != TLS_OFF; i++) {
        const struct config_key *key = &server_config_table.keys[needed[i]];
        const char *value = (const char *)config + key->offset;
        if (value[0] == '\0') {
            return failure_set(
                failure, "%s: is \"%s\", but %s is not set", origins[KEY_TLS_MODE].place,
                server_config_table.keys[KEY_TLS_MODE].choices[config->tls_mode], key->path[0]);
        }
    }
    return true;
}

/* ------------------------------------------------------------ replication ---- */

bool server_config_replicates(const struct server_config *config)
{
    return config->replication_servers[0] != '\0';
}

/* Without an engine nobody could ever be acknowledged, and no other centre heard. */
static bool check_without_engine(const struct server_config *config,
                                 const struct config_origin *origins, struct failure *failure)
{
    return config->ack_after != ACK_AFTER_REPLICATED ||
           failure_set(failure, "%s: is \"replicated\", but replication.servers is not set",
                       origins[KEY_ACK_AFTER].place);
}

static bool check_names(const struct server_config *config, const struct config_origin *origins,
                        struct failure *failure)
{
    if (!centre_set_is_name(config->replication_centre)) {
        return failure_set(failure,
                           "%s: \"%.60s\" is no name of a centre: 1 to %d letters, digits and '-'",
                           blame(origins, KEY_REPLICATION_CENTRE, KEY_REPLICATION_SERVERS),
                           config->replication_centre, CENTRE_NAME_BYTES - 1);
    }
    size_t node_bytes = strlen(config->replication_node);
    return node_bytes == 0 ||
           text_is_name(config->replication_node, node_bytes, SERVER_NODE_NAME_MAX, "-._") ||
           failure_set(failure,
                       "%s: \"%.70s\" is no name of a node: 1 to %d letters, digits, '-', '.' "
                       "and '_'",
                       origins[KEY_REPLICATION_NODE].place, config->replication_node,
                       SERVER_NODE_NAME_MAX);
}

bool server_config_draws_with(const struct server_config *config, const char *text,
                              const char *place, struct centre_set *centres,
                              struct failure *failure)
{
    if (!centre_set_parse(text, place, centres, failure)) {
        return false;
    }
    if (centres->count > 0 && !server_config_replicates(config)) {
        return failure_set(
            failure,
            "%s: \"%.100s\" needs replication.servers, which is not set: the centres "
            "tell each other of their draws over the engine",
            place, text);
    }
    return centres->count == 0 || centre_set_find(centres, config->replication_centre) >= 0 ||
           failure_set(failure, "%s: \"%.100s\" does not name this centre (replication.centre: %s)",
                       place, text, config->replication_centre);
}

/* Blanks around a name, which a command may have, are refused here. */
static bool check_centres(const struct server_config *config, const struct config_origin *origins,
                          struct failure *failure)
{
    const char *place = origins[KEY_CENTRES_EXPECTED].place;
    const char *text = config->centres_expected;
    struct centre_set expected;
    if (strpbrk(text, " \t") != NULL) {
        return failure_set(failure, "%s: \"%.100s\" is not like A,B,C", place, text);
    }
    return server_config_draws_with(config, text, place, &expected, failure);
}

/* The ring is full of bytes that the engine can't have yet; a smaller lag would never let it fill. */
static bool check_lag(const struct server_config *config, const struct config_origin *origins,
                      struct failure *failure)
{
    char lag[NUMBER_TEXT_BYTES];
    char ring[NUMBER_TEXT_BYTES];
    if (config->replication_lag_bytes >= config->ring_bytes) {
        return true;
    }
    config_value_format(&server_config_table.keys[KEY_REPLICATION_LAG_BYTES], config, lag,
                        sizeof lag);
    config_value_format(&server_config_table.keys[KEY_RING_BYTES], config, ring, sizeof ring);
    return failure_set(failure, "%s: replication.lag_bytes (%s) is less than ring.bytes (%s)",
                       blame(origins, KEY_REPLICATION_LAG_BYTES, KEY_RING_BYTES), lag, ring);
}

static bool check_replication(const struct server_config *config,
                              const struct config_origin *origins, struct failure *failure)
{
    if (!server_config_replicates(config)) {
        return check_without_engine(config, origins, failure) &&
               check_centres(config, origins, failure);
    }
    bool has_certificate = config->replication_certificate[0] != '\0';
    bool has_key = config->replication_key[0] != '\0';
    if (has_certificate != has_key) {
        return failure_set(
            failure, "%s: is set, but %s is not",
            origins[has_key ? KEY_REPLICATION_KEY : KEY_REPLICATION_CERTIFICATE].place,
            has_key ? "replication.certificate" : "replication.key");
    }
    return check_names(config, origins, failure) && check_centres(config, origins, failure) &&
           check_lag(config, origins, failure);
}

/* ---------------------------------------------------------------- loading ---- */

/* Tells of a mistake that joins several keys. Then the value of this one counts for nothing else. */
static bool refuse(struct config_origin *origins, enum server_key key,
                   const struct config_request *request, const struct failure *mistake,
                   struct failure *failure)
{
    origins[key].is_doubtful = true;
    return config_tell(request, mistake, failure);
}

/* The rules that join keys, each of which sets its failure. */
static bool check_together(struct server_config *config, struct config_origin *origins,
                           const struct config_request *request, struct failure *failure)
{
    struct failure mistake;
    bool right = true;
    right &= derive_allowed(config, origins, &mistake) ||
             refuse(origins, KEY_ALLOWED, request, &mistake, failure);
    right &= check_agencies(config, origins, &mistake) ||
             refuse(origins, KEY_AGENCIES, request, &mistake, failure);
    right &= check_ring(config, origins, &mistake) ||
             refuse(origins, KEY_RING_BYTES, request, &mistake, failure);
    right &= derive_unidentified(config, origins, &mistake) ||
             refuse(origins, KEY_UNIDENTIFIED, request, &mistake, failure);
    right &= check_reserve(config, origins, &mistake) ||
             refuse(origins, KEY_HANDLERS_AHEAD, request, &mistake, failure);
    right &= check_lottery(config, origins, &mistake) ||
             refuse(origins, KEY_LOTTERY_NAME, request, &mistake, failure);
    right &= check_tls(config, origins, &mistake) ||
             refuse(origins, KEY_TLS_MODE, request, &mistake, failure);
    right &= check_replication(config, origins, &mistake) ||
             refuse(origins, KEY_CENTRES_EXPECTED, request, &mistake, failure);
    right &= address_set_parse(config->proxy_from, origins[KEY_PROXY_FROM].place,
                               &config->balancers, &mistake) ||
             refuse(origins, KEY_PROXY_FROM, request, &mistake, failure);
    return right;
}

bool server_config_read(const struct config_request *request, struct server_config *config,
                        struct config_origin *origins, struct failure *failure)
{
    memset(config, 0, sizeof *config);
    config->file = config_file_name(request->file);
    bool right = config_load(&server_config_table, request, config, origins, failure);
    right &= check_together(config, origins, request, failure);
    /* The ring is mapped twice in a row, and only whole pages can be mapped. */
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    config->ring_bytes = (config->ring_bytes + page_bytes - 1) / page_bytes * page_bytes;
    return right;
}

bool server_config_check_reloaded(struct server_config *config, const struct config_origin *origins,
                                  const struct config_request *request, struct failure *failure)
{
    struct failure mistake;
    bool right = true;
    right &= check_ring(config, origins, &mistake) || config_tell(request, &mistake, failure);
    right &=
        derive_unidentified(config, origins, &mistake) || config_tell(request, &mistake, failure);
    right &= check_reserve(config, origins, &mistake) || config_tell(request, &mistake, failure);
    right &= check_tls(config, origins, &mistake) || config_tell(request, &mistake, failure);
    return right;
}

bool server_config_load(const struct config_request *request, struct server_config *config,
                        struct failure *failure)
{
    struct config_origin origins[KEYS];
    return server_config_read(request, config, origins, failure);
}

bool server_config_can_draw(const struct server_config *config, struct failure *doubt)
{
    uint64_t allowed = count_allowed(config);
    return allowed >= config->agencies_expected ||
           failure_set(
               doubt,
               "agencies.allowed: %s | agencies.expected: %" PRIu32 " | reason: only %" PRIu64
               " agencies are allowed, so the draw is never held unless others are done already",
               config->agencies_allowed, config->agencies_expected, allowed);
}

const char *server_config_confinement_name(uint32_t mode)
{
    return mode <= CONFINEMENT_OFF ? server_config_table.keys[KEY_CONFINEMENT].choices[mode] : NULL;
}

void server_config_terms(const struct server_config *config, struct lottery_terms *terms)
{
    struct centre_set centres;
    struct failure ignored;
    *terms = (struct lottery_terms){
        .agencies_expected = config->agencies_expected,
        .number_by = config->lottery_draw == LOTTERY_DRAW_AUTOMATIC ? NUMBER_BY_CONFIGURATION
                                                                    : NUMBER_BY_COMMAND,
        .closes_at_ms = config->closes_at_ms,
    };
    if (terms->number_by == NUMBER_BY_CONFIGURATION) {
        terms->winning_number = config->winning_number;
    }
    (void)snprintf(terms->draw, sizeof terms->draw, "%.32s", config->lottery_name); /* checked */
    (void)agency_set_write(&config->allowed, terms->agencies_allowed,
                           sizeof terms->agencies_allowed);
    if (centre_set_parse(config->centres_expected, "", &centres, &ignored)) { /* checked */
        centre_set_write(&centres, terms->centres_expected);
    }
}

/* What `open` has said of the centres. Where they are not said, the configuration's hold. */
static bool adopt_centres(struct server_config *config, const struct lottery_terms *terms,
                          struct failure *failure)
{
    struct centre_set expected;
    if (!control_says_centres(terms)) {
        return true;
    }
    (void)snprintf(config->centres_expected, sizeof config->centres_expected, "%s",
                   terms->centres_expected);
    return server_config_draws_with(config, config->centres_expected,
                                    "the draw's terms: its centres", &expected, failure);
}

bool server_config_adopt_terms(struct server_config *config, const struct lottery_terms *terms,
                               struct failure *failure)
{
    if (!agency_set_parse(terms->agencies_allowed, "the draw's terms", &config->allowed, failure)) {
        return false;
    }
    uint64_t many =
        config->allowed.any ? terms->agencies_expected : agency_set_size(&config->allowed);
    if (many > config->limit_agencies) {
        return failure_set(failure,
                           "the draw's terms: %" PRIu64 " agencies are more than limits.agencies "
                           "(%" PRIu32 "): set that to %" PRIu64 " at least, and start again",
                           many, config->limit_agencies, many);
    }
    config->agencies_expected = terms->agencies_expected;
    config->winning_number = terms->winning_number;
    config->closes_at_ms = terms->closes_at_ms;
    return adopt_centres(config, terms, failure);
}

bool server_config_allows(const struct server_config *config, uint32_t agency)
{
    return agency_set_has(&config->allowed, agency);
}
