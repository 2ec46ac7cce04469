/*
 * storer.h - the one process that writes bets.csv, and holds the draw.
 */
#ifndef SERVER_STORER_STORER_H
#define SERVER_STORER_STORER_H

#include "server/processes.h"

/*
 * The storer's whole life. Writes one byte to errand->descriptor once it is ready to
 * store, and closes it; PROCESS_NO_DESCRIPTOR: nobody waits for that. Returns the exit status,
 * an enum storer_exit. Called in the storer's process only, by the table of processes.
 */
int storer_run(const struct heritage *heritage, const struct process_errand *errand);

#endif
