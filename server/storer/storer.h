/*
 * storer.h - the one process that writes bets.csv, and holds the draw.
 */
#ifndef SERVER_STORER_STORER_H
#define SERVER_STORER_STORER_H

#include "server/heritage.h"

/* How a storer ends. */
enum storer_exit {
    STORER_EXIT_DRAINED = 0,   /* it was asked to, and everything is on the disk */
    STORER_EXIT_FAILED = 1,    /* it could not start or go on; another one may */
    STORER_EXIT_DISK_LIED = 3, /* a sync failed, or a file is damaged: nobody may go on with it */
};

/*
 * The storer's whole life. Writes one byte to `ready` once it is ready to
 * store, and closes it; -1: nobody waits for that. Returns the exit status, an enum storer_exit. Called
 * in the storer's process only.
 */
int storer_run(const struct heritage *heritage, int ready);

#endif
