/*
 * config.c - see config.h.
 *
 * Lays the sources of a value on top of each other. config_value.c knows
 * how a value is written, config_file.c how the file is.
 */
#include "lib/config.h"

#include "lib/config_file.h"
#include "lib/config_value.h"
#include "lib/log.h"
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

bool config_tell(const struct config_request *request, const struct failure *mistake,
                 struct failure *first)
{
    if (first->text[0] == '\0') {
        *first = *mistake;
    }
    if (request->tell != NULL) {
        request->tell(mistake->text, request->context);
    }
    return false;
}

/* What is being loaded, and from what. */
struct loading {
    const struct config_table *table;
    const struct config_request *request;
    void *target;
    struct config_origin *origins;
    struct failure *failure;
};

/* Takes a value from a source that is no file. A mistake is told. */
static void take_value(const struct loading *loading, size_t index, enum config_source source,
                       const char *place, const char *text)
{
    struct failure mistake;
    struct config_origin *origin = &loading->origins[index];
    *origin = (struct config_origin){.source = source};
    snprintf(origin->place, sizeof origin->place, "%s", place);
    if (!config_value_parse(&loading->table->keys[index], text, strlen(text), origin->place,
                            loading->target, &mistake)) {
        origin->is_doubtful = true;
        config_tell(loading->request, &mistake, loading->failure);
    }
}

static void load_defaults(const struct loading *loading)
{
    for (size_t i = 0; i < loading->table->count; i++) {
        const struct config_key *key = &loading->table->keys[i];
        loading->origins[i] = (struct config_origin){.source = CONFIG_FROM_DEFAULT};
        snprintf(loading->origins[i].place, sizeof loading->origins[i].place, "%s", key_name(key));
        if (key->default_value != NULL) {
            take_value(loading, i, CONFIG_FROM_DEFAULT, key_name(key), key->default_value);
        }
    }
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
            "%s: WARNING: %s=%s is ignored: it is a URL, as orchestrators set for a service of "
            "that name\n",
            program_invocation_short_name, name, shown);
    return NULL;
}

/* Takes the first of the key's variables that is set. */
static void load_variable(const struct loading *loading, size_t index)
{
    const struct config_key *key = &loading->table->keys[index];
    for (size_t n = 0; n < CONFIG_NAMES_MAX && key->environment[n] != NULL; n++) {
        const char *name = key->environment[n];
        const char *text =
            key->kind == CONFIG_TEXT ? text_variable(name) : config_figure_variable(name);
        if (text != NULL) {
            take_value(loading, index, CONFIG_FROM_ENVIRONMENT, name, text);
            return;
        }
    }
}

