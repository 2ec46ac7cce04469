/*
 * config_ini.h - the configuration as an INI file, as the course's server has one.
 * A part of config.c, called by config_file.c for a file whose name ends in ".ini".
 *
 *     [DEFAULT]
 *     SERVER_PORT = 12345
 *     LOGGING_LEVEL = INFO
 *
 * The one section is [DEFAULT], the keys are the names of environment variables, in
 * any case, and a value is the rest of its line (KEY = VALUE, or KEY: VALUE). Empty
 * lines, and lines that begin with `#` or `;`, are comments.
 */
#ifndef LIB_CONFIG_INI_H
#define LIB_CONFIG_INI_H

#include "lib/config.h"

/*
 * Lays what `stream` holds over `target`, and notes in `origins` what it set. `file` is
 * the name for messages; the stream stays the caller's. Parameters are config_load's, and mistakes
 * are told by config_tell. The origins of all values have to say CONFIG_FROM_DEFAULT. Returns
 * false where the file could not be read to its end.
 */
bool config_ini_load(const struct config_table *table, const struct config_request *request,
                     const char *file, FILE *stream, void *target, struct config_origin *origins,
                     struct failure *failure);

#endif
