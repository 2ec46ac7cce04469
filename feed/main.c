/*
 * main.c - lottery-feed: the bets of a centre, from its replicated log, for whoever wants them.
 *
 * Reads the options, and prints rows (feeding.h, print_sink.h) or the whole stream (export.h). With
 * --postgres it executes lottery-feed-postgres, which stands beside it: that one links libpq, so that
 * this one works, and is built, where there is none.
 */
#include "feed/export.h"
#include "feed/feeding.h"
#include "feed/options.h"
#include "feed/print_sink.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Goes on as the program beside this one. Returns only where there is none. */
static int become_postgres_feed(char **argv)
{
    static const char suffix[] = "-postgres";
    char path[PATH_MAX];
    ssize_t bytes = readlink("/proc/self/exe", path, sizeof path - sizeof suffix);
    if (bytes < 0) {
        return program_complain(&feed_manual, EXIT_FAILURE, "find this program: %s",
                                strerror(errno));
    }
    memcpy(path + bytes, suffix, sizeof suffix);
    (void)execv(path, argv);
    return program_complain(&feed_manual, EXIT_FAILURE, "--postgres: start %s: %s%s", path,
                            strerror(errno),
                            errno == ENOENT ? " (libpq was not there when the programs were built: "
                                              "install libpq-dev and build again)"
                                            : "");
}

/* Prints rows. */
static enum feeding_end feed(const struct feed_options *options, struct engine *engine,
                             struct stop *stop, struct failure *failure)
{
    struct print_sink sink;
    char position[POSITION_BYTES];
    if (!print_sink_open(&sink, stdout, options->json, options->from == NULL ? "0" : options->from,
                         options->position_file, failure)) {
        return FEEDING_FAILED;
    }
    const struct feeding_plan plan = {.engine = engine,
                                      .stream = options->stream,
                                      .sink = &sink.base,
                                      .stop = stop,
                                      .follows = options->follows,
                                      .patience_ms = FEEDING_PATIENCE_MS};
    enum feeding_end end = feeding_run(&plan, position, failure);
    (void)fprintf(stderr, "%s: position: %s\n", feed_manual.name, position);
    return end;
}

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
    if (options.postgres != NULL) {
        return become_postgres_feed(argv);
    }
    struct engine *engine = feed_open_engine(&options, &status);
    if (engine == NULL) {
        return status;
    }
    enum feeding_end end = options.exports ? export_run(engine, options.stream, &stop,
                                                        FEEDING_PATIENCE_MS, stdout, &failure)
                                           : feed(&options, engine, &stop, &failure);
    engine_close(engine);
    return end == FEEDING_DONE ? program_finish_output(&feed_manual)
                               : feed_exit_status(end, &failure);
}
