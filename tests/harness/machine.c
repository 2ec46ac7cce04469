/*
 * machine.c - see machine.h.
 */
#include "tests/harness/machine.h"

#include "shm/segment.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>

#define SHM_DIRECTORY  "/dev/shm"
#define SEGMENT_PREFIX "lottery-"

enum { GATE_SEMAPHORES = 2, HEXADECIMAL = 16 };

/* semctl's fourth argument; POSIX leaves its definition to the caller. */
union semun {
    struct semid_ds *buf;
    void *info; /* struct seminfo */
};

/* The next free object; the last one again and again when there are far too many. */
static struct machine_object *next_object(struct machine *machine)
{
    machine->count += machine->count < MACHINE_OBJECTS_MAX ? 1 : 0;
    return &machine->objects[machine->count - 1];
}

static void add_segment(struct machine *machine, const char *name)
{
    enum { PREFIX_BYTES = sizeof SEGMENT_PREFIX - 1 };
    struct machine_object *object = next_object(machine);
    bool like_ours = strncmp(name, SEGMENT_PREFIX, PREFIX_BYTES) == 0;
    object->key = like_ours ? (uint32_t)strtoul(name + PREFIX_BYTES, NULL, HEXADECIMAL) : 0;
    (void)snprintf(object->name, sizeof object->name, SHM_DIRECTORY "/%s", name);
}

static void add_semaphores(struct machine *machine, uint32_t key)
{
    struct machine_object *object = next_object(machine);
    object->key = key;
    (void)snprintf(object->name, sizeof object->name, "semaphore set 0x%08x", key);
}

static void look_at_shm(struct machine *machine)
{
    DIR *directory = opendir(SHM_DIRECTORY);
    const struct dirent *entry = NULL;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.') {
            add_segment(machine, entry->d_name);
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
}

/* As ipcs does it: the kernel's table, from index 0 to the highest one in use. */
static void look_at_semaphores(struct machine *machine)
{
    struct seminfo info;
    union semun argument;
    argument.info = &info;
    int highest = semctl(0, 0, SEM_INFO, argument);
    for (int i = 0; i <= highest; i++) {
        struct semid_ds set;
        argument.buf = &set;
        if (semctl(i, 0, SEM_STAT, argument) >= 0) {
            add_semaphores(machine, (uint32_t)set.sem_perm.__key);
        }
    }
}

void machine_look(struct machine *machine)
{
    machine->count = 0;
    look_at_shm(machine);
    look_at_semaphores(machine);
}

static bool contains(const struct machine *machine, const char *name)
{
    for (size_t i = 0; i < machine->count; i++) {
        if (strcmp(machine->objects[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static uint32_t key_of(int at, const char *path)
{
    struct stat status;
    bool is_directory = fstatat(at, path, &status, 0) == 0 && S_ISDIR(status.st_mode);
    return is_directory ? segment_key(status.st_dev, status.st_ino) : 0;
}

/* True when the key is that of this directory or of one directly below it. */
static bool is_key_within(uint32_t key, const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry = NULL;
    bool found = false;
    while (!found && directory != NULL && (entry = readdir(directory)) != NULL) {
        found = strcmp(entry->d_name, "..") != 0 && key_of(dirfd(directory), entry->d_name) == key;
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return found;
}

/* A segment, or the semaphore set beside it, that was made for another data directory. */
static bool is_somebody_elses(const struct machine_object *object, const char *directory)
{
    struct segment segment;
    struct failure failure;
    if (object->key == 0 || is_key_within(object->key, directory) ||
        segment_attach(object->key, &segment, &failure) != SEGMENT_ATTACHED) {
        return false;
    }
    segment_unmap(&segment);
    return true;
}

bool machine_finds_new(const struct machine *before, const char *directory,
                       char what[MACHINE_NAME_BYTES])
{
    struct machine now;
    machine_look(&now);
    for (size_t i = 0; i < now.count; i++) {
        const struct machine_object *object = &now.objects[i];
        if (!contains(before, object->name) && !is_somebody_elses(object, directory)) {
            (void)snprintf(what, MACHINE_NAME_BYTES, "%s", object->name);
            return true;
        }
    }
    return false;
}

void machine_remove_leftovers(const char *data_directory)
{
    uint32_t key = key_of(AT_FDCWD, data_directory);
    int set = key == 0 ? -1 : semget((key_t)key, GATE_SEMAPHORES, 0);
    if (set >= 0) {
        (void)semctl(set, 0, IPC_RMID);
    }
    if (key != 0) {
        char name[SEGMENT_NAME_BYTES];
        (void)snprintf(name, sizeof name, "/" SEGMENT_PREFIX "%08x", key);
        (void)shm_unlink(name);
    }
}
