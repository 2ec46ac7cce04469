/*
 * json.c - see json.h.
 */
#include "stat/json.h"

#include "lib/text.h"
#include "stat/counters.h"
#include "stat/verdict.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { UTF8_BYTES_MAX = 4, FIRST_PRINTABLE = 0x20, FIRST_NOT_ASCII = 0x80, DELETE = 0x7f };

/* ------------------------------------------------------------------ strings ---- */

void json_print_string(FILE *file, const char *text)
{
    fputc('"', file);
    while (*text != '\0') {
        size_t bytes = 1;
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\') {
            fprintf(file, "\\%c", byte);
        } else if (byte < FIRST_PRINTABLE || byte == DELETE) {
            fprintf(file, "\\u%04x", byte);
        } else if (byte < FIRST_NOT_ASCII) {
            fputc(byte, file);
        } else if ((bytes = text_character_bytes(text, strnlen(text, UTF8_BYTES_MAX))) > 0) {
            fwrite(text, 1, bytes, file);
        } else {
            fputs("\\ufffd", file);
            bytes = 1;
        }
        text += bytes;
    }
    fputc('"', file);
}

/* ------------------------------------------------------------------- values ---- */

static void print_value(FILE *file, const struct counter *counter, const void *row)
{
    if (!counter_is_known(counter, row)) {
        fputs("null", file);
    } else if (counter->unit == UNIT_TEXT) {
        json_print_string(file, counter_text(counter, row));
    } else if (counter_is_real(counter)) {
        fprintf(file, "%.6g", counter_real(counter, row));
    } else if (counter->unit == UNIT_FLAG) {
        fputs(counter_number(counter, row) != 0 ? "true" : "false", file);
    } else {
        fprintf(file, "%" PRIu64, counter_number(counter, row));
    }
}

static void print_row(FILE *file, enum section section, const void *row)
{
    const char *comma = "";
    fputc('{', file);
    for (size_t i = 0; i < counter_count; i++) {
        if (counters[i].section == section) {
            fprintf(file, "%s\"%s\": ", comma, counters[i].name);
            print_value(file, &counters[i], row);
            comma = ", ";
        }
    }
    fputc('}', file);
}

static void print_section(FILE *file, const struct snapshot *snapshot, enum section section)
{
    bool list = section_is_list(section);
    size_t rows = section_rows(snapshot, section);
    fprintf(file, ",\n  \"%s\": %s", section_name(section), list ? "[" : "");
    for (size_t i = 0; i < rows; i++) {
        fputs(!list ? "" : i > 0 ? ",\n    " : "\n    ", file);
        print_row(file, section, section_row(snapshot, section, i));
    }
    if (list) {
        fputs(rows > 0 ? "\n  ]" : "]", file);
    }
}

static void print_histogram(FILE *file, const char *name, const struct histogram_sum *sum)
{
    fprintf(file, ", \"%s\": {\"sum_ns\": %" PRIu64 ", \"counts\": [", name, sum->sum_ns);
    for (size_t i = 0; i <= SHARED_HISTOGRAM_BOUNDS; i++) {
        fprintf(file, "%s%" PRIu64, i == 0 ? "" : ", ", sum->counts[i]);
    }
    fputs("]}", file);
}

/* The counts are of each bucket alone; the last one is above all bounds. */
static void print_histograms(FILE *file, const struct snapshot *snapshot)
{
    fputs(",\n  \"histograms\": {\"bounds_ns\": [", file);
    for (size_t i = 0; i < SHARED_HISTOGRAM_BOUNDS; i++) {
        fprintf(file, "%s%" PRIu64, i == 0 ? "" : ", ", histogram_bound_ns(i));
    }
    fputc(']', file);
    print_histogram(file, "ack", &snapshot->acks);
    print_histogram(file, "sync", &snapshot->syncs);
    fputc('}', file);
}

void json_print_members(FILE *file, const struct snapshot *snapshot,
                        const struct verdicts *verdicts)
{
    fprintf(file, "\n  \"taken_at_ms\": %" PRIu64 ",\n  \"needs_look\": ", snapshot->taken_at_ms);
    verdicts_print_json(file, verdicts);
    print_histograms(file, snapshot);
    for (enum section section = 0; section < SECTIONS; section++) {
        print_section(file, snapshot, section);
    }
}

void json_print(FILE *file, const struct snapshot *snapshot, const struct verdicts *verdicts)
{
    fputc('{', file);
    json_print_members(file, snapshot, verdicts);
    fputs("\n}\n", file);
}
