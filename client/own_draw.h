/*
 * own_draw.h - the one draw that a run is for.
 *
 * It is the draw of lottery.name, or else the one that the server holds when the run first asks
 * STATUS. From then on the run names it in each STATUS and REQUEST, so a week's file never goes
 * into the next week. Where the server has opened the next draw meanwhile, it tells what became of
 * ours: the run gets its winners if all bets were stored there, and fails otherwise.
 *
 * Servers of the first versions tell no names. Then only the identity is compared. Servers that
 * know no STATUS tell nothing at all.
 */
#ifndef CLIENT_OWN_DRAW_H
#define CLIENT_OWN_DRAW_H

#include "bet/message.h"
#include "client/job.h"
#include "client/state.h"

#include <stdbool.h>

/* The body of STATUS: the draw, or `*` while it is not known; NULL where the server takes none. */
const char *own_draw_question(const struct job *job);

/* The body of REQUEST: the draw's name, NULL where the server tells none. */
const char *own_draw_name(const struct job *job);

/* True when a server that does not answer STATUS can't be gone on with: the draw is bound. */
bool own_draw_needs_status(const struct job *job);

/*
 * Takes an ERROR to STATUS that names our draw. JOB_WORKED: it was not refused for that. Else
 * JOB_OTHER_DRAW, logged.
 */
enum job_step own_draw_take_refusal(const struct job *job, const struct message *answer);

/*
 * Checks that STATE is of our draw, and remembers which that is. JOB_OTHER_BETS, logged: another
 * lottery has its name. JOB_OTHER_DRAW, logged: the server does not tell that it holds the draw of
 * lottery.name. JOB_LOST, with `why`: it told another one's STATE.
 */
enum job_step own_draw_check(struct job *job, const struct state *state, struct failure *why);

/*
 * Checks that what is left of the file, from the dataset's position, can still be sent, or that
 * nothing is left and the draw will have, or has, winners. Else JOB_OTHER_DRAW or JOB_FAILED, logged.
 */
enum job_step own_draw_check_rest(struct job *job, const struct state *state);

/* True when DONE has no meaning any more: sales are closed, or the draw is over. */
bool own_draw_takes_no_done(const struct job *job, enum state_phase phase);

#endif
