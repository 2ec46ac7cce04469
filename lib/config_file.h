/*
 * config_file.h - the configuration's file, YAML or INI, laid over values that are
 * there already. A part of config.c, which is its only caller.
 */
#ifndef LIB_CONFIG_FILE_H
#define LIB_CONFIG_FILE_H

#include "lib/config.h"

/* Returns the index of the key with this path, or table->count. */
size_t config_find_path(const struct config_table *table, const char *path);

/*
 * Reads the request's file into `target`, and notes in `origins` what it set; parameters and format
 * are config_load's, and mistakes are told by config_tell. The origins of all values have to say
 * CONFIG_FROM_DEFAULT. Returns false where the file could not be read to its end.
 */
bool config_file_load(const struct config_table *table, const struct config_request *request,
                      void *target, struct config_origin *origins, struct failure *failure);

#endif
