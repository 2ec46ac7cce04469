/*
 * config_value.h - one value of the configuration: from text into the program's
 * struct, and back into text.
 *
 * Apart from config.h because it knows nothing of files or the environment: a
 * value is read the same way wherever it comes from. Pure functions, called by
 * config.c and by those who check a value of their own. config_parse_duration
 * and config_parse_bytes (config.h) live here too.
 */
#ifndef LIB_CONFIG_VALUE_H
#define LIB_CONFIG_VALUE_H

#include "lib/config.h"

/*
 * Reads `bytes` bytes of terminated text as the key's kind asks and writes the
 * value to the key's offset in `target`. Returns false after describing, behind
 * `place` and ": ", what is wrong and what is allowed; the target is untouched then.
 */
bool config_value_parse(const struct config_key *key, const char *text, size_t bytes,
                        const char *place, void *target, struct failure *failure);

/* Writes the value as it would be written in the file; cut at `capacity`, always terminated. */
void config_value_format(const struct config_key *key, const void *target, char *text,
                         size_t capacity);

#endif
