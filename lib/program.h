/*
 * program.h - what every program of the lottery does alike at its command line.
 *
 * A program describes itself in one table, its manual: purpose, options, exit statuses. The
 * usage and -h are written from that table. Every program has -h, --help, -V and --version,
 * complains as "NAME: text" on standard error, and ends with the exit statuses below.
 *
 *     int main(int argc, char **argv)
 *     {
 *         struct options options = {0};
 *         if (!program_begin(&manual)) {
 *             return EXIT_FAILURE;
 *         }
 *         enum program_reading reading =
 *             program_read_options(&manual, argc, argv, take_option, &options);
 *         if (reading != PROGRAM_GO_ON) {
 *             return program_exit_status(&manual, reading);
 *         }
 *         ...
 *
 * Called by main alone, before there are other processes.
 */
#ifndef LIB_PROGRAM_H
#define LIB_PROGRAM_H

#include "lib/config.h"

#include <stddef.h>
#include <stdio.h>

/* The version of all programs: they are built, installed and released together. */
#define PROGRAM_VERSION "1.0"

/* Beside EXIT_SUCCESS (0) and EXIT_FAILURE (1). A program's own statuses follow from 3 on. */
enum { PROGRAM_EXIT_USAGE = 2, PROGRAM_EXIT_STATUSES = 8 };

/* Ids of options without a short form begin here; other ids are the short form's letter. */
enum { PROGRAM_LONG_ONLY = 256, PROGRAM_OPTIONS_MAX = 24 };

struct program_option {
    int id;               /* 'c' for -c, or a number from PROGRAM_LONG_ONLY on */
    const char *name;     /* "config" for --config */
    const char *argument; /* what -h calls its argument, "FILE"; NULL: it takes none */
    const char *meaning;  /* for people, without line ends; -h wraps it */
    bool required;        /* the usage shows it without brackets; the program checks it */
};

/* All texts are the program's and are constant. */
struct program_manual {
    const char *name;
    const char *purpose; /* one line */
    const struct program_option *options;
    size_t option_count;  /* PROGRAM_OPTIONS_MAX at most, without -h and -V */
    const char *operands; /* what follows the options, "COMMAND"; NULL: nothing may */
    void (*explain_operands)(FILE *file); /* prints lines for -h; NULL where operands is */
    const struct config_table *keys;      /* of the configuration, printed by -h; NULL: none */
    /* What each exit status means. Those of 0, 1 and 2 may be left out. */
    const char *statuses[PROGRAM_EXIT_STATUSES];
};

enum program_reading {
    PROGRAM_GO_ON,  /* the options have been read */
    PROGRAM_ENOUGH, /* -h or -V has been answered: the program has done its job */
    PROGRAM_WRONG   /* it was called wrongly, and standard error says how */
};

/*
 * Makes the process safe to work in: opens /dev/null for standard streams that are closed
 * (standard_streams.h), and lets a file that grows too large be an error instead of a
 * signal (file_size_limit.h). Called first. Returns false after a complaint.
 */
bool program_begin(const struct program_manual *manual);

/*
 * Takes one option. `argument` is the option's, in argv, or NULL where it takes none. Returns
 * PROGRAM_GO_ON, or PROGRAM_WRONG after a complaint (program_misused).
 */
typedef enum program_reading (*program_take_option)(int id, const char *argument, void *context);

/*
 * Reads the command line and calls `take` for each option that the manual names, in order.
 * Answers -h and -V itself. An unknown option, a missing argument, and an operand where none
 * is allowed are complained of (program_misused). `optind` (getopt(3)) is the index of
 * the first operand afterwards.
 */
enum program_reading program_read_options(const struct program_manual *manual, int argc,
                                          char **argv, program_take_option take, void *context);

/* Writes usage, purpose, options and operands. */
void program_print_usage(const struct program_manual *manual, FILE *file);

/* Writes what -h shows: the usage, the exit statuses and the keys of the configuration. */
void program_print_help(const struct program_manual *manual, FILE *file);

/* Complains on standard error, "NAME: text". Returns `status`, for main to return. */
int program_complain(const struct program_manual *manual, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Complains of how the program was called. The usage follows, or a hint at -h where it is long: where
 * the manual explains operands. Returns PROGRAM_WRONG.
 */
enum program_reading program_misused(const struct program_manual *manual, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The exit status of a program that ends after its options, whatever PROGRAM_GO_ON is. */
int program_exit_status(const struct program_manual *manual, enum program_reading reading);

/*
 * Flushes standard output. Returns EXIT_SUCCESS, or EXIT_FAILURE after a complaint where
 * something that was printed did not get out, as on a full disk.
 */
int program_finish_output(const struct program_manual *manual);

#endif
