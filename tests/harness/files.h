/*
 * files.h - files that a test writes for the programs, and reads after them.
 *
 * Called by the test's process; what fails, fails the test.
 */
#ifndef HARNESS_FILES_H
#define HARNESS_FILES_H

#include "tests/harness/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes `text` as the whole file. */
void files_write(const char *path, const char *text);
void files_write_bytes(const char *path, const void *bytes, size_t count);

/* The whole file, terminated; the stage's. *count, where wanted, gets its bytes. */
char *files_read(struct stage *stage, const char *path, size_t *count);

/* The same, but NULL with errno on failure, and freed by the caller. */
char *files_load(const char *path, size_t *count);

bool files_exist(const char *path);

/* The bytes of the file; 0 where there is none. */
uint64_t files_size(const char *path);

/* Removes a directory and all that is in it; what can't be removed stays. */
void files_remove_tree(const char *path);

#endif
