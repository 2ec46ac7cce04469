/*
 * print_sink.c - see print_sink.h.
 */
#include "feed/print_sink.h"

#include "bet/bet.h"
#include "feed/json_text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POSITION_FILE_MODE = 0644 };

/* ------------------------------------------------------------- the position ---- */

static bool read_position_file(struct print_sink *sink, struct failure *failure)
{
    struct position position;
    struct failure reason;
    FILE *file = fopen(sink->position_file, "re");
    if (file == NULL) {
        return errno == ENOENT ||
               failure_set_errno(failure, "read the position in %s", sink->position_file);
    }
    char text[POSITION_BYTES] = "";
    char *line = fgets(text, sizeof text, file);
    (void)fclose(file);
    text[strcspn(text, "\n")] = '\0';
    if (line == NULL || !position_read(text, &position, &reason)) {
        return failure_set(failure, "%s: %s", sink->position_file,
                           line == NULL ? "it is empty" : reason.text);
    }
    memcpy(sink->position, text, sizeof text);
    return true;
}

/* Replaces the file in one step. */
static bool write_position_file(const struct print_sink *sink, struct failure *failure)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s.new", sink->position_file) >= (int)sizeof path) {
        return failure_set(failure, "keep the position in %s: its name is too long",
                           sink->position_file);
    }
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, POSITION_FILE_MODE);
    bool written = file >= 0 && dprintf(file, "%s\n", sink->position) > 0 && fsync(file) == 0;
    int saved_errno = errno;
    written = (file < 0 || close(file) == 0) && written;
    errno = saved_errno;
    return (written && rename(path, sink->position_file) == 0) ||
           failure_set_errno(failure, "keep the position in %s", sink->position_file);
}

static enum sink_end stand(struct sink *base, char position[POSITION_BYTES],
                           struct failure *failure)
{
    const struct print_sink *sink = (const struct print_sink *)base;
    (void)failure;
    memcpy(position, sink->position, sizeof sink->position);
    return SINK_WORKED;
}

/* -------------------------------------------------------------------- rows ---- */

static enum sink_end judge_output(const struct print_sink *sink, struct failure *failure)
{
    if (ferror(sink->output) != 0) {
        (void)failure_set_errno(failure, "write to standard output");
        return SINK_FAILED;
    }
    return SINK_WORKED;
}

/* The rest of a bet's object. */
static void print_json_bet(FILE *output, uint32_t agency, const struct bet *bet)
{
    static const char *const names[BET_FIELDS] = {[BET_FIRST_NAME] = "first_name",
                                                  [BET_LAST_NAME] = "last_name",
                                                  [BET_DOCUMENT] = "document",
                                                  [BET_BIRTHDATE] = "birthdate"};
    const struct bet_field *digits = &bet->fields[BET_NUMBER];
    uint32_t number = 0;
    (void)bet_parse_uint32(digits->text, digits->bytes, &number); /* leading zeros are no JSON */
    (void)fprintf(output, "\"agency\":%" PRIu32, agency);
    for (int i = 0; i < BET_NUMBER; i++) {
        (void)fprintf(output, ",\"%s\":", names[i]);
        json_text_print(output, bet->fields[i].text, bet->fields[i].bytes);
    }
    (void)fprintf(output, ",\"number\":%" PRIu32 "}\n", number);
}

/* One row of bets.csv, without its CRLF. */
static bool print_json_row(const struct print_sink *sink, const struct record *record,
                           uint64_t sequence, const char *row, size_t bytes,
                           struct failure *failure)
{
    uint64_t offset = record->offset + (uint64_t)(row - (const char *)record->bytes);
    struct bet bet;
    uint32_t agency = 0;
    char *plain = malloc(bytes + 1);
    if (plain == NULL) {
        return failure_set_errno(failure, "memory for a row");
    }
    bool valid = bet_csv_parse(row, bytes, &agency) == BET_VALID &&
                 bet_parse(plain, bet_csv_to_row(row, bytes, plain), &bet) == BET_VALID;
    if (valid) {
        (void)fprintf(sink->output,
                      "{\"sequence\":%" PRIu64 ",\"lottery\":\"%s\",\"offset\":%" PRIu64 ",",
                      sequence, record->identity, offset);
        print_json_bet(sink->output, agency, &bet);
    }
    free(plain);
    return valid || failure_set(failure,
                                "message %" PRIu64 " has, at byte %" PRIu64
                                " of bets.csv, a row that is no bet",
                                sequence, offset);
}

static enum sink_end take(struct sink *base, const struct engine_message *message,
                          const struct record *record, struct failure *failure)
{
    const struct print_sink *sink = (const struct print_sink *)base;
    if (record->kind != RECORD_BETS) {
        return SINK_WORKED;
    }
    if (!sink->json) {
        (void)fwrite(record->bytes, 1, record->length, sink->output);
        return judge_output(sink, failure);
    }
    const char *end = (const char *)record->bytes + record->length;
    for (const char *row = record->bytes; row < end;) {
        const char *line_end = memchr(row, '\n', (size_t)(end - row)); /* a record ends with one */
        size_t bytes = (size_t)(line_end - row);
        bytes -= bytes > 0 && line_end[-1] == '\r' ? 1 : 0;
        if (!print_json_row(sink, record, message->sequence, row, bytes, failure)) {
            return SINK_FAILED;
        }
        row = line_end + 1;
    }
    return judge_output(sink, failure);
}

static enum sink_end commit(struct sink *base, const char *before, const char *after,
                            struct failure *failure)
{
    struct print_sink *sink = (struct print_sink *)base;
    (void)before;
    if (sink->json) {
        (void)fprintf(sink->output, "{\"position\":\"%s\"}\n", after);
    }
    (void)fflush(sink->output);
    (void)snprintf(sink->position, sizeof sink->position, "%s", after);
    if (judge_output(sink, failure) != SINK_WORKED) {
        return SINK_FAILED;
    }
    return sink->position_file == NULL || write_position_file(sink, failure) ? SINK_WORKED
                                                                             : SINK_FAILED;
}

bool print_sink_open(struct print_sink *sink, FILE *output, bool json, const char *from,
                     const char *position_file, struct failure *failure)
{
    static const struct sink_calls calls = {.stand = stand, .take = take, .commit = commit};
    *sink = (struct print_sink){
        .base = {.calls = &calls}, .output = output, .position_file = position_file, .json = json};
    (void)snprintf(sink->position, sizeof sink->position, "%s", from);
    return position_file == NULL || read_position_file(sink, failure);
}
