/*
 * config_file.c - see config_file.h.
 *
 * The file is read event by event, not as a tree, because only the events tell
 * an anchor, an alias and a key that is given twice apart from plain keys. The
 * reader descends only into sections that the table knows, so that no file can
 * make it go deeper than the table does.
 *
 * After a mistake the reader skips what belongs to the wrong key, and goes on. Only what is no
 * YAML ends it.
 */
#include "lib/config_file.h"

#include "lib/config_ini.h"
#include "lib/config_value.h"
#include "lib/similar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <yaml.h>

enum {
    PATH_BYTES = 128,
    SECTIONS_MAX = 32,
    KNOWN_NAMES_BYTES = 256,
    SHOWN_FILE_BYTES = 100 /* leaves room for the line and a path in a place */
};

/* A section that the file has opened, to notice that it opens it again. */
struct section {
    char path[PATH_BYTES];
    int line;
};

/* A file that is being read. */
struct reader {
    const struct config_table *table;
    const char *file; /* the end of its name, as messages show it */
    FILE *stream;
    yaml_parser_t parser;
    void *target;
    struct config_origin *origins;
    struct section sections[SECTIONS_MAX];
    size_t section_count;
    const struct config_request *request;
    struct failure *failure; /* the first of all mistakes */
    struct failure mistake;  /* the latest one */
};

/* Where the reader stands: a key of the file with its full path. */
struct position {
    char path[PATH_BYTES]; /* one that is too long is cut, and so is not in the table */
    int line;
    char place[CONFIG_PLACE_BYTES];
};

static int event_line(const yaml_event_t *event)
{
    return (int)event->start_mark.line + 1;
}

static bool refuse_syntax(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    if (ferror(reader->stream)) {
        return failure_set_errno(&reader->mistake, "%s: cannot read it", reader->file);
    }
    if (parser->error == YAML_READER_ERROR) {
        return failure_set(&reader->mistake, "%s: not YAML: %s, at byte %zu", reader->file,
                           parser->problem, parser->problem_offset);
    }
    if (parser->problem == NULL) {
        return failure_set(&reader->mistake, "%s: not enough memory to read it", reader->file);
    }
    return failure_set(&reader->mistake, "%s:%zu: not YAML: %s%s%s", reader->file,
                       parser->problem_mark.line + 1, parser->problem,
                       parser->context != NULL ? ", " : "",
                       parser->context != NULL ? parser->context : "");
}

/* The caller deletes the event, unless this fails. */
static bool next_event(struct reader *reader, yaml_event_t *event)
{
    return yaml_parser_parse(&reader->parser, event) != 0 || refuse_syntax(reader);
}

/* True when the event is, or carries, more than keys and values. */
static bool is_ornate(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return true;
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL;
    default:
        return false;
    }
}

/* An unquoted scalar that stands for no value at all. */
static bool is_null(const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    const char *text = (const char *)event->data.scalar.value;
    return text[0] == '\0' || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0;
}

size_t config_find_path(const struct config_table *table, const char *path)
{
    for (size_t i = 0; i < table->count; i++) {
        for (size_t n = 0; n < CONFIG_NAMES_MAX && table->keys[i].path[n] != NULL; n++) {
            if (strcmp(table->keys[i].path[n], path) == 0) {
                return i;
            }
        }
    }
    return table->count;
}

/* What follows "section." in a path; the path itself for the top, ""; NULL if outside. */
static const char *below_section(const char *path, const char *section)
{
    size_t bytes = strlen(section);
    if (bytes == 0) {
        return path;
    }
    return strncmp(path, section, bytes) == 0 && path[bytes] == '.' ? path + bytes + 1 : NULL;
}

/* Adds a name of `bytes` bytes to a list of "a, b, c", once, if it has room. */
static void add_name(char *names, size_t capacity, const char *name, size_t bytes)
{
    for (const char *at = names; *at != '\0'; at += strspn(at, ", ")) {
        size_t listed_bytes = strcspn(at, ",");
        if (listed_bytes == bytes && strncmp(at, name, bytes) == 0) {
            return;
        }
        at += listed_bytes;
    }
    size_t used = strlen(names);
    if (used + bytes + sizeof ", " <= capacity) {
        snprintf(names + used, capacity - used, "%s%.*s", used > 0 ? ", " : "", (int)bytes, name);
    }
}

