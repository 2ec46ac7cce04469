/*
 * explain.h - prints what every figure means, for --explain.
 *
 * The text comes from the declarations in counters.h; no server is needed. Called by
 * lottery-stat.
 */
#ifndef STAT_EXPLAIN_H
#define STAT_EXPLAIN_H

#include <stdio.h>

/* Prints all figures, by section. Errors stay in `file`. */
void explain_print(FILE *file);

#endif