static void load_given(const struct loading *loading)
{
    for (size_t n = 0; n < loading->request->given_count; n++) {
        const struct config_given *given = &loading->request->given[n];
        size_t index = config_find_path(loading->table, given->path);
        invariant(index < loading->table->count, "%s sets %s", given->option, given->path);
        take_value(loading, index, CONFIG_FROM_OPTION, given->option, given->value);
    }
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

static void check_missing(const struct loading *loading)
{
    for (size_t i = 0; i < loading->table->count; i++) {
        const struct config_key *key = &loading->table->keys[i];
        if (key->default_value == NULL && loading->origins[i].source == CONFIG_FROM_DEFAULT) {
            char names[NAMES_BYTES];
            struct failure mistake;
            failure_set(&mistake,
                        "%s: is not set and has no default; set it in the file or the "
                        "environment (%s)",
                        key_name(key), join_names(key->environment, names));
            loading->origins[i].is_doubtful = true;
            config_tell(loading->request, &mistake, loading->failure);
        }
    }
}

/* True where a name of the key in the file is this path, or below it. */
static bool is_below(const struct config_key *key, const char *path)
{
    size_t bytes = strlen(path);
    for (size_t n = 0; n < CONFIG_NAMES_MAX && key->path[n] != NULL; n++) {
        const char *name = key->path[n];
        if (strncmp(name, path, bytes) == 0 && (name[bytes] == '\0' || name[bytes] == '.')) {
            return true;
        }
    }
    return false;
}

void config_doubt(const struct config_table *table, const char *path, struct config_origin *origins)
{
    for (size_t i = 0; i < table->count; i++) {
        if (origins[i].source == CONFIG_FROM_DEFAULT &&
            (path[0] == '\0' || is_below(&table->keys[i], path))) {
            origins[i].is_doubtful = true;
        }
    }
}

bool config_load(const struct config_table *table, const struct config_request *request,
                 void *target, struct config_origin *origins, struct failure *failure)
{
    const struct loading loading = {.table = table,
                                    .request = request,
                                    .target = target,
                                    .origins = origins,
                                    .failure = failure};
    failure->text[0] = '\0';
    load_defaults(&loading);
    bool read_all = config_file_load(table, request, target, origins, failure);
    for (size_t i = 0; i < table->count; i++) {
        load_variable(&loading, i);
    }
    load_given(&loading);
    if (read_all) { /* else a key may be in the rest of the file */
        check_missing(&loading);
    }
    return failure->text[0] == '\0';
}

/* Appends ` | name: value` to what is there; what has no room is cut. A `|` of the value would end it. */
static void describe_key(const struct config_key *key, const char *name, const void *target,
                         char *text, size_t capacity)
{
    char value[CONFIG_TEXT_BYTES];
    size_t used = strlen(text);
    config_value_format(key, target, value, sizeof value);
    for (char *bar = value; (bar = strchr(bar, '|')) != NULL;) {
        *bar = '?';
    }
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

/* ------------------------------------------------------------ for people ---- */

/* "config.yaml:3", "SERVER_PORT", "--server", "default"; returns `text`. */
static const char *describe_origin(const struct config_origin *origin,
                                   char text[CONFIG_PLACE_BYTES])
{
    snprintf(text, CONFIG_PLACE_BYTES, "%s",
             origin->source == CONFIG_FROM_DEFAULT ? "default" : origin->place);
    char *key = origin->source == CONFIG_FROM_FILE ? strstr(text, ": ") : NULL;
    if (key != NULL) {
        *key = '\0';
    }
    return text;
}

const char *config_describe_reload(const struct config_key *key)
{
    switch (key->reloadable) {
    case CONFIG_AT_RELOAD:
        return "read again at SIGHUP";
    case CONFIG_LOWERED:
        return "read again at SIGHUP, up to the value of the start";
    case CONFIG_AT_START:
        break;
    }
    return "";
}

/* What follows a value's origin in -T: nothing, where no value of the program is read again. */
static const char *describe_change(const struct config_table *table, const struct config_key *key)
{
    bool any = false;
    for (size_t i = 0; i < table->count; i++) {
        any = any || table->keys[i].reloadable != CONFIG_AT_START;
    }
    return !any                                 ? ""
           : key->reloadable != CONFIG_AT_START ? config_describe_reload(key)
                                                : "needs a restart";
}

void config_print_values(const struct config_table *table, const void *target,
                         const struct config_origin *origins, FILE *file)
{
    char text[CONFIG_TEXT_BYTES];
    char place[CONFIG_PLACE_BYTES];
    size_t widest = 0;
    size_t longest = 0;
    size_t farthest = 0;
    for (size_t i = 0; i < table->count; i++) {
        config_value_format(&table->keys[i], target, text, sizeof text);
        widest =
            strlen(key_name(&table->keys[i])) > widest ? strlen(key_name(&table->keys[i])) : widest;
        longest = strlen(text) > longest ? strlen(text) : longest;
        size_t place_bytes = strlen(describe_origin(&origins[i], place));
        farthest = place_bytes > farthest ? place_bytes : farthest;
    }
    for (size_t i = 0; i < table->count; i++) {
        config_value_format(&table->keys[i], target, text, sizeof text);
        const char *change = describe_change(table, &table->keys[i]);
        fprintf(file, "%-*s%*s%-*s%*s%-*s%s%s\n", (int)widest, key_name(&table->keys[i]), HELP_GAP,
                "", (int)longest, text, HELP_GAP, "", change[0] == '\0' ? 0 : (int)farthest,
                describe_origin(&origins[i], place), change[0] == '\0' ? "" : "  ", change);
    }
}

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
        const char *change = config_describe_reload(key);
        if (key->default_value != NULL && key->default_value[0] != '\0') {
            fprintf(file, "%*sdefault: %s%s%s\n", (int)indent, "", key->default_value,
                    change[0] == '\0' ? "" : "; ", change);
        } else if (key->default_value == NULL || change[0] != '\0') {
            fprintf(file, "%*s%s\n", (int)indent, "",
                    key->default_value == NULL ? "has to be set" : change);
        }
    }
}
