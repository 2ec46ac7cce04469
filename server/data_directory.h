/*
 * data_directory.h - the directory that holds everything the server must not lose.
 *
 *     lock          held (flock) while any process of the server lives
 *     control       what the lottery is and how far it has come (control.h); never torn
 *     bets.csv      every bet; true once fdatasync has returned for its bytes
 *     done.csv      the agencies that are done, a line each; true likewise
 *     checkpoint    what a server need not count again; true when its checksum is, else ignored
 *     winners.csv   the winning rows by agency; true once it is renamed into place
 */
#ifndef SERVER_DATA_DIRECTORY_H
#define SERVER_DATA_DIRECTORY_H

#include "lib/failure.h"
#include "server/control.h"

#include <stdbool.h>
#include <stdint.h>

#define DATA_BETS_FILE       "bets.csv"
#define DATA_DONE_FILE       "done.csv"
#define DATA_WINNERS_FILE    "winners.csv"
#define DATA_CHECKPOINT_FILE "checkpoint"
#define DATA_CONTROL_FILE    "control"

/* Open for as long as the process lives; inherited by children, the lock with it. */
struct data_directory {
    const char *path; /* the configuration's */
    int descriptor;   /* of the directory; -1: not open */
    int lock;         /* of the lock file; -1: not open */
    bool made;        /* by this start */
    uint64_t device, inode;
    bool has_control;       /* false: nothing has been stored here, and control is not there */
    struct control control; /* as it stood when the directory was opened, or after recovery */
    uint64_t bets_inode;    /* of the bets.csv that recovery has accepted; 0: not known */
};

/*
 * Opens the directory, made where it is missing, and takes its lock. Where a
 * server holds it, waits up to `patience_ms` (a killed supervisor's children
 * are just finishing), then fails and names the pids that hold it now, as far as
 * they can be seen. Reads
 * control; refuses a directory whose control is damaged, of another version, or missing
 * while there are other files. Called by the supervisor.
 */
bool data_directory_open(const char *path, uint64_t patience_ms, struct data_directory *directory,
                         struct failure *failure);

/*
 * Opens a file of the directory, close-on-exec, never through a symbolic link; `flags`
 * as in open(2). A file that is made gets the mode that all files here have. -1 with
 * errno and the failure. Any process may call.
 */
int data_directory_open_file(const struct data_directory *directory, const char *name, int flags,
                             struct failure *failure);

/*
 * Closes, and removes the directory where this start made it and put nothing
 * into it but the lock: a start that fails leaves nothing behind. Called by the supervisor.
 */
void data_directory_discard(struct data_directory *directory);

/* Gives the lock up and closes. */
void data_directory_close(struct data_directory *directory);

#endif
