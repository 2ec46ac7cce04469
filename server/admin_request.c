/*
 * admin_request.c - see admin_request.h.
 *
 * As with control, a request has exactly one text: it is read leniently, written again, and refused
 * unless both are the same.
 */
#include "server/admin_request.h"

#include "bet/bet.h"
#include "lib/text.h"
#include "lib/timestamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const command_names[] = {
    [ADMIN_CLOSE] = "close",     [ADMIN_DRAW] = "draw",
    [ADMIN_OPEN] = "open",       [ADMIN_CLOSE_CENTRE] = "close-centre",
    [ADMIN_PROMOTE] = "promote", [ADMIN_REPLACE] = "replace"};

enum { COMMANDS = sizeof command_names / sizeof command_names[0] };

const char *admin_command_name(enum admin_command command)
{
    return command_names[command];
}

/* --------------------------------------------------------------- writing ---- */

/* Appends "word value", or nothing where the value is empty. */
static size_t write_line(char *text, size_t used, const char *word, const char *value)
{
    return value[0] == '\0' ? used
                            : used + (size_t)snprintf(text + used, ADMIN_REQUEST_BYTES_MAX - used,
                                                      "%s %s\n", word, value);
}

size_t admin_request_write(const struct admin_request *request, char text[ADMIN_REQUEST_BYTES_MAX])
{
    char number[sizeof "4294967295"] = "";
    char closes[TIMESTAMP_BYTES] = "";
    const char *name = command_names[request->command];
    if (request->has_number) {
        (void)snprintf(number, sizeof number, "%" PRIu32, request->number);
    }
    if (request->closes_at_ms != 0) {
        timestamp_write(request->closes_at_ms, closes);
    }
    size_t used = request->draw[0] == '\0'
                      ? (size_t)snprintf(text, ADMIN_REQUEST_BYTES_MAX, "%s\n", name)
                      : write_line(text, 0, name, request->draw);
    used = write_line(text, used, "agencies", request->agencies);
    used = write_line(text, used, "centres", request->centres);
    used = write_line(text, used, "closes", closes);
    used = write_line(text, used, "number", number);
    if (request->abandon) {
        used += (size_t)snprintf(text + used, ADMIN_REQUEST_BYTES_MAX - used, "abandon\n");
    }
    used = write_line(text, used, "without", request->without);
    used = write_line(text, used, "reason", request->reason);
    used = write_line(text, used, "seal", request->seal);
    used = write_line(text, used, "centre", request->centre);
    return used + (size_t)snprintf(text + used, ADMIN_REQUEST_BYTES_MAX - used, "\n");
}

/* --------------------------------------------------------------- reading ---- */

bool admin_request_is_whole(const char *text, size_t bytes)
{
    return memmem(text, bytes, "\n\n", 2) != NULL;
}

/* The rest of a request that is being read. */
struct reading {
    const char *at, *end;
};

/*
 * If the next line's first word is `word`, copies what stands behind it and a space to `value` ("" if
 * nothing does), moves on and returns true.
 */
static bool take_line(struct reading *reading, const char *word, char *value, size_t capacity)
{
    size_t word_bytes = strlen(word);
    size_t left = (size_t)(reading->end - reading->at);
    const char *line_feed = memchr(reading->at, '\n', left);
    value[0] = '\0';
    if (line_feed == NULL || (size_t)(line_feed - reading->at) < word_bytes ||
        memcmp(reading->at, word, word_bytes) != 0) {
        return false;
    }
    const char *from = reading->at + word_bytes;
    if (*from != ' ' && from != line_feed) {
        return false;
    }
    from += *from == ' ' ? 1 : 0;
    if ((size_t)(line_feed - from) >= capacity) {
        return false;
    }
    memcpy(value, from, (size_t)(line_feed - from));
    value[line_feed - from] = '\0';
    reading->at = line_feed + 1;
    return true;
}

static bool take_command(struct reading *reading, struct admin_request *request)
{
    for (int command = 0; command < COMMANDS; command++) {
        if (take_line(reading, command_names[command], request->draw, sizeof request->draw)) {
            request->command = (enum admin_command)command;
            return true;
        }
    }
    return false;
}

static void read_lines(struct reading *reading, struct admin_request *request)
{
    char value[CONFIG_TEXT_BYTES];
    (void)take_line(reading, "agencies", request->agencies, sizeof request->agencies);
    (void)take_line(reading, "centres", request->centres, sizeof request->centres);
    if (take_line(reading, "closes", value, sizeof value)) {
        (void)timestamp_parse(value, &request->closes_at_ms);
    }
    if (take_line(reading, "number", value, sizeof value)) {
        request->has_number = bet_parse_uint32(value, strlen(value), &request->number);
    }
    request->abandon = take_line(reading, "abandon", value, sizeof value);
    (void)take_line(reading, "without", request->without, sizeof request->without);
    (void)take_line(reading, "reason", request->reason, sizeof request->reason);
    (void)take_line(reading, "seal", request->seal, sizeof request->seal);
    (void)take_line(reading, "centre", request->centre, sizeof request->centre);
}

/* True when the command has what it needs, and no line of another command. */
static bool has_its_lines(const struct admin_request *request)
{
    bool opens = request->command == ADMIN_OPEN;
    bool closes = request->command == ADMIN_CLOSE;
    bool draws = request->command == ADMIN_DRAW;
    bool closes_out = request->command == ADMIN_CLOSE_CENTRE;
    return (request->draw[0] != '\0') == opens && (opens || request->agencies[0] == '\0') &&
           (opens || request->centres[0] == '\0') && (opens || request->closes_at_ms == 0) &&
           (opens || !request->abandon) && (closes || request->without[0] == '\0') &&
           (closes || closes_out || request->abandon || request->reason[0] == '\0') &&
           (request->centre[0] != '\0') == closes_out &&
           (!closes_out || (request->reason[0] != '\0' && centre_set_is_name(request->centre))) &&
           (request->seal[0] != '\0') == draws && (!draws || request->has_number) &&
           (opens || draws || !request->has_number) &&
           (!opens || control_is_draw_name(request->draw)) &&
           text_is_clean(request->reason, strlen(request->reason));
}

bool admin_request_parse(const char *text, size_t bytes, struct admin_request *request,
                         struct failure *failure)
{
    char again[ADMIN_REQUEST_BYTES_MAX];
    struct reading reading = {.at = text, .end = text + bytes};
    *request = (struct admin_request){.command = ADMIN_CLOSE};
    if (!take_command(&reading, request)) {
        return failure_set(failure, "the request begins with no command: close, draw, open, "
                                    "close-centre, promote or replace");
    }
    read_lines(&reading, request);
    return (has_its_lines(request) && admin_request_write(request, again) == bytes &&
            memcmp(again, text, bytes) == 0) ||
           failure_set(failure,
                       "the request to %s has a line that it can't have, or misses one: use the "
                       "lottery-admin of this server's version",
                       command_names[request->command]);
}
