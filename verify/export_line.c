/*
 * export_line.c - see export_line.h.
 */
#include "verify/export_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GROUP_DIGITS = 4,
    GROUP_BYTES = 3,
    DIGIT_BITS = 6,
    BYTE_BITS = 8,
    BYTE_MASK = 0xFF,
    NO_DIGIT = -1
};

/* ---------------------------------------------------------------- base64 ---- */

static int digit_value(char digit)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = digit == '\0' ? NULL : strchr(digits, digit);
    return found == NULL ? NO_DIGIT : (int)(found - digits);
}

/* Decodes a group of four. Returns its bytes, or -1. */
static int decode_group(const char *digits, bool is_last, unsigned char *out)
{
    unsigned group = 0;
    int padding = 0;
    for (int i = 0; i < GROUP_DIGITS; i++) {
        bool pads = is_last && i >= 2 && digits[i] == '=';
        int value = pads ? 0 : digit_value(digits[i]);
        if (value == NO_DIGIT || (padding > 0 && !pads)) {
            return -1;
        }
        padding += pads ? 1 : 0;
        group = group << DIGIT_BITS | (unsigned)value;
    }
    for (int i = 0; i < GROUP_BYTES; i++) {
        out[i] = (unsigned char)(group >> (GROUP_BYTES - 1 - i) * BYTE_BITS & BYTE_MASK);
    }
    return GROUP_BYTES - padding;
}

/* Decodes all of it; the caller frees. NULL: it is no base64, or there is no memory. */
static char *decode(const char *digits, size_t count, size_t *bytes)
{
    char *decoded = count % GROUP_DIGITS == 0 ? malloc(count + 1) : NULL;
    *bytes = 0;
    for (size_t i = 0; decoded != NULL && i < count; i += GROUP_DIGITS) {
        int group =
            decode_group(digits + i, i + GROUP_DIGITS == count, (unsigned char *)decoded + *bytes);
        if (group < 0) {
            free(decoded);
            return NULL;
        }
        *bytes += (size_t)group;
    }
    return decoded;
}

/* ------------------------------------------------------------------ parts ---- */

/* Copies a text that is shorter than `size`. */
static bool copy_text(const json_t *text, char *copy, size_t size)
{
    size_t bytes = json_is_string(text) ? json_string_length(text) : size;
    if (bytes >= size || strlen(json_string_value(text)) != bytes) {
        return false;
    }
    memcpy(copy, json_string_value(text), bytes + 1);
    return true;
}

static bool read_headers(json_t *headers, struct engine_message *message)
{
    const char *name = NULL;
    json_t *value = NULL;
    if (!json_is_object(headers) || json_object_size(headers) > ENGINE_HEADERS_MAX) {
        return false;
    }
    json_object_foreach(headers, name, value)
    {
        struct engine_header *header = &message->headers[message->header_count++];
        header->name = name;
        if (!copy_text(value, header->value, sizeof header->value)) {
            return false;
        }
    }
    return true;
}

static bool read_bytes(struct export_line *line)
{
    const json_t *text = json_object_get(line->json, "text");
    const json_t *base64 = json_object_get(line->json, "base64");
    if (json_is_string(text) == json_is_string(base64)) {
        return false; /* one of them has to be there */
    }
    if (json_is_string(text)) {
        line->message.bytes = json_string_value(text);
        line->message.count = json_string_length(text);
        return true;
    }
    line->decoded =
        decode(json_string_value(base64), json_string_length(base64), &line->message.count);
    line->message.bytes = line->decoded;
    return line->decoded != NULL;
}

bool export_line_parse(const char *text, size_t bytes, struct export_line *line,
                       struct failure *failure)
{
    json_error_t error;
    *line = (struct export_line){.json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error)};
    if (line->json == NULL) {
        return failure_set(failure, "it is no JSON: %.100s", error.text);
    }
    const json_t *sequence = json_object_get(line->json, "sequence");
    const json_t *stored_at = json_object_get(line->json, "stored_at_ms");
    bool good =
        json_is_integer(sequence) && json_integer_value(sequence) > 0 &&
        json_is_integer(stored_at) &&
        copy_text(json_object_get(line->json, "stream"), line->stream, sizeof line->stream) &&
        copy_text(json_object_get(line->json, "subject"), line->message.subject,
                  sizeof line->message.subject) &&
        read_headers(json_object_get(line->json, "headers"), &line->message) && read_bytes(line);
    if (!good) {
        export_line_close(line);
        return failure_set(failure, "it is no line of `lottery-feed --export`");
    }
    line->message.sequence = (uint64_t)json_integer_value(sequence);
    line->message.stored_at_ms = json_integer_value(stored_at);
    return true;
}

void export_line_close(struct export_line *line)
{
    json_decref(line->json);
    free(line->decoded);
    *line = (struct export_line){.json = NULL};
}
