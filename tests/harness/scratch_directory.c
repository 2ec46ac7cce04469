/*
 * scratch_directory.c - see scratch_directory.h.
 */
#include "tests/harness/scratch_directory.h"

struct data_directory scratch_directory(const struct scratch *scratch)
{
    return (struct data_directory){
        .path = scratch->path, .descriptor = scratch->descriptor, .lock = -1};
}
