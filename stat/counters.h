/*
 * counters.h - the table of all figures that lottery-stat shows.
 *
 * A figure is declared once, with its name, its unit, its name in Prometheus
 * and its explanation; the table on a terminal, JSON, Prometheus' text and
 * --explain are loops over these declarations and know no figure by name.
 *
 * Constant data and pure functions. Called by lottery-stat alone, like all of stat/.
 */
#ifndef STAT_COUNTERS_H
#define STAT_COUNTERS_H

#include "stat/snapshot.h"
#include "stat/units.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum section {
    SECTION_SERVER,
    SECTION_RING,
    SECTION_STORER,
    SECTION_TIMES,
    SECTION_DISK,
    SECTION_DRAW,
    SECTION_GATE,
    SECTION_DEATHS,
    SECTION_CONFINEMENT,
    SECTION_KEYHOLDER,
    SECTION_TLS,
    SECTION_REPLICA,
    SECTION_CENTRES,
    SECTION_AGENCIES, /* a list: a row an agency */
    SECTION_HANDLERS, /* a list: a row a connection */
    SECTION_REFUSALS, /* a list: a row a reason */
    SECTION_CENTRE,   /* a list: a row a centre */
    SECTIONS
};

/* What a figure's number means, and so what type it has in a snapshot. */
enum counter_unit {
    UNIT_COUNT,       /* uint64_t: how many */
    UNIT_NUMBER,      /* uint64_t: a pid, an agency: names something, is never added up */
    UNIT_BYTES,       /* uint64_t */
    UNIT_NANOSECONDS, /* uint64_t: how long */
    UNIT_SPAN_MS,     /* uint64_t: how long, in milliseconds */
    UNIT_MOMENT_MS,   /* uint64_t: when, in ms since 1970; people are shown how long ago */
    UNIT_DEADLINE_MS, /* uint64_t: the same; people are shown how long until then */
    UNIT_FLAG,        /* uint64_t: 0 or 1 */
    UNIT_PART,        /* double: 0 to 1 */
    UNIT_MEAN,        /* double */
    UNIT_MEAN_BYTES,  /* double */
    UNIT_TEXT         /* char[] */
};

enum metric_type { METRIC_NONE, METRIC_GAUGE, METRIC_COUNTER };

struct counter {
    enum section section;
    const char *name;       /* in JSON and in --explain; unique in its section */
    const char *label;      /* in the table; NULL: it is not shown there */
    uint64_t shown_from;    /* there only from this value on; 0: always */
    bool shown_if_known;    /* there only when it is known */
    int width;              /* of its column, in a list */
    enum counter_unit unit; /* also says where the value is: `offset` in the section's struct */
    enum metric_type type;  /* in Prometheus */
    const char *metric;     /* its name there, in base units; NULL: none, or a label */
    bool key;               /* in a list: it tells rows apart, and is a label of every metric */
    const char *rate;       /* the label of its growth a second, in --watch; NULL: not shown */
    /* Of a text that is always one of few words: the word at an index, NULL after the last one. Such
     * a text is a state set in Prometheus: a sample for each word, 1 for the one that it is. */
    const char *(*state_at)(size_t index);
    size_t offset;           /* of the value in the section's struct */
    const char *explanation; /* for people: what it is and what it tells them */
};

/* What a cell of the table has room for; a longer value takes the next cells, too. */
enum { COUNTER_LABEL_MAX = 11, COUNTER_VALUE_MAX = 10 };

extern const struct counter counters[];
extern const size_t counter_count;

/* Return the section's name, "ring" for example, and a sentence about it. */
const char *section_name(enum section section);
const char *section_explanation(enum section section);

/*
 * section_is_list: true of agencies, handlers, refusals and centres, which have any number of rows; the other
 * sections have one row. section_rows: how many there are.
 */
bool section_is_list(enum section section);
size_t section_rows(const struct snapshot *snapshot, enum section section);

/* Returns the struct of a row, which is the snapshot's. `index` is below section_rows. */
const void *section_row(const struct snapshot *snapshot, enum section section, size_t index);

/*
 * Returns the row of the same agency, or of the same connection, in another snapshot; NULL if
 * there is none.
 */
const void *section_find_row(const struct snapshot *snapshot, enum section section,
                             const void *row);

/* Returns a unit in words, "bytes" for example. */
const char *counter_unit_name(enum counter_unit unit);

/*
 * Return the value: counter_number a uint64_t, counter_real a double, counter_text a text that
 * is the row's. The unit says which of them to call; counter_is_real is true of doubles.
 */
uint64_t counter_number(const struct counter *counter, const void *row);
double counter_real(const struct counter *counter, const void *row);
const char *counter_text(const struct counter *counter, const void *row);
bool counter_is_real(const struct counter *counter);

/* False when the table leaves the figure out: it has no label, or not the value to be shown. */
bool counter_is_shown(const struct counter *counter, const void *row);

/* False when there is no such value, or it is not known. */
bool counter_is_known(const struct counter *counter, const void *row);

/*
 * Writes the value for people, "-" when it is not known; cut at `capacity` bytes with its NUL,
 * at least 2. `now_ms`, since 1970, is for ages.
 */
void counter_format(const struct counter *counter, const void *row, uint64_t now_ms, char *text,
                    size_t capacity);

/* Writes its growth a second between two rows for people; "-" when `older` is NULL. */
void counter_format_rate(const struct counter *counter, const void *older, const void *row,
                         double elapsed_s, char text[UNITS_TEXT_BYTES]);

#endif
