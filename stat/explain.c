/*
 * explain.c - see explain.h.
 */
#include "stat/explain.h"

#include "stat/counters.h"

#include <stddef.h>
#include <string.h>

enum { COLUMNS = 88, INDENT = 6 };

static void print_wrapped(FILE *file, const char *text)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + word > COLUMNS) {
            fputc('\n', file);
            column = 0;
        }
        column += (size_t)fprintf(file, "%*s%.*s", column == 0 ? INDENT : 1, "", (int)word, text);
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', file);
}

/* "  head_bytes  (bytes; table: head; Prometheus: lottery_ring_head_bytes_total)" */
static void print_counter(FILE *file, const struct counter *counter)
{
    fprintf(file, "  %s  (%s", counter->name, counter_unit_name(counter->unit));
    if (counter->label != NULL) {
        fprintf(file, "; table: %s", counter->label);
    }
    if (counter->metric != NULL) {
        fprintf(file, "; Prometheus: %s", counter->metric);
    } else if (counter->key) {
        fputs("; Prometheus: a label", file);
    }
    fputs(")\n", file);
    print_wrapped(file, counter->explanation);
}

void explain_print(FILE *file)
{
    fputs("Names are those of --json, units too. A table on a terminal shows moments as the "
          "time\nsince then, and sizes in units of 1000: 1 kB is 1000 bytes.\n",
          file);
    for (enum section section = 0; section < SECTIONS; section++) {
        fprintf(file, "\n%s: %s\n", section_name(section), section_explanation(section));
        for (size_t i = 0; i < counter_count; i++) {
            if (counters[i].section == section) {
                print_counter(file, &counters[i]);
            }
        }
    }
}
