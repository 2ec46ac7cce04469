/*
 * verdict.h - what of a server needs a look, the worst first.
 *
 * Why it exists: a hundred figures do not say what is wrong. A verdict does, in a sentence with its
 * figures, and has an id that names a section of docs/runbook.md. The first lines of the table,
 * --json (`needs_look`), --check and lottery-web's page are all made from this one list.
 *
 * A verdict is of one look. What only counts up (deaths, refusals, lost lines) has no time: it needs a
 * look while there was one in VERDICT_FADE_MS or more since the server's start, on average, and fades
 * after that by itself.
 *
 * Pure functions on the caller's structs. Called by lottery-stat and lottery-web.
 */
#ifndef STAT_VERDICT_H
#define STAT_VERDICT_H

#include "lib/log_message.h"
#include "stat/snapshot.h"
#include "stat/target.h"
#include "store/replication.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { VERDICT_FADE_MS = 24 * 60 * 60 * 1000 };

/* The plugins' exit statuses (monitoring-plugins.org, "Plugin Return Codes"). A note changes none. */
enum verdict_severity {
    VERDICT_NOTE,
    VERDICT_WARNING,
    VERDICT_CRITICAL,
    VERDICT_UNKNOWN, /* it can't be said */
    VERDICT_SEVERITIES
};

enum { VERDICT_TEXT_BYTES = 256, VERDICTS_MAX = 32, VERDICT_ID_BYTES = 16 };

struct verdict {
    enum log_message number; /* LOG_VERDICT_...: its id, and its hint in lib/log_messages.inc */
    enum verdict_severity severity;
    char text[VERDICT_TEXT_BYTES]; /* with its figures: clean (lib/text.h) */
    const char *hint;              /* what to do first: the message's */
};

/* By severity, the worst first, then by number. */
struct verdicts {
    struct verdict items[VERDICTS_MAX];
    size_t count;
};

/* From where on something needs a look. */
struct verdict_limits {
    uint64_t disk_warning_ms, disk_critical_ms; /* the disk is full within that */
    uint64_t silent_ms;      /* an agency that is not done has said nothing for so long */
    uint64_t closing_ms;     /* sales end within that: who never connected is critical */
    uint64_t certificate_ms; /* a certificate, or a revocation list, ends within that */
};

extern const struct verdict_limits verdict_default_limits;

/*
 * How fast bets.csv grows, from looks a minute or more apart. Zeroed: nothing is known, and the mean
 * since the server's start is taken instead.
 */
struct verdict_rate {
    uint64_t pid, started_at_ms; /* of the server that it is about */
    uint64_t at_ns, flushed_bytes;
    bool known;
    double bytes_a_second;
};

/* Takes one more look in. Called for each look of --watch and of lottery-web. */
void verdict_rate_note(struct verdict_rate *rate, const struct snapshot *snapshot);

/* Judge a server, a standby, and what target_attach has found instead; *verdicts is made anew. */
void verdicts_of_server(const struct snapshot *snapshot, const struct verdict_rate *rate,
                        const struct verdict_limits *limits, struct verdicts *verdicts);
void verdicts_of_standby(const struct replication_state *state, uint64_t now_ms,
                         struct verdicts *verdicts);
void verdicts_of_answer(enum target_answer answer, const char *reason, struct verdicts *verdicts);

/* The worst severity of the list; VERDICT_NOTE of an empty one. */
enum verdict_severity verdicts_worst(const struct verdicts *verdicts);

/* Returns "note", "warning", "critical" or "unknown". */
const char *verdict_severity_name(enum verdict_severity severity);

/* Writes the id, "LT-3006". */
void verdict_write_id(const struct verdict *verdict, char id[VERDICT_ID_BYTES]);

/* Prints the list as a JSON array. Errors stay in `file`. */
void verdicts_print_json(FILE *file, const struct verdicts *verdicts);

#endif
