/*
 * program_pages.c - see program_pages.h.
 *
 * The pages are in the macros of man(7), with nothing that only groff knows. Every text of a table
 * goes through put_text, so that none of it is taken for a request or an escape.
 */
#include "lib/program_pages.h"

#include "lib/config_value.h"

#include <ctype.h>
#include <string.h>

enum { WORD_BYTES = 32 };

static const char *const programs[] = {"lottery-admin",    "lottery-agency", "lottery-feed",
                                       "lottery-generate", "lottery-server", "lottery-shipper",
                                       "lottery-stat",     "lottery-verify", "lottery-web"};

/* ------------------------------------------------------------------- man(7) ---- */

/* Writes a text so that nothing in it is an escape, and hyphens can be copied. */
static void put_escaped(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '\\':
            fputs("\\e", file);
            break;
        case '-':
            fputs("\\-", file);
            break;
        case '~':
            fputs("\\(ti", file);
            break;
        case '^':
            fputs("\\(ha", file);
            break;
        case '`':
            fputs("\\(ga", file);
            break;
        case '\'':
            fputs("\\(aq", file);
            break;
        default:
            fputc(*text, file);
        }
    }
}

/* Writes a text at the start of a line, where it must not be taken for a request. */
static void put_text(FILE *file, const char *text)
{
    if (text[0] == '.' || text[0] == '\'') {
        fputs("\\&", file);
    }
    put_escaped(file, text);
}

/* Writes a text in a font, 'B' or 'I', between two other texts. */
static void put_font(FILE *file, const char *before, char font, const char *text, const char *after)
{
    put_escaped(file, before);
    fprintf(file, "\\f%c", font);
    put_escaped(file, text);
    fputs("\\fR", file);
    put_escaped(file, after);
}

static void put_title(FILE *file, const char *name, int section, const char *purpose)
{
    char upper[WORD_BYTES];
    snprintf(upper, sizeof upper, "%s", name);
    for (char *letter = upper; *letter != '\0'; letter++) {
        *letter = (char)toupper((unsigned char)*letter);
    }
    fputs(".TH ", file);
    put_text(file, upper);
    fprintf(file, " %d \"\" \"lottery " PROGRAM_VERSION "\" \"The national lottery\"\n", section);
    fputs(".\\\" Made of the program's own tables by scripts/pages.sh; changes here are lost.\n",
          file);
    /* Names of programs and options are copied: none is cut at a line's end, or spread. */
    fputs(".nh\n.ad l\n.SH NAME\n", file);
    put_text(file, name);
    fputs(" \\- ", file);
    put_text(file, purpose);
    fputs("\n", file);
}

/* "-c" or "--config", with its argument if that is asked for. */
static void put_call(FILE *file, const struct program_option *option, bool is_long,
                     bool with_argument)
{
    char name[WORD_BYTES];
    const char letter[] = {(char)option->id, '\0'};
    snprintf(name, sizeof name, "%s%s", is_long ? "--" : "-", is_long ? option->name : letter);
    put_font(file, "", 'B', name, "");
    if (with_argument && option->argument != NULL) {
        put_font(file, " ", 'I', option->argument, "");
    }
}

/* "-c, --config FILE" as a tag, and below it what the option means. */
static void put_option(FILE *file, const struct program_option *option)
{
    fputs(".TP\n", file);
    if (option->id < PROGRAM_LONG_ONLY) {
        put_call(file, option, false, false);
        fputs(", ", file);
    }
    put_call(file, option, true, true);
    fputs("\n", file);
    put_text(file, option->meaning);
    fputs("\n", file);
}

static void put_synopsis(const struct program_manual *manual, FILE *file)
{
    const struct program_option *option = NULL;
    fputs(".SH SYNOPSIS\n", file);
    put_font(file, "", 'B', manual->name, "");
    for (size_t i = 0; (option = program_option_at(manual, i)) != NULL; i++) {
        fputs(option->required ? "\n" : "\n[", file);
        put_call(file, option, option->id >= PROGRAM_LONG_ONLY, true);
        fputs(option->required ? "" : "]", file);
    }
    if (manual->operands != NULL) {
        fputs("\n", file);
        put_font(file, "", 'I', manual->operands, "");
    }
    fputs("\n", file);
}

static void put_paragraphs(FILE *file, const char *heading, const char *const *texts, size_t most)
{
    for (size_t i = 0; i < most && texts[i] != NULL; i++) {
        fputs(i == 0 ? heading : ".PP\n", file);
        put_text(file, texts[i]);
        fputs("\n", file);
    }
}

