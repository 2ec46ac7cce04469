/*
 * config_ini.c - see config_ini.h.
 *
 * The rules are those of Python's configparser, by which the course's server reads the
 * file, without other sections, values of several lines and interpolation, which
 * configuration does not need. A line that is not understood is refused and named.
 */
#include "lib/config_ini.h"

#include "lib/config_value.h"
#include "lib/similar.h"
#include "lib/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

enum { KNOWN_NAMES_BYTES = 256, SHOWN_NAME_BYTES = 60 };

static const char section_name[] = "[DEFAULT]";
static const char blanks[] = " \t";

/* A file that is being read. */
struct ini {
    const struct config_table *table;
    const char *file;
    void *target;
    struct config_origin *origins;
    struct failure *failure; /* the latest mistake */
    char *line;              /* getline's */
    size_t line_capacity;
    int line_number;
    int section_line; /* 0 before the section */
    bool names_a_key; /* the line does, whatever its value is */
};

/* A piece of a line, without the blanks around it; not terminated. */
struct piece {
    const char *text;
    size_t bytes;
};

static struct piece trim(const char *text, size_t bytes)
{
    while (bytes > 0 && strchr(blanks, text[0]) != NULL) {
        text++;
        bytes--;
    }
    while (bytes > 0 && strchr(blanks, text[bytes - 1]) != NULL) {
        bytes--;
    }
    return (struct piece){text, bytes};
}

/* The index of the key that has an environment variable of this name, or table->count. */
static size_t find_variable(const struct config_table *table, struct piece name)
{
    for (size_t i = 0; i < table->count; i++) {
        for (size_t n = 0; n < CONFIG_NAMES_MAX && table->keys[i].environment[n] != NULL; n++) {
            const char *variable = table->keys[i].environment[n];
            if (strlen(variable) == name.bytes &&
                strncasecmp(name.text, variable, name.bytes) == 0) {
                return i;
            }
        }
    }
    return table->count;
}

static bool refuse_unknown(const struct ini *ini, struct piece name)
{
    char names[KNOWN_NAMES_BYTES] = "";
    struct similar meant;
    similar_begin(&meant, name.text, name.bytes);
    for (size_t i = 0; i < ini->table->count; i++) {
        const char *known = ini->table->keys[i].environment[0];
        size_t used = strlen(names);
        if (known != NULL && used + strlen(known) + sizeof ", " <= sizeof names) {
            snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "", known);
        }
        for (size_t n = 0; n < CONFIG_NAMES_MAX && ini->table->keys[i].environment[n] != NULL;
             n++) {
            known = ini->table->keys[i].environment[n];
            similar_offer(&meant, known, strlen(known));
        }
    }
    int shown = (int)(name.bytes > SHOWN_NAME_BYTES ? SHOWN_NAME_BYTES : name.bytes);
    return meant.best == NULL
               ? failure_set(ini->failure,
                             "%s:%d: %.*s: unknown key; known are the environment variables (%s)",
                             ini->file, ini->line_number, shown, name.text, names)
               : failure_set(ini->failure, "%s:%d: %.*s: unknown key; did you mean %s?", ini->file,
                             ini->line_number, shown, name.text, meant.best);
}

/* The value is copied, because config_value_parse takes terminated text. */
static bool take_value(struct ini *ini, size_t index, struct piece name, struct piece value)
{
    ini->names_a_key = true;
    struct config_origin *origin = &ini->origins[index];
    int first_line = origin->source == CONFIG_FROM_FILE ? origin->line : 0;
    struct config_origin here = {.source = CONFIG_FROM_FILE, .line = ini->line_number};
    snprintf(here.place, sizeof here.place, "%s:%d: %.*s", ini->file, ini->line_number,
             (int)name.bytes, name.text);
    if (first_line != 0) {
        origin->is_doubtful = true;
        return failure_set(ini->failure, "%s: given twice; the first time is in line %d",
                           here.place, first_line);
    }
    char *text = strndup(value.text, value.bytes);
    if (text == NULL) {
        return failure_set_errno(ini->failure, "%s: reading its value", here.place);
    }
    *origin = here;
    bool taken = config_value_parse(&ini->table->keys[index], text, value.bytes, here.place,
                                    ini->target, ini->failure);
    origin->is_doubtful = !taken;
    free(text);
    return taken;
}

