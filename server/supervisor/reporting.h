/*
 * reporting.h - what the supervisor tells the service manager (server/service_manager.h), and when.
 *
 * Why it exists: a manager that restarts what is stuck has to hear of the whole server, and not of
 * one process that goes round while another one hangs.
 *
 * What it promises: a beat of the watchdog means that the supervisor goes round, and that the storer
 * has shown within REPORTING_STORER_PATIENCE_MS that it lives. The storer's own beat stops while a
 * disk does not answer, so the patience is long: a disk that stalls for less than that is no reason
 * to end everybody's connections. A storer that has died is the keeper's matter, and is no reason
 * either. While nothing goes round (recovery, the next draw) the watchdog rests.
 *
 * Called by the supervisor alone. No call waits for another process.
 */
#ifndef SERVER_SUPERVISOR_REPORTING_H
#define SERVER_SUPERVISOR_REPORTING_H

#include "server/heritage.h"

#include <stdbool.h>
#include <stdint.h>

enum { REPORTING_STORER_PATIENCE_MS = 60000, REPORTING_STATUS_MS = 1000 };

/* Before any call the supervisor sets the pointer, and everything else to zero. */
struct reporting {
    struct heritage *heritage;
    bool serves;
    bool storer_is_late;   /* and the log says so */
    int64_t status_due_ms; /* monotonic clock */
};

/*
 * Has the manager keep the listening sockets, which are open: from now on a restart, and a crash, refuse
 * no connection. Called once.
 */
void reporting_open(const struct reporting *reporting);

/* A draw is about to be started: what is stored is read first, which may take its time. */
void reporting_start(struct reporting *reporting);

/* The server serves from now on. */
void reporting_serve(struct reporting *reporting);

/*
 * Tells of the watchdog and of the status, each when it is time. Called in each round of each loop.
 * A beat comes twice in WatchdogSec, however short that is; the status once in REPORTING_STATUS_MS.
 */
void reporting_go_round(struct reporting *reporting);

/* Milliseconds until a beat is due; -1: none is. */
int64_t reporting_patience_ms(const struct reporting *reporting);

/* The server ends. */
void reporting_stop(struct reporting *reporting);

#endif
