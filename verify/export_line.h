/*
 * export_line.h - reads a line of what `lottery-feed --export` prints (feed/export.h says how it looks).
 *
 * Called by log_audit.c.
 */
#ifndef VERIFY_EXPORT_LINE_H
#define VERIFY_EXPORT_LINE_H

#include "engine/engine.h"
#include "lib/failure.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Zeroed: not open. */
struct export_line {
    char stream[ENGINE_SUBJECT_BYTES];
    struct engine_message message; /* points into the two below */
    json_t *json;                  /* owned */
    char *decoded;                 /* owned; of base64 */
};

/*
 * Reads the line, without its LF. True: the caller calls export_line_close. False with the failure, and
 * nothing is open.
 */
bool export_line_parse(const char *text, size_t bytes, struct export_line *line,
                       struct failure *failure);

void export_line_close(struct export_line *line);

#endif
