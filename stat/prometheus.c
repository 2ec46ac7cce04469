/*
 * prometheus.c - see prometheus.h.
 */
#include "stat/prometheus.h"

#include "stat/counters.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

static const char *const type_names[] = {
    [METRIC_NONE] = "untyped", [METRIC_GAUGE] = "gauge", [METRIC_COUNTER] = "counter"};

/* ------------------------------------------------------------------- labels ---- */

void prometheus_print_label_value(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            fputs("\\n", file);
        } else {
            fprintf(file, *text == '\\' || *text == '"' ? "\\%c" : "%c", *text);
        }
    }
}

static void print_label(FILE *file, bool first, const char *name, const char *value)
{
    fprintf(file, "%s%s=\"", first ? "{" : ",", name);
    prometheus_print_label_value(file, value);
    fputc('"', file);
}

/* Prints the row's keys as labels, and the counter's text if it is one. */
static void print_labels(FILE *file, const struct counter *counter, const void *row)
{
    bool first = true;
    for (size_t i = 0; i < counter_count; i++) {
        const struct counter *key = &counters[i];
        if (key->section == counter->section && key->key) {
            char value[SHARED_PEER_BYTES];
            counter_format(key, row, 0, value, sizeof value);
            /* An agency's label is `agency` in its own list too, where the figure is `id`. */
            print_label(file, first, key->section == SECTION_AGENCIES ? "agency" : key->name,
                        value);
            first = false;
        }
    }
    if (counter->unit == UNIT_TEXT) {
        print_label(file, first, counter->name, counter_text(counter, row));
        first = false;
    }
    fputs(first ? " " : "} ", file);
}

/* ------------------------------------------------------------------ samples ---- */

static void print_value(FILE *file, const struct counter *counter, const void *row)
{
    static const uint64_t ms_per_second = 1000, ns_per_second = 1000000000;
    if (counter->unit == UNIT_TEXT) {
        fputs("1\n", file);
        return;
    }
    if (counter_is_real(counter)) {
        fprintf(file, "%.6g\n", counter_real(counter, row));
        return;
    }
    uint64_t number = counter_number(counter, row);
    if (counter->unit == UNIT_NANOSECONDS) {
        fprintf(file, "%" PRIu64 ".%09" PRIu64 "\n", number / ns_per_second,
                number % ns_per_second);
    } else if (counter->unit == UNIT_MOMENT_MS || counter->unit == UNIT_DEADLINE_MS ||
               counter->unit == UNIT_SPAN_MS) {
        fprintf(file, "%" PRIu64 ".%03" PRIu64 "\n", number / ms_per_second,
                number % ms_per_second);
    } else {
        fprintf(file, "%" PRIu64 "\n", number);
    }
}

static void print_metric(FILE *file, const struct snapshot *snapshot, const struct counter *counter)
{
    fprintf(file, "# HELP %s ", counter->metric);
    for (const char *at = counter->explanation; *at != '\0'; at++) {
        fprintf(file, *at == '\\' ? "\\%c" : "%c", *at);
    }
    fprintf(file, "\n# TYPE %s %s\n", counter->metric, type_names[counter->type]);
    for (size_t i = 0; i < section_rows(snapshot, counter->section); i++) {
        const void *row = section_row(snapshot, counter->section, i);
        if (counter_is_known(counter, row)) {
            fputs(counter->metric, file);
            print_labels(file, counter, row);
            print_value(file, counter, row);
        }
    }
}

void prometheus_print(FILE *file, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < counter_count; i++) {
        if (counters[i].metric != NULL) {
            print_metric(file, snapshot, &counters[i]);
        }
    }
}
