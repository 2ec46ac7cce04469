/*
 * prometheus.h - a snapshot for Prometheus.
 *
 * Text exposition format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/): HELP, TYPE,
 * then the samples. Base units: seconds, bytes. A text that is one of few words is a state set: a
 * sample for each word, 1 for the one that it is and 0 for the others. Any other text becomes a label
 * of a sample with the value 1. An unknown value has no sample. A row of a list has its keys as
 * labels. Made from the declarations in counters.h, but for the build and the histograms. Called by
 * lottery-stat and lottery-web.
 */
#ifndef STAT_PROMETHEUS_H
#define STAT_PROMETHEUS_H

#include "stat/snapshot.h"

#include <stdbool.h>
#include <stdio.h>

/* Whether there are series of each handler: a process lives as long as its connection. */
enum prometheus_extent {
    PROMETHEUS_BOUNDED, /* no series by pid; those by agency are bounded by limits.agencies */
    PROMETHEUS_HANDLERS /* the handlers', too */
};

/* Prints lottery_up. It comes first, and alone where there is no server. Errors stay in `file`. */
void prometheus_print_up(FILE *file, bool is_up);

/* Prints the snapshot. Errors stay in `file`. */
void prometheus_print(FILE *file, const struct snapshot *snapshot, enum prometheus_extent extent);

/* Writes a label's value, without quotes: backslash, quote and line feed escaped. */
void prometheus_print_label_value(FILE *file, const char *text);

#endif
