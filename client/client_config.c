/*
 * client_config.c - see client_config.h.
 *
 * The table is the one list of an agency's keys. The server's address and the
 * single bet are made of several variables; those rules stand below the table.
 */
#include "client/client_config.h"

#include "bet/message.h"
#include "client/servers.h"
#include "lib/log_format.h"
#include "tls/tls_stream.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DURATION_MAX_MS = 24 * 60 * 60 * 1000,
    PROBES_MAX = 1000000,
    BATCH_BETS_MAX = 10000,
    BATCHES_IN_FLIGHT_MAX = 1024,
    EXIT_STATUS_MAX = 125, /* shells have meanings of their own for those above */
    NAMES_BYTES = 128
};

enum client_key {
    KEY_ID,
    KEY_SERVER_ADDRESS,
    KEY_LOOP_LAPSE,
    KEY_LOOP_PERIOD,
    KEY_LOOP_AMOUNT,
    KEY_LOG_LEVEL,
    KEY_LOG_FORMAT,
    KEY_EXIT_STOPPED,
    KEY_BATCH_MAX_AMOUNT,
    KEY_BATCH_IN_FLIGHT,
    KEY_BATCH_WINDOW,
    KEY_BETS_FILE,
    KEY_WINNERS_FILE,
    KEY_RESUME,
    KEY_LOTTERY_NAME,
    KEY_TLS_MODE,
    KEY_TLS_CERTIFICATE,
    KEY_TLS_KEY,
    KEY_TLS_CA,
    KEY_TLS_CRL,
    KEY_TLS_SERVER_NAME,
    KEY_TLS_MINIMUM,
    KEY_FIRST_NAME,
    KEY_LAST_NAME,
    KEY_DOCUMENT,
    KEY_BIRTHDATE,
    KEY_NUMBER,
    KEYS
};

#define FIELD(name) .offset = offsetof(struct client_config, name)

static const char *const resume_choices[] = {
    [RESUME_AUTO] = "auto", [RESUME_REQUIRED] = "required", [RESUME_OFF] = "off", NULL};

static const char *const batch_window_choices[] = {
    [BATCH_WINDOW_AUTO] = "auto", [BATCH_WINDOW_FIXED] = "fixed", NULL};

static const char *const tls_mode_choices[] = {
    [CLIENT_TLS_OFF] = "off", [CLIENT_TLS_REQUIRED] = "required", NULL};

static const char *const tls_minimum_choices[] = {
    [TLS_MINIMUM_1_3] = "1.3", [TLS_MINIMUM_1_2] = "1.2", NULL};

