/*
 * log_format.c - see log_format.h.
 */
#include "lib/log_format.h"

#include "lib/log_moment.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

enum {
    LEVEL_BYTES = 9, /* "INFO", filled up with spaces */
    ID_DIGITS = 4,
    NAME_BYTES_MAX = 56, /* the journal takes names of 64 */
    END_BYTES_MAX = 768  /* of what a line ends with: tail, id, hint */
};

const char *const log_format_names[LOG_FORMATS + 1] = {"text", "json", "journald", NULL};

static const char *const level_names[LOG_LEVELS] = {
    [LOG_LEVEL_DEBUG] = "DEBUG", [LOG_LEVEL_INFO] = "INFO",         [LOG_LEVEL_WARNING] = "WARNING",
    [LOG_LEVEL_ERROR] = "ERROR", [LOG_LEVEL_CRITICAL] = "CRITICAL",
};

/* Of syslog(3), which the journal has them from. */
static const char level_priorities[LOG_LEVELS] = {[LOG_LEVEL_DEBUG] = '7',
                                                  [LOG_LEVEL_INFO] = '6',
                                                  [LOG_LEVEL_WARNING] = '4',
                                                  [LOG_LEVEL_ERROR] = '3',
                                                  [LOG_LEVEL_CRITICAL] = '2'};

/* Select Graphic Rendition (ECMA-48, 8.3.117), so that what needs a look is seen. */
static const char *const level_colours[LOG_LEVELS] = {
    [LOG_LEVEL_DEBUG] = "\x1b[2m",       [LOG_LEVEL_INFO] = "",
    [LOG_LEVEL_WARNING] = "\x1b[33m",    [LOG_LEVEL_ERROR] = "\x1b[31m",
    [LOG_LEVEL_CRITICAL] = "\x1b[1;31m",
};
static const char colour_end[] = "\x1b[0m";

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

bool log_format_from_name(const char *name, enum log_format *format)
{
    for (int i = 0; i < LOG_FORMATS; i++) {
        if (strcmp(name, log_format_names[i]) == 0) {
            *format = (enum log_format)i;
            return true;
        }
    }
    return false;
}

/* ---------------------------------------------------------------- pieces ---- */

/* A text in the making: what does not fit is left out. */
struct out {
    char *text;
    size_t used, capacity;
};

static void put_bytes(struct out *out, const char *bytes, size_t count)
{
    if (count <= out->capacity - out->used) {
        memcpy(out->text + out->used, bytes, count);
        out->used += count;
    }
}