static bool take_key(struct ini *ini, struct piece line)
{
    size_t name_bytes = 0;
    while (name_bytes < line.bytes && line.text[name_bytes] != '=' &&
           line.text[name_bytes] != ':') {
        name_bytes++;
    }
    struct piece name = trim(line.text, name_bytes);
    if (name_bytes == line.bytes || name.bytes == 0) {
        return failure_set(ini->failure,
                           "%s:%d: neither KEY = VALUE, nor %s, nor a comment (# or ;)", ini->file,
                           ini->line_number, section_name);
    }
    if (ini->section_line == 0) {
        return failure_set(ini->failure, "%s:%d: a key before %s, the section that holds all keys",
                           ini->file, ini->line_number, section_name);
    }
    size_t index = find_variable(ini->table, name);
    return index < ini->table->count
               ? take_value(ini, index, name,
                            trim(line.text + name_bytes + 1, line.bytes - name_bytes - 1))
               : refuse_unknown(ini, name);
}

static bool take_section(struct ini *ini, struct piece line)
{
    if (line.bytes != strlen(section_name) || memcmp(line.text, section_name, line.bytes) != 0) {
        return failure_set(ini->failure, "%s:%d: unknown section; %s is the only one", ini->file,
                           ini->line_number, section_name);
    }
    if (ini->section_line != 0) {
        return failure_set(ini->failure, "%s:%d: %s stands here twice; the first time is line %d",
                           ini->file, ini->line_number, section_name, ini->section_line);
    }
    ini->section_line = ini->line_number;
    return true;
}

/* Tabs are blanks here, and no other control character is text. */
static bool is_text(struct piece line)
{
    for (size_t from = 0; from <= line.bytes;) {
        const char *tab = memchr(line.text + from, '\t', line.bytes - from);
        size_t end = tab == NULL ? line.bytes : (size_t)(tab - line.text);
        if (!text_is_clean(line.text + from, end - from)) {
            return false;
        }
        from = end + 1;
    }
    return true;
}

static bool take_line(struct ini *ini, size_t bytes)
{
    if (bytes > 0 && ini->line[bytes - 1] == '\n') {
        bytes -= bytes > 1 && ini->line[bytes - 2] == '\r' ? 2 : 1;
    }
    struct piece line = trim(ini->line, bytes);
    if (!is_text((struct piece){ini->line, bytes})) {
        return failure_set(ini->failure, "%s:%d: holds bytes that are not UTF-8 text", ini->file,
                           ini->line_number);
    }
    if (line.bytes == 0 || line.text[0] == '#' || line.text[0] == ';') {
        return true;
    }
    if (line.text != ini->line) {
        return failure_set(ini->failure,
                           "%s:%d: begins with a blank, which would continue the value above; a "
                           "value is one line",
                           ini->file, ini->line_number);
    }
    return line.text[0] == '[' ? take_section(ini, line) : take_key(ini, line);
}

bool config_ini_load(const struct config_table *table, const struct config_request *request,
                     const char *file, FILE *stream, void *target, struct config_origin *origins,
                     struct failure *failure)
{
    struct failure mistake;
    struct ini ini = {
        .table = table, .file = file, .target = target, .origins = origins, .failure = &mistake};
    ssize_t bytes = 0;
    errno = 0;
    while ((bytes = getline(&ini.line, &ini.line_capacity, stream)) >= 0) {
        ini.line_number++;
        ini.names_a_key = false;
        if (!take_line(&ini, (size_t)bytes)) {
            if (!ini.names_a_key) {
                config_doubt(table, "", origins); /* it may have been meant for any of them */
            }
            config_tell(request, &mistake, failure);
        }
    }
    bool read_all = feof(stream) != 0;
    if (!read_all) {
        failure_set_errno(&mistake, "%s: cannot read it", file);
        config_doubt(table, "", origins);
        config_tell(request, &mistake, failure);
    }
    free(ini.line);
    return read_all;
}
