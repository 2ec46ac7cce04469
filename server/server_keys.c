/*
 * server_keys.c - see server_keys.h.
 *
 * The table is the only list of the server's keys, and it has the bounds of each.
 *
 * A key is reloadable where the supervisor alone uses it, or the processes that it forks later: those
 * that limit a connection, and what TLS is made of. Not reloadable is what has a size in the shared
 * memory, what the draw's terms are, and what decides which bets are accepted and how they are
 * stored: all agencies have the same of that.
 */
#include "server/server_keys.h"

#include "lib/limits.h"
#include "lib/log_format.h"
#include "server/server_config.h"

#include <limits.h>
#include <stddef.h>

enum {
    CONNECTIONS_MAX = 30000,
    BACKLOG_MAX = 65535,
    DURATION_MAX_MS = 24 * 60 * 60 * 1000,
    KIB = 1024,
    MIB = 1024 * KIB,
    GIB = 1024 * MIB,
    RING_BYTES_MIN = 64 * KIB,
    MESSAGE_BYTES_MAX = 16 * MIB,
    CONNECTION_RATE_MAX = 1000 * 1000,
    CONNECTIONS_PER_HANDLER_MAX = 1000 * 1000,
    BET_RATE_MAX = 1000 * 1000 * 1000,
    REPLICAS_MAX = 5, /* NATS keeps no more copies of a stream */
    LAG_BYTES_MIN = 64 * KIB,
    TAKEOVER_AFTER_MIN_MS = 1000 /* two heartbeats of a primary */
};

const char server_quorum_variable[] = "AGENCY_QUORUM_MIN";

static const char *const personal_choices[] = {
    [LOG_PERSONAL_PLAIN] = "plain", [LOG_PERSONAL_MASKED] = "masked", NULL};

static const char *const confinement_choices[] = {
    [CONFINEMENT_ENFORCE] = "enforce", [CONFINEMENT_LOG] = "log", [CONFINEMENT_OFF] = "off", NULL};

static const char *const untyped_choices[] = {
    [UNTYPED_BATCH] = "batch", [UNTYPED_SINGLE] = "single", NULL};

static const char *const ack_choices[] = {[ACK_AFTER_SYNCED] = "synced",
                                          [ACK_AFTER_WRITTEN] = "written",
                                          [ACK_AFTER_REPLICATED] = "replicated",
                                          NULL};

static const char *const draw_choices[] = {
    [LOTTERY_DRAW_AUTOMATIC] = "automatic", [LOTTERY_DRAW_BY_COMMAND] = "command", NULL};

static const char *const birthdate_choices[] = {
    [BIRTHDATE_ANY] = "any", [BIRTHDATE_PAST] = "past", NULL};

static const char *const verify_choices[] = {
    [START_VERIFY_ALL] = "all", [START_VERIFY_END] = "end", NULL};

static const char *const tls_choices[] = {
    [TLS_OFF] = "off", [TLS_OPTIONAL] = "optional", [TLS_REQUIRED] = "required", NULL};

static const char *const tls_minimum_choices[] = {
    [TLS_MINIMUM_1_3] = "1.3", [TLS_MINIMUM_1_2] = "1.2", NULL};

#define FIELD(name) .offset = offsetof(struct server_config, name)

