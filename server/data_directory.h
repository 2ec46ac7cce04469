/*
 * data_directory.h - the directory that holds everything the server must not lose.
 *
 *     lock          held (flock) while any process of the server lives
 *     layout        what wrote this directory: version, and ring_bytes of its last server
 *     bets.csv      every bet; true once fdatasync has returned for its bytes
 *     done.csv      the agencies that are done, a line each; true likewise
 *     checkpoint    what a server need not count again; true when its checksum is, else ignored
 *     winners.csv   the winning rows by agency; true once it is renamed into place
 */
#ifndef SERVER_DATA_DIRECTORY_H
#define SERVER_DATA_DIRECTORY_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

#define DATA_BETS_FILE       "bets.csv"
#define DATA_DONE_FILE       "done.csv"
#define DATA_WINNERS_FILE    "winners.csv"
#define DATA_CHECKPOINT_FILE "checkpoint"

/* Open for as long as the process lives; inherited by children, the lock with it. */
struct data_directory {
    const char *path; /* the configuration's */
    int descriptor;   /* of the directory; -1: not open */
    int lock;         /* of the lock file; -1: not open */
    bool made;        /* by this start */
    uint64_t device, inode;
    uint64_t last_ring_bytes; /* of the server that wrote here last; 0: not known */
};

/*
 * Opens the directory, made where it is missing, and takes its lock. Where a
 * server holds it, waits up to `patience_ms` (a killed supervisor's children
 * are just finishing), then fails and names the pids that hold it now, as far as
 * they can be seen. Refuses a
 * directory of another layout version. Called by the supervisor.
 */
bool data_directory_open(const char *path, uint64_t patience_ms, struct data_directory *directory,
                         struct failure *failure);

/*
 * Notes durably that this server, with a ring of this size, writes here from
 * now on: no crash of it can damage more than the ring's last bytes. Called by
 * the supervisor once recovery has accepted the directory's files.
 */
bool data_directory_claim(struct data_directory *directory, uint64_t ring_bytes,
                          struct failure *failure);

/*
 * Closes, and removes the directory where this start made it and put nothing
 * into it but the lock: a start that fails leaves nothing behind. Called by the supervisor.
 */
void data_directory_discard(struct data_directory *directory);

/* Gives the lock up and closes. */
void data_directory_close(struct data_directory *directory);

#endif
