/*
 * explain.h - what every figure means, in words.
 *
 * Printed from the declarations in counters.h; needs no server.
 */
#ifndef STAT_EXPLAIN_H
#define STAT_EXPLAIN_H

#include <stdio.h>

void explain_print(FILE *file);

#endif
