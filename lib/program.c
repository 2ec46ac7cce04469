/*
 * program.c - see program.h.
 *
 * getopt_long(3) takes the command line apart. Its own messages are off, because
 * each libc words them in its own way and a test must be able to rely on them.
 */
#include "lib/program.h"

#include "lib/file_size_limit.h"
#include "lib/log.h"
#include "lib/standard_streams.h"
#include "lib/text.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_GAP = 2,    /* columns before and after an option */
    OPTION_BYTES = 64, /* "  -c, --config FILE", terminated */
    COMMON_OPTIONS = 2,
    ALL_OPTIONS = PROGRAM_OPTIONS_MAX + COMMON_OPTIONS,
    LETTERS_BYTES = 2 + 2 * ALL_OPTIONS /* ":c:t", terminated */
};

static const struct program_option common_options[COMMON_OPTIONS] = {
    {.id = 'h', .name = "help", .meaning = "print this help and stop"},
    {.id = 'V', .name = "version", .meaning = "print the version and stop"},
};

static const char *const common_statuses[] = {
    [EXIT_SUCCESS] = "it did what it was asked for",
    [EXIT_FAILURE] = "something failed; standard error says what",
    [PROGRAM_EXIT_USAGE] = "it was called wrongly",
};

/* The program's own options come first, then those that all programs have. */
static size_t option_count(const struct program_manual *manual)
{
    invariant(manual->option_count <= PROGRAM_OPTIONS_MAX, "%s has %zu options", manual->name,
              manual->option_count);
    return manual->option_count + COMMON_OPTIONS;
}

static const struct program_option *option_at(const struct program_manual *manual, size_t index)
{
    return index < manual->option_count ? &manual->options[index]
                                        : &common_options[index - manual->option_count];
}

bool program_begin(const struct program_manual *manual)
{
    struct failure failure;
    file_size_limit_as_error();
    if (!standard_streams_open(&failure)) {
        program_complain(manual, EXIT_FAILURE, "%s", failure.text);
        return false;
    }
    return true;
}

/* ------------------------------------------------------------- what is written ---- */

/* "-c, --config FILE", or "    --watch"; returns `text`. */
static const char *name_option(const struct program_option *option, char text[OPTION_BYTES])
{
    char letter[] = {'-', (char)option->id, ',', '\0'};
    snprintf(text, OPTION_BYTES, "%-3s --%s%s%s", option->id < PROGRAM_LONG_ONLY ? letter : "",
             option->name, option->argument != NULL ? " " : "",
             option->argument != NULL ? option->argument : "");
    return text;
}

static void print_options(const struct program_manual *manual, FILE *file)
{
    char text[OPTION_BYTES];
    size_t widest = 0;
    for (size_t i = 0; i < option_count(manual); i++) {
        size_t bytes = strlen(name_option(option_at(manual, i), text));
        widest = bytes > widest ? bytes : widest;
    }
    for (size_t i = 0; i < option_count(manual); i++) {
        const struct program_option *option = option_at(manual, i);
        fprintf(file, "%*s%-*s%*s", OPTION_GAP, "", (int)widest, name_option(option, text),
                OPTION_GAP, "");
        text_print_wrapped(file, option->meaning, widest + 2 * (size_t)OPTION_GAP,
                           CONFIG_HELP_COLUMNS);
    }
}

/* "[-c FILE]", "-d DIRECTORY", "[--watch]"; returns `text`. */
static const char *show_use(const struct program_option *option, char text[OPTION_BYTES])
{
    char letter[] = {'-', (char)option->id, '\0'};
    bool is_long = option->id >= PROGRAM_LONG_ONLY;
    snprintf(text, OPTION_BYTES, "%s%s%s%s%s%s", option->required ? "" : "[",
             is_long ? "--" : letter, is_long ? option->name : "",
             option->argument != NULL ? " " : "", option->argument != NULL ? option->argument : "",
             option->required ? "" : "]");
    return text;
}

/* "usage: NAME [-c FILE] [-h]", in several lines where it has to be. */
static void print_synopsis(const struct program_manual *manual, FILE *file)
{
    char text[OPTION_BYTES];
    int indent = fprintf(file, "usage: %s", manual->name);
    size_t column = (size_t)indent;
    for (size_t i = 0; i < option_count(manual); i++) {
        const char *use = show_use(option_at(manual, i), text);
        if (column + 1 + strlen(use) > CONFIG_HELP_COLUMNS) {
            column = (size_t)fprintf(file, "\n%*s", indent, "") - 1;
        }
        column += (size_t)fprintf(file, " %s", use);
    }
    if (manual->operands != NULL && column + 1 + strlen(manual->operands) > CONFIG_HELP_COLUMNS) {
        fprintf(file, "\n%*s", indent, "");
    }
    fprintf(file, "%s%s\n", manual->operands != NULL ? " " : "",
            manual->operands != NULL ? manual->operands : "");
}

void program_print_usage(const struct program_manual *manual, FILE *file)
{
    print_synopsis(manual, file);
    fprintf(file, "%s\n", manual->purpose);
    print_options(manual, file);
    if (manual->explain_operands != NULL) {
        manual->explain_operands(file);
    }
}

