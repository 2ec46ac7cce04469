/*
 * config_reload.h - SIGHUP: the configuration is read again by a server that runs.
 *
 * Why it exists: an operator who lowers a limit in an incident, or wants to see more in the log, must
 * not have to close every connection for it.
 *
 * What it promises: the file is read as at the start, and the environment wins over it as it did then.
 * All of it is tested before anything is changed; each mistake gets a line in the log, and where
 * there is one, nothing changes. Keys that are reloadable (server_keys.c) take their new values.
 * Each of the others that says something else than at the start gets a WARNING, again at each SIGHUP,
 * until the server is started again. A file that was there at the start and is gone is a mistake,
 * and no reason to go back to defaults.
 * Where there was none, there is nothing to read.
 *
 * The values are laid over the caller's configuration, where what was derived from other keys, and the
 * terms of a draw that was opened by command, stay.
 *
 * Called by the supervisor, and by a standby. It holds nothing that would have to be closed.
 */
#ifndef SERVER_CONFIG_RELOAD_H
#define SERVER_CONFIG_RELOAD_H

#include "server/server_config.h"

#include <stdbool.h>

struct config_reload {
    struct server_config started; /* as it was read at the start */
    struct server_config current; /* the same, with what SIGHUP has changed since */
    struct server_config wanted;  /* what config_reload_read has read */
    struct server_config next;    /* `current` with what that changes */
};

/* How many keys a SIGHUP has changed, and how many more say something else than at the start. */
struct config_changes {
    unsigned taken_over, waiting;
};

/* Notes what was read at the start. The configuration stays the caller's, its `file`, too. */
void config_reload_open(struct config_reload *reload, const struct server_config *config);

/*
 * Reads and tests everything. Returns false where something is wrong; each mistake is logged then, and
 * all is as it was.
 */
bool config_reload_read(struct config_reload *reload);

/* Logs a mistake that somebody else has found in what was read, and that nothing is changed. */
void config_reload_refuse(const char *mistake);

/* Copies the values that are taken over to `target`. After config_reload_read. */
void config_reload_lay_over(const struct config_reload *reload, struct server_config *target);

/* Says in the log what has changed, and what needs a restart; what was read counts from now on. */
struct config_changes config_reload_commit(struct config_reload *reload);

#endif
