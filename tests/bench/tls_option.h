/*
 * tls_option.h - the option -t of the benchmark's programs: the files that they speak TLS with.
 */
#ifndef BENCH_TLS_OPTION_H
#define BENCH_TLS_OPTION_H

#include <stdbool.h>

enum { TLS_OPTION_FILES = 3 }; /* certificate, key, CA */

/* Cuts "CERTIFICATE,KEY,CA" at its commas, in place. False where it is anything else. */
bool tls_option_read(char *argument, char *files[TLS_OPTION_FILES]);

#endif
