/*
 * config_value.h - one value of the configuration: from text into the program's
 * struct, and back into text.
 *
 * Apart from config.h because it knows nothing of files or the environment: a
 * value is read the same way wherever it comes from. Pure functions, called by
 * config.c and by those who check a value of their own.
 */
#ifndef LIB_CONFIG_VALUE_H
#define LIB_CONFIG_VALUE_H

#include "lib/config.h"

/*
 * Reads `bytes` bytes of terminated text as the key's kind asks and writes the
 * value to the key's offset in `target`. Returns false and leaves the target alone
 * where it can't: the failure then says `place`, ": ", what is wrong and what is allowed.
 */
bool config_value_parse(const struct config_key *key, const char *text, size_t bytes,
                        const char *place, void *target, struct failure *failure);

enum { CONFIG_WANTED_BYTES = 256 };

/* Writes what a value of this key is: "a whole number from 1 to 65535", "one of all, end". */
void config_value_describe(const struct config_key *key, char text[CONFIG_WANTED_BYTES]);

/* Writes the value as it would be written in the file; cut at `capacity`, always terminated. */
void config_value_format(const struct config_key *key, const void *target, char *text,
                         size_t capacity);

/* True where both structs have the same value of this key. */
bool config_value_equal(const struct config_key *key, const void *one, const void *other);

/* Copies the value of this key from one struct to another one. */
void config_value_copy(const struct config_key *key, const void *from, void *target);

/*
 * Reads a duration, like "0m20s", "1h", "100ms", "5s" or "0", into milliseconds. The units
 * are h, m, s, ms, each at most once and in this order. Returns false for anything else,
 * and for 2^64 ms or more; *duration_ms is left alone then.
 */
bool config_value_parse_duration(const char *text, uint64_t *duration_ms);

/*
 * Reads a size, like "8192", "64k", "8M" or "1G", into bytes. The units are powers of 1024,
 * in either case. Returns false for anything else, and for 2^64 bytes or more; *bytes is
 * left alone then.
 */
bool config_value_parse_bytes(const char *text, uint64_t *bytes);

#endif