static void put_operands(const struct program_manual *manual, FILE *file)
{
    struct program_operand operand;
    fputs(".SH OPERANDS\n", file);
    for (size_t i = 0; manual->operand_at(i, &operand); i++) {
        fputs(".TP\n", file);
        put_font(file, "", 'B', operand.call, "\n");
        put_text(file, operand.meaning);
        fputs("\n", file);
    }
}

static void put_statuses(const struct program_manual *manual, FILE *file)
{
    struct program_status status;
    fputs(".SH EXIT STATUS\n", file);
    for (size_t i = 0; (status = program_status_at(manual, i)).meaning != NULL; i++) {
        fprintf(file, ".TP\n\\fB%d\\fR\n", status.status);
        put_text(file, status.meaning);
        fputs("\n", file);
    }
}

static void put_examples(const struct program_manual *manual, FILE *file)
{
    for (size_t i = 0; i < PROGRAM_EXAMPLES_MAX && manual->examples[i].command != NULL; i++) {
        fputs(i == 0 ? ".SH EXAMPLES\n.TP\n" : ".TP\n", file);
        put_font(file, "", 'B', manual->examples[i].command, "\n");
        put_text(file, manual->examples[i].meaning);
        fputs("\n", file);
    }
}

/* All programs but this one, and the page of its keys or of its program. */
static void put_neighbours(FILE *file, const char *self, const char *keys_page)
{
    fputs(".SH SEE ALSO\n", file);
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        if (strcmp(programs[i], self) != 0) {
            put_font(file, "", 'B', programs[i], "(1),\n");
        }
    }
    if (keys_page != NULL) {
        put_font(file, "", 'B', keys_page, "(5),\n");
    }
    put_font(file, "", 'B', "lottery-files", "(5),\n");
    put_font(file, "", 'B', "lottery-protocol", "(7)\n");
}

static void print_page(const struct program_manual *manual, FILE *file)
{
    const struct program_option *option = NULL;
    put_title(file, manual->name, 1, manual->purpose);
    put_synopsis(manual, file);
    put_paragraphs(file, ".SH DESCRIPTION\n", manual->description, PROGRAM_PARAGRAPHS_MAX);
    fputs(".SH OPTIONS\n", file);
    for (size_t i = 0; (option = program_option_at(manual, i)) != NULL; i++) {
        put_option(file, option);
    }
    if (manual->operand_at != NULL) {
        put_operands(manual, file);
    }
    if (manual->keys_page != NULL) {
        fputs(".SH CONFIGURATION\n", file);
        put_font(file,
                 "The keys of the configuration, their environment variables and defaults: ", 'B',
                 manual->keys_page, "(5).\n");
    }
    put_statuses(manual, file);
    put_examples(manual, file);
    put_neighbours(file, manual->name, manual->keys_page);
}

static const char *const keys_description[] = {
    "A YAML file of sections and single values. \"server.port\" is the key \"port\" in the section "
    "\"server\". Each key may be given once; one that is not known here is an error.",
    "An option of the command line wins over an environment variable, that over the file, and the "
    "file over the default. A variable that is empty counts as not set.",
    "A file whose name ends in .ini has one section, [DEFAULT], and the names of the environment "
    "variables as its keys, in any case.",
    "Option -t checks a file and lists all mistakes, and -T prints every value that would count, "
    "and "
    "where it comes from.",
};

/* "server.port, server.tcp_port (SERVER_PORT)" as a tag, and below it what the key means. */
static void put_key(FILE *file, const struct config_key *key)
{
    char wanted[CONFIG_WANTED_BYTES];
    fputs(".TP\n", file);
    for (size_t n = 0; n < CONFIG_NAMES_MAX && key->path[n] != NULL; n++) {
        put_font(file, n > 0 ? ", " : "", 'B', key->path[n], "");
    }
    for (size_t n = 0; n < CONFIG_NAMES_MAX && key->environment[n] != NULL; n++) {
        put_font(file,
                 n > 0                  ? ", "
                 : key->path[0] == NULL ? ""
                                        : " (",
                 'I', key->environment[n], "");
    }
    fputs(key->path[0] != NULL && key->environment[0] != NULL ? ")\n" : "\n", file);
    put_text(file, key->meaning);
    config_value_describe(key, wanted);
    wanted[0] = (char)toupper((unsigned char)wanted[0]);
    fputs(".\n", file);
    put_text(file, wanted);
    if (key->default_value == NULL) {
        fputs(";\nhas to be set.\n", file);
    } else {
        const char *change = config_describe_reload(key);
        put_font(file, "; default: ", 'B',
                 key->default_value[0] == '\0' ? "empty" : key->default_value,
                 change[0] == '\0' ? ".\n" : ";\n");
        if (change[0] != '\0') {
            put_text(file, change);
            fputs(".\n", file);
        }
    }
}

