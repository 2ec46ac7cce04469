/*
 * config.c - see config.h.
 *
 * Lays the three sources of a value on top of each other. config_value.c knows
 * how a value is written, config_file.c how the file is.
 */
#include "lib/config.h"

#include "lib/config_file.h"
#include "lib/config_value.h"
#include "lib/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAMES_BYTES = 128, /* enough for the names of the variables of a key */
    SHOWN_BYTES = 64,  /* of a value that is not ours */
    HELP_GAP = 2       /* before the first and before the second column */
};

/* The key's first name, for messages and the log. */
static const char *key_name(const struct config_key *key)
{
    return key->path[0] != NULL ? key->path[0] : key->environment[0];
}

static bool load_defaults(const struct config_table *table, void *target,
                          struct config_origin *origins, struct failure *failure)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct config_key *key = &table->keys[i];
        origins[i] = (struct config_origin){.source = CONFIG_FROM_DEFAULT};
        snprintf(origins[i].place, sizeof origins[i].place, "%s", key_name(key));
        if (key->default_value != NULL &&
            !config_value_parse(key, key->default_value, strlen(key->default_value),
                                origins[i].place, target, failure)) {
            return false;
        }
    }
    return true;
}

static const char *text_variable(const char *name)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* A scheme as RFC 3986, section 3.1, has it, and what makes it a URL. */
static bool is_url(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char of_scheme[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
    static const char behind_scheme[] = "://";
    return strspn(text, letters) > 0 &&
           strncmp(text + strspn(text, of_scheme), behind_scheme, sizeof behind_scheme - 1) == 0;
}

const char *config_figure_variable(const char *name)
{
    const char *text = text_variable(name);
    if (text == NULL || !is_url(text)) {
        return text;
    }
    char shown[SHOWN_BYTES];
    snprintf(shown, sizeof shown, "%s", text);
    text_make_clean(shown, strlen(shown));
    fprintf(stderr,
            "%s: WARNING: %s=%s is ignored: it is a URL, as orchestrators set for a service "
            "of that name\n",
            program_invocation_short_name, name, shown);
    return NULL;
}

static bool load_variable(const struct config_key *key, void *target, struct config_origin *origin,
                          struct failure *failure)
{
    for (size_t n = 0; n < CONFIG_NAMES_MAX && key->environment[n] != NULL; n++) {
        const char *name = key->environment[n];
        const char *text =
            key->kind == CONFIG_TEXT ? text_variable(name) : config_figure_variable(name);
        if (text != NULL) {
            *origin = (struct config_origin){.source = CONFIG_FROM_ENVIRONMENT};
            snprintf(origin->place, sizeof origin->place, "%s", name);
            return config_value_parse(key, text, strlen(text), origin->place, target, failure);
        }
    }
    return true;
}

/* "NUMBER_OF_AGENCIES, NUMBER_OF_CLIENTS"; returns `text`. */
static const char *join_names(const char *const names[CONFIG_NAMES_MAX], char text[NAMES_BYTES])
{
    text[0] = '\0';
    for (size_t n = 0; n < CONFIG_NAMES_MAX && names[n] != NULL; n++) {
        size_t used = strlen(text);
        snprintf(text + used, NAMES_BYTES - used, "%s%s", n > 0 ? ", " : "", names[n]);
    }
    return text;
}

static bool load_environment(const struct config_table *table, void *target,
                             struct config_origin *origins, struct failure *failure)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct config_key *key = &table->keys[i];
        if (!load_variable(key, target, &origins[i], failure)) {
            return false;
        }
        if (key->default_value == NULL && origins[i].source == CONFIG_FROM_DEFAULT) {
            char names[NAMES_BYTES];
            return failure_set(failure,
                               "%s: is not set and has no default; set it in the file or the "
                               "environment (%s)",
                               key_name(key), join_names(key->environment, names));
        }
    }
    return true;
}

bool config_load(const struct config_table *table, const char *file, void *target,
                 struct config_origin *origins, struct failure *failure)
{
    return load_defaults(table, target, origins, failure) &&
           config_file_load(table, file, target, origins, failure) &&
           load_environment(table, target, origins, failure);
}

/* Appends ` | name: value` to what is there; what has no room is cut. */
static void describe_key(const struct config_key *key, const char *name, const void *target,
                         char *text, size_t capacity)
{
    char value[CONFIG_TEXT_BYTES];
    size_t used = strlen(text);
    config_value_format(key, target, value, sizeof value);
    snprintf(text + used, capacity - used, " | %s: %s", name, value);
}

void config_describe(const struct config_table *table, const void *target, char *text,
                     size_t capacity)
{
    text[0] = '\0';
    for (size_t i = 0; i < table->count; i++) {
        if (table->keys[i].logged_as != NULL) {
            describe_key(&table->keys[i], table->keys[i].logged_as, target, text, capacity);
        }
    }
    for (size_t i = 0; i < table->count; i++) {
        describe_key(&table->keys[i], key_name(&table->keys[i]), target, text, capacity);
    }
}

/* ------------------------------------------------------------------ help ---- */

void config_print_help(const struct config_table *table, FILE *file)
{
    char paths[NAMES_BYTES];
    char variables[NAMES_BYTES];
    size_t width = 0;
    for (size_t i = 0; i < table->count; i++) {
        size_t bytes = strlen(join_names(table->keys[i].path, paths));
        width = bytes > width ? bytes : width;
    }
    fputs("\nKeys of the file, the environment variables that win over them, and what they "
          "mean:\n",
          file);
    for (size_t i = 0; i < table->count; i++) {
        const struct config_key *key = &table->keys[i];
        fprintf(file, "%*s%-*s%*s%s\n", HELP_GAP, "", (int)width, join_names(key->path, paths),
                HELP_GAP, "", join_names(key->environment, variables));
        size_t indent = width + 2 * (size_t)HELP_GAP;
        fprintf(file, "%*s", (int)indent, "");
        text_print_wrapped(file, key->meaning, indent, CONFIG_HELP_COLUMNS);
        if (key->default_value != NULL && key->default_value[0] != '\0') {
            fprintf(file, "%*sdefault: %s\n", (int)indent, "", key->default_value);
        }
    }
}
