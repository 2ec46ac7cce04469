/*
 * observer.h - looks at the server again and again, and remembers what lottery-web shows.
 *
 * Each look finds the server anew by its data directory, as lottery-stat does, so it goes on over
 * the server's end and its next start. A look only reads and takes no lock of the server's, so no
 * process of it ever waits for one.
 *
 * Called by lottery-web alone. When it dies the server does not notice, and history and happenings
 * are forgotten.
 */
#ifndef WEB_OBSERVER_H
#define WEB_OBSERVER_H

#include "lib/failure.h"
#include "stat/target.h"
#include "web/happenings.h"
#include "web/history.h"

#include "stat/verdict.h"
#include <stdbool.h>

#include <stdint.h>
#include <stdio.h>

struct observer {
    const char *directory; /* of the data; the caller's */
    uint64_t looks;
    int64_t looked_at_ms;                 /* of the monotonic clock */
    enum target_answer answer;            /* of the latest look */
    struct failure reason;                /* of any answer but TARGET_FOUND */
    uint64_t since_ms;                    /* when this answer came first, since 1970 */
    struct snapshot snapshot;             /* of TARGET_FOUND; owned */
    struct replication_state replication; /* of TARGET_STANDBY */
    struct verdict_rate rate;             /* how fast bets.csv grows */
    struct history history;
    struct happenings happenings;
};

/* How much of it is printed. */
enum observer_extent {
    OBSERVER_ALL,   /* all agencies and handlers, the whole history */
    OBSERVER_NEWEST /* OBSERVER_ROWS_MAX of each, the newest sample, some happenings */
};

enum { OBSERVER_ROWS_MAX = 256 };

/* Makes one that has not looked yet, by its first look. `directory` must outlive it. */
void observer_open(struct observer *observer, const char *directory);

/* Looks. Whatever goes wrong is its answer, TARGET_FAILED, with the reason. */
void observer_look(struct observer *observer);

/* Looks, unless the latest look is no older than so many milliseconds. */
void observer_look_if_older(struct observer *observer, int64_t age_ms);

/* Frees what it holds. */
void observer_close(struct observer *observer);

/*
 * Prints one JSON object: the members that json_print prints, where there is a server, and `web`,
 * with the answer, its reason, and what is remembered. Errors stay in `file`.
 */
void observer_print_json(FILE *file, const struct observer *observer, enum observer_extent extent);

/*
 * Prints exposition text for Prometheus: lottery_up, 1 or 0, what prometheus_print prints where
 * there is a server, and following_print_metrics where there is a standby. Errors stay in `file`.
 */
void observer_print_prometheus(FILE *file, const struct observer *observer);

#endif