static void print_keys_page(const struct program_manual *manual, FILE *file)
{
    char purpose[WORD_BYTES * 2];
    snprintf(purpose, sizeof purpose, "the configuration of %s", manual->name);
    put_title(file, manual->keys_page, 5, purpose);
    put_paragraphs(file, ".SH DESCRIPTION\n", keys_description,
                   sizeof keys_description / sizeof keys_description[0]);
    fputs(".SH KEYS\n", file);
    for (size_t i = 0; i < manual->keys->count; i++) {
        put_key(file, &manual->keys->keys[i]);
    }
    put_neighbours(file, "", NULL);
}

/* --------------------------------------------------------------------- bash ---- */

/* What is offered for an option's argument. */
enum argument_kind { ARGUMENT_TEXT, ARGUMENT_FILE, ARGUMENT_DIRECTORY, ARGUMENT_CHOICE };

static enum argument_kind kind_of(const char *argument)
{
    static const struct {
        const char *argument;
        enum argument_kind kind;
    } kinds[] = {
        {"FILE", ARGUMENT_FILE},           {"PUB", ARGUMENT_FILE},
        {"EXPORT", ARGUMENT_FILE},         {"PATH", ARGUMENT_FILE},
        {"DIRECTORY", ARGUMENT_DIRECTORY}, {"DIR", ARGUMENT_DIRECTORY},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(argument, kinds[i].argument) == 0) {
            return kinds[i].kind;
        }
    }
    return strchr(argument, '|') != NULL ? ARGUMENT_CHOICE : ARGUMENT_TEXT;
}

/* "-c | --config" */
static void put_option_words(FILE *file, const struct program_option *option)
{
    if (option->id < PROGRAM_LONG_ONLY) {
        fprintf(file, "-%c | ", option->id);
    }
    fprintf(file, "--%s", option->name);
}

/* A case of all options whose argument is of this kind. */
static void put_case(const struct program_manual *manual, FILE *file, enum argument_kind kind,
                     const char *body)
{
    const struct program_option *option = NULL;
    bool any = false;
    for (size_t i = 0; (option = program_option_at(manual, i)) != NULL; i++) {
        if (option->argument != NULL && kind_of(option->argument) == kind) {
            fputs(any ? " | " : "    ", file);
            put_option_words(file, option);
            any = true;
        }
    }
    fputs(any ? body : "", file);
}

/* A case for each option whose argument is one of some words, "csv|json". */
static void put_choices(const struct program_manual *manual, FILE *file)
{
    const struct program_option *option = NULL;
    for (size_t i = 0; (option = program_option_at(manual, i)) != NULL; i++) {
        if (option->argument == NULL || kind_of(option->argument) != ARGUMENT_CHOICE) {
            continue;
        }
        fputs("    ", file);
        put_option_words(file, option);
        fputs(") words='", file);
        for (const char *letter = option->argument; *letter != '\0'; letter++) {
            fputc(*letter == '|' ? ' ' : *letter, file);
        }
        fputs("' ;;\n", file);
    }
}

/* Commands of one word, and after a first word those of two; words that come twice come once. */
static void put_words(const struct program_manual *manual, FILE *file, const char *first)
{
    struct program_operand operand;
    char before[WORD_BYTES] = "";
    for (size_t i = 0; manual->operand_at(i, &operand); i++) {
        const char *word = operand.word != NULL ? operand.word : "";
        size_t bytes = strcspn(word, " ");
        if (first != NULL) {
            bool follows = strncmp(word, first, strlen(first)) == 0 && word[strlen(first)] == ' ';
            fprintf(file, "%s%s", follows ? " " : "", follows ? word + strlen(first) + 1 : "");
        } else if (bytes > 0 && (strlen(before) != bytes || strncmp(before, word, bytes) != 0)) {
            snprintf(before, sizeof before, "%.*s", (int)bytes, word);
            fprintf(file, " %s", before);
        }
    }
}

/* A case for each first word of commands of two. */
static void put_second_words(const struct program_manual *manual, FILE *file)
{
    struct program_operand operand;
    char before[WORD_BYTES] = "";
    for (size_t i = 0; manual->operand_at(i, &operand); i++) {
        const char *second = operand.word != NULL ? strchr(operand.word, ' ') : NULL;
        size_t bytes = second != NULL ? (size_t)(second - operand.word) : 0;
        if (bytes > 0 && strncmp(before, operand.word, bytes) != 0) {
            snprintf(before, sizeof before, "%.*s", (int)bytes, operand.word);
            fprintf(file, "    %s) words='", before);
            put_words(manual, file, before);
            fputs("' ;;\n", file);
        }
    }
}

