/*
 * storer.h - the process that writes the lottery's files and holds the draw; there is one at a time.
 *
 * storer.c tells its life, and what happens when it dies.
 */
#ifndef SERVER_STORER_STORER_H
#define SERVER_STORER_STORER_H

#include "server/processes.h"

/*
 * Lives the storer's whole life, and returns its exit status, an enum storer_exit. Once it is ready
 * to store, it writes one byte to errand->descriptor and closes it; with PROCESS_NO_DESCRIPTOR
 * nobody waits for that. Called in the storer's process only, by the table of processes.
 */
int storer_run(const struct heritage *heritage, const struct process_errand *errand);

#endif
