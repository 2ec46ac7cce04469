/*
 * prometheus.h - a snapshot for Prometheus.
 *
 * Text exposition format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/): HELP, TYPE,
 * then the samples. Base units: seconds, bytes. A text becomes a label of a
 * sample with the value 1. An unknown value has no sample. A row of a list has
 * its keys as labels. Made from the declarations in counters.h. Called by lottery-stat.
 */
#ifndef STAT_PROMETHEUS_H
#define STAT_PROMETHEUS_H

#include "stat/snapshot.h"

#include <stdio.h>

/* Prints the snapshot. Errors stay in `file`. */
void prometheus_print(FILE *file, const struct snapshot *snapshot);

/* Writes a label's value, without quotes: backslash, quote and line feed escaped. */
void prometheus_print_label_value(FILE *file, const char *text);

#endif