/* Lists the names that may stand in a section; none where there is no such section. */
static void list_known(const struct config_table *table, const char *section, char *names,
                       size_t capacity)
{
    names[0] = '\0';
    for (size_t i = 0; i < table->count; i++) {
        for (size_t n = 0; n < CONFIG_NAMES_MAX && table->keys[i].path[n] != NULL; n++) {
            const char *name = below_section(table->keys[i].path[n], section);
            if (name != NULL) {
                add_name(names, capacity, name, strcspn(name, "."));
            }
        }
    }
}

static bool is_section(const struct config_table *table, const char *path)
{
    char names[KNOWN_NAMES_BYTES];
    list_known(table, path, names, sizeof names);
    return path[0] != '\0' && names[0] != '\0';
}

/* Takes a key of this section, and says where that is. */
static bool take_key(struct reader *reader, const char *section, const yaml_event_t *event,
                     struct position *position)
{
    if (event->type != YAML_SCALAR_EVENT || is_ornate(event)) {
        return failure_set(&reader->mistake,
                           "%s:%d: this key is not a plain name; lists, sections, anchors, aliases "
                           "and tags cannot be keys",
                           reader->file, position->line);
    }
    const char *name = (const char *)event->data.scalar.value;
    size_t bytes = event->data.scalar.length;
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)name[i] < ' ') {
            return failure_set(&reader->mistake, "%s:%d: this key holds a control character",
                               reader->file, position->line);
        }
    }
    snprintf(position->path, sizeof position->path, "%s%s%s", section,
             section[0] != '\0' ? "." : "", name);
    snprintf(position->place, sizeof position->place, "%s:%d: %s", reader->file, position->line,
             position->path);
    return true;
}

/*
 * Finds the path that was meant by a key that is unknown in its section: one of this section, or else
 * one with a name like it in another section. "": none.
 */
static void find_meant(const struct config_table *table, const char *section, const char *path,
                       char meant[PATH_BYTES])
{
    struct similar here;
    struct similar elsewhere;
    const char *name = section[0] == '\0' ? path : path + strlen(section) + 1;
    const char *whole = NULL;
    similar_begin(&here, name, strlen(name));
    similar_begin(&elsewhere, name, strlen(name));
    for (size_t i = 0; i < table->count; i++) {
        for (size_t n = 0; n < CONFIG_NAMES_MAX && table->keys[i].path[n] != NULL; n++) {
            const char *known = table->keys[i].path[n];
            const char *inside = below_section(known, section);
            const char *last = strrchr(known, '.');
            const char *before = elsewhere.best;
            if (inside != NULL) {
                similar_offer(&here, inside, strcspn(inside, "."));
            }
            if (last != NULL) {
                similar_offer(&elsewhere, last + 1, strlen(last + 1));
            }
            whole = elsewhere.best != before ? known : whole;
        }
    }
    if (here.best != NULL) {
        snprintf(meant, PATH_BYTES, "%.*s", (int)here.best_bytes, here.best);
    } else {
        snprintf(meant, PATH_BYTES, "%s", elsewhere.best != NULL ? whole : "");
    }
}

