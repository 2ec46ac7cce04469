/*
 * replication.h - the file `replication`: which node a data directory is, and how far it has come in
 * the centre's log.
 *
 * Why it exists: a standby has no shared memory that could be looked at, and must know after a kill
 * from which record of the log to go on. A primary that comes back must know which bytes of its files
 * its own claim covered.
 *
 * What it promises: everything that it says was durable before it was written. It is text, with a
 * checksum as its last line, and is replaced by a rename, so a reader finds one whole version. The
 * node's id is random and never changes: two copies of a directory are one node, and must not both
 * run.
 *
 * Written by lottery-shipper, which alone has the directory's log; by the server only where there is
 * none yet, to give the directory its id. Read by both, by lottery-stat and lottery-admin.
 */
#ifndef STORE_REPLICATION_H
#define STORE_REPLICATION_H

#include "lib/failure.h"
#include "store/control.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REPLICATION_ID_BYTES = 9,    /* 8 hexadecimal digits and a NUL */
    REPLICATION_NODE_BYTES = 81, /* a host name, "-" and the id; with its NUL */
    REPLICATION_WHY_BYTES = 128, /* with its NUL */
    REPLICATION_TAKEOVERS = 16   /* the latest ones are kept */
};

enum replication_role {
    REPLICATION_PRIMARY, /* its bets.csv may have more than the log */
    REPLICATION_STANDBY  /* its files are what the log says, and no more */
};

/* A claim that changed who writes. */
struct replication_takeover {
    uint64_t epoch;
    int64_t at_ms; /* by the engine's clock, ms since 1970 */
    char node[REPLICATION_NODE_BYTES];
};

struct replication_state {
    char id[REPLICATION_ID_BYTES]; /* of the directory */
    enum replication_role role;
    char identity[CONTROL_IDENTITY_DIGITS + 1]; /* of the draw; "": the log has told none yet */
    char writer[REPLICATION_NODE_BYTES];        /* who has claimed the log; "": nobody yet */
    uint64_t epoch;                             /* of that claim */
    uint64_t sequence; /* the last record that is in the files; of a primary: its claim */
    uint64_t bets_end; /* the log's bytes of bets.csv up to that record; durable here */
    uint64_t done_end;
    /* Of a standby, for people: */
    bool connected;                  /* to the engine */
    uint64_t told_bets_end;          /* what the primary said last that it has */
    int64_t heard_at_ms;             /* when it said so, ms since 1970; 0: never */
    int64_t written_at_ms;           /* of this state */
    char why[REPLICATION_WHY_BYTES]; /* why it does not go on; "": it does */
    size_t takeover_count;
    struct replication_takeover takeovers[REPLICATION_TAKEOVERS]; /* the oldest one first */
};

enum replication_answer {
    REPLICATION_READ,
    REPLICATION_ABSENT,
    REPLICATION_REFUSED /* damaged, or not to be read; the failure says which */
};

/* Reads the file of our own directory. */
enum replication_answer replication_read(const struct data_directory *directory,
                                         struct replication_state *state, struct failure *failure);

/* Reads an open file from its beginning; `path` is for messages. */
enum replication_answer replication_read_file(int file, const char *path,
                                              struct replication_state *state,
                                              struct failure *failure);

/* Reads the file, or makes one where there is none. False with the failure. */
bool replication_settle(const struct data_directory *directory, struct replication_state *state,
                        struct failure *failure);

/*
 * Replaces the file, durably. False with the failure; *synced is false if a sync was what failed.
 */
bool replication_write(const struct data_directory *directory,
                       const struct replication_state *state, bool *synced,
                       struct failure *failure);

/* Notes a takeover; the oldest one is forgotten where there are too many. */
void replication_note_takeover(struct replication_state *state, uint64_t epoch, int64_t at_ms,
                               const char *node);

/*
 * Writes the node's name: the configured one, or the host's, then "-" and the directory's id. So two
 * directories are two nodes, whatever their configurations say.
 */
void replication_name_node(const struct replication_state *state, const char *configured,
                           char node[REPLICATION_NODE_BYTES]);

#endif