static bool has_commands(const struct program_manual *manual)
{
    struct program_operand operand;
    return manual->operand_at != NULL && manual->operand_at(0, &operand) && operand.word != NULL;
}

/* Finds the command among the words before: the first that is neither an option nor its argument. */
static void put_command_search(const struct program_manual *manual, FILE *file)
{
    const struct program_option *option = NULL;
    bool any = false;
    fputs("    local index command=''\n"
          "    for ((index = 1; index < COMP_CWORD; index++)); do\n"
          "        case ${COMP_WORDS[index]} in\n",
          file);
    for (size_t i = 0; (option = program_option_at(manual, i)) != NULL; i++) {
        if (option->argument != NULL) {
            fputs(any ? " | " : "        ", file);
            put_option_words(file, option);
            any = true;
        }
    }
    fputs(any ? ")\n"
                "            index=$((index + 1))\n"
                "            if [[ ${COMP_WORDS[index]} == = ]]; then index=$((index + 1)); fi\n"
                "            ;;\n"
              : "",
          file);
    fputs("        -*) ;;\n"
          "        *)\n"
          "            command=${COMP_WORDS[index]}\n"
          "            break\n"
          "            ;;\n"
          "        esac\n"
          "    done\n",
          file);
}

/* The beginning of the function; "--config=a" are three words of bash. */
static void put_function(const struct program_manual *manual, FILE *file, const char *function)
{
    fprintf(
        file,
        "# bash completion for %s. Made of the program's own table by scripts/pages.sh.\n"
        "# shellcheck shell=bash\n"
        "%s() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=''\n"
        "    COMPREPLY=()\n"
        "    if [[ $word == = ]]; then\n"
        "        word=''\n"
        "    elif [[ $before == = ]]; then\n"
        "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
        "    fi\n",
        manual->name, function);
}

/* What is offered after the word before: an option, or the first word of a command of two. */
static void put_cases(const struct program_manual *manual, FILE *file)
{
    fputs("    case $before in\n", file);
    put_case(manual, file, ARGUMENT_FILE,
             ")\n        compopt -o filenames 2>/dev/null\n"
             "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
             "        return\n        ;;\n");
    put_case(manual, file, ARGUMENT_DIRECTORY,
             ")\n        compopt -o filenames 2>/dev/null\n"
             "        mapfile -t COMPREPLY < <(compgen -d -- \"$word\")\n"
             "        return\n        ;;\n");
    put_choices(manual, file);
    put_case(manual, file, ARGUMENT_TEXT, ") return ;;\n");
    if (has_commands(manual)) {
        put_second_words(manual, file);
    }
    fputs("    esac\n", file);
}

static void print_completion(const struct program_manual *manual, FILE *file)
{
    const struct program_option *option = NULL;
    char function[WORD_BYTES];
    snprintf(function, sizeof function, "_%s", manual->name);
    for (char *hyphen = function; (hyphen = strchr(hyphen, '-')) != NULL;) {
        *hyphen = '_';
    }
    put_function(manual, file, function);
    put_cases(manual, file);
    if (has_commands(manual)) {
        put_command_search(manual, file);
    }
    fputs("    if [[ $word == -* ]]; then\n        words='", file);
    for (size_t i = 0; (option = program_option_at(manual, i)) != NULL; i++) {
        fprintf(file, " --%s", option->name);
    }
    fputs("'\n", file);
    if (has_commands(manual)) {
        fputs("    elif [[ -z $words && -z $command ]]; then\n        words='", file);
        put_words(manual, file, NULL);
        fputs("'\n", file);
    }
    fprintf(file,
            "    fi\n"
            "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
            "}\n"
            "complete%s -F %s %s\n",
            manual->operands != NULL ? " -o default" : "", function, manual->name);
}

bool program_pages_print(const struct program_manual *manual, const char *word, FILE *file)
{
    if (strcmp(word, "--print-page") == 0) {
        print_page(manual, file);
        return true;
    }
    if (strcmp(word, "--print-keys-page") == 0 && manual->keys != NULL) {
        print_keys_page(manual, file);
        return true;
    }
    if (strcmp(word, "--print-completion") == 0) {
        print_completion(manual, file);
        return true;
    }
    return false;
}
