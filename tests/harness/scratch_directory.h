/*
 * scratch_directory.h - a test's scratch directory as the data directory that the store works on.
 */
#ifndef TESTS_HARNESS_SCRATCH_DIRECTORY_H
#define TESTS_HARNESS_SCRATCH_DIRECTORY_H

#include "store/data_directory.h"
#include "tests/harness/processes.h"

/*
 * The open directory, which nobody has locked, with no file opened. Path and descriptor stay the
 * scratch's: it is not to be closed, and ends with scratch_close.
 */
struct data_directory scratch_directory(const struct scratch *scratch);

#endif