void program_print_help(const struct program_manual *manual, FILE *file)
{
    program_print_usage(manual, file);
    fputs("\nExit status:\n", file);
    for (int status = 0; status < PROGRAM_EXIT_STATUSES; status++) {
        const char *meaning = manual->statuses[status];
        if (meaning == NULL && status <= PROGRAM_EXIT_USAGE) {
            meaning = common_statuses[status];
        }
        if (meaning != NULL) {
            fprintf(file, "  %d  ", status);
            text_print_wrapped(file, meaning, strlen("  0  "), CONFIG_HELP_COLUMNS);
        }
    }
    if (manual->keys != NULL) {
        config_print_help(manual->keys, file);
    }
}

static void complain(const struct program_manual *manual, const char *format, va_list values)
    __attribute__((format(printf, 2, 0)));

static void complain(const struct program_manual *manual, const char *format, va_list values)
{
    fprintf(stderr, "%s: ", manual->name);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
}

int program_complain(const struct program_manual *manual, int status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    complain(manual, format, values);
    va_end(values);
    return status;
}

enum program_reading program_misused(const struct program_manual *manual, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    complain(manual, format, values);
    va_end(values);
    if (manual->explain_operands == NULL) {
        program_print_usage(manual, stderr);
    } else {
        fprintf(stderr, "%s -h explains how it is called\n", manual->name);
    }
    return PROGRAM_WRONG;
}

int program_finish_output(const struct program_manual *manual)
{
    if (ferror(stdout) == 0 && fflush(stdout) == 0) {
        return EXIT_SUCCESS;
    }
    struct failure failure;
    failure_set_errno(&failure, "write to the standard output");
    return program_complain(manual, EXIT_FAILURE, "%s", failure.text);
}

int program_exit_status(const struct program_manual *manual, enum program_reading reading)
{
    return reading == PROGRAM_WRONG ? PROGRAM_EXIT_USAGE : program_finish_output(manual);
}

/* ---------------------------------------------------------------- what is read ---- */

/* The manual's options as getopt_long wants them. */
struct getopt_tables {
    char letters[LETTERS_BYTES];
    struct option names[ALL_OPTIONS + 1];
};

/* The leading ':' asks for ':' instead of '?' where an argument is missing. */
static void fill_tables(const struct program_manual *manual, struct getopt_tables *tables)
{
    char *letter = tables->letters;
    memset(tables, 0, sizeof *tables);
    *letter++ = ':';
    for (size_t i = 0; i < option_count(manual); i++) {
        const struct program_option *option = option_at(manual, i);
        bool has_argument = option->argument != NULL;
        tables->names[i] =
            (struct option){.name = option->name,
                            .has_arg = has_argument ? required_argument : no_argument,
                            .val = option->id};
        if (option->id < PROGRAM_LONG_ONLY) {
            *letter++ = (char)option->id;
            if (has_argument) {
                *letter++ = ':';
            }
        }
    }
}

static const struct program_option *find_option(const struct program_manual *manual, int id)
{
    for (size_t i = 0; i < option_count(manual); i++) {
        if (option_at(manual, i)->id == id) {
            return option_at(manual, i);
        }
    }
    return NULL;
}

/* `word` is where getopt_long stopped; of an unknown letter, optopt has it. */
static enum program_reading refuse_option(const struct program_manual *manual, const char *word)
{
    const struct program_option *known = find_option(manual, optopt);
    if (optopt != 0 && known != NULL) {
        return program_misused(manual, "option --%s takes no argument", known->name);
    }
    if (optopt != 0) {
        return program_misused(manual, "there is no option -%c", optopt);
    }
    const char *name = word + strspn(word, "-");
    size_t meant = 0; /* options that the word, like "--wat", is the beginning of */
    for (size_t i = 0; i < option_count(manual); i++) {
        meant += strncmp(option_at(manual, i)->name, name, strcspn(name, "=")) == 0;
    }
    int bytes = (int)strcspn(word, "=");
    return meant > 1
               ? program_misused(manual, "option %.*s may mean several; write it out", bytes, word)
               : program_misused(manual, "there is no option %.*s", bytes, word);
}

static enum program_reading refuse_missing_argument(const struct program_manual *manual)
{
    const struct program_option *option = find_option(manual, optopt);
    return option->id < PROGRAM_LONG_ONLY
               ? program_misused(manual, "option -%c, --%s needs an argument: %s", option->id,
                                 option->name, option->argument)
               : program_misused(manual, "option --%s needs an argument: %s", option->name,
                                 option->argument);
}

static enum program_reading read_option(const struct program_manual *manual, int id,
                                        const char *word, program_take_option take, void *context)
{
    switch (id) {
    case 'h':
        program_print_help(manual, stdout);
        return PROGRAM_ENOUGH;
    case 'V':
        printf("%s %s\n", manual->name, PROGRAM_VERSION);
        return PROGRAM_ENOUGH;
    case '?':
        return refuse_option(manual, word);
    case ':':
        return refuse_missing_argument(manual);
    default:
        return take(id, optarg, context);
    }
}

enum program_reading program_read_options(const struct program_manual *manual, int argc,
                                          char **argv, program_take_option take, void *context)
{
    struct getopt_tables tables;
    int id = 0;
    fill_tables(manual, &tables);
    opterr = 0;
    optind = 0; /* glibc: read from the beginning, whatever was read before */
    while ((id = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1) {
        const char *word = optind > 0 ? argv[optind - 1] : argv[0];
        enum program_reading reading = read_option(manual, id, word, take, context);
        if (reading != PROGRAM_GO_ON) {
            return reading;
        }
    }
    return manual->operands != NULL || optind == argc
               ? PROGRAM_GO_ON
               : program_misused(manual, "there are only options, no arguments like %s",
                                 argv[optind]);
}
