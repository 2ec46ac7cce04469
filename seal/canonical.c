/*
 * canonical.c - see canonical.h.
 */
#include "seal/canonical.h"

#include "lib/text.h"
#include "lib/timestamp.h"
#include "seal/sha256.h"
#include "store/file_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NOTHING "-"

enum { DUMP_FLAGS = JSON_SORT_KEYS | JSON_COMPACT };

/* --------------------------------------------------------------- writing ---- */

static json_t *make_value(const struct canonical_member *member, const void *from)
{
    char text[SHA256_DIGITS + 1];
    switch (member->kind) {
    case CANONICAL_TEXT:
        return json_string(*(const char *)from == '\0' ? NOTHING : from);
    case CANONICAL_UINT32:
        return json_integer((json_int_t) * (const uint32_t *)from);
    case CANONICAL_UINT64:
        return json_integer((json_int_t) * (const uint64_t *)from);
    case CANONICAL_FLAG:
        return json_boolean(*(const bool *)from);
    case CANONICAL_DIGEST:
        return json_string(sha256_write(text, from));
    case CANONICAL_MOMENT:
        if (*(const int64_t *)from == 0) {
            return json_string(NOTHING);
        }
        timestamp_write(*(const int64_t *)from, text);
        return json_string(text);
    case CANONICAL_WORD:
        return json_string(member->word(*(const unsigned *)from));
    case CANONICAL_CONSTANT:
        return json_string(member->word(0));
    case CANONICAL_OTHER:
        break;
    }
    return NULL;
}

json_t *canonical_make(const struct canonical_table *table, const void *from)
{
    json_t *object = json_object();
    for (size_t i = 0; i < table->count; i++) {
        const struct canonical_member *member = &table->members[i];
        if (member->kind != CANONICAL_OTHER &&
            json_object_set_new(object, member->key,
                                make_value(member, (const char *)from + member->offset)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

char *canonical_write(json_t *value, size_t *bytes)
{
    char *text = value == NULL ? NULL : json_dumps(value, DUMP_FLAGS);
    json_decref(value);
    *bytes = text == NULL ? 0 : strlen(text);
    return text;
}

/* --------------------------------------------------------------- reading ---- */

json_t *canonical_parse(const char *text, size_t bytes, const char *path, struct failure *failure)
{
    json_error_t error;
    json_t *value = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) {
        failure_set(failure, "%s is no JSON of ours: byte %d: %s", path, error.position,
                    error.text);
        return NULL;
    }
    size_t again_bytes = 0;
    char *again = canonical_write(json_incref(value), &again_bytes);
    if (again == NULL || again_bytes != bytes || memcmp(again, text, bytes) != 0) {
        failure_set(failure,
                    "%s is not canonical JSON (RFC 8785: sorted keys, no white space, no line end)",
                    path);
        json_decref(value);
        value = NULL;
    }
    free(again);
    return value;
}

static bool is_word(const char *text, const struct canonical_member *member, unsigned *index)
{
    for (*index = 0; *index < member->room; ++*index) {
        if (strcmp(text, member->word(*index)) == 0) {
            return true;
        }
    }
    return false;
}

static bool take_integer(const json_t *value, uint64_t maximum, uint64_t *number)
{
    json_int_t integer = json_integer_value(value);
    *number = (uint64_t)integer;
    return json_is_integer(value) && integer >= 0 && *number <= maximum;
}

/* An empty string is written as "-", so it has a second text unless it is refused. */
static bool take_text(const json_t *value, const struct canonical_member *member, char *to)
{
    const char *text = json_string_value(value);
    size_t bytes = json_string_length(value);
    if (text == NULL || bytes == 0 || bytes >= member->room || !text_is_clean(text, bytes)) {
        return false;
    }
    memcpy(to, text, bytes + 1);
    if (strcmp(text, NOTHING) == 0) {
        to[0] = '\0';
    }
    return true;
}

/* Only the text that timestamp_write makes of it. */
static bool take_moment(const json_t *value, int64_t *moment_ms)
{
    const char *text = json_string_value(value);
    char again[TIMESTAMP_BYTES];
    *moment_ms = 0;
    if (text == NULL) {
        return false;
    }
    if (strcmp(text, NOTHING) == 0) {
        return true;
    }
    if (!timestamp_parse(text, moment_ms) || *moment_ms == 0) {
        return false;
    }
    timestamp_write(*moment_ms, again);
    return strcmp(text, again) == 0;
}

static bool take_value(const json_t *value, const struct canonical_member *member, void *to)
{
    const char *text = json_string_value(value);
    uint64_t number = 0;
    switch (member->kind) {
    case CANONICAL_TEXT:
        return take_text(value, member, to);
    case CANONICAL_UINT32:
        if (!take_integer(value, UINT32_MAX, &number)) {
            return false;
        }
        *(uint32_t *)to = (uint32_t)number;
        return true;
    case CANONICAL_UINT64:
        return take_integer(value, CANONICAL_INTEGER_MAX, to);
    case CANONICAL_FLAG:
        *(bool *)to = json_is_true(value);
        return json_is_boolean(value);
    case CANONICAL_DIGEST:
        return text != NULL && sha256_parse(text, to);
    case CANONICAL_MOMENT:
        return take_moment(value, to);
    case CANONICAL_WORD:
        return text != NULL && is_word(text, member, to);
    case CANONICAL_CONSTANT:
        return text != NULL && strcmp(text, member->word(0)) == 0;
    case CANONICAL_OTHER:
        return true;
    }
    return false;
}

static const struct canonical_member *find_member(const struct canonical_table *table,
                                                  const char *key)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->members[i].key, key) == 0) {
            return &table->members[i];
        }
    }
    return NULL;
}

static bool has_no_other_member(json_t *object, const struct canonical_table *table,
                                const char *where, struct failure *failure)
{
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        if (find_member(table, key) == NULL) {
            return failure_set(failure, "%s has a member \"%.64s\", which is unknown", where, key);
        }
    }
    return true;
}

bool canonical_take(json_t *object, const struct canonical_table *table, const char *where,
                    void *to, struct failure *failure)
{
    if (!json_is_object(object)) {
        return failure_set(failure, "%s is no object", where);
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct canonical_member *member = &table->members[i];
        const json_t *value = json_object_get(object, member->key);
        if (value == NULL) {
            return failure_set(failure, "%s has no member \"%s\"", where, member->key);
        }
        if (!take_value(value, member, (char *)to + member->offset)) {
            return failure_set(failure, "%s has in \"%s\" what can't stand there", where,
                               member->key);
        }
    }
    return has_no_other_member(object, table, where, failure);
}

char *canonical_read_file(int file, const char *path, size_t *bytes, struct failure *failure)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        failure_set_errno(failure, "stat %s", path);
        return NULL;
    }
    if ((uint64_t)status.st_size > CANONICAL_TEXT_BYTES_MAX) {
        failure_set(failure, "%s is too long: it has %lld bytes", path, (long long)status.st_size);
        errno = EFBIG;
        return NULL;
    }
    char *text = malloc((size_t)status.st_size + 1);
    ssize_t got = text == NULL ? -1 : file_read_up_to(file, text, (size_t)status.st_size, 0);
    if (got < 0) {
        failure_set_errno(failure, "read %s", path);
        free(text);
        return NULL;
    }
    text[got] = '\0';
    *bytes = (size_t)got;
    return text;
}
