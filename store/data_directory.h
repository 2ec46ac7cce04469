/*
 * data_directory.h - the directory that holds everything the server must not lose.
 *
 *     lock          the supervisor's pid; held (flock) while any process of the server lives,
 *                   and so is the directory itself, because a name can be removed
 *     control       what the lottery is and how far it has come (control.h); never torn
 *     bets.csv      every bet; true once fdatasync has returned for its bytes
 *     done.csv      the agencies that are done, a line each; true likewise
 *     checkpoint    what a server need not count again; true when its checksum is, else ignored
 *     winners.csv   the winning rows by agency; true once it is renamed into place
 */
#ifndef STORE_DATA_DIRECTORY_H
#define STORE_DATA_DIRECTORY_H

#include "lib/failure.h"
#include "store/control.h"
#include "store/data_access.h"

#include <stdbool.h>
#include <stdint.h>

#define DATA_LOCK_FILE       "lock"
#define DATA_CONTROL_FILE    "control"
#define DATA_BETS_FILE       "bets.csv"
#define DATA_DONE_FILE       "done.csv"
#define DATA_WINNERS_FILE    "winners.csv"
#define DATA_CHECKPOINT_FILE "checkpoint"
#define DATA_CONTROL_FILE    "control"

/*
 * Open for as long as the process lives; inherited by children, the locks with it. One of
 * zeros but for path and descriptor does for a function that is only given a directory.
 */
struct data_directory {
    const char *path; /* the configuration's */
    int descriptor;   /* of the directory; locked, too; -1: not open */
    int lock;         /* of the lock file; -1: not open */
    bool made;        /* by this start */
    uint64_t device, inode;
    struct data_access access; /* who may reach what is in it: data.group */
    bool has_control;          /* false: nothing has been stored here, and control is not there */
    struct control control;    /* as it stood when the directory was opened, or after recovery */
    uint64_t bets_inode;       /* of the bets.csv that recovery has accepted; 0: not known */
    /* Key of shared memory and semaphores: the last server's, 0 where it is not known, until
     * heritage_open has made them; this server's own from then on. */
    uint32_t ipc_key;
};

/*
 * Opens the directory, made where it is missing, and takes its locks: on the
 * directory and on the file `lock`. Where a server holds one of them, waits up
 * to `patience_ms` (a killed supervisor's children are just finishing), then fails
 * and names the pids that hold it now, as far as they can be seen. `group` is
 * data.group, empty or NULL for none. Refuses a directory, or a file of the server in
 * it, that is another user's, open to others, no regular file or linked elsewhere
 * (data_access.h). Reads control; refuses a directory whose control is damaged, of another
 * version, or missing while there are other files. Called by the supervisor.
 */
bool data_directory_open(const char *path, const char *group, uint64_t patience_ms,
                         struct data_directory *directory, struct failure *failure);

/*
 * Opens a file of the directory: the one way to do it. `flags` as for open(2): O_CREAT,
 * O_TRUNC and O_EXCL work as there, O_CLOEXEC and O_NOFOLLOW are always added. What
 * was there is checked (data_access_check) before a byte of it is changed; what is made gets
 * data_directory_file_mode, whatever the umask is. Returns the descriptor; or -1
 * with errno (ENOENT where there is none), and describes the failure. Any process.
 */
int data_directory_open_file(const struct data_directory *directory, const char *name, int flags,
                             struct failure *failure);

/* The mode of every file in it: 0600, or 0640 with data.group. */
mode_t data_directory_file_mode(const struct data_directory *directory);

/*
 * Closes, and removes the directory where this start made it and put nothing
 * into it but the lock: a start that fails leaves nothing behind. Called by the supervisor.
 */
void data_directory_discard(struct data_directory *directory);

/* Gives the lock up and closes. */
void data_directory_close(struct data_directory *directory);

#endif
