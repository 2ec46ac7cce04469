/*
 * log_reader_main.c - lottery-log-reader: how fast the engine lets a stream be read, and nothing else.
 *
 *     lottery-log-reader SERVERS STREAM
 *
 * Reads all messages in a row, looks at none of them, and prints `messages=N bytes=N seconds=S`.
 */
#include "engine/engine.h"
#include "lib/clock.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 20000 };

#define MS_PER_SECOND 1e3

static bool read_all(struct engine *engine, const char *stream, uint64_t *messages, uint64_t *bytes,
                     struct failure *failure)
{
    struct engine_message message;
    if (engine_last_sequence(engine, stream, TIMEOUT_MS, messages, failure) != ENGINE_READ) {
        return false;
    }
    for (uint64_t sequence = 1; sequence <= *messages; sequence++) {
        if (engine_read(engine, stream, sequence, TIMEOUT_MS, &message, failure) != ENGINE_READ) {
            return false;
        }
        *bytes += message.count;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct engine_access access = {
        .credentials = "", .ca = "", .certificate = "", .key = "", .name = "lottery-log-reader"};
    struct failure failure;
    sigset_t all;
    uint64_t messages = 0;
    uint64_t bytes = 0;
    if (argc != 3) {
        (void)fputs("usage: lottery-log-reader SERVERS STREAM\n", stderr);
        return EXIT_FAILURE;
    }
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    access.servers = argv[1];
    struct engine *engine = engine_open_nats(&access, TIMEOUT_MS, &failure);
    const int64_t began_ms = clock_monotonic_ms();
    const bool read = engine != NULL && read_all(engine, argv[2], &messages, &bytes, &failure);
    const double seconds = (double)(clock_monotonic_ms() - began_ms) / MS_PER_SECOND;
    engine_close(engine);
    if (!read) {
        (void)fprintf(stderr, "lottery-log-reader: %s\n", failure.text);
        return EXIT_FAILURE;
    }
    (void)printf("messages=%" PRIu64 " bytes=%" PRIu64 " seconds=%.3f\n", messages, bytes, seconds);
    return EXIT_SUCCESS;
}
