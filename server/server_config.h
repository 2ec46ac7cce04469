/*
 * server_config.h - the server's configuration: what can be set, and to what.
 *
 * Read by main before any process exists, never changed afterwards; every
 * child inherits it. lottery-stat reads the same file to find the data
 * directory. docs/operations.md explains the keys to operators.
 */
#ifndef SERVER_SERVER_CONFIG_H
#define SERVER_SERVER_CONFIG_H

#include "lib/config.h"
#include "store/control.h"

#include <stdbool.h>
#include <stdint.h>

enum server_ack_after { ACK_AFTER_SYNCED, ACK_AFTER_WRITTEN };
/* How much of bets.csv a start reads where a checkpoint says that it has been counted. */
enum server_start_verify { START_VERIFY_ALL, START_VERIFY_END };
enum server_log_personal { LOG_PERSONAL_PLAIN, LOG_PERSONAL_MASKED };
enum server_lottery_draw { LOTTERY_DRAW_AUTOMATIC, LOTTERY_DRAW_BY_COMMAND };
enum server_rule_birthdate { BIRTHDATE_ANY, BIRTHDATE_PAST };
enum server_untyped_messages { UNTYPED_BATCH, UNTYPED_SINGLE };

/* One inclusive range of agency numbers. */
struct agency_range {
    uint32_t first, last;
};

enum { AGENCY_RANGES_MAX = 64 };

struct server_config {
    char address[CONFIG_TEXT_BYTES]; /* server.address, a name; empty: all addresses */
    uint32_t port;                   /* server.port; 0: the kernel chooses, the log tells */
    uint32_t listen_backlog;         /* server.listen_backlog, connections */
    int log_level;                   /* log.level, enum log_level */
    int log_personal;                /* log.personal, enum server_log_personal */
    uint32_t agencies_expected;      /* agencies.expected: the draw is held at this many */
    uint64_t agencies_grace_ms;      /* agencies.grace: for those that have begun; 0: none */
    char agencies_allowed[CONFIG_TEXT_BYTES]; /* agencies.allowed: "1-3,7", "any", or empty */
    uint32_t winning_number;                  /* lottery.winning_number, 0 .. 2^32-1 */
    char lottery_name[CONFIG_TEXT_BYTES];     /* lottery.name: of the first draw */
    int lottery_draw;                         /* lottery.draw, enum server_lottery_draw */
    char lottery_closes[CONFIG_TEXT_BYTES];   /* lottery.closes, RFC 3339; empty: no such time */
    char seal_key[CONFIG_TEXT_BYTES];         /* seal.key, a path; empty: nothing is signed */
    char data_directory[CONFIG_TEXT_BYTES];   /* data.directory */
    char data_group[CONFIG_TEXT_BYTES];       /* data.group: who else may read; empty: nobody */
    uint64_t ring_bytes;                      /* ring.bytes; rounded up to whole pages */
    uint64_t limit_message_bytes;             /* limits.message_bytes */
    uint32_t limit_connections;               /* limits.max_connections */
    uint32_t limit_connections_per_address;   /* limits.connections_per_address; 0: no limit */
    uint32_t limit_agencies;                  /* limits.agencies: ids the table has room for */
    uint64_t timeout_message_ms;              /* timeouts.message: first to last byte of one */
    uint64_t timeout_idle_ms;                 /* timeouts.idle: a silent connection; 0: never */
    uint64_t timeout_answer_ms;               /* timeouts.answer: a peer that does not read */
    uint64_t timeout_shutdown_ms;             /* timeouts.shutdown: until SIGKILL */
    uint64_t winners_wait_ms;                 /* winners.wait: at the gate before WAIT */
    int untyped_messages;                     /* enum server_untyped_messages */
    int ack_after;                            /* enum server_ack_after */
    int start_verify;                         /* enum server_start_verify */
    uint32_t rule_number_max;                 /* rules.number_max, 0 .. 2^32-1 */
    int rule_birthdate;                       /* enum server_rule_birthdate */
    int64_t closes_at_ms;                     /* lottery.closes, ms since 1970; 0: no such time */
    bool agencies_any;                        /* every id may speak; else the ranges */
    struct agency_range ranges[AGENCY_RANGES_MAX];
    uint32_t range_count;
};

/* The table of keys, for -h and for the documentation's test. */
extern const struct config_table server_config_table;

/*
 * Loads and checks the configuration; `file` as in config_load. Derives
 * agencies_any and ranges: from agencies.allowed where it is set; else `any`
 * where AGENCY_QUORUM_MIN is set; else 1 to agencies.expected.
 * Refuses a ring that cannot hold four messages of the longest kind, ranges that
 * overlap, and more allowed ids (with `any`: more expected ones) than limits.agencies.
 */
bool server_config_load(const char *file, struct server_config *config, struct failure *failure);

/*
 * False where fewer agencies may speak than the draw needs. Not an error: some
 * that were allowed before may be done already. *doubt then says it in the form
 * of a log line's fields, with both keys.
 */
bool server_config_can_draw(const struct server_config *config, struct failure *doubt);

/* What the configuration says that the lottery is; agencies in ascending order. */
void server_config_terms(const struct server_config *config, struct lottery_terms *terms);

/* True when this agency may speak. */
bool server_config_allows(const struct server_config *config, uint32_t agency);

#endif
