/*
 * job.h - what one run of an agency has to do, from the first probe to the winners.
 *
 * Probes, where asked for; then sessions, one connection each, until one of
 * them comes to the end: every bet stored, "done" acknowledged, the winners
 * known. A connection that is lost is followed by another for as long as the
 * agency's patience lasts; what is stored already is never sent twice, because
 * the server says at every connect how many bets it holds, and which (resume.h).
 *
 * If the process dies nothing is lost: the next run asks and goes on.
 *
 * There are servers that don't know STATUS, and so can't say what they hold. With those
 * one message is on its way at a time, and the run goes on by what it knows itself: what
 * has been acknowledged. A batch whose answer is lost may then be stored twice, and so may
 * all of them by another run.
 */
#ifndef CLIENT_JOB_H
#define CLIENT_JOB_H

#include "client/client_config.h"
#include "client/dataset.h"
#include "client/interrupt.h"
#include "client/patience.h"
#include "client/progress.h"
#include "client/resolver.h"
#include "client/state.h"
#include "client/window.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

/* How a piece of the job ended. */
enum job_step {
    JOB_WORKED,
    JOB_LOST,       /* the connection; another may go on */
    JOB_NEXT,       /* the connection has done its work; another has to go on at once */
    JOB_FAILED,     /* for good; it has been logged */
    JOB_OTHER_BETS, /* the same: what is stored are not the bets of the file */
    JOB_STOPPED     /* a signal */
};

enum { JOB_PATH_BYTES = CONFIG_TEXT_BYTES + 32 };

/* What a run knows of a server that does not know STATUS. */
struct job_unaided {
    bool is_on;                     /* the server is one of those, or is not to be asked */
    struct dataset_mark end;        /* behind the last row that was acknowledged */
    struct window_batch unanswered; /* this one may be stored; no rows: there is none */
    bool doubt_asked;               /* STATUS was tried once more because of it */
    bool doubt_told;                /* and the log has it */
    bool one_message;               /* the server takes one a connection, and closes */
    bool done;                      /* DONE was acknowledged */
};

struct job {
    const struct client_config *config;
    uint32_t agency;
    struct resolver_name server;
    struct interrupt *interrupt; /* main's */
    struct dataset dataset;
    struct patience patience;
    struct progress progress;
    char bets_name[JOB_PATH_BYTES]; /* the file, or what stands for it, for people */
    bool has_bets;                  /* false: only probes were asked for */
    bool met_server;                /* stored_before is known */
    uint64_t stored_before;         /* bets that the server held when this run first asked */
    uint64_t stored;                /* bets that it is known to hold */
    char identity[STATE_IDENTITY_DIGITS + 1]; /* of the lottery; "" while it is not known */
    bool knows_status;                        /* the server has answered STATUS in this run */
    unsigned status_hang_ups;                 /* connections that it closed on STATUS instead */
    bool count_warned;                        /* that resuming is by count has been logged */
    struct job_unaided unaided;
    bool bets_reported;    /* the summary has been logged */
    uint64_t refused_line; /* where the latest refused batch began; 0: there was none */
    bool done_refused;     /* DONE was, once; the second time is final */
    uint64_t winners_seen; /* most rows of WINNERS that came on one connection */
};

/*
 * What can be found wrong, without opening anything, with a configuration that
 * was loaded: the bet of the environment.
 */
bool job_check(const struct client_config *config, struct failure *failure);

/*
 * Checks, then opens everything but the connection. The configuration and the
 * interrupt have to outlive the job. `progress_lines_up` as in progress.h.
 */
bool job_open(struct job *job, const struct client_config *config, struct interrupt *interrupt,
              unsigned progress_lines_up, struct failure *failure);

/* Does all of it, nothing where a signal has come already. Never returns JOB_LOST or JOB_NEXT. */
enum job_step job_run(struct job *job);

void job_close(struct job *job);

#endif
