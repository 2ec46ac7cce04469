/*
 * server_config.h - the server's configuration: what can be set, and to what.
 *
 * main reads it before any process is forked, and every child inherits it. The supervisor changes its
 * own copy at SIGHUP (config_reload.h); children that live keep theirs. lottery-stat and lottery-admin read the same file to find the data
 * directory. docs/operations.md explains the keys to operators.
 */
#ifndef SERVER_SERVER_CONFIG_H
#define SERVER_SERVER_CONFIG_H

#include "bet/agency_set.h"
#include "lib/config.h"
#include "server/address_set.h"
#include "store/centre_set.h"
#include "store/control.h"
#include "tls/tls_context.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum server_ack_after { ACK_AFTER_SYNCED, ACK_AFTER_WRITTEN, ACK_AFTER_REPLICATED };
/* How much of the bytes of bets.csv that the checkpoint covers a start reads again. */
enum server_start_verify { START_VERIFY_ALL, START_VERIFY_END };
enum server_log_personal { LOG_PERSONAL_PLAIN, LOG_PERSONAL_MASKED };
enum server_lottery_draw { LOTTERY_DRAW_AUTOMATIC, LOTTERY_DRAW_BY_COMMAND };
enum server_rule_birthdate { BIRTHDATE_ANY, BIRTHDATE_PAST };
/* Whether processes are kept to what they may do; `log`: system calls are told of, not refused. */
enum server_confinement { CONFINEMENT_ENFORCE, CONFINEMENT_LOG, CONFINEMENT_OFF };
enum server_tls_mode { TLS_OFF, TLS_OPTIONAL, TLS_REQUIRED };
enum server_untyped_messages { UNTYPED_BATCH, UNTYPED_SINGLE };

enum { SERVER_HANDLERS_AHEAD_MAX = 64 }; /* limits.handlers_ahead */

/* Length of a node's name, which stands in headers; store/centre_set.h has a centre's. */
enum { SERVER_NODE_NAME_MAX = 64 };

struct server_config {
    const char *file;                /* that it was read from, the caller's; NULL: there was none */
    char address[CONFIG_TEXT_BYTES]; /* server.address; empty: all addresses */
    uint32_t port;                   /* server.port; 0: chosen by the kernel, and logged */
    uint32_t listen_backlog;         /* server.listen_backlog, connections */
    char proxy_from[CONFIG_TEXT_BYTES]; /* server.proxy_from: "10.0.0.5, fd00::/8"; empty: nobody */
    char user[CONFIG_TEXT_BYTES]; /* server.user, whom root becomes; empty: stays as started */
    int confinement;              /* confinement, enum server_confinement */
    int log_level;                /* log.level, enum log_level */
    int log_format;               /* log.format, enum log_format */
    int log_personal;             /* log.personal, enum server_log_personal */
    uint32_t agencies_expected;   /* agencies.expected; this many DONEs start the draw */
    uint64_t agencies_grace_ms;   /* agencies.grace, after the last expected DONE; 0: none */
    char agencies_allowed[CONFIG_TEXT_BYTES]; /* agencies.allowed: "1-3,7", "any", or empty */
    uint32_t winning_number;                  /* lottery.winning_number, 0 .. 2^32-1 */
    char lottery_name[CONFIG_TEXT_BYTES];     /* lottery.name: of the first draw */
    int lottery_draw;                         /* lottery.draw, enum server_lottery_draw */
    char lottery_closes[CONFIG_TEXT_BYTES];   /* lottery.closes, RFC 3339; empty: no such time */
    char seal_key[CONFIG_TEXT_BYTES];         /* seal.key, a path; empty: nothing is signed */
    int tls_mode;                             /* tls.mode, enum server_tls_mode */
    char tls_certificate[CONFIG_TEXT_BYTES];  /* tls.certificate, a path */
    char tls_key[CONFIG_TEXT_BYTES];          /* tls.key, a path */
    char tls_ca[CONFIG_TEXT_BYTES];           /* tls.ca, a path */
    char tls_crl[CONFIG_TEXT_BYTES];          /* tls.crl, a path; empty: nothing is revoked */
    int tls_minimum;                          /* tls.minimum, enum tls_minimum */
    char data_directory[CONFIG_TEXT_BYTES];   /* data.directory */
    char data_group[CONFIG_TEXT_BYTES];       /* data.group, which may read; empty: nobody */
    uint64_t ring_bytes;                      /* ring.bytes; rounded up to whole pages */
    uint64_t limit_message_bytes;             /* limits.message_bytes */
    uint32_t limit_connections;               /* limits.max_connections */
    uint32_t limit_connections_per_address;   /* limits.connections_per_address; 0: no limit */
    uint32_t limit_unidentified;   /* limits.unidentified_connections; once loaded, never 0 */
    bool unidentified_is_derived;  /* it was 0 */
    uint32_t limit_handlers_ahead; /* limits.handlers_ahead; 0: none */
    uint32_t limit_connections_per_handler; /* limits.connections_per_handler, 1 or more */
    uint32_t limit_connection_rate; /* limits.connections_per_second, of an address; 0: no limit */
    uint32_t limit_stranger_rate;   /* limits.strangers_per_second, of an address; 0: no limit */
    uint32_t limit_bet_rate;        /* limits.bets_per_second, of an agency; 0: no limit */
    uint32_t limit_refused_rate;    /* limits.refused_per_second, of a connection; 0: no limit */
    uint32_t limit_agencies;        /* limits.agencies, the capacity of the table */
    uint64_t timeout_message_ms;    /* timeouts.message, from first to last byte */
    uint64_t timeout_idle_ms;       /* timeouts.idle, of a silent connection; 0: none */
    uint64_t timeout_answer_ms;     /* timeouts.answer, of a peer that does not read */
    uint64_t timeout_shutdown_ms;   /* timeouts.shutdown, then SIGKILL */
    uint64_t winners_wait_ms;       /* winners.wait, before the answer WAIT */
    int untyped_messages;           /* enum server_untyped_messages */
    int ack_after;                  /* enum server_ack_after */
    int start_verify;               /* enum server_start_verify */
    char replication_servers[CONFIG_TEXT_BYTES]; /* replication.servers; empty: no replication */
    char replication_centre[CONFIG_TEXT_BYTES];  /* replication.centre, a name (below) */
    char replication_node[CONFIG_TEXT_BYTES];    /* replication.node; empty: host and directory */
    uint32_t replication_replicas;               /* replication.replicas, 1 to 5 */
    char replication_credentials[CONFIG_TEXT_BYTES]; /* replication.credentials, a path, or empty */
    char replication_ca[CONFIG_TEXT_BYTES];          /* replication.ca, a path, or empty */
    char replication_certificate[CONFIG_TEXT_BYTES]; /* replication.certificate, the same */
    char replication_key[CONFIG_TEXT_BYTES];         /* replication.key, the same */
    uint64_t replication_lag_bytes;                  /* replication.lag_bytes, of bets.csv */
    uint64_t replication_takeover_after_ms;          /* replication.takeover_after */
    char centres_expected[CONFIG_TEXT_BYTES]; /* centres.expected, "A,B"; empty: this one alone */
    uint32_t rule_number_max;                 /* rules.number_max, 0 .. 2^32-1 */
    int rule_birthdate;                       /* enum server_rule_birthdate */
    int64_t closes_at_ms;                     /* lottery.closes, ms since 1970; 0: no such time */
    struct agency_set allowed;                /* who may bet */
    struct address_set balancers;             /* of server.proxy_from */
};

