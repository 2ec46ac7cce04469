/*
 * job.h - the whole work of one run of an agency, from the first probe to the winners.
 *
 * The probes that are asked for come first. Sessions follow, one connection each, until
 * all bets are stored, DONE is acknowledged and the winners are known. A lost connection
 * is followed by another, where there are several servers perhaps to another one (servers.h), for
 * as long as the agency's patience lasts. No stored bet is sent again, because the server tells at
 * the start of every session how many bets it holds, and which (resume.h).
 *
 * A run is for one draw, whose name and identity it remembers across connections (own_draw.h).
 *
 * If the process dies nothing is lost: the next run asks the server and goes on.
 *
 * Some servers don't know STATUS, and so can't tell what they hold. Such a server gets one
 * message at a time, and the run goes on after the last batch that was acknowledged. A
 * batch whose answer is lost may then be stored twice, and so may every bet by another run.
 */
#ifndef CLIENT_JOB_H
#define CLIENT_JOB_H

#include "client/client_config.h"
#include "client/credentials.h"
#include "client/dataset.h"
#include "client/interrupt.h"
#include "client/patience.h"
#include "client/progress.h"
#include "client/servers.h"
#include "client/state.h"
#include "client/window.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

/* How a piece of the job ended. */
enum job_step {
    JOB_WORKED,      /* it is done; go on */
    JOB_LOST,        /* the connection is lost; another one may go on */
    JOB_NEXT,        /* the connection has done its work; another one goes on at once */
    JOB_FAILED,      /* the job has failed; it has been logged */
    JOB_UNREACHABLE, /* the job has failed: nobody answers at the server's address; logged */
    JOB_REFUSED,     /* the job has failed: the server refuses what the agency asks; logged */
    JOB_BAD_BETS,    /* the job has failed: the file of bets, or a row of it, is wrong; logged */
    JOB_OTHER_BETS,  /* the job has failed: the stored bets are not those of the file; logged */
    JOB_OTHER_DRAW, /* the job has failed: its draw is over without all bets, or not there; logged */
    JOB_UNTRUSTED,  /* the job has failed: it and the server don't accept each other; logged */
    JOB_STOPPED     /* a signal asks the process to stop */
};

enum { JOB_PATH_BYTES = CONFIG_TEXT_BYTES + 32 };

/* What a run knows of a server that does not know STATUS. */
struct job_unaided {
    bool is_on;                     /* the server does not know it, or must not be asked */
    struct dataset_mark end;        /* after the last row that was acknowledged */
    struct window_batch unanswered; /* this batch may be stored; no rows: there is none */
    bool doubt_asked;               /* STATUS was tried once more because of it */
    bool doubt_told;                /* it has been logged */
    bool one_message;               /* the server closes after one message */
    bool done;                      /* DONE was acknowledged */
};

struct job {
    const struct client_config *config;
    uint32_t agency;
    struct servers servers;
    const struct server_place *talked_to; /* the server of the last connection; NULL: none yet */
    struct interrupt *interrupt;          /* main's */
    struct credentials *credentials;      /* main's */
    struct dataset dataset;
    struct patience patience;
    struct progress progress;
    char bets_name[JOB_PATH_BYTES]; /* the file, or what stands for it, for people */
    bool was_answered;              /* the server has answered something in this run */
    bool is_refused;                /* on the last connection, one end did not accept the other */
    bool is_silent;                 /* the last connection ended because nothing came on it */
    bool has_bets;                  /* false: only probes were asked for */
    bool met_server;                /* stored_before is known */
    uint64_t stored_before;         /* bets that the server held when this run first asked */
    uint64_t stored;                /* bets that it is known to hold */
    char identity[STATE_IDENTITY_DIGITS + 1]; /* of the draw; "" while it is not known */
    char draw[STATE_DRAW_BYTES]; /* its name; "" while it is not known, or the server tells none */
    bool asks_plainly;           /* the server knows STATUS without a draw only, or not at all */
    bool knows_status;           /* the server has answered STATUS in this run */
    unsigned status_hang_ups;    /* connections that it closed on STATUS */
    bool count_warned;           /* resuming by count has been logged */
    struct job_unaided unaided;
    bool bets_reported;    /* the summary has been logged */
    uint64_t refused_line; /* where the latest refused batch began; 0: there was none */
    bool done_refused;     /* DONE was refused once; the second time is final */
    uint64_t winners_seen; /* most rows of WINNERS that came on one connection */
};

/*
 * Checks the part of a loaded configuration that can be checked without opening anything:
 * the bet of the environment. Returns false with the failure.
 */
bool job_check(const struct client_config *config, struct failure *failure);

/*
 * Checks (job_check), then opens everything but the connection. The configuration, the
 * credentials and the interrupt have to outlive the job. `progress_lines_up` as in progress.h.
 * Returns JOB_WORKED, or JOB_BAD_BETS or JOB_FAILED with the failure, and nothing is open then.
 */
enum job_step job_open(struct job *job, const struct client_config *config,
                       struct credentials *credentials, struct interrupt *interrupt,
                       unsigned progress_lines_up, struct failure *failure);

/* Does the job; does nothing if a signal has come already. Never JOB_LOST or JOB_NEXT. */
enum job_step job_run(struct job *job);

/* Closes what job_open opened. */
void job_close(struct job *job);

#endif
