/*
 * main.c - lottery-feed-postgres: what `lottery-feed --postgres DSN` executes.
 *
 * A program of its own, because it links libpq: everything else works, and is built, without it.
 */
#include "feed/feeding.h"
#include "feed/options.h"
#include "postgres/postgres_sink.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    struct feed_options options;
    struct failure failure = {0};
    struct stop stop = {0};
    int status = EXIT_SUCCESS;
    if (!program_begin(&feed_manual)) {
        return EXIT_FAILURE;
    }
    enum program_reading reading = feed_options_read(argc, argv, &options);
    if (reading != PROGRAM_GO_ON) {
        return program_exit_status(&feed_manual, reading);
    }
    if (options.postgres == NULL) {
        reading = program_misused(&feed_manual, "--postgres is missing: lottery-feed prints rows");
        return program_exit_status(&feed_manual, reading);
    }
    struct sink *sink = postgres_sink_open(options.postgres, options.centre, &failure);
    if (sink == NULL) {
        return program_complain(&feed_manual, EXIT_FAILURE, "%s", failure.text);
    }
    struct engine *engine = feed_open_engine(&options, &status);
    if (engine != NULL) {
        char position[POSITION_BYTES] = "";
        const struct feeding_plan plan = {.engine = engine,
                                          .stream = options.stream,
                                          .sink = sink,
                                          .stop = &stop,
                                          .follows = options.follows,
                                          .patience_ms = FEEDING_PATIENCE_MS};
        status = feed_exit_status(feeding_run(&plan, position, &failure), &failure);
    }
    engine_close(engine);
    postgres_sink_close(sink);
    return status;
}
