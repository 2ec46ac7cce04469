/*
 * client_config.h - an agency's configuration: what can be set, and to what.
 *
 * Read by main before anything else, never changed afterwards.
 */
#ifndef CLIENT_CLIENT_CONFIG_H
#define CLIENT_CLIENT_CONFIG_H

#include "lib/config.h"

#include <stdbool.h>
#include <stdint.h>

/* What to do when the server does not know STATUS, and so can't tell what it has stored. */
enum resume_policy {
    RESUME_AUTO,     /* go on without it, and warn */
    RESUME_REQUIRED, /* fail */
    RESUME_OFF       /* treat every server as one that does not know it */
};

/* How many batches wait for their answer at a time. */
enum batch_window {
    BATCH_WINDOW_AUTO, /* as many as pay, up to batch.inFlight (congestion.h) */
    BATCH_WINDOW_FIXED /* always batch.inFlight */
};

/* How the agency connects. */
enum client_tls_mode {
    CLIENT_TLS_OFF,     /* in plain text */
    CLIENT_TLS_REQUIRED /* by TLS, to a server that proves who it is */
};

struct client_config {
    uint32_t id;                             /* id: the agency, 0 .. 2^32-1 */
    char server_address[CONFIG_TEXT_BYTES];  /* server.address: host:port, or several */
    int64_t loop_lapse_ms;                   /* loop.lapse: give up after this without progress */
    int64_t loop_period_ms;                  /* loop.period: pause between look-ups and probes */
    uint32_t loop_amount;                    /* loop.amount: echo probes before betting */
    int log_format;                          /* log.format, enum log_format */
    int log_level;                           /* log.level, enum log_level */
    uint32_t exit_stopped;                   /* exit.stopped, a status */
    uint32_t batch_max_amount;               /* batch.maxAmount, batch.batch_size: bets a message */
    uint32_t batch_in_flight;                /* batch.inFlight: unanswered batches at most */
    int batch_window;                        /* batch.window, enum batch_window */
    char bets_file[CONFIG_TEXT_BYTES];       /* bets.file; empty: .data/agency-<id>.csv */
    char winners_file[CONFIG_TEXT_BYTES];    /* winners.file; empty: none */
    int resume;                              /* resume, enum resume_policy */
    char lottery_name[CONFIG_TEXT_BYTES];    /* lottery.name; empty: the current draw */
    int tls_mode;                            /* tls.mode, enum client_tls_mode */
    char tls_certificate[CONFIG_TEXT_BYTES]; /* tls.certificate: the agency's; empty: none */
    char tls_key[CONFIG_TEXT_BYTES];         /* tls.key: of that certificate */
    char tls_ca[CONFIG_TEXT_BYTES];          /* tls.ca: who signs the server's certificate */
    char tls_crl[CONFIG_TEXT_BYTES];         /* tls.crl: what those have revoked; empty: none */
    char tls_server_name[CONFIG_TEXT_BYTES]; /* tls.server_name; empty: server.address's host */
    int tls_minimum;                         /* tls.minimum, enum tls_minimum */
    char first_name[CONFIG_TEXT_BYTES];      /* CLI_NOMBRE, NOMBRE */
    char last_name[CONFIG_TEXT_BYTES];       /* CLI_APELLIDO, APELLIDO */
    char document[CONFIG_TEXT_BYTES];        /* CLI_DOCUMENTO, DOCUMENTO */
    char birthdate[CONFIG_TEXT_BYTES];       /* CLI_NACIMIENTO, NACIMIENTO */
    char number[CONFIG_TEXT_BYTES];          /* CLI_NUMERO, NUMERO */
    bool single_bet;                         /* the five above are set: they are the one bet */
};

extern const struct config_table client_config_table;

/*
 * Loads and checks the configuration; `file` as in config_load. Where neither CLI_SERVER_ADDRESS nor
 * --server is set, SERVER_HOST (with SERVER_PORT, or port 12345) replaces
 * server.address; SERVER_PORT alone changes nothing. It is an error, which names the
 * missing ones, to set some but not all of the five fields of a single bet, to set lottery.name to
 * what is no draw's name, or to set it, or several servers, beside `resume: off`; or, with
 * `tls.mode: required`, not to set tls.ca, to set only one of tls.certificate and tls.key, or to have
 * no name that a certificate can be for. The files that tls.* names are credentials.c's to read. The
 * id has no default. bets_file stays empty where no file was named; job.c chooses one then. Returns
 * false with the failure; *config is then undefined.
 */
bool client_config_load(const char *file, struct client_config *config, struct failure *failure);

/*
 * Does the same as the request says, and tells all mistakes. `origins` has client_config_table.count
 * entries, and says where each value came from.
 */
bool client_config_read(const struct config_request *request, struct client_config *config,
                        struct config_origin *origins, struct failure *failure);

#endif
