/*
 * program.h - what every program of the lottery does alike at its command line.
 *
 * A program describes itself in one table, its manual: purpose, options, exit statuses, examples.
 * The usage, -h, the manual page and the shell's completion are written from that table
 * (program_pages.h has the last two). Every program has -h, --help, -V and --version, complains as
 * "NAME: text" on standard error, and ends with the exit statuses below.
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

/*
 * Beside EXIT_SUCCESS (0) and EXIT_FAILURE (1). A program's own statuses follow from 3 on. What
 * sysexits.h has a number for has that number.
 */
enum {
    PROGRAM_EXIT_USAGE = 2,
    PROGRAM_EXIT_DATA = 65,        /* a file that was given is wrong (EX_DATAERR) */
    PROGRAM_EXIT_UNREACHABLE = 69, /* there is nobody to ask (EX_UNAVAILABLE) */
    PROGRAM_EXIT_STOPPED = 75,     /* a signal has stopped it; call it again (EX_TEMPFAIL) */
    PROGRAM_EXIT_REFUSED = 77,     /* the other side does not do it (EX_NOPERM) */
    PROGRAM_EXIT_CONFIG = 78       /* the configuration is wrong (EX_CONFIG) */
};

/* Ids of options without a short form begin here; other ids are the short form's letter. */
enum {
    PROGRAM_LONG_ONLY = 256,
    PROGRAM_OPTIONS_MAX = 24,
    PROGRAM_STATUSES_MAX = 12,
    PROGRAM_FORMATS_MAX = 4,
    PROGRAM_PARAGRAPHS_MAX = 8,
    PROGRAM_EXAMPLES_MAX = 5,
    PROGRAM_CALL_BYTES = 256
};

struct program_option {
    int id;               /* 'c' for -c, or a number from PROGRAM_LONG_ONLY on */
    const char *name;     /* "config" for --config */
    const char *argument; /* what -h calls its argument, "FILE"; NULL: it takes none */
    const char *meaning;  /* for people, without line ends; -h wraps it */
    bool required;        /* the usage shows it without brackets; the program checks it */
};

/* One of the things that may follow the options. */
struct program_operand {
    const char *word;              /* what is typed, "pki init"; NULL: a file or directory */
    char call[PROGRAM_CALL_BYTES]; /* with all that goes with it, "check DIR [--full]" */
    const char *meaning;
};

struct program_status {
    int status;
    const char *meaning;
};

/* A format that the program reads or writes, and which of its versions. */
struct program_format {
    const char *name;
    unsigned version;
};

struct program_example {
    const char *command;
    const char *meaning;
};

/* All texts are the program's and are constant. Arrays end with an element of zeros, or are full. */
struct program_manual {
    const char *name;
    const char *purpose; /* one line */
    const struct program_option *options;
    size_t option_count;  /* PROGRAM_OPTIONS_MAX at most, without -h and -V */
    const char *operands; /* what follows the options, "COMMAND"; NULL: nothing may */
    /* Describes operand `index`, counted from 0; false after the last one. NULL where operands is. */
    bool (*operand_at)(size_t index, struct program_operand *operand);
    const struct config_table *keys; /* of the configuration, printed by -h; NULL: none */
    const char *keys_page;           /* the manual page of the keys, "lottery-server.yaml" */
    /* What exit statuses mean, ascending. Those of 0, 1 and 2 may be left out. */
    struct program_status statuses[PROGRAM_STATUSES_MAX];
    struct program_format formats[PROGRAM_FORMATS_MAX]; /* printed by -V */
    const char *description[PROGRAM_PARAGRAPHS_MAX];    /* paragraphs of the manual page */
    struct program_example examples[PROGRAM_EXAMPLES_MAX];
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

/* Returns the option at `index`, the program's own first, then -h and -V; NULL after the last. */
const struct program_option *program_option_at(const struct program_manual *manual, size_t index);

/* Returns the exit status at `index`, ascending, those of all programs too; meaning NULL: the end. */
struct program_status program_status_at(const struct program_manual *manual, size_t index);

/* Writes what -h shows: usage, exit statuses, examples and the keys of the configuration. */
void program_print_help(const struct program_manual *manual, FILE *file);

/* Complains on standard error, "NAME: text". Returns `status`, for main to return. */
int program_complain(const struct program_manual *manual, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Prints what -t says of a configuration without a mistake, "NAME: configuration ok (config.yaml)".
 * `file` is the one that was asked for, or NULL, as of config_request.
 */
void program_tell_config_ok(const struct program_manual *manual, const char *file);

/* Of whom mistakes are complained, and how many there were. */
struct program_complaints {
    const struct program_manual *manual;
    size_t count;
};

/* Complains of a mistake, and counts it. The context is a struct program_complaints; for config_request.tell. */
void program_complain_of(const char *mistake, void *complaints);

/*
 * Complains of how the program was called. The synopsis follows, except where each command has its own
 * (the manual has operand_at), and a hint at --help, which would push the complaint off the screen.
 * Returns PROGRAM_WRONG.
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