/* `meant` is a name in the section, or a whole path of another one; "": nobody knows. */
static void doubt_meant(struct reader *reader, const char *section, const char *meant)
{
    char path[2 * PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s%s%s", section, section[0] != '\0' ? "." : "", meant);
    if (meant[0] != '\0') {
        config_doubt(reader->table, path, reader->origins);
        config_doubt(reader->table, meant, reader->origins);
    }
}

static bool refuse_unknown(struct reader *reader, const char *section,
                           const struct position *position)
{
    char names[KNOWN_NAMES_BYTES];
    char meant[PATH_BYTES];
    list_known(reader->table, section, names, sizeof names);
    find_meant(reader->table, section, position->path, meant);
    doubt_meant(reader, section, meant);
    return meant[0] == '\0' ? failure_set(&reader->mistake, "%s: unknown key; known here are %s",
                                          position->place, names)
                            : failure_set(&reader->mistake,
                                          "%s: unknown key; did you mean %s? Known here are %s",
                                          position->place, meant, names);
}

static bool refuse_twice(struct reader *reader, const struct position *position, int line)
{
    return failure_set(&reader->mistake, "%s: given twice; the first time is in line %d",
                       position->place, line);
}

static bool refuse_shape(struct reader *reader, const struct position *position,
                         const yaml_event_t *event, const char *wanted)
{
    const char *found = "a value";
    if (is_ornate(event)) {
        found = "an anchor, alias or tag (&, *, !)";
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        found = "a list";
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        found = "a section";
    }
    return failure_set(&reader->mistake, "%s: is %s; it has to be %s", position->place, found,
                       wanted);
}

static bool read_value(struct reader *reader, size_t index, const struct position *position,
                       const yaml_event_t *event)
{
    struct config_origin *origin = &reader->origins[index];
    if (origin->source == CONFIG_FROM_FILE) {
        return refuse_twice(reader, position, origin->line);
    }
    if (event->type != YAML_SCALAR_EVENT || is_ornate(event)) {
        return refuse_shape(reader, position, event, "a single value");
    }
    const char *text = is_null(event) ? "" : (const char *)event->data.scalar.value;
    size_t bytes = is_null(event) ? 0 : event->data.scalar.length;
    origin->source = CONFIG_FROM_FILE;
    origin->is_doubtful = false;
    origin->line = position->line;
    snprintf(origin->place, sizeof origin->place, "%s", position->place);
    return config_value_parse(&reader->table->keys[index], text, bytes, origin->place,
                              reader->target, &reader->mistake);
}

/* Notes that the section is open now. */
static bool enter_section(struct reader *reader, const struct position *position)
{
    for (size_t i = 0; i < reader->section_count; i++) {
        if (strcmp(reader->sections[i].path, position->path) == 0) {
            return refuse_twice(reader, position, reader->sections[i].line);
        }
    }
    if (reader->section_count == SECTIONS_MAX) {
        return failure_set(&reader->mistake, "%s: one section too many; at most %d are allowed",
                           position->place, SECTIONS_MAX);
    }
    struct section *section = &reader->sections[reader->section_count++];
    memcpy(section->path, position->path, sizeof section->path);
    section->line = position->line;
    return true;
}

/* Tells of the latest mistake. */
static void tell(struct reader *reader)
{
    config_tell(reader->request, &reader->mistake, reader->failure);
}

/* Reads on to the end of a node that begins with this event. False: no YAML. */
static bool skip_node(struct reader *reader, const yaml_event_t *begin)
{
    int depth = begin->type == YAML_MAPPING_START_EVENT || begin->type == YAML_SEQUENCE_START_EVENT;
    while (depth > 0) {
        yaml_event_t event;
        if (!next_event(reader, &event)) {
            return false;
        }
        if (event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT) {
            depth++;
        } else if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT) {
            depth--;
        }
        yaml_event_delete(&event);
    }
    return true;
}

static bool read_mapping(struct reader *reader, const char *section);

/* False: no YAML. A mistake is told. */
static bool read_section(struct reader *reader, const struct position *position,
                         const yaml_event_t *event)
{
    bool is_mapping = event->type == YAML_MAPPING_START_EVENT && !is_ornate(event);
    bool is_empty = is_null(event) && !is_ornate(event);
    bool is_right = (is_mapping || is_empty ||
                     refuse_shape(reader, position, event, "a section with keys of its own")) &&
                    enter_section(reader, position);
    if (!is_right) {
        config_doubt(reader->table, position->path, reader->origins);
        tell(reader);
        return skip_node(reader, event);
    }
    return is_empty || read_mapping(reader, position->path);
}

/* Reads what belongs to a known key: a value (`index` is its key's), or else a section. */
static bool read_known(struct reader *reader, size_t index, const struct position *position,
                       const yaml_event_t *event)
{
    if (index == reader->table->count) {
        return read_section(reader, position, event);
    }
    if (!read_value(reader, index, position, event)) {
        reader->origins[index].is_doubtful = true;
        tell(reader);
        return skip_node(reader, event);
    }
    return true;
}

/* Reads one key, whose event is given, and what belongs to it. False: no YAML. */
static bool read_entry(struct reader *reader, const char *section, const yaml_event_t *key)
{
    struct position position = {.line = event_line(key)};
    yaml_event_t event;
    size_t index = reader->table->count;
    bool known = take_key(reader, section, key, &position);
    if (known) {
        index = config_find_path(reader->table, position.path);
        known = index < reader->table->count || is_section(reader->table, position.path) ||
                refuse_unknown(reader, section, &position);
    }
    if (!known) {
        tell(reader);
        if (!skip_node(reader, key)) {
            return false;
        }
    }
    if (!next_event(reader, &event)) {
        return false;
    }
    bool went_on = known ? read_known(reader, index, &position, &event) : skip_node(reader, &event);
    yaml_event_delete(&event);
    return went_on;
}

