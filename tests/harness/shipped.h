/*
 * shipped.h - what the log of a centre says, read from its first record on by a client of the test's.
 *
 * Called by the test's process; a record that is wrong, or can't come next, fails the test.
 */
#ifndef HARNESS_SHIPPED_H
#define HARNESS_SHIPPED_H

#include "engine/engine.h"
#include "engine/log_state.h"
#include "engine/record.h"
#include "tests/harness/server.h"
#include "tests/harness/stage.h"

struct shipped {
    struct log_state log;
    char *bets, *done; /* the bytes of bets.csv and done.csv; terminated; the stage's */
    unsigned claims, files;
    struct record last; /* without its bytes */
};

/* Reads all records. */
struct shipped *shipped_read(struct stage *stage, struct engine *engine, const char *centre);

/* The same, and expects the bytes of the server's bets.csv and done.csv in it. */
struct shipped *shipped_expect(struct stage *stage, struct engine *engine, const char *centre,
                               const struct server *server);

/* The same, by a client of its own. */
struct shipped *shipped_expect_files(struct stage *stage, const char *servers, const char *centre,
                                     const struct server *server);

#endif