static const struct config_key keys[KEYS] = {
    [KEY_ID] = {.path = {"id"},
                .environment = {"CLI_ID", "AGENCY_ID"},
                .kind = CONFIG_UINT32,
                FIELD(id),
                .logged_as = "client_id",
                .maximum = UINT32_MAX,
                .meaning = "number of the agency"},
    [KEY_SERVER_ADDRESS] = {.path = {"server.address"},
                            .environment = {"CLI_SERVER_ADDRESS"},
                            .kind = CONFIG_TEXT,
                            FIELD(server_address),
                            .logged_as = "server_address",
                            .default_value = "server:12345",
                            .minimum = 1,
                            .meaning = "the server, host:port, or several, separated by commas; "
                                       "SERVER_HOST and SERVER_PORT do, too"},
    [KEY_LOOP_LAPSE] = {.path = {"loop.lapse"},
                        .environment = {"CLI_LOOP_LAPSE"},
                        .kind = CONFIG_DURATION,
                        FIELD(loop_lapse_ms),
                        .default_value = "20s",
                        .minimum = 1,
                        .maximum = DURATION_MAX_MS,
                        .meaning = "give up after this time without progress; after three times "
                                   "as long where there are several servers"},
    [KEY_LOOP_PERIOD] = {.path = {"loop.period"},
                         .environment = {"CLI_LOOP_PERIOD"},
                         .kind = CONFIG_DURATION,
                         FIELD(loop_period_ms),
                         .logged_as = "loop_period",
                         .default_value = "5s",
                         .minimum = 1,
                         .maximum = DURATION_MAX_MS,
                         .meaning = "pause between look-ups of winners, and between echo probes"},
    [KEY_LOOP_AMOUNT] = {.path = {"loop.amount"},
                         .environment = {"CLI_LOOP_AMOUNT"},
                         .kind = CONFIG_UINT32,
                         FIELD(loop_amount),
                         .logged_as = "loop_amount",
                         .default_value = "0",
                         .maximum = PROBES_MAX,
                         .meaning = "echo probes before betting, one connection each"},
    [KEY_LOG_LEVEL] = {.path = {"log.level"},
                       .environment = {"CLI_LOG_LEVEL"},
                       .kind = CONFIG_LOG_LEVEL,
                       FIELD(log_level),
                       .logged_as = "log_level",
                       .default_value = "INFO",
                       .meaning = "least level that is logged: DEBUG, INFO, WARNING, ERROR, "
                                  "CRITICAL"},
    [KEY_LOG_FORMAT] = {.path = {"log.format"},
                        .environment = {"CLI_LOG_FORMAT"},
                        .kind = CONFIG_CHOICE,
                        FIELD(log_format),
                        .default_value = "text",
                        .choices = log_format_names,
                        .meaning = LOG_FORMAT_MEANING},
    [KEY_EXIT_STOPPED] = {.path = {"exit.stopped"},
                          .environment = {"CLI_EXIT_STOPPED"},
                          .kind = CONFIG_UINT32,
                          FIELD(exit_stopped),
                          .default_value = "75",
                          .maximum = EXIT_STATUS_MAX,
                          .meaning = "exit status when SIGTERM or SIGINT comes before the winners "
                                     "are known"},
    [KEY_BATCH_MAX_AMOUNT] = {.path = {"batch.maxAmount", "batch.batch_size"},
                              .environment = {"CLI_BATCH_MAXAMOUNT", "BATCH_SIZE"},
                              .kind = CONFIG_UINT32,
                              FIELD(batch_max_amount),
                              .default_value = "150",
                              .minimum = 1,
                              .maximum = BATCH_BETS_MAX,
                              .meaning = "bets in a message, as far as they fit into 8 kB"},
    [KEY_BATCH_IN_FLIGHT] = {.path = {"batch.inFlight"},
                             .environment = {"CLI_BATCH_INFLIGHT"},
                             .kind = CONFIG_UINT32,
                             FIELD(batch_in_flight),
                             .default_value = "1024",
                             .minimum = 1,
                             .maximum = BATCHES_IN_FLIGHT_MAX,
                             .meaning = "batches that may wait for their answer at a time, at "
                                        "most"},
    [KEY_BATCH_WINDOW] = {.path = {"batch.window"},
                          .environment = {"CLI_BATCH_WINDOW"},
                          .kind = CONFIG_CHOICE,
                          FIELD(batch_window),
                          .choices = batch_window_choices,
                          .default_value = "auto",
                          .meaning = "auto: as many bytes of batches wait as pay, up to "
                                     "batch.inFlight batches; fixed: always so many batches"},
    [KEY_BETS_FILE] = {.path = {"bets.file"},
                       .environment = {"CLI_BETS_FILE", "INPUT_FILE"},
                       .kind = CONFIG_TEXT,
                       FIELD(bets_file),
                       .default_value = "",
                       .meaning = "CSV file of the bets; empty: .data/agency-<id>.csv"},
    [KEY_WINNERS_FILE] = {.path = {"winners.file"},
                          .environment = {"CLI_WINNERS_FILE", "OUTPUT_FILE"},
                          .kind = CONFIG_TEXT,
                          FIELD(winners_file),
                          .default_value = "",
                          .meaning = "where the agency's winners are written; empty: nowhere"},
    [KEY_RESUME] = {.path = {"resume"},
                    .environment = {"CLI_RESUME"},
                    .kind = CONFIG_CHOICE,
                    FIELD(resume),
                    .choices = resume_choices,
                    .default_value = "auto",
                    .meaning = "required: only with a server that tells what it has stored; auto: "
                               "with others, too; off: never ask"},
    [KEY_LOTTERY_NAME] = {.path = {"lottery.name"},
                          .environment = {"CLI_LOTTERY_NAME", "LOTTERY_NAME"},
                          .kind = CONFIG_TEXT,
                          FIELD(lottery_name),
                          .default_value = "",
                          .meaning = "the draw that the bets are for; nothing is sent to any "
                                     "other; empty: the current draw"},
    [KEY_TLS_MODE] = {.path = {"tls.mode"},
                      .environment = {"CLI_TLS_MODE", "TLS_MODE"},
                      .kind = CONFIG_CHOICE,
                      FIELD(tls_mode),
                      .choices = tls_mode_choices,
                      .default_value = "off",
                      .meaning = "required: connect by TLS only; off: in plain text"},
    [KEY_TLS_CERTIFICATE] =
        {.path = {"tls.certificate"},
         .environment = {"CLI_TLS_CERTIFICATE", "TLS_CERTIFICATE"},
         .kind = CONFIG_TEXT,
         FIELD(tls_certificate),
         .default_value = "",
         .meaning = "PEM file of the certificate that says which agency this is; empty: none"},
    [KEY_TLS_KEY] = {.path = {"tls.key"},
                     .environment = {"CLI_TLS_KEY", "TLS_KEY"},
                     .kind = CONFIG_TEXT,
                     FIELD(tls_key),
                     .default_value = "",
                     .meaning = "PEM file of its key, mode 0600"},
    [KEY_TLS_CA] = {.path = {"tls.ca"},
                    .environment = {"CLI_TLS_CA", "TLS_CA"},
                    .kind = CONFIG_TEXT,
                    FIELD(tls_ca),
                    .default_value = "",
                    .meaning = "PEM file of the authorities that sign the server's certificate"},
    [KEY_TLS_CRL] = {.path = {"tls.crl"},
                     .environment = {"CLI_TLS_CRL", "TLS_CRL"},
                     .kind = CONFIG_TEXT,
                     FIELD(tls_crl),
                     .default_value = "",
                     .meaning =
                         "PEM file of the certificates that those have revoked; empty: none"},
    [KEY_TLS_SERVER_NAME] =
        {.path = {"tls.server_name"},
         .environment = {"CLI_TLS_SERVER_NAME", "TLS_SERVER_NAME"},
         .kind = CONFIG_TEXT,
         FIELD(tls_server_name),
         .default_value = "",
         .meaning = "the name that the server's certificate has to be for; empty: the host of "
                    "server.address"},
    [KEY_TLS_MINIMUM] = {.path = {"tls.minimum"},
                         .environment = {"CLI_TLS_MINIMUM", "TLS_MINIMUM"},
                         .kind = CONFIG_CHOICE,
                         FIELD(tls_minimum),
                         .choices = tls_minimum_choices,
                         .default_value = "1.3",
                         .meaning = "the oldest version of TLS that is spoken"},
    [KEY_FIRST_NAME] = {.environment = {"CLI_NOMBRE", "NOMBRE"},
                        .kind = CONFIG_TEXT,
                        FIELD(first_name),
                        .default_value = "",
                        .meaning = "one bet instead of a file: first name"},
    [KEY_LAST_NAME] = {.environment = {"CLI_APELLIDO", "APELLIDO"},
                       .kind = CONFIG_TEXT,
                       FIELD(last_name),
                       .default_value = "",
                       .meaning = "one bet instead of a file: last name"},
    [KEY_DOCUMENT] = {.environment = {"CLI_DOCUMENTO", "DOCUMENTO"},
                      .kind = CONFIG_TEXT,
                      FIELD(document),
                      .default_value = "",
                      .meaning = "one bet instead of a file: document, digits"},
    [KEY_BIRTHDATE] = {.environment = {"CLI_NACIMIENTO", "NACIMIENTO"},
                       .kind = CONFIG_TEXT,
                       FIELD(birthdate),
                       .default_value = "",
                       .meaning = "one bet instead of a file: birthdate, YYYY-MM-DD"},
    [KEY_NUMBER] = {.environment = {"CLI_NUMERO", "NUMERO"},
                    .kind = CONFIG_TEXT,
                    FIELD(number),
                    .default_value = "",
                    .meaning = "one bet instead of a file: number"},
};

