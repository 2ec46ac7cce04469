/*
 * prometheus.c - see prometheus.h.
 */
#include "stat/prometheus.h"

#include "bet/message.h"
#include "shm/slots.h"
#include "stat/counters.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char *const type_names[] = {
    [METRIC_NONE] = "untyped", [METRIC_GAUGE] = "gauge", [METRIC_COUNTER] = "counter"};

static const uint64_t ns_per_second = 1000000000;

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

/* Prints the row's keys as labels, and the counter's `text`, NULL where it is a number. */
static void print_labels(FILE *file, const struct counter *counter, const void *row,
                         const char *text)
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
    if (text != NULL) {
        print_label(file, first, counter->name, text);
        first = false;
    }
    fputs(first ? " " : "} ", file);
}

/* ------------------------------------------------------------------ samples ---- */

static void print_seconds(FILE *file, uint64_t duration_ns)
{
    fprintf(file, "%" PRIu64 ".%09" PRIu64, duration_ns / ns_per_second,
            duration_ns % ns_per_second);
}

static void print_value(FILE *file, const struct counter *counter, const void *row)
{
    static const uint64_t ms_per_second = 1000;
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
        print_seconds(file, number);
        fputc('\n', file);
    } else if (counter->unit == UNIT_MOMENT_MS || counter->unit == UNIT_DEADLINE_MS ||
               counter->unit == UNIT_SPAN_MS) {
        fprintf(file, "%" PRIu64 ".%03" PRIu64 "\n", number / ms_per_second,
                number % ms_per_second);
    } else {
        fprintf(file, "%" PRIu64 "\n", number);
    }
}

/* HELP and TYPE. In a help, backslashes and line feeds are escaped; there are no line feeds. */
static void print_head(FILE *file, const char *metric, const char *type, const char *help)
{
    fprintf(file, "# HELP %s ", metric);
    for (const char *at = help; *at != '\0'; at++) {
        fprintf(file, *at == '\\' ? "\\%c" : "%c", *at);
    }
    fprintf(file, "\n# TYPE %s %s\n", metric, type);
}

/* A sample for each word that the text can be: 1 for the one that it is. */
static void print_state_set(FILE *file, const struct counter *counter, const void *row)
{
    const char *state = NULL;
    for (size_t i = 0; (state = counter->state_at(i)) != NULL; i++) {
        fputs(counter->metric, file);
        print_labels(file, counter, row, state);
        fputs(strcmp(state, counter_text(counter, row)) == 0 ? "1\n" : "0\n", file);
    }
}

static void print_sample(FILE *file, const struct counter *counter, const void *row)
{
    if (counter->state_at != NULL) {
        print_state_set(file, counter, row);
        return;
    }
    fputs(counter->metric, file);
    print_labels(file, counter, row,
                 counter->unit == UNIT_TEXT ? counter_text(counter, row) : NULL);
    print_value(file, counter, row);
}

static void print_metric(FILE *file, const struct snapshot *snapshot, const struct counter *counter)
{
    print_head(file, counter->metric, type_names[counter->type], counter->explanation);
    for (size_t i = 0; i < section_rows(snapshot, counter->section); i++) {
        const void *row = section_row(snapshot, counter->section, i);
        if (counter_is_known(counter, row)) {
            print_sample(file, counter, row);
        }
    }
}

/* ------------------------------------------------- what is no figure by itself ---- */

static void print_build(FILE *file, const struct snapshot_server *server)
{
    print_head(
        file, "lottery_build_info", "gauge",
        "1, with the server's version, the commit that it was built of, and the versions of its "
        "segment's layout and of its protocol.");
    fputs("lottery_build_info", file);
    print_label(file, true, "version", server->version);
    print_label(file, false, "commit", server->commit);
    fprintf(file, ",layout=\"%d\",protocol=\"%d\"} 1\n", SHARED_LAYOUT_VERSION,
            MESSAGE_PROTOCOL_VERSION);
}

/* Each bucket has those of the smaller ones, too. */
static void print_histogram(FILE *file, const char *metric, const struct histogram_sum *sum,
                            const char *help)
{
    uint64_t count = 0;
    print_head(file, metric, "histogram", help);
    for (size_t i = 0; i < SHARED_HISTOGRAM_BOUNDS; i++) {
        count += sum->counts[i];
        fprintf(file, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", metric,
                (double)histogram_bound_ns(i) / (double)ns_per_second, count);
    }
    count += sum->counts[SHARED_HISTOGRAM_BOUNDS];
    fprintf(file, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", metric, count, metric);
    print_seconds(file, sum->sum_ns);
    fprintf(file, "\n%s_count %" PRIu64 "\n", metric, count);
}

/* Of all handlers, how many do what: bounded, where a series a handler is not. */
static void print_activities(FILE *file, const struct snapshot *snapshot)
{
    print_head(file, "lottery_handlers", "gauge",
               "Handlers that do this now; --explain says what each activity is.");
    for (enum slot_activity activity = SLOT_STARTING; activity < SLOT_ACTIVITIES; activity++) {
        const char *name = slot_activity_name(activity);
        size_t count = 0;
        for (size_t i = 0; i < snapshot->handler_count; i++) {
            count += strcmp(snapshot->handlers[i].activity, name) == 0 ? 1 : 0;
        }
        fprintf(file, "lottery_handlers{activity=\"%s\"} %zu\n", name, count);
    }
}

void prometheus_print_up(FILE *file, bool is_up)
{
    print_head(
        file, "lottery_up", "gauge",
        "1 while there is a server that has started. 0: there is none, it starts, it is a standby, "
        "or it can't be seen.");
    fprintf(file, "lottery_up %d\n", is_up ? 1 : 0);
}

void prometheus_print(FILE *file, const struct snapshot *snapshot, enum prometheus_extent extent)
{
    print_build(file, &snapshot->server);
    for (size_t i = 0; i < counter_count; i++) {
        bool is_left_out = counters[i].section == SECTION_HANDLERS && extent == PROMETHEUS_BOUNDED;
        if (counters[i].metric != NULL && !is_left_out) {
            print_metric(file, snapshot, &counters[i]);
        }
    }
    print_activities(file, snapshot);
    print_histogram(file, "lottery_ack_seconds", &snapshot->acks,
                    "Time from the moment that a batch was received to its ACK.");
    print_histogram(file, "lottery_storer_sync_duration_seconds", &snapshot->syncs,
                    "How long each fdatasync of bets.csv took.");
}
