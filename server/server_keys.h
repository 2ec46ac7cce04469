/*
 * server_keys.h - where each of the server's keys stands in server_config_table.
 *
 * Included by server_keys.c, which has the table, by server_config.c, which has the rules that join
 * several keys, and by those who look at the keys themselves: config_reload.c, and the trials of what
 * keys name. Everybody else knows server_config.h alone.
 */
#ifndef SERVER_SERVER_KEYS_H
#define SERVER_SERVER_KEYS_H

#include "lib/config.h"

#include <stdbool.h>
#include <stddef.h>

/* Every id is allowed where this variable is set and agencies.allowed is empty. */
extern const char server_quorum_variable[];

enum server_key {
    KEY_PORT,
    KEY_LISTEN_BACKLOG,
    KEY_ADDRESS,
    KEY_PROXY_FROM,
    KEY_USER,
    KEY_CONFINEMENT,
    KEY_LOG_LEVEL,
    KEY_LOG_FORMAT,
    KEY_LOG_PERSONAL,
    KEY_EXPECTED,
    KEY_GRACE,
    KEY_ALLOWED,
    KEY_WINNING_NUMBER,
    KEY_LOTTERY_NAME,
    KEY_LOTTERY_DRAW,
    KEY_LOTTERY_CLOSES,
    KEY_SEAL_KEY,
    KEY_TLS_MODE,
    KEY_TLS_CERTIFICATE,
    KEY_TLS_KEY,
    KEY_TLS_CA,
    KEY_TLS_CRL,
    KEY_TLS_MINIMUM,
    KEY_DATA_DIRECTORY,
    KEY_DATA_GROUP,
    KEY_RING_BYTES,
    KEY_MESSAGE_BYTES,
    KEY_CONNECTIONS,
    KEY_CONNECTIONS_PER_ADDRESS,
    KEY_UNIDENTIFIED,
    KEY_HANDLERS_AHEAD,
    KEY_CONNECTIONS_PER_HANDLER,
    KEY_CONNECTION_RATE,
    KEY_STRANGER_RATE,
    KEY_BET_RATE,
    KEY_REFUSED_RATE,
    KEY_AGENCIES,
    KEY_TIMEOUT_MESSAGE,
    KEY_TIMEOUT_IDLE,
    KEY_TIMEOUT_ANSWER,
    KEY_TIMEOUT_SHUTDOWN,
    KEY_WINNERS_WAIT,
    KEY_UNTYPED_MESSAGES,
    KEY_ACK_AFTER,
    KEY_START_VERIFY,
    KEY_REPLICATION_SERVERS,
    KEY_REPLICATION_CENTRE,
    KEY_REPLICATION_NODE,
    KEY_REPLICATION_REPLICAS,
    KEY_REPLICATION_CREDENTIALS,
    KEY_REPLICATION_CA,
    KEY_REPLICATION_CERTIFICATE,
    KEY_REPLICATION_KEY,
    KEY_REPLICATION_LAG_BYTES,
    KEY_REPLICATION_TAKEOVER_AFTER,
    KEY_CENTRES_EXPECTED,
    KEY_RULE_NUMBER_MAX,
    KEY_RULE_BIRTHDATE,
    KEYS
};

/*
 * True where none of these keys is in doubt (config_origin): then what they name can be tried, whatever
 * is wrong with others. Called by main.
 */
bool server_keys_are_sure(const struct config_origin *origins, const enum server_key *some,
                          size_t count);

#endif
