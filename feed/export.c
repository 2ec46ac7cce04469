/*
 * export.c - see export.h.
 */
#include "feed/export.h"

#include "feed/json_text.h"
#include "lib/clock.h"

#include <inttypes.h>
#include <string.h>

enum { READ_MS = 500, PAUSE_MS = 200 };

static void print_message(FILE *output, const char *stream, const struct engine_message *message)
{
    (void)fprintf(output,
                  "{\"sequence\":%" PRIu64 ",\"stored_at_ms\":%" PRId64
                  ",\"stream\":\"%s\",\"subject\":",
                  message->sequence, message->stored_at_ms, stream);
    json_text_print(output, message->subject, strlen(message->subject));
    (void)fputs(",\"headers\":{", output);
    for (size_t i = 0; i < message->header_count; i++) {
        const struct engine_header *header = &message->headers[i];
        (void)fputs(i == 0 ? "" : ",", output);
        json_text_print(output, header->name, strlen(header->name));
        (void)fputc(':', output);
        json_text_print(output, header->value, strlen(header->value));
    }
    bool printable = json_text_is_printable(message->bytes, message->count);
    (void)fputs(printable ? "},\"text\":" : "},\"base64\":", output);
    if (printable) {
        json_text_print(output, message->bytes, message->count);
    } else {
        json_text_print_base64(output, message->bytes, message->count);
    }
    (void)fputs("}\n", output);
}

/* Asks again for as long as the patience lasts. */
static enum engine_reading find_last(struct engine *engine, const char *stream, struct stop *stop,
                                     int64_t patience_ms, uint64_t *last, struct failure *failure)
{
    int64_t deadline_ms = clock_monotonic_ms() + patience_ms;
    enum engine_reading reading = ENGINE_AWAY;
    while ((reading = engine_last_sequence(engine, stream, READ_MS, last, failure)) ==
               ENGINE_AWAY &&
           clock_monotonic_ms() < deadline_ms && !stop_is_asked(stop)) {
        stop_pause(stop, PAUSE_MS);
    }
    return reading;
}

static enum engine_reading read_message(struct engine *engine, const char *stream,
                                        struct stop *stop, int64_t patience_ms, uint64_t sequence,
                                        struct engine_message *message, struct failure *failure)
{
    int64_t deadline_ms = clock_monotonic_ms() + patience_ms;
    while (true) {
        enum engine_reading reading =
            engine_read(engine, stream, sequence, READ_MS, message, failure);
        bool again = reading == ENGINE_AWAY || reading == ENGINE_NOTHING;
        if (!again || clock_monotonic_ms() >= deadline_ms || stop_is_asked(stop)) {
            return reading;
        }
        stop_pause(stop, PAUSE_MS);
    }
}

enum feeding_end export_run(struct engine *engine, const char *stream, struct stop *stop,
                            int64_t patience_ms, FILE *output, struct failure *failure)
{
    uint64_t last = 0;
    enum engine_reading reading = find_last(engine, stream, stop, patience_ms, &last, failure);
    for (uint64_t sequence = 1; reading == ENGINE_READ && sequence <= last; sequence++) {
        struct engine_message message;
        if (stop_is_asked(stop)) {
            (void)failure_set(failure, "stopped before message %" PRIu64 " of %" PRIu64, sequence,
                              last);
            return FEEDING_FAILED;
        }
        (void)failure_set(failure, "message %" PRIu64 " of the stream %s can't be read", sequence,
                          stream);
        reading = read_message(engine, stream, stop, patience_ms, sequence, &message, failure);
        if (reading == ENGINE_READ) {
            print_message(output, stream, &message);
        }
        if (ferror(output) != 0) {
            (void)failure_set_errno(failure, "write to standard output");
            return FEEDING_FAILED;
        }
    }
    if (reading == ENGINE_READ) {
        return FEEDING_DONE;
    }
    return reading == ENGINE_BROKEN ? FEEDING_BROKEN : FEEDING_AWAY;
}