const struct config_table client_config_table = {.keys = keys, .count = KEYS};

static const char default_port[] = "12345";

/*
 * SERVER_HOST and SERVER_PORT take the place of server.address, unless CLI_SERVER_ADDRESS is set.
 * The host of an IPv6 address gets its brackets.
 */
static bool apply_server_host(struct client_config *config, struct config_origin *origin,
                              struct failure *failure)
{
    const char *host = getenv("SERVER_HOST");
    if (host == NULL || host[0] == '\0' || origin->source == CONFIG_FROM_ENVIRONMENT ||
        origin->source == CONFIG_FROM_OPTION) {
        return true;
    }
    const char *port = config_figure_variable("SERVER_PORT");
    if (port == NULL) {
        port = default_port;
    }
    *origin = (struct config_origin){.source = CONFIG_FROM_ENVIRONMENT, .place = "SERVER_HOST"};
    if (!resolver_check_port(port, "SERVER_PORT", failure)) {
        return false;
    }
    bool bare_ipv6 = strchr(host, ':') != NULL && host[0] != '[';
    int bytes = snprintf(config->server_address, sizeof config->server_address, "%s%s%s:%s",
                         bare_ipv6 ? "[" : "", host, bare_ipv6 ? "]" : "", port);
    return (bytes > 0 && (size_t)bytes < sizeof config->server_address) ||
           failure_set(failure,
                       "SERVER_HOST: is %zu bytes long; with its port, at most %d are allowed",
                       strlen(host), CONFIG_TEXT_BYTES - 1);
}

/* Finds out whether there is a single bet. All five of its fields are set, or none. */
static bool derive_single_bet(struct client_config *config, const struct config_origin *origins,
                              struct failure *failure)
{
    char missing[NAMES_BYTES] = "";
    const char *given = NULL;
    for (int i = KEY_FIRST_NAME; i <= KEY_NUMBER; i++) {
        const char *value = (const char *)config + keys[i].offset;
        if (value[0] != '\0') {
            given = origins[i].place;
            continue;
        }
        size_t used = strlen(missing);
        snprintf(missing + used, sizeof missing - used, "%s%s", used > 0 ? ", " : "",
                 keys[i].environment[0]);
    }
    config->single_bet = missing[0] == '\0';
    return given == NULL || config->single_bet ||
           failure_set(failure, "%s: not set, but %s is; a bet from the environment needs all five",
                       missing, given);
}

