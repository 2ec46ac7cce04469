/*
 * program.c - see program.h.
 *
 * getopt_long(3) takes the command line apart. Its own messages are off, because
 * each libc words them in its own way and a test must be able to rely on them.
 */
#include "lib/program.h"

#include "lib/file_size_limit.h"
#include "lib/log.h"
#include "lib/program_pages.h"
#include "lib/similar.h"
#include "lib/standard_streams.h"
#include "lib/text.h"
#include "lib/version.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_GAP = 2,    /* columns before and after an option */
    OPTION_BYTES = 64, /* "  -c, --config FILE", terminated */
    STATUS_COLUMNS = 2,
    MEANING_INDENT = 6, /* of what stands below what it explains */
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
enum { COMMON_STATUSES = sizeof common_statuses / sizeof common_statuses[0] };

const struct program_option *program_option_at(const struct program_manual *manual, size_t index)
{
    invariant(manual->option_count <= PROGRAM_OPTIONS_MAX, "%s has %zu options", manual->name,
              manual->option_count);
    if (index < manual->option_count) {
        return &manual->options[index];
    }
    index -= manual->option_count;
    return index < COMMON_OPTIONS ? &common_options[index] : NULL;
}

struct program_status program_status_at(const struct program_manual *manual, size_t index)
{
    size_t own = 0;
    for (int common = 0;; index--) {
        bool has_own = own < PROGRAM_STATUSES_MAX && manual->statuses[own].meaning != NULL;
        bool is_common =
            common < COMMON_STATUSES && (!has_own || common < manual->statuses[own].status);
        struct program_status next = {0};
        if (is_common) {
            next = (struct program_status){common, common_statuses[common]};
        } else if (has_own) {
            next = manual->statuses[own++];
        }
        if (index == 0 || next.meaning == NULL) {
            return next;
        }
        common += next.status == common ? 1 : 0;
    }
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
    for (size_t i = 0; program_option_at(manual, i) != NULL; i++) {
        size_t bytes = strlen(name_option(program_option_at(manual, i), text));
        widest = bytes > widest ? bytes : widest;
    }
    for (size_t i = 0; program_option_at(manual, i) != NULL; i++) {
        const struct program_option *option = program_option_at(manual, i);
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
    for (size_t i = 0; program_option_at(manual, i) != NULL; i++) {
        const char *use = show_use(program_option_at(manual, i), text);
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

/* "  check DIR [--full] [--json]", and what it means on the lines below. */
static void print_operands(const struct program_manual *manual, FILE *file)
{
    struct program_operand operand;
    fprintf(file, "\n%s:\n", manual->operands);
    for (size_t i = 0; manual->operand_at(i, &operand); i++) {
        fprintf(file, "  %s\n%*s", operand.call, MEANING_INDENT, "");
        text_print_wrapped(file, operand.meaning, MEANING_INDENT, CONFIG_HELP_COLUMNS);
    }
}

static void print_usage(const struct program_manual *manual, FILE *file)
{
    print_synopsis(manual, file);
    fprintf(file, "%s\n", manual->purpose);
    print_options(manual, file);
    if (manual->operand_at != NULL) {
        print_operands(manual, file);
    }
}

void program_print_help(const struct program_manual *manual, FILE *file)
{
    struct program_status status;
    print_usage(manual, file);
    fputs("\nExit status:\n", file);
    for (size_t i = 0; (status = program_status_at(manual, i)).meaning != NULL; i++) {
        fprintf(file, "%*s%*d%*s", OPTION_GAP, "", STATUS_COLUMNS, status.status, OPTION_GAP, "");
        text_print_wrapped(file, status.meaning, STATUS_COLUMNS + 2 * (size_t)OPTION_GAP,
                           CONFIG_HELP_COLUMNS);
    }
    for (size_t i = 0; i < PROGRAM_EXAMPLES_MAX && manual->examples[i].command != NULL; i++) {
        fprintf(file, "%s  %s\n%*s", i == 0 ? "\nExamples:\n" : "", manual->examples[i].command,
                MEANING_INDENT, "");
        text_print_wrapped(file, manual->examples[i].meaning, MEANING_INDENT, CONFIG_HELP_COLUMNS);
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

void program_tell_config_ok(const struct program_manual *manual, const char *file)
{
    const char *read = config_file_name(file);
    printf("%s: configuration ok (%s)\n", manual->name, read != NULL ? read : "no file");
}

void program_complain_of(const char *mistake, void *complaints)
{
    struct program_complaints *kept = complaints;
    kept->count++;
    (void)program_complain(kept->manual, EXIT_FAILURE, "%s", mistake);
}

enum program_reading program_misused(const struct program_manual *manual, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    complain(manual, format, values);
    va_end(values);
    if (manual->operand_at == NULL) {
        print_synopsis(manual, stderr);
    }
    fprintf(stderr, "%s --help explains how it is called\n", manual->name);
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
    for (size_t i = 0; program_option_at(manual, i) != NULL; i++) {
        const struct program_option *option = program_option_at(manual, i);
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
    for (size_t i = 0; program_option_at(manual, i) != NULL; i++) {
        if (program_option_at(manual, i)->id == id) {
            return program_option_at(manual, i);
        }
    }
    return NULL;
}

/* `word` is where getopt_long stopped; of an unknown letter, optopt has it. */
static enum program_reading refuse_option(const struct program_manual *manual, const char *word)
{
    const struct program_option *option = find_option(manual, optopt);
    if (optopt != 0 && option != NULL) {
        return program_misused(manual, "option --%s takes no argument", option->name);
    }
    if (optopt != 0) {
        return program_misused(manual, "there is no option -%c", optopt);
    }
    const char *name = word + strspn(word, "-");
    int bytes = (int)strcspn(word, "=");
    size_t beginnings = 0; /* options that the word, like "--wat", is the beginning of */
    struct similar meant;
    similar_begin(&meant, name, strcspn(name, "="));
    for (size_t i = 0; (option = program_option_at(manual, i)) != NULL; i++) {
        beginnings += strncmp(option->name, name, meant.bytes) == 0;
        similar_offer(&meant, option->name, strlen(option->name));
    }
    if (beginnings > 1) {
        return program_misused(manual, "option %.*s may mean several; write it out", bytes, word);
    }
    return meant.best == NULL
               ? program_misused(manual, "there is no option %.*s", bytes, word)
               : program_misused(manual, "there is no option %.*s; did you mean --%s?", bytes, word,
                                 meant.best);
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

static void print_version(const struct program_manual *manual)
{
    printf("%s %s\ncommit: %s\n", manual->name, PROGRAM_VERSION, version_commit());
    for (size_t i = 0; i < PROGRAM_FORMATS_MAX && manual->formats[i].name != NULL; i++) {
        printf("%s: %u\n", manual->formats[i].name, manual->formats[i].version);
    }
}

static enum program_reading read_option(const struct program_manual *manual, int id,
                                        const char *word, program_take_option take, void *context)
{
    switch (id) {
    case 'h':
        program_print_help(manual, stdout);
        return PROGRAM_ENOUGH;
    case 'V':
        print_version(manual);
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
    if (argc == 2 && program_pages_print(manual, argv[1], stdout)) {
        return PROGRAM_ENOUGH;
    }
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
