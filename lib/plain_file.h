/*
 * plain_file.h - opens a file that somebody has named, and waits for nobody.
 *
 * Why it exists: a name in a configuration may be a mistake. To open a pipe waits for whoever writes
 * it, and to read a device or a file without an end lasts for ever; a start would hang, and a server
 * that reads its files again would serve nobody meanwhile.
 *
 * Any process may call. No state.
 */
#ifndef LIB_PLAIN_FILE_H
#define LIB_PLAIN_FILE_H

#include "lib/failure.h"

#include <stdint.h>

/*
 * Opens a regular file of at most `bytes_max` bytes for reading, and returns its descriptor, which the
 * caller closes. Returns -1 where it can't be opened, is no regular file, or is longer; the failure
 * says so without the name, as in "No such file or directory".
 */
int plain_file_open(const char *path, uint64_t bytes_max, struct failure *failure);

#endif
