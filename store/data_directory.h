/*
 * data_directory.h - the directory that holds everything the server must not lose.
 *
 *     lock          the supervisor's pid; locked (flock) while any process of the server lives.
 *                   The directory itself is locked, too: a file can be removed
 *     control       the lottery's identity, terms and state (control.h); never torn
 *     bets.csv      every bet; durable up to the bytes for which fdatasync has returned
 *     done.csv      the agencies that are done, a line each; durable likewise
 *     checkpoint    what a server need not count again; ignored when its checksum is wrong
 *     seal.json     what bets.csv is, byte for byte, since sales were closed; whole, likewise
 *     draw.json     number and winners of the draw; whole, likewise
 *     seal.sig, draw.sig   their signatures, where seal.key is set
 *     winners.csv   the winning rows by agency; whole once it has this name
 *     replication   which node this is, and how far it has come in the centre's log (replication.h)
 *     draws/        the draws before this one, a directory each (archive.h)
 *
 * The supervisor opens the directory; its children inherit it. lottery-admin uses the functions
 * that are given a directory.
 */
#ifndef STORE_DATA_DIRECTORY_H
#define STORE_DATA_DIRECTORY_H

#include "lib/failure.h"
#include "store/control.h"
#include "store/data_access.h"

#include <stdbool.h>
#include <stdint.h>

#define DATA_LOCK_FILE           "lock"
#define DATA_CONTROL_FILE        "control"
#define DATA_BETS_FILE           "bets.csv"
#define DATA_DONE_FILE           "done.csv"
#define DATA_WINNERS_FILE        "winners.csv"
#define DATA_CHECKPOINT_FILE     "checkpoint"
#define DATA_SEAL_FILE           "seal.json"
#define DATA_SEAL_SIGNATURE_FILE "seal.sig"
#define DATA_DRAW_FILE           "draw.json"
#define DATA_DRAW_SIGNATURE_FILE "draw.sig"
#define DATA_REPLICATION_FILE    "replication"
#define DATA_OPENING_FILE        "opening" /* control of the next draw, while the log is to begin it */
#define DATA_ADMIN_SOCKET        "admin.sock" /* of a server that runs (server/admin_request.h) */

/* control_write writes this file and renames it to DATA_CONTROL_FILE. */
#define DATA_CONTROL_UNFINISHED_FILE "control.tmp"

/*
 * Open as long as the process lives; children inherit it, with its locks. Functions that are
 * given a directory need path and descriptor only; the rest may be zeros.
 */
struct data_directory {
    const char *path; /* the configuration's */
    int descriptor;   /* of the directory; locked, too; -1: not open */
    int lock;         /* of the lock file; -1: not open */
    bool made;        /* this start has made the directory */
    uint64_t device, inode;
    struct data_access access; /* who may reach its files: data.group */
    bool has_control;          /* false: nothing has been stored here, and control is not there */
    struct control control; /* as read when the directory was opened; after recovery, as written */
    uint64_t bets_inode;    /* of the bets.csv that recovery accepted; 0: not known */
    /* Key of shared memory and semaphores. Until heritage_open has made them, the last server's,
     * or 0 if that is not known; from then on this server's. */
    uint32_t ipc_key;
};

/*
 * Opens the directory `path`, makes it if it is missing, and locks it and its file `lock`.
 * While another server holds a lock, waits up to `patience_ms` (a killed supervisor's
 * children may be about to end); then fails and names the pids that hold it, as far as they
 * can be seen. `group` is data.group, empty or NULL for none. `path` stays the caller's.
 *
 * Refuses a directory, or a file of the server in it, that belongs to another user, is open to
 * others, is no regular file, or has a second name (data_access.h). Reads control, and refuses
 * one that is damaged, of another version, or missing while there are other files.
 *
 * Returns false with the failure, and nothing open, when it refuses or fails. Called by the
 * supervisor.
 */
bool data_directory_open(const char *path, const char *group, uint64_t patience_ms,
                         struct data_directory *directory, struct failure *failure);

/* What can be told of a directory without its lock. */
struct data_directory_glance {
    bool in_use;   /* another process holds the lock */
    bool has_bets; /* bets.csv is there, and not empty */
    struct control
        control; /* as it stands on the disk; zero: there is none, and nothing is stored */
};

/*
 * Finds out whether data_directory_open would succeed, as far as that can be told without making or
 * changing anything. That another process holds the directory's lock is no failure. Returns false with
 * the failure; in_use is set all the same. Called by main, for -t.
 */
bool data_directory_try(const char *path, const char *group, struct data_directory_glance *glance,
                        struct failure *failure);

/*
 * Opens a file of the directory. The server opens its files in no other way, except that it
 * reads the pid in `lock` for a message. `flags` are those of open(2); O_CREAT, O_TRUNC and
 * O_EXCL mean the same, O_CLOEXEC and O_NOFOLLOW are always added. A file that was there is
 * checked (data_access_check) before a byte of it is changed. Where another process replaces the
 * file meanwhile (whole_file.h), the new one is opened. A file that is
 * made gets data_directory_file_mode, whatever the umask is. Returns the descriptor, which is
 * the caller's, or -1 with errno (ENOENT: there is no such file) and the failure. Any process
 * of the server may call, and so may lottery-admin.
 */
int data_directory_open_file(const struct data_directory *directory, const char *name, int flags,
                             struct failure *failure);

/* Returns the mode of its files: 0600, or 0640 with data.group. Any process may call. */
mode_t data_directory_file_mode(const struct data_directory *directory);

/*
 * Closes the directory after a start that failed. Removes it if this start has made it and it
 * holds nothing but the file `lock`. Called by the supervisor.
 */
void data_directory_discard(struct data_directory *directory);

/*
 * Closes the directory, which gives up this process's share of its locks. Called by the
 * supervisor.
 */
void data_directory_close(struct data_directory *directory);

#endif