/* The table of keys. -h prints it, and tests compare it with the documentation. */
extern const struct config_table server_config_table;

/*
 * Loads and checks the configuration, as the request says, and tells all mistakes (config_load).
 *
 * `allowed` follow from agencies.allowed. Where it is empty, every id is
 * allowed if AGENCY_QUORUM_MIN is set, and 1 to agencies.expected otherwise.
 *
 * limit_unidentified is a quarter of limit_connections where it was 0, and at least 1.
 *
 * Returns false with the first mistake in *failure where a key is wrong, where strangers may take all connections
 * (of more than one), where the ring is shorter than four
 * of the longest messages, where ranges overlap, where TLS lacks a file, or where more ids are
 * allowed (with `any`: expected) than limits.agencies, or where what is said of replication does not
 * fit together.
 */
bool server_config_load(const struct config_request *request, struct server_config *config,
                        struct failure *failure);

/*
 * Does the same. `origins` has server_config_table.count entries, and says where each value came
 * from.
 */
bool server_config_read(const struct config_request *request, struct server_config *config,
                        struct config_origin *origins, struct failure *failure);

/*
 * Checks what joins reloadable keys with others, where `config` has been put together from two that
 * were read: what the server was started with, and what SIGHUP changes in it. Derives
 * limit_unidentified. `origins` are those of the later one. Tells all mistakes.
 */
bool server_config_check_reloaded(struct server_config *config, const struct config_origin *origins,
                                  const struct config_request *request, struct failure *failure);

/*
 * Returns false where fewer ids are allowed than the draw needs. *doubt then has the fields
 * of a warning. It is no error, because agencies that an earlier configuration allowed may
 * be done already.
 */
bool server_config_can_draw(const struct server_config *config, struct failure *doubt);

/* Returns the mode's word in the configuration, "enforce" for example; NULL: there is none. */
const char *server_config_confinement_name(uint32_t mode);

/* The terms that this configuration gives a lottery. The allowed ranges ascend in them. */
void server_config_terms(const struct server_config *config, struct lottery_terms *terms);

/*
 * Takes over the terms of a draw that was opened by command; the configuration says others.
 * Returns false with the failure when they name more agencies than limits.agencies. Called by the
 * supervisor before it makes the segment.
 */
bool server_config_adopt_terms(struct server_config *config, const struct lottery_terms *terms,
                               struct failure *failure);

/* True where bets are copied to an engine: replication.servers is set. */
bool server_config_replicates(const struct server_config *config);

/*
 * Reads the centres that draw together. Those of any text but "" need an engine, and this centre is one of
 * them. Returns false with a failure that begins with `place`, where the text comes from.
 */
bool server_config_draws_with(const struct server_config *config, const char *text,
                              const char *place, struct centre_set *centres,
                              struct failure *failure);

/* True where agencies.allowed covers this agency. */
bool server_config_allows(const struct server_config *config, uint32_t agency);

#endif
