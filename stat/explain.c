/*
 * explain.c - see explain.h.
 */
#include "stat/explain.h"

#include "lib/text.h"
#include "stat/counters.h"

#include <stddef.h>

enum { COLUMNS = 88, INDENT = 6 };

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
    fprintf(file, ")\n%*s", INDENT, "");
    text_print_wrapped(file, counter->explanation, INDENT, COLUMNS);
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