static void put(struct out *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

/* The message's number, of four digits. */
static void put_number(struct out *out, enum log_message message)
{
    char digits[ID_DIGITS];
    unsigned number = (unsigned)message;
    for (size_t i = ID_DIGITS; i > 0; i--, number /= 10) {
        digits[i - 1] = (char)('0' + number % 10);
    }
    put_bytes(out, digits, sizeof digits);
}

/* `LT-2201` */
static void put_id(struct out *out, enum log_message message)
{
    put(out, "LT-");
    put_number(out, message);
}

/* The message's hint, where this line has one. */
static const char *hint_of(const struct log_record *record)
{
    return record->level >= LOG_LEVEL_WARNING ? log_message_text(record->message)->hint : NULL;
}

static void put_priority(struct out *out, const struct log_record *record,
                         const struct log_decoration *decoration)
{
    const char prefix[] = {'<', level_priorities[record->level], '>'};
    if (decoration->has_priority) {
        put_bytes(out, prefix, sizeof prefix);
    }
}

/* ------------------------------------------------------------------ text ---- */

static void put_level(struct out *out, const struct log_record *record, bool is_coloured)
{
    static const char spaces[] = "         ";
    const char *name = level_names[record->level];
    bool is_decorated = is_coloured && level_colours[record->level][0] != '\0';
    put(out, is_decorated ? level_colours[record->level] : "");
    put(out, name);
    put(out, is_decorated ? colour_end : "");
    put_bytes(out, spaces, LEVEL_BYTES - strlen(name));
}

/* `action: store | result: fail | ... | pid: 17 | id: LT-2203 | hint: ...`, with room for `after` more. */
static void put_words(struct out *out, const struct log_record *record, size_t after)
{
    char end_text[END_BYTES_MAX];
    struct out end = {.text = end_text, .capacity = sizeof end_text};
    const char *hint = hint_of(record);
    put(&end, record->tail->bytes == 0 ? "" : " | ");
    put_bytes(&end, record->tail->text, record->tail->bytes);
    put(&end, " | id: ");
    put_id(&end, record->message);
    put(&end, hint == NULL ? "" : " | hint: ");
    put(&end, hint == NULL ? "" : hint);
    put(out, "action: ");
    put(out, log_message_text(record->message)->action);
    put(out, " | ");
    size_t room = out->capacity - out->used - end.used - after;
    size_t bytes = record->own->bytes;
    put_bytes(out, record->own->text,
              bytes <= room ? bytes : log_fields_cut(record->own->text, room));
    put_bytes(out, end.text, end.used);
}

size_t log_format_text(const struct log_record *record, const struct log_decoration *decoration,
                       char line[LOG_LINE_BYTES])
{
    struct out out = {.text = line, .capacity = LOG_LINE_BYTES};
    put_priority(&out, record, decoration);
    out.used = (size_t)(log_moment_write(line + out.used, &record->moment, ' ') - line);
    put(&out, " ");
    put_level(&out, record, decoration->is_coloured);
    put_words(&out, record, 1);
    put(&out, "\n");
    return out.used;
}

/* ------------------------------------------------------------------ JSON ---- */

/* Names that mean something in each line; a field of that name gets `field_` before it. */
static bool is_reserved(const char *name, size_t bytes)
{
    static const char *const reserved[] = {"time", "level", "id", "action", "program", "hint"};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (strlen(reserved[i]) == bytes && memcmp(reserved[i], name, bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* `,"name":`; a field without a name is `text`. */
static void put_json_name(struct out *out, const struct log_field *field)
{
    size_t bytes = field->name_bytes < NAME_BYTES_MAX ? field->name_bytes : NAME_BYTES_MAX;
    put(out, is_reserved(field->name, field->name_bytes) ? ",\"field_" : ",\"");
    /* cppcheck-suppress knownConditionTrueFalse */
    for (size_t i = 0; i < bytes; i++) {
        bool fits = isalnum((unsigned char)field->name[i]) || strchr("_.-", field->name[i]) != NULL;
        put_bytes(out, fits ? &field->name[i] : "_", 1);
    }
    put(out, field->name_bytes == 0 ? "text\":" : "\":");
}

/* As much of the text as there is room for, its quotation marks included; it is clean. */
static void put_json_text(struct out *out, const char *text, size_t bytes)
{
    size_t i = 0;
    put(out, "\"");
    while (i < bytes) {
        bool is_escaped = text[i] == '"' || text[i] == '\\';
        size_t step = 1;
        while (i + step < bytes && ((unsigned char)text[i + step] & 0xc0U) == 0x80) {
            step++; /* the rest of a character */
        }
        if (out->capacity - out->used < step + 1 + (is_escaped ? 1 : 0)) {
            break;
        }
        put(out, is_escaped ? "\\" : "");
        put_bytes(out, text + i, step);
        i += step;
    }
    put(out, "\"");
}

/* Adds a field. False where there is no room for a beginning of its value. */
static bool put_json_field(struct out *out, const struct log_field *field)
{
    enum { LEAST_BYTES = 24 }; /* of a value; a number has 20 */
    size_t before = out->used;
    put_json_name(out, field);
    if (out->capacity - out->used < LEAST_BYTES || out->text[out->used - 1] != ':') {
        out->used = before;
        return false;
    }
    if (field->is_number && field->value_bytes > 0) {
        put_bytes(out, field->value, field->value_bytes);
    } else {
        put_json_text(out, field->value, field->value_bytes);
    }
    return true;
}

static void put_json_fields(struct out *out, const struct log_fields *fields)
{
    struct log_fields_place place = {.at = 0};
    struct log_field field;
    while (log_fields_next(fields, fields->bytes, &place, &field) && put_json_field(out, &field)) {
    }
}

static void put_json_key(struct out *out, const char *key, const char *text)
{
    put(out, ",\"");
    put(out, key);
    put(out, "\":");
    put_json_text(out, text, strlen(text));
}

size_t log_format_json(const struct log_record *record, const struct log_decoration *decoration,
                       char line[LOG_LINE_BYTES])
{
    char end_text[2 * END_BYTES_MAX];
    struct out end = {.text = end_text, .capacity = sizeof end_text};
    struct out out = {.text = line, .capacity = LOG_LINE_BYTES};
    put_json_fields(&end, record->tail);
    put_json_key(&end, "program", record->program);
    if (hint_of(record) != NULL) {
        put_json_key(&end, "hint", hint_of(record));
    }
    put(&end, "}\n");
    put_priority(&out, record, decoration);
    put(&out, "{\"time\":\"");
    out.used = (size_t)(log_moment_write(line + out.used, &record->moment, 'T') - line);
    put(&out, "\",\"level\":\"");
    put(&out, level_names[record->level]);
    put(&out, "\",\"id\":\"");
    put_id(&out, record->message);
    put(&out, "\"");
    put_json_key(&out, "action", log_message_text(record->message)->action);
    out.capacity -= end.used;
    put_json_fields(&out, record->own);
    out.capacity += end.used;
    put_bytes(&out, end.text, end.used);
    return out.used;
}

/* ----------------------------------------------------------- the journal ---- */

/* `LOTTERY_NAME=value`, whole or not at all: names are capitals, digits and underscores there. */
static void put_journal_field(struct out *out, const struct log_field *field)
{
    size_t bytes = field->name_bytes < NAME_BYTES_MAX ? field->name_bytes : NAME_BYTES_MAX;
    if (out->capacity - out->used < sizeof "LOTTERY_TEXT=\n" + bytes + field->value_bytes) {
        return;
    }
    put(out, "LOTTERY_");
    /* cppcheck-suppress knownConditionTrueFalse */
    for (size_t i = 0; i < bytes; i++) {
        const char capital = (char)toupper((unsigned char)field->name[i]);
        put_bytes(out, isalnum((unsigned char)capital) ? &capital : "_", 1);
    }
    put(out, field->name_bytes == 0 ? "TEXT=" : "=");
    put_bytes(out, field->value, field->value_bytes);
    put(out, "\n");
}

static void put_journal_fields(struct out *out, const struct log_fields *fields)
{
    struct log_fields_place place = {.at = 0};
    struct log_field field;
    while (log_fields_next(fields, fields->bytes, &place, &field)) {
        put_journal_field(out, &field);
    }
}

static void put_journal_key(struct out *out, const char *key, const char *text)
{
    put(out, key);
    put(out, text);
    put(out, "\n");
}

/* No value has a line end, so that each is written in one line (JOURNAL_NATIVE_PROTOCOL). */
/* NOLINTNEXTLINE(readability-non-const-parameter): it is written by way of `out` */
size_t log_format_journal(const struct log_record *record, char datagram[LOG_DATAGRAM_BYTES])
{
    /* A family of 128-bit numbers of our own; the last four digits are the message's. */
    static const char message_id[] = "MESSAGE_ID=6f1c0e5a9b7d4e2f8a3c51d7e94b";
    struct out out = {.text = datagram, .capacity = LOG_LINE_BYTES};
    put(&out, "MESSAGE=");
    put_words(&out, record, 1);
    put(&out, "\n");
    out.capacity = LOG_DATAGRAM_BYTES;
    put(&out, "PRIORITY=");
    put_bytes(&out, &level_priorities[record->level], 1);
    put(&out, "\nLOTTERY_ID=");
    put_id(&out, record->message);
    put(&out, "\n");
    put(&out, message_id);
    put_number(&out, record->message);
    put(&out, "\n");
    put_journal_key(&out, "SYSLOG_IDENTIFIER=", record->program);
    put_journal_key(&out, "LOTTERY_ACTION=", log_message_text(record->message)->action);
    if (hint_of(record) != NULL) {
        put_journal_key(&out, "LOTTERY_HINT=", hint_of(record));
    }
    put_journal_fields(&out, record->own);
    put_journal_fields(&out, record->tail);
    return out.used;
}
