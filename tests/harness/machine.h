/*
 * machine.h - what /dev/shm holds and which System V semaphore sets there are.
 *
 * For tests that say "as before". Other tests may run on the same machine
 * meanwhile, and what belongs to their servers comes and goes: an object that
 * has the key of somebody else's data directory is left out.
 * Called by the test's process.
 */
#ifndef HARNESS_MACHINE_H
#define HARNESS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MACHINE_OBJECTS_MAX = 256, MACHINE_NAME_BYTES = 300 };

struct machine_object {
    char name[MACHINE_NAME_BYTES]; /* "/dev/shm/x", or "semaphore set 0x0000abcd" with its key */
    uint32_t key;                  /* of a semaphore set, or of a segment that is named like ours */
};

struct machine {
    size_t count;
    struct machine_object objects[MACHINE_OBJECTS_MAX];
};

/* Notes what is there now. */
void machine_look(struct machine *machine);

/*
 * True when something is there now that was not before, and that is not of a
 * server with its data directory elsewhere than in `directory` or directly
 * below it; `what` gets its name.
 */
bool machine_finds_new(const struct machine *before, const char *directory,
                       char what[MACHINE_NAME_BYTES]);

/*
 * Removes what a killed server left behind for this data directory: its
 * segment and its semaphore set.
 */
void machine_remove_leftovers(const char *data_directory);

#endif
