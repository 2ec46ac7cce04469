/*
 * config.h - reads a program's configuration: defaults, a file, environment, options.
 *
 * A program describes its keys in one table; the loader fills the program's
 * struct from it. A key that the table does not have is an error that names
 * file, line and key, and what was probably meant. Options win over the environment, that
 * over the file, and the file over the defaults.
 *
 * Reading goes on after a mistake, so that somebody who mends a file learns of all mistakes
 * at once.
 *
 * Called by main, once, before there are any processes.
 */
#ifndef LIB_CONFIG_H
#define LIB_CONFIG_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { CONFIG_TEXT_BYTES = 256, CONFIG_NAMES_MAX = 4, CONFIG_PLACE_BYTES = 256 };

/* How a value is written in the file, and what stands in the struct. */
enum config_kind {
    CONFIG_TEXT,     /* char[CONFIG_TEXT_BYTES], of at least `minimum` bytes */
    CONFIG_UINT32,   /* uint32_t, within [minimum, maximum], and `maximum` within UINT32_MAX */
    CONFIG_UINT64,   /* uint64_t, within [minimum, maximum] */
    CONFIG_BYTES,    /* uint64_t: 8192, 64k, 8M, 1G (powers of 1024), within the bounds */
    CONFIG_DURATION, /* int64_t or uint64_t, milliseconds: 0m20s, 5s, 100ms, 1h, within them */
    CONFIG_CHOICE,   /* int: the index of the value in `choices`, in any case */
    CONFIG_LOG_LEVEL /* enum log_level (as int) */
};

/* What becomes of a changed value when a program that runs reads its file again, at SIGHUP. */
enum config_reloadable {
    CONFIG_AT_START,  /* nothing: it counts from the next start on */
    CONFIG_AT_RELOAD, /* it counts at once */
    CONFIG_LOWERED    /* a number: it counts at once where it is not above that of the start */
};

struct config_key {
    const char *path[CONFIG_NAMES_MAX]; /* in the file: "server.port", and aliases, or none */
    const char *environment[CONFIG_NAMES_MAX]; /* the first one that is set wins */
    enum config_kind kind;
    size_t offset;              /* of the value in the program's struct */
    const char *default_value;  /* as it would be written in the file; NULL: it has to be set */
    uint64_t minimum, maximum;  /* of numbers, bytes and milliseconds, both inclusive */
    const char *const *choices; /* of a CONFIG_CHOICE, ended by NULL */
    enum config_reloadable reloadable;
    const char *logged_as; /* the course's name of it in `action: config`, or NULL */
    const char *meaning;   /* one line, for people: what it is and in which unit */
};

struct config_table {
    const struct config_key *keys;
    size_t count;
};

enum config_source {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_FILE,
    CONFIG_FROM_ENVIRONMENT,
    CONFIG_FROM_OPTION
};

/* Where a value came from, for programs that have rules of their own about it. */
struct config_origin {
    enum config_source source;
    bool is_doubtful; /* the value is not what is wanted: what was said of the key, or was perhaps
                         meant to be, is wrong, or in a part of the file that could not be read */
    int line;         /* of the file, from 1; 0 where it is not from the file */
    char place[CONFIG_PLACE_BYTES]; /* how to begin a message about it: "config.yaml:3:
                                       server.port", "SERVER_PORT", "--server", "server.port" */
};

/* A value that an option of the command line gives a key. */
struct config_given {
    const char *path;   /* of the key, "server.address" */
    const char *option; /* "--server", for messages */
    const char *value;
};

/* What is to be read, and who is told of mistakes. All of it is the caller's. */
struct config_request {
    const char *file; /* NULL: CONFIG_DEFAULT_FILE, else CONFIG_DEFAULT_INI_FILE, if they exist */
    const struct config_given *given; /* the last one for a key counts */
    size_t given_count;
    void (*tell)(const char *mistake, void *context); /* called with each mistake; NULL: nobody */
    void *context;
};

/*
 * Fills `target` from the table's defaults, then from the file, then from the environment,
 * then from what the request has given. An environment variable that is set but empty
 * counts as not set, and so does one that config_figure_variable ignores.
 * `origins`, of table->count entries, tells where each value came from.
 * Returns false and describes the first mistake ("config.yaml:3: server.port: ...",
 * "SERVER_PORT: ..."); where a value was wrong, the target has the one that it had before.
 *
 * A file whose name ends in ".ini" is read as config_ini.h says. Any other one is a
 * YAML document: sections and single values, nothing else (no lists, anchors, aliases
 * or tags). An empty file, and an empty section, are valid; an empty value, `~` and
 * `null` are the empty text. Each key may be given once, under one of its names.
 */
bool config_load(const struct config_table *table, const struct config_request *request,
                 void *target, struct config_origin *origins, struct failure *failure);

/*
 * Returns the name of the file that config_load would read for this one: itself, or the default
 * file that is there; NULL where there is none. A file that can't be opened is there.
 */
const char *config_file_name(const char *file);

/*
 * Tells of a mistake as the request says, and keeps it in *first if that is empty. Returns false. For
 * those who check several keys together after config_load, with the same failure.
 */
bool config_tell(const struct config_request *request, const struct failure *mistake,
                 struct failure *first);

/*
 * Notes that the keys at a path of the file, or below it, are in doubt: those that nothing has set yet.
 * "": all of them. For those who read a file, where a part of it is not understood.
 */
void config_doubt(const struct config_table *table, const char *path,
                  struct config_origin *origins);

#define CONFIG_DEFAULT_FILE     "config.yaml"
#define CONFIG_DEFAULT_INI_FILE "config.ini"

/*
 * Returns the text of an environment variable that should hold a figure or a word; NULL
 * when it is not set or empty. Also NULL, with a WARNING on standard error, when it holds a
 * URL: orchestrators name such variables after services, so that beside a service
 * "server", SERVER_PORT is "tcp://10.96.0.12:12345", which no operator has set.
 * (Standard output may be JSON, so the WARNING does not go there.)
 */
const char *config_figure_variable(const char *name);

/*
 * Writes every key and its value as ` | name: value` fields for the log line
 * `action: config`. Keys that have a name of the course's (logged_as) come first, under that name,
 * because its suites look for it, and once more among all. Cut at `capacity`; always terminated.
 */
void config_describe(const struct config_table *table, const void *target, char *text,
                     size_t capacity);

/*
 * Prints every key with its value, and where that comes from, a line each, for -T. Where the program
 * takes any value over at SIGHUP, the line also says whether it does so with this one.
 */
void config_print_values(const struct config_table *table, const void *target,
                         const struct config_origin *origins, FILE *file);

/*
 * Prints the table for -h: every key's names in the file and in the environment,
 * and below them its meaning, in lines of at most CONFIG_HELP_COLUMNS columns.
 */
void config_print_help(const struct config_table *table, FILE *file);

enum { CONFIG_HELP_COLUMNS = 100 };

/* What a person is told of a key that SIGHUP changes: "read again at SIGHUP"; "" of others. */
const char *config_describe_reload(const struct config_key *key);

#endif
