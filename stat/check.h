/*
 * check.h - lottery-stat --check: one line and a status, as monitoring plugins have them.
 *
 * Why it exists: Nagios, Icinga and all that came after them start a program and read one line,
 * "LOTTERY OK - text | label=value", and a status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
 * (https://www.monitoring-plugins.org/doc/guidelines.html). What needs a look is decided in verdict.h.
 *
 * Called by lottery-stat alone.
 */
#ifndef STAT_CHECK_H
#define STAT_CHECK_H

#include "stat/verdict.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Looks at the server of this data directory, or at its standby, and prints the line. Returns the
 * status. Errors of output stay in `file`.
 */
int check_print(FILE *file, const char *directory, const struct verdict_limits *limits);

/* Prints the line of a program that could not look, for `reason`. Returns the status of UNKNOWN. */
int check_print_unknown(FILE *file, const char *reason);

/* True where the arguments of main ask for --check, before it is known whether they are right. */
bool check_is_asked_for(int argc, char *const *argv);

#endif
