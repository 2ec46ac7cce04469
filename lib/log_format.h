/*
 * log_format.h - the forms of a line: text, JSON, and what the journal of systemd takes.
 *
 *   text      2026-11-23 10:00:00.123-03:00 ERROR    action: store | result: fail | ... | pid: 17 | id: LT-2203
 *   json      {"time":"2026-11-23T10:00:00.123-03:00","level":"ERROR","id":"LT-2203","action":"store",...}
 *   journald  PRIORITY=3, MESSAGE=, LOTTERY_ID=, LOTTERY_ACTION=, LOTTERY_RESULT=, ...: a datagram of the
 *             journal's native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL)
 *
 * What is said is the same in each: action, the fields of the call, who says it, the message's id, and
 * its hint where somebody has to act. What does not fit is cut off the call's own fields, and the rest
 * stays; a line that is cut is valid still.
 *
 * Pure. Signal handlers may call it, too.
 */
#ifndef LIB_LOG_FORMAT_H
#define LIB_LOG_FORMAT_H

#include "lib/log_fields.h"
#include "lib/log_message.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_CRITICAL,
    LOG_LEVELS
};

/* log.format, in the order of log_format_names. */
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_JOURNALD, LOG_FORMATS };

/* "text", "json", "journald", NULL. */
extern const char *const log_format_names[LOG_FORMATS + 1];

/* What the key log.format means, in every program that has it. */
#define LOG_FORMAT_MEANING                                                                         \
    "form of the log: text; json, an object a line; journald, with each field, to the journal "    \
    "of systemd"

/* Reads a format's name. Returns false and leaves *format alone where it is unknown. */
bool log_format_from_name(const char *name, enum log_format *format);

enum {
    LOG_LINE_BYTES = 2048, /* of a line, its end included */
    LOG_DATAGRAM_BYTES =
        3 * LOG_LINE_BYTES /* the journal's: it has the line, and each field again */
};

/* What a line is made of; `own` and `tail` follow each other in it. */
struct log_record {
    struct timespec moment;
    enum log_level level;
    enum log_message message;
    const struct log_fields *own;  /* of the call: cut where the line is too long */
    const struct log_fields *tail; /* who says it */
    const char *program;
};

/* How the text is decorated. */
struct log_decoration {
    bool is_coloured;  /* the level, for a terminal */
    bool has_priority; /* `<4>` comes first: standard output goes to the journal (sd-daemon(3)) */
};

/* The level's name as it stands in a line, "INFO" for example. */
const char *log_level_name(enum log_level level);

/* Write one line with its end, at most LOG_LINE_BYTES, and return how many bytes. */
size_t log_format_text(const struct log_record *record, const struct log_decoration *decoration,
                       char line[LOG_LINE_BYTES]);
size_t log_format_json(const struct log_record *record, const struct log_decoration *decoration,
                       char line[LOG_LINE_BYTES]);

/* Writes the datagram, and returns how many bytes. */
size_t log_format_journal(const struct log_record *record, char datagram[LOG_DATAGRAM_BYTES]);

#endif
