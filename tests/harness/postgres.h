/*
 * postgres.h - a PostgreSQL of a test's own, which it may crash.
 *
 * It has a port of 127.0.0.1 and a directory of the stage, and syncs each commit, as it does by
 * default. PostgreSQL does not run as root: there it is the user `postgres`, as Debian's package makes
 * him. When the stage is taken down it ends at once, by SIGQUIT: killed, it would leave its shared
 * memory behind.
 *
 * Called by the test's process; what fails, fails the test.
 */
#ifndef HARNESS_POSTGRES_H
#define HARNESS_POSTGRES_H

#include "tests/harness/program.h"
#include "tests/harness/stage.h"

#include <stdbool.h>

struct postgres {
    struct stage *stage;
    const char *programs; /* the directory of initdb and postgres */
    const char *directory;
    unsigned port;
    const char *dsn;         /* for libpq */
    struct program *program; /* NULL: it does not run */
};

/* True where PostgreSQL is installed; else a test is skipped. */
bool postgres_is_here(void);

/* Starts one, and awaits that it takes connections. */
struct postgres *postgres_start(struct stage *stage);

/* Ends it without a checkpoint and without a good-bye: what it comes back with is what it had synced. */
void postgres_crash(struct postgres *postgres);

/* Starts it again; does not wait until it takes connections. */
void postgres_restart(struct postgres *postgres);

void postgres_await_ready(const struct postgres *postgres);

/* What a query answers: a line a row, columns by `|`; the stage's. */
const char *postgres_ask(const struct postgres *postgres, const char *query);

#endif