static const struct config_key keys[KEYS] = {
    [KEY_PORT] = {.path = {"server.port"},
                  .environment = {"SERVER_PORT"},
                  .kind = CONFIG_UINT32,
                  FIELD(port),
                  .logged_as = "port",
                  .default_value = "12345",
                  .maximum = UINT16_MAX,
                  .meaning =
                      "TCP port to listen on; 0: the kernel chooses one, and the log has it"},
    [KEY_LISTEN_BACKLOG] = {.path = {"server.listen_backlog"},
                            .environment = {"SERVER_LISTEN_BACKLOG"},
                            .kind = CONFIG_UINT32,
                            FIELD(listen_backlog),
                            .logged_as = "listen_backlog",
                            .default_value = "128",
                            .minimum = 1,
                            .maximum = BACKLOG_MAX,
                            .meaning = "connections that wait to be accepted, at most"},
    [KEY_ADDRESS] = {.path = {"server.address"},
                     .environment = {"SERVER_ADDRESS", "SERVER_IP"},
                     .kind = CONFIG_TEXT,
                     FIELD(address),
                     .default_value = "localhost",
                     .meaning = "address to listen on, or a name, which stands for all of its "
                                "addresses; localhost: only this machine; empty: all addresses"},
    [KEY_PROXY_FROM] = {.path = {"server.proxy_from"},
                        .environment = {"SERVER_PROXY_FROM"},
                        .kind = CONFIG_TEXT,
                        FIELD(proxy_from),
                        .default_value = "",
                        .meaning = "balancers whose connections begin with a PROXY header: "
                                   "10.0.0.5, 10.1.0.0/16, fd00::/8; empty: nobody"},
    [KEY_USER] = {.path = {"server.user"},
                  .environment = {"SERVER_USER"},
                  .kind = CONFIG_TEXT,
                  FIELD(user),
                  .default_value = "",
                  .meaning = "the user that a server started as root becomes for good, by name; "
                             "empty: it stays the user that started it"},
    [KEY_CONFINEMENT] = {.path = {"confinement"},
                         .environment = {"CONFINEMENT"},
                         .kind = CONFIG_CHOICE,
                         FIELD(confinement),
                         .default_value = "enforce",
                         .choices = confinement_choices,
                         .meaning = "what each process may do at most: enforce; log: forbidden "
                                    "system calls are only told of by the kernel; off: for "
                                    "debuggers and sanitizers"},
    [KEY_LOG_LEVEL] = {.path = {"log.level"},
                       .environment = {"LOGGING_LEVEL", "LOG_LEVEL"},
                       .kind = CONFIG_LOG_LEVEL,
                       FIELD(log_level),
                       .reloadable = CONFIG_AT_RELOAD,
                       .logged_as = "logging_level",
                       .default_value = "INFO",
                       .meaning = "lowest level that is logged: DEBUG, INFO, WARNING, ERROR, "
                                  "CRITICAL"},
    [KEY_LOG_FORMAT] = {.path = {"log.format"},
                        .environment = {"LOG_FORMAT"},
                        .kind = CONFIG_CHOICE,
                        FIELD(log_format),
                        .default_value = "text",
                        .choices = log_format_names,
                        .meaning = LOG_FORMAT_MEANING},
    [KEY_LOG_PERSONAL] =
        {.path = {"log.personal"},
         .environment = {"LOG_PERSONAL"},
         .kind = CONFIG_CHOICE,
         FIELD(log_personal),
         .reloadable = CONFIG_AT_RELOAD,
         .default_value = "plain",
         .choices = personal_choices,
         .meaning =
             "documents of bets in the log: plain, or masked except for their last four digits"},
    [KEY_EXPECTED] = {.path = {"agencies.expected"},
                      .environment = {"NUMBER_OF_AGENCIES", "NUMBER_OF_CLIENTS",
                                      server_quorum_variable},
                      .kind = CONFIG_UINT32,
                      FIELD(agencies_expected),
                      .default_value = "5",
                      .minimum = 1,
                      .maximum = LIMITS_AGENCIES_MAX,
                      .meaning = "the draw is held once this many agencies are done"},
    [KEY_GRACE] = {.path = {"agencies.grace"},
                   .environment = {"AGENCIES_GRACE"},
                   .kind = CONFIG_DURATION,
                   FIELD(agencies_grace_ms),
                   .default_value = "0s",
                   .maximum = DURATION_MAX_MS,
                   .meaning = "once enough agencies are done, the draw waits this long for others "
                              "that have begun; 0: it does not wait"},
    [KEY_ALLOWED] = {.path = {"agencies.allowed"},
                     .environment = {"AGENCIES_ALLOWED"},
                     .kind = CONFIG_TEXT,
                     FIELD(agencies_allowed),
                     .default_value = "",
                     .meaning = "agencies that may bet: 1-5, or 1-3,7, or any; empty: 1 to "
                                "agencies.expected, but any where AGENCY_QUORUM_MIN is set"},
    [KEY_WINNING_NUMBER] = {.path = {"lottery.winning_number"},
                            .environment = {"WINNING_NUMBER"},
                            .kind = CONFIG_UINT32,
                            FIELD(winning_number),
                            .default_value = "7574",
                            .maximum = UINT32_MAX,
                            .meaning = "the number that wins, where lottery.draw is automatic"},
    [KEY_LOTTERY_NAME] = {.path = {"lottery.name"},
                          .environment = {"LOTTERY_NAME"},
                          .kind = CONFIG_TEXT,
                          FIELD(lottery_name),
                          .default_value = CONTROL_FIRST_DRAW,
                          .minimum = 1,
                          .meaning = "name of the first draw of a data directory: 1 to 32 "
                                     "letters, digits, '.', '_', '-'"},
    [KEY_LOTTERY_DRAW] = {.path = {"lottery.draw"},
                          .environment = {"LOTTERY_DRAW"},
                          .kind = CONFIG_CHOICE,
                          FIELD(lottery_draw),
                          .default_value = "automatic",
                          .choices = draw_choices,
                          .meaning = "a sealed draw is held with lottery.winning_number, or when "
                                     "an operator names the number (lottery-admin draw): "
                                     "automatic, command"},
    [KEY_LOTTERY_CLOSES] = {.path = {"lottery.closes"},
                            .environment = {"LOTTERY_CLOSES"},
                            .kind = CONFIG_TEXT,
                            FIELD(lottery_closes),
                            .default_value = "",
                            .meaning = "when sales end at the latest, as 2026-11-28T20:00:00Z; "
                                       "empty: when the agencies are done, or by command"},
    [KEY_SEAL_KEY] = {.path = {"seal.key"},
                      .environment = {"SEAL_KEY"},
                      .kind = CONFIG_TEXT,
                      FIELD(seal_key),
                      .default_value = "",
                      .meaning = "file with the Ed25519 key that signs seal and draw "
                                 "(lottery-admin key); empty: they are not signed"},
    [KEY_TLS_MODE] = {.path = {"tls.mode"},
                      .environment = {"TLS_MODE"},
                      .kind = CONFIG_CHOICE,
                      FIELD(tls_mode),
                      .default_value = "off",
                      .choices = tls_choices,
                      .meaning = "TLS: off; optional, beside plain text; or required, where an "
                                 "agency is its certificate"},
    [KEY_TLS_CERTIFICATE] = {.path = {"tls.certificate"},
                             .environment = {"TLS_CERTIFICATE"},
                             .kind = CONFIG_TEXT,
                             FIELD(tls_certificate),
                             .reloadable = CONFIG_AT_RELOAD,
                             .default_value = "",
                             .meaning = "PEM file: the server's certificate, and after it those "
                                        "of authorities between it and the CA"},
    [KEY_TLS_KEY] = {.path = {"tls.key"},
                     .environment = {"TLS_KEY"},
                     .kind = CONFIG_TEXT,
                     FIELD(tls_key),
                     .reloadable = CONFIG_AT_RELOAD,
                     .default_value = "",
                     .meaning = "PEM file: the key of that certificate; no others may read it"},
    [KEY_TLS_CA] = {.path = {"tls.ca"},
                    .environment = {"TLS_CA"},
                    .kind = CONFIG_TEXT,
                    FIELD(tls_ca),
                    .reloadable = CONFIG_AT_RELOAD,
                    .default_value = "",
                    .meaning = "PEM file: the authorities that sign the agencies' certificates"},
    [KEY_TLS_CRL] = {.path = {"tls.crl"},
                     .environment = {"TLS_CRL"},
                     .kind = CONFIG_TEXT,
                     FIELD(tls_crl),
                     .reloadable = CONFIG_AT_RELOAD,
                     .default_value = "",
                     .meaning = "PEM file: what those have revoked; empty: nothing"},
    [KEY_TLS_MINIMUM] = {.path = {"tls.minimum"},
                         .environment = {"TLS_MINIMUM"},
                         .kind = CONFIG_CHOICE,
                         FIELD(tls_minimum),
                         .reloadable = CONFIG_AT_RELOAD,
                         .default_value = "1.3",
                         .choices = tls_minimum_choices,
                         .meaning = "oldest version of TLS that is spoken: 1.3, 1.2"},
    [KEY_DATA_DIRECTORY] = {.path = {"data.directory"},
                            .environment = {"DATA_DIRECTORY"},
                            .kind = CONFIG_TEXT,
                            FIELD(data_directory),
                            .default_value = "data",
                            .minimum = 1,
                            .meaning = "directory of bets.csv, done.csv and winners.csv"},
    [KEY_DATA_GROUP] = {.path = {"data.group"},
                        .environment = {"DATA_GROUP"},
                        .kind = CONFIG_TEXT,
                        FIELD(data_group),
                        .default_value = "",
                        .meaning = "group that may read files and shared memory (lottery-stat); "
                                   "empty: only the server's user"},
    [KEY_RING_BYTES] = {.path = {"ring.bytes"},
                        .environment = {"RING_BYTES"},
                        .kind = CONFIG_BYTES,
                        FIELD(ring_bytes),
                        .default_value = "8M",
                        .minimum = RING_BYTES_MIN,
                        .maximum = GIB,
                        .meaning = "shared memory for bets that are not yet on the disk"},
    [KEY_MESSAGE_BYTES] = {.path = {"limits.message_bytes"},
                           .environment = {"LIMITS_MESSAGE_BYTES"},
                           .kind = CONFIG_BYTES,
                           FIELD(limit_message_bytes),
                           .reloadable = CONFIG_AT_RELOAD,
                           .default_value = "64k",
                           .minimum = KIB,
                           .maximum = MESSAGE_BYTES_MAX,
                           .meaning = "longest message that is accepted"},
    [KEY_CONNECTIONS] = {.path = {"limits.max_connections"},
                         .environment = {"LIMITS_MAX_CONNECTIONS"},
                         .kind = CONFIG_UINT32,
                         FIELD(limit_connections),
                         .reloadable = CONFIG_LOWERED,
                         .default_value = "4096",
                         .minimum = 1,
                         .maximum = CONNECTIONS_MAX,
                         .meaning = "connections at the same time; each is a process"},
    [KEY_CONNECTIONS_PER_ADDRESS] = {.path = {"limits.connections_per_address"},
                                     .environment = {"LIMITS_CONNECTIONS_PER_ADDRESS"},
                                     .kind = CONFIG_UINT32,
                                     FIELD(limit_connections_per_address),
                                     .reloadable = CONFIG_AT_RELOAD,
                                     .default_value = "0",
                                     .maximum = CONNECTIONS_MAX,
                                     .meaning = "connections at the same time from one address; "
                                                "0: no limit"},
    [KEY_UNIDENTIFIED] = {.path = {"limits.unidentified_connections"},
                          .environment = {"LIMITS_UNIDENTIFIED_CONNECTIONS"},
                          .kind = CONFIG_UINT32,
                          FIELD(limit_unidentified),
                          .reloadable = CONFIG_AT_RELOAD,
                          .default_value = "0",
                          .maximum = CONNECTIONS_MAX,
                          .meaning = "connections that have not said who they are, at the same "
                                     "time; 0: a quarter of limits.max_connections"},
    [KEY_HANDLERS_AHEAD] = {.path = {"limits.handlers_ahead"},
                            .environment = {"LIMITS_HANDLERS_AHEAD"},
                            .kind = CONFIG_UINT32,
                            FIELD(limit_handlers_ahead),
                            .reloadable = CONFIG_AT_RELOAD,
                            .default_value = "8",
                            .maximum = SERVER_HANDLERS_AHEAD_MAX,
                            .meaning = "processes that wait for a connection, forked before it "
                                       "comes; 0: none"},
    [KEY_CONNECTIONS_PER_HANDLER] = {.path = {"limits.connections_per_handler"},
                                     .environment = {"LIMITS_CONNECTIONS_PER_HANDLER"},
                                     .kind = CONFIG_UINT32,
                                     FIELD(limit_connections_per_handler),
                                     .reloadable = CONFIG_AT_RELOAD,
                                     .default_value = "1",
                                     .minimum = 1,
                                     .maximum = CONNECTIONS_PER_HANDLER_MAX,
                                     .meaning = "connections of one address that one process "
                                                "serves, one after the other"},
    [KEY_CONNECTION_RATE] = {.path = {"limits.connections_per_second"},
                             .environment = {"LIMITS_CONNECTIONS_PER_SECOND"},
                             .kind = CONFIG_UINT32,
                             FIELD(limit_connection_rate),
                             .reloadable = CONFIG_AT_RELOAD,
                             .default_value = "0",
                             .maximum = CONNECTION_RATE_MAX,
                             .meaning = "connections a second from one address; 0: no limit"},
    [KEY_STRANGER_RATE] = {.path = {"limits.strangers_per_second"},
                           .environment = {"LIMITS_STRANGERS_PER_SECOND"},
                           .kind = CONFIG_UINT32,
                           FIELD(limit_stranger_rate),
                           .reloadable = CONFIG_AT_RELOAD,
                           .default_value = "50",
                           .maximum = CONNECTION_RATE_MAX,
                           .meaning = "connections a second from one address that end, or wait in "
                                      "a message, without having said who they are; 0: no limit"},
    [KEY_BET_RATE] = {.path = {"limits.bets_per_second"},
                      .environment = {"LIMITS_BETS_PER_SECOND"},
                      .kind = CONFIG_UINT32,
                      FIELD(limit_bet_rate),
                      .reloadable = CONFIG_AT_RELOAD,
                      .default_value = "0",
                      .maximum = BET_RATE_MAX,
                      .meaning =
                          "bets a second of one agency, on all of its connections; 0: no limit"},
    [KEY_REFUSED_RATE] = {.path = {"limits.refused_per_second"},
                          .environment = {"LIMITS_REFUSED_PER_SECOND"},
                          .kind = CONFIG_UINT32,
                          FIELD(limit_refused_rate),
                          .reloadable = CONFIG_AT_RELOAD,
                          .default_value = "100",
                          .maximum = CONNECTION_RATE_MAX,
                          .meaning = "refused messages, and probes, a second of one connection; "
                                     "0: no limit"},
    [KEY_AGENCIES] = {.path = {"limits.agencies"},
                      .environment = {"LIMITS_AGENCIES"},
                      .kind = CONFIG_UINT32,
                      FIELD(limit_agencies),
                      .default_value = "4096",
                      .minimum = 1,
                      .maximum = LIMITS_AGENCIES_MAX,
                      .meaning = "agencies that the shared table has room for"},
    [KEY_TIMEOUT_MESSAGE] = {.path = {"timeouts.message"},
                             .environment = {"TIMEOUTS_MESSAGE"},
                             .kind = CONFIG_DURATION,
                             FIELD(timeout_message_ms),
                             .reloadable = CONFIG_AT_RELOAD,
                             .default_value = "10s",
                             .minimum = 1,
                             .maximum = DURATION_MAX_MS,
                             .meaning = "a message has to arrive completely within this time"},
    [KEY_TIMEOUT_IDLE] = {.path = {"timeouts.idle"},
                          .environment = {"TIMEOUTS_IDLE"},
                          .kind = CONFIG_DURATION,
                          FIELD(timeout_idle_ms),
                          .reloadable = CONFIG_AT_RELOAD,
                          .default_value = "10m",
                          .maximum = DURATION_MAX_MS,
                          .meaning = "a silent connection is closed after this time; 0: never"},
    [KEY_TIMEOUT_ANSWER] = {.path = {"timeouts.answer"},
                            .environment = {"TIMEOUTS_ANSWER"},
                            .kind = CONFIG_DURATION,
                            FIELD(timeout_answer_ms),
                            .reloadable = CONFIG_AT_RELOAD,
                            .default_value = "10s",
                            .minimum = 1,
                            .maximum = DURATION_MAX_MS,
                            .meaning = "a connection whose peer does not read its answers is "
                                       "closed after this time"},
    [KEY_TIMEOUT_SHUTDOWN] = {.path = {"timeouts.shutdown"},
                              .environment = {"TIMEOUTS_SHUTDOWN"},
                              .kind = CONFIG_DURATION,
                              FIELD(timeout_shutdown_ms),
                              .reloadable = CONFIG_AT_RELOAD,
                              .default_value = "5s",
                              .minimum = 1,
                              .maximum = DURATION_MAX_MS,
                              .meaning =
                                  "at a stop, processes that take longer than this are killed"},
    [KEY_WINNERS_WAIT] = {.path = {"winners.wait"},
                          .environment = {"WINNERS_WAIT"},
                          .kind = CONFIG_DURATION,
                          FIELD(winners_wait_ms),
                          .reloadable = CONFIG_AT_RELOAD,
                          .default_value = "1s",
                          .maximum = DURATION_MAX_MS,
                          .meaning = "a look-up waits this long for the draw; then it is answered "
                                     "WAIT"},
    [KEY_UNTYPED_MESSAGES] = {.path = {"untyped_messages"},
                              .environment = {"UNTYPED_MESSAGES"},
                              .kind = CONFIG_CHOICE,
                              FIELD(untyped_messages),
                              .default_value = "batch",
                              .choices = untyped_choices,
                              .meaning =
                                  "what a message without a type is: batch, or single for one "
                                  "bet"},
    [KEY_ACK_AFTER] = {.path = {"ack_after"},
                       .environment = {"ACK_AFTER"},
                       .kind = CONFIG_CHOICE,
                       FIELD(ack_after),
                       .default_value = "synced",
                       .choices = ack_choices,
                       .meaning = "bets are acknowledged once they are on the disk (synced), once "
                                  "the kernel has them (written), or once a quorum of the engine "
                                  "has them, too (replicated)"},
    [KEY_RULE_NUMBER_MAX] = {.path = {"rules.number_max"},
                             .environment = {"RULES_NUMBER_MAX"},
                             .kind = CONFIG_UINT32,
                             FIELD(rule_number_max),
                             .default_value = "4294967295",
                             .maximum = UINT32_MAX,
                             .meaning = "highest number that a bet may have"},
    [KEY_RULE_BIRTHDATE] = {.path = {"rules.birthdate"},
                            .environment = {"RULES_BIRTHDATE"},
                            .kind = CONFIG_CHOICE,
                            FIELD(rule_birthdate),
                            .default_value = "any",
                            .choices = birthdate_choices,
                            .meaning =
                                "birthdates that are accepted: any, or past for none after today"},
    [KEY_START_VERIFY] = {.path = {"start.verify"},
                          .environment = {"START_VERIFY"},
                          .kind = CONFIG_CHOICE,
                          FIELD(start_verify),
                          .default_value = "all",
                          .choices = verify_choices,
                          .meaning = "what a start compares with the checkpoint: all of bets.csv, "
                                     "or only the end of what the checkpoint covers, which is "
                                     "quicker: all, end"},
    [KEY_REPLICATION_SERVERS] =
        {.path = {"replication.servers"},
         .environment = {"REPLICATION_SERVERS"},
         .kind = CONFIG_TEXT,
         FIELD(replication_servers),
         .default_value = "",
         .meaning = "NATS servers that keep a copy of all bets: nats://10.0.0.1:4222, separated by "
                    "commas; empty: nothing is copied"},
    [KEY_REPLICATION_CENTRE] =
        {.path = {"replication.centre"},
         .environment = {"REPLICATION_CENTRE"},
         .kind = CONFIG_TEXT,
         FIELD(replication_centre),
         .default_value = "",
         .meaning = "name of this centre, which its stream has: 1 to 32 letters, digits and '-'"},
    [KEY_REPLICATION_NODE] = {.path = {"replication.node"},
                              .environment = {"REPLICATION_NODE"},
                              .kind = CONFIG_TEXT,
                              FIELD(replication_node),
                              .default_value = "",
                              .meaning = "name of this node among those of the centre; empty: the "
                                         "host's name and the data directory's number"},
    [KEY_REPLICATION_REPLICAS] = {.path = {"replication.replicas"},
                                  .environment = {"REPLICATION_REPLICAS"},
                                  .kind = CONFIG_UINT32,
                                  FIELD(replication_replicas),
                                  .default_value = "3",
                                  .minimum = 1,
                                  .maximum = REPLICAS_MAX,
                                  .meaning = "copies that the engine keeps; 1 only for a try"},
    [KEY_REPLICATION_CREDENTIALS] = {.path = {"replication.credentials"},
                                     .environment = {"REPLICATION_CREDENTIALS"},
                                     .kind = CONFIG_TEXT,
                                     FIELD(replication_credentials),
                                     .default_value = "",
                                     .meaning =
                                         "file with the credentials of NATS (.creds); empty: none"},
    [KEY_REPLICATION_CA] =
        {.path = {"replication.ca"},
         .environment = {"REPLICATION_CA"},
         .kind = CONFIG_TEXT,
         FIELD(replication_ca),
         .default_value = "",
         .meaning = "PEM file: the authorities that the NATS servers are checked against"},
    [KEY_REPLICATION_CERTIFICATE] =
        {.path = {"replication.certificate"},
         .environment = {"REPLICATION_CERTIFICATE"},
         .kind = CONFIG_TEXT,
         FIELD(replication_certificate),
         .default_value = "",
         .meaning = "PEM file: the certificate that is shown to the NATS servers"},
    [KEY_REPLICATION_KEY] = {.path = {"replication.key"},
                             .environment = {"REPLICATION_KEY"},
                             .kind = CONFIG_TEXT,
                             FIELD(replication_key),
                             .default_value = "",
                             .meaning = "PEM file: the key of that certificate"},
    [KEY_REPLICATION_LAG_BYTES] =
        {.path = {"replication.lag_bytes"},
         .environment = {"REPLICATION_LAG_BYTES"},
         .kind = CONFIG_BYTES,
         FIELD(replication_lag_bytes),
         .default_value = "64M",
         .minimum = LAG_BYTES_MIN,
         .maximum = (uint64_t)GIB * 1024,
         .meaning = "bytes of bets that the engine may not have yet, at most; then agencies wait"},
    [KEY_REPLICATION_TAKEOVER_AFTER] = {.path = {"replication.takeover_after"},
                                        .environment = {"REPLICATION_TAKEOVER_AFTER"},
                                        .kind = CONFIG_DURATION,
                                        FIELD(replication_takeover_after_ms),
                                        .default_value = "5s",
                                        .minimum = TAKEOVER_AFTER_MIN_MS,
                                        .maximum = DURATION_MAX_MS,
                                        .meaning =
                                            "a standby takes over when it has heard nothing of the "
                                            "primary for so long"},
    [KEY_CENTRES_EXPECTED] = {.path = {"centres.expected"},
                              .environment = {"CENTRES_EXPECTED"},
                              .kind = CONFIG_TEXT,
                              FIELD(centres_expected),
                              .default_value = "",
                              .meaning = "centres that draw together, separated by commas, a term "
                                         "of the draw; empty: this one draws alone"},
};

const struct config_table server_config_table = {.keys = keys, .count = KEYS};

bool server_keys_are_sure(const struct config_origin *origins, const enum server_key *some,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (origins[some[i]].is_doubtful) {
            return false;
        }
    }
    return true;
}