/* Reads the keys of a mapping, to its end. Its start has been read. False: no YAML. */
static bool read_mapping(struct reader *reader, const char *section)
{
    bool went_on = true;
    for (bool more = true; more && went_on;) {
        yaml_event_t event;
        if (!next_event(reader, &event)) {
            return false;
        }
        more = event.type != YAML_MAPPING_END_EVENT;
        went_on = !more || read_entry(reader, section, &event);
        yaml_event_delete(&event);
    }
    return went_on;
}

/* Reads the document's only node. */
static bool read_top(struct reader *reader, const yaml_event_t *event)
{
    if (event->type == YAML_MAPPING_START_EVENT && !is_ornate(event)) {
        return read_mapping(reader, "");
    }
    return (is_null(event) && !is_ornate(event)) ||
           failure_set(&reader->mistake,
                       "%s:%d: only keys and sections may stand here (KEY: VALUE)", reader->file,
                       event_line(event));
}

/* Reads the stream; documents are counted, since there may be none or one. */
static bool read_stream(struct reader *reader)
{
    bool taken = true;
    int documents = 0;
    for (bool more = true; more && taken;) {
        yaml_event_t event;
        if (!next_event(reader, &event)) {
            return false;
        }
        if (event.type == YAML_DOCUMENT_START_EVENT && ++documents > 1) {
            taken = failure_set(&reader->mistake, "%s:%d: a second document (---); one is allowed",
                                reader->file, event_line(&event));
        } else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_STREAM_END_EVENT &&
                   event.type != YAML_DOCUMENT_START_EVENT &&
                   event.type != YAML_DOCUMENT_END_EVENT) {
            taken = read_top(reader, &event);
        }
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return taken;
}

static bool parse_stream(struct reader *reader)
{
    if (yaml_parser_initialize(&reader->parser) == 0) {
        return failure_set(&reader->mistake, "%s: not enough memory to read it", reader->file);
    }
    yaml_parser_set_input_file(&reader->parser, reader->stream);
    bool taken = read_stream(reader);
    yaml_parser_delete(&reader->parser);
    return taken;
}

static const char *const default_files[] = {CONFIG_DEFAULT_FILE, CONFIG_DEFAULT_INI_FILE};

const char *config_file_name(const char *file)
{
    struct stat status;
    for (size_t i = 0; file == NULL && i < sizeof default_files / sizeof default_files[0]; i++) {
        if (stat(default_files[i], &status) == 0 || errno != ENOENT) {
            return default_files[i];
        }
    }
    return file;
}

/* Opens the file, or the first default file that is there. NULL: errno tells why, *name which. */
static FILE *open_file(const char *file, const char **name)
{
    if (file != NULL) {
        *name = file;
        return fopen(file, "re");
    }
    FILE *stream = NULL;
    for (size_t i = 0; i < sizeof default_files / sizeof default_files[0]; i++) {
        *name = default_files[i];
        stream = fopen(*name, "re");
        if (stream != NULL || errno != ENOENT) {
            break;
        }
    }
    return stream;
}

bool config_file_load(const struct config_table *table, const struct config_request *request,
                      void *target, struct config_origin *origins, struct failure *failure)
{
    const char *name = NULL;
    struct reader reader = {.table = table,
                            .stream = open_file(request->file, &name),
                            .target = target,
                            .origins = origins,
                            .request = request,
                            .failure = failure};
    /* Of a long name its end, so that a message keeps room for what matters. */
    size_t name_bytes = strlen(name);
    reader.file = name_bytes > SHOWN_FILE_BYTES ? name + name_bytes - SHOWN_FILE_BYTES : name;
    if (reader.stream == NULL && request->file == NULL && errno == ENOENT) {
        return true;
    }
    if (reader.stream == NULL) {
        failure_set_errno(&reader.mistake, "%s: cannot open it", reader.file);
        config_doubt(table, "", origins);
        return config_tell(request, &reader.mistake, failure);
    }
    const char *dot = strrchr(name, '.');
    if (dot != NULL && strcmp(dot, ".ini") == 0) {
        bool read_all =
            config_ini_load(table, request, reader.file, reader.stream, target, origins, failure);
        fclose(reader.stream);
        return read_all;
    }
    bool read_all = parse_stream(&reader);
    fclose(reader.stream); /* only read from: there is nothing left to fail */
    if (!read_all) {
        config_doubt(table, "", origins);
    }
    return read_all || config_tell(request, &reader.mistake, failure);
}
