/*
 * outlet.h - something that a program logs to, and that the test reads, or does not.
 *
 * A pipe, a FIFO, a terminal or a pair of sockets. The writer's end goes to the
 * program; both ends are closed on exec, so that nobody else has them. Calls
 * that fail end the test, by cmocka's assertions. Called by the test's process.
 */
#ifndef TESTS_HARNESS_OUTLET_H
#define TESTS_HARNESS_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

enum outlet_kind { OUTLET_PIPE, OUTLET_FIFO, OUTLET_TERMINAL, OUTLET_SOCKETS, OUTLET_KINDS };

enum { OUTLET_TEXT_BYTES = 1 << 20 };

struct outlet {
    int reader, writer;           /* -1: closed */
    size_t bytes;                 /* read so far */
    char text[OUTLET_TEXT_BYTES]; /* what has been read, terminated */
};

/* Opens it; a FIFO stands in this directory. The terminal is raw: bytes arrive as they are written. */
void outlet_open(struct outlet *outlet, enum outlet_kind kind, const char *directory);

void outlet_close(struct outlet *outlet);

/* Only the writer's end: the program has it. */
void outlet_close_writer(struct outlet *outlet);

/* Reads on until the text has come, in a whole line; fails the test when it does not within DEADLINE_MS. */
void outlet_await(struct outlet *outlet, const char *text);

/* Reads on until there is nothing more, or the writers have gone. */
void outlet_drain(struct outlet *outlet);

#endif