/* The draw's name can be one, and the server is asked for it. */
static bool check_lottery_name(const struct client_config *config, const char *place,
                               struct failure *failure)
{
    const char *name = config->lottery_name;
    if (name[0] == '\0') {
        return true;
    }
    if (config->resume == RESUME_OFF) {
        return failure_set(failure,
                           "%s: is \"%.60s\", but resume: off never asks the server which draw it "
                           "holds",
                           place, name);
    }
    return message_is_draw_name(name, strlen(name)) ||
           failure_set(failure,
                       "%s: \"%.60s\" is no name of a draw: 1 to 32 letters, digits, '.', '_' "
                       "and '-', the first one a letter or a digit",
                       place, name);
}

/* The names by which servers are known have to be some that a certificate can be for. */
static bool check_server_names(const struct client_config *config, const struct servers *servers,
                               const struct config_origin *origins, struct failure *failure)
{
    const char *name = config->tls_server_name;
    if (name[0] != '\0') {
        return tls_is_server_name(name) ||
               failure_set(failure,
                           "%s: \"%.60s\" is no name that a certificate can be for: a host's name "
                           "or an address, without port and brackets",
                           origins[KEY_TLS_SERVER_NAME].place, name);
    }
    for (size_t i = 0; i < servers->count; i++) {
        char host[RESOLVER_NAME_BYTES];
        const char *named = servers->places[i].name.host;
        snprintf(host, sizeof host, "%.*s", (int)strcspn(named, "%"), named);
        if (!tls_is_server_name(host)) {
            return failure_set(
                failure,
                "%s: no certificate can be for \"%.60s\": set tls.server_name to the name that the "
                "server's certificate is for",
                origins[KEY_SERVER_ADDRESS].place, host);
        }
    }
    return true;
}

/* What TLS needs is set. */
static bool check_tls(const struct client_config *config, const struct servers *servers,
                      const struct config_origin *origins, struct failure *failure)
{
    if (config->tls_mode == CLIENT_TLS_OFF) {
        return true;
    }
    if (config->tls_ca[0] == '\0') {
        return failure_set(failure,
                           "%s: is required, but tls.ca is not set: name the file with the "
                           "certificate of the authority that signs the server's",
                           origins[KEY_TLS_MODE].place);
    }
    if ((config->tls_certificate[0] == '\0') != (config->tls_key[0] == '\0')) {
        bool has_key = config->tls_key[0] != '\0';
        return failure_set(failure, "%s: is set, but %s is not: they go together",
                           origins[has_key ? KEY_TLS_KEY : KEY_TLS_CERTIFICATE].place,
                           has_key ? "tls.certificate" : "tls.key");
    }
    return check_server_names(config, servers, origins, failure);
}

/* Several servers have to tell what they have stored, so that one goes on where another ended. */
static bool check_servers(const struct client_config *config, const char *place,
                          struct servers *servers, struct failure *failure)
{
    if (!servers_parse(config->server_address, place, servers, failure)) {
        return false;
    }
    return !servers_are_several(servers) || config->resume != RESUME_OFF ||
           failure_set(failure,
                       "%s: names several servers, but resume: off never asks a server what it "
                       "has stored, and so can't go on with another one",
                       place);
}

bool client_config_read(const struct config_request *request, struct client_config *config,
                        struct config_origin *origins, struct failure *failure)
{
    struct config_origin *address_origin = &origins[KEY_SERVER_ADDRESS];
    struct servers servers;
    struct failure mistake;
    memset(config, 0, sizeof *config);
    bool right = config_load(&client_config_table, request, config, origins, failure);
    bool has_servers = (apply_server_host(config, address_origin, &mistake) &&
                        check_servers(config, address_origin->place, &servers, &mistake)) ||
                       config_tell(request, &mistake, failure);
    right &= has_servers && (check_tls(config, &servers, origins, &mistake) ||
                             config_tell(request, &mistake, failure));
    right &= check_lottery_name(config, origins[KEY_LOTTERY_NAME].place, &mistake) ||
             config_tell(request, &mistake, failure);
    right &=
        derive_single_bet(config, origins, &mistake) || config_tell(request, &mistake, failure);
    return right;
}

bool client_config_load(const char *file, struct client_config *config, struct failure *failure)
{
    const struct config_request request = {.file = file};
    struct config_origin origins[KEYS];
    return client_config_read(&request, config, origins, failure);
}
