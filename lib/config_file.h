/*
 * config_file.h - the configuration's file, YAML or INI, laid over values that are
 * there already. A part of config.c, which is its only caller.
 */
#ifndef LIB_CONFIG_FILE_H
#define LIB_CONFIG_FILE_H

#include "lib/config.h"

/*
 * Reads the file (NULL: CONFIG_DEFAULT_FILE, else CONFIG_DEFAULT_INI_FILE; both may be
 * missing) into `target`, and notes in `origins` what it set; parameters, format and failures are
 * config_load's. The origins of all values have to say CONFIG_FROM_DEFAULT.
 */
bool config_file_load(const struct config_table *table, const char *file, void *target,
                      struct config_origin *origins, struct failure *failure);

#endif
