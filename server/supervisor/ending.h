/*
 * ending.h - judges what a start has found of the end of a draw: closed, sealed, drawn.
 *
 * Once sales are closed, not a byte of bets.csv or done.csv changes any more; so a crash can't
 * have left anything after their ends either. seal.json, winners.csv and draw.json come into
 * place before control says so, one state after the other. So each of them can be there one
 * state earlier than control needs it, and no sooner: where it is, control was restored from
 * before. Nothing is sealed or drawn a second time then, because somebody may know the first one.
 *
 * Only reads. Called by witnesses.c, in the supervisor, before there are other processes. If the
 * supervisor dies, the next start judges again.
 */
#ifndef SERVER_SUPERVISOR_ENDING_H
#define SERVER_SUPERVISOR_ENDING_H

#include "lib/failure.h"
#include "server/supervisor/witnesses.h"

#include <stdbool.h>

/*
 * True when no file is there that belongs to a later state than control's. False with the failure,
 * which says what to do; here and below.
 */
bool ending_is_due(const struct findings *findings, struct failure *failure);

/*
 * True when bets.csv and done.csv are as they were closed and sealed, and seal.json and draw.json
 * are the ones that control names. With start.verify: end, bytes and rows of bets.csv are compared
 * with the seal, and not its SHA-256.
 */
bool ending_agrees(const struct findings *findings, struct failure *failure);

#endif
