/*
 * canonical.h - structs as canonical JSON (RFC 8785): one struct has exactly one text.
 *
 * Canonical are sorted keys, no white space, no line end at the end, and no escapes but those
 * that JSON demands. Of the values that JSON has, ours use objects, arrays, strings of clean
 * UTF-8 (lib/text.h), integers from 0 to 2^53 - 1, true, false and null. For these, what jansson
 * writes is RFC 8785's text.
 *
 * A table says which members an object has and where each stands in a struct; writing and
 * reading go through the same table. The reader refuses unknown and missing members, values of
 * another type or out of range, and every text but the canonical one.
 *
 * Pure but for canonical_read_file; any process may call.
 */
#ifndef SEAL_CANONICAL_H
#define SEAL_CANONICAL_H

#include "lib/failure.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest integer that every reader of JSON knows exactly. */
#define CANONICAL_INTEGER_MAX ((UINT64_C(1) << 53) - 1)

/* No file of ours is longer: a seal has some 130 bytes for each of 32767 agencies. */
#define CANONICAL_TEXT_BYTES_MAX (UINT64_C(8) * 1024 * 1024)

/* How a member is written, and what it is in the struct. */
enum canonical_kind {
    CANONICAL_TEXT,     /* char[room]: a string; "-" where it is empty */
    CANONICAL_UINT32,   /* uint32_t */
    CANONICAL_UINT64,   /* uint64_t, up to CANONICAL_INTEGER_MAX */
    CANONICAL_FLAG,     /* bool */
    CANONICAL_DIGEST,   /* struct sha256_digest: 64 hexadecimal digits */
    CANONICAL_MOMENT,   /* int64_t, ms since 1970: lib/timestamp.h; "-" where it is 0 */
    CANONICAL_WORD,     /* unsigned, or an enum: one of `room` words */
    CANONICAL_CONSTANT, /* not in the struct: the string word(0) */
    CANONICAL_OTHER     /* not in the struct: the caller makes and reads it */
};

struct canonical_member {
    const char *key;
    enum canonical_kind kind;
    size_t offset;
    size_t room; /* bytes of CANONICAL_TEXT, with its NUL; words of CANONICAL_WORD */
    const char *(*word)(unsigned index);
};

/* An object: its members. */
struct canonical_table {
    const struct canonical_member *members;
    size_t count;
};

/* Makes the object of a struct, without its members of CANONICAL_OTHER. NULL: no memory. */
json_t *canonical_make(const struct canonical_table *table, const void *from);

/*
 * Returns the canonical text, terminated, and its bytes in *bytes; the caller frees it. Takes the
 * value, which may be NULL. NULL when there is no memory.
 */
char *canonical_write(json_t *value, size_t *bytes);

/*
 * Reads a text whose canonical form it is itself. Returns the value, which the caller gives back
 * (json_decref), or NULL with a failure that begins with `path`.
 */
json_t *canonical_parse(const char *text, size_t bytes, const char *path, struct failure *failure);

/*
 * Fills a struct from an object that has exactly the table's members. `where` is for the failure:
 * "seal.json: terms". False with the failure.
 */
bool canonical_take(json_t *object, const struct canonical_table *table, const char *where,
                    void *to, struct failure *failure);

/*
 * Reads a whole file. Returns its bytes, terminated, which the caller frees; NULL with errno and
 * the failure. A file of more than CANONICAL_TEXT_BYTES_MAX is refused with EFBIG.
 */
char *canonical_read_file(int file, const char *path, size_t *bytes, struct failure *failure);

#endif
