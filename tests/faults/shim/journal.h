/*
 * journal.h - what the shim writes down and what it counts, for the tests that read it.
 *
 * The journal is a file of records, each appended by one writev: the file's own
 * order is the order of events in all processes of the server, and what a
 * killed process has written down stays. A test appends its own notes (an ACK
 * has come) to the same file, and so knows what was promised at which point.
 *
 * Paths start at the data directory, which is "" itself: "bets.csv", "draws/1/bets.csv".
 *
 * A record is written when the call has returned. So what stands before a note
 * is what the disk had been told, at the latest, when the note was written.
 */
#ifndef SHIM_JOURNAL_H
#define SHIM_JOURNAL_H

#include <stdatomic.h>
#include <stdint.h>

#define JOURNAL_MAGIC UINT64_C(0x9d1fe3a5c7b98b01) /* not UTF-8: never part of what is stored */

enum journal_kind {
    JOURNAL_OPEN,           /* payload: path; amount: 1 where the file was created, 2 truncated */
    JOURNAL_WRITE,          /* payload: the bytes; amount: where in the file */
    JOURNAL_TRUNCATE,       /* amount: the new size */
    JOURNAL_SYNC,           /* amount: the journal's bytes when the sync began */
    JOURNAL_SYNC_DIRECTORY, /* the same; payload: the directory's path */
    JOURNAL_MAKE_DIRECTORY, /* payload: path */
    JOURNAL_RENAME,         /* payload: old path, NUL, new path, NUL */
    JOURNAL_UNLINK,         /* payload: path */
    JOURNAL_NOTE            /* payload: a test's own */
};

enum { JOURNAL_CREATED = 1, JOURNAL_TRUNCATED = 2 };

enum { JOURNAL_PATH_BYTES = 96 }; /* of a path and its NUL, at most */

struct journal_record {
    uint64_t magic;
    uint64_t handle; /* of an open file: the same in all processes that inherited it */
    uint64_t amount; /* see enum journal_kind */
    uint32_t kind;
    uint32_t payload_bytes; /* right behind the record */
};

/* The calls that are counted and can be made to fail. */
#define SHIM_CALLS(call)                                                                           \
    call(pwrite) call(write) call(pread) call(read) call(fdatasync) call(fsync) call(ftruncate)    \
        call(fallocate) call(posix_fallocate) call(open) call(openat) call(renameat)               \
            call(renameat2) call(mkdirat) call(unlinkat) call(faccessat) call(mkdir) call(flock)   \
                call(mmap) call(shm_open) call(fork) call(pipe) call(semget) call(semctl)          \
                    call(semop) call(semtimedop) call(sem_init) call(sem_wait) call(sem_clockwait) \
                        call(socket) call(bind) call(listen) call(accept4) call(recv) call(send)   \
                            call(ppoll) call(getrandom)

#define SHIM_CALL_ENUMERATOR(name) SHIM_##name,
enum shim_call { SHIM_CALLS(SHIM_CALL_ENUMERATOR) SHIM_CALL_COUNT };
#undef SHIM_CALL_ENUMERATOR

enum { SHIM_RULES_MAX = 8 };

/* A file of this, mapped by the test and by all processes of the server. */
struct shim_counts {
    _Atomic uint64_t calls[SHIM_CALL_COUNT];
    _Atomic uint64_t faults;           /* calls that were made to fail, or to be short */
    _Atomic uint64_t syncs_after_fail; /* fsync and fdatasync called after one was made to fail */
    _Atomic uint64_t syncs_at_once, syncs_at_once_most; /* of fdatasync: now, and ever */
    _Atomic uint64_t stored_bytes;                      /* of data files, for "full" */
    _Atomic uint64_t full_file_bytes;                   /* of those that "full" names */
    _Atomic uint64_t rule_calls[SHIM_RULES_MAX];        /* that a rule with a file has counted */
    _Atomic uint32_t sync_failed;
    _Atomic uint32_t room; /* 1, set by the test: the disk has room again */
};

#endif
