/*
 * segment.c - see segment.h. Called by the supervisor before it has children,
 * and by lottery-stat. If the supervisor dies in here, the next one finds what
 * it left by the name and replaces it.
 */
#include "shm/segment.h"

#include "shm/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h> /* MADV_COLLAPSE: glibc 2.36 does not know it */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE                                                                              \
    25 /* include/uapi/asm-generic/mman-common.h, Linux 6.1; older headers lack it */
#endif

enum {
    SEGMENT_MODE = 0644, /* lottery-stat may be run by anybody */
    HUGE_PAGE_BYTES = 2 * 1024 * 1024
};

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* The finaliser of MurmurHash3 (public domain): every bit of the input moves every bit. */
static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 33) * UINT64_C(0xff51afd7ed558ccd);
    value = (value ^ value >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return value ^ value >> 33;
}

uint32_t segment_key(uint64_t directory_device, uint64_t directory_inode)
{
    uint32_t key = (uint32_t)mix(mix(directory_device) + directory_inode);
    return key == 0 ? 1 : key;
}

static void write_name(char *name, uint32_t key)
{
    (void)snprintf(name, SEGMENT_NAME_BYTES, "/lottery-%08x", key);
}

/* ------------------------------------------------------------- identity ---- */

static uint32_t table_capacity(uint32_t limit)
{
    uint32_t capacity = 2;
    while (capacity < 2 * limit) {
        capacity *= 2;
    }
    return capacity;
}

/* A ring of whole huge pages begins at one; a smaller one, at any page. */
static uint64_t data_alignment(uint64_t ring_bytes)
{
    return ring_bytes % HUGE_PAGE_BYTES == 0 ? HUGE_PAGE_BYTES : (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct shared_identity plan_identity(const struct segment_plan *plan)
{
    struct shared_identity identity = {
        .magic = SHARED_MAGIC,
        .layout_version = SHARED_LAYOUT_VERSION,
        .mutex_bytes = sizeof(pthread_mutex_t),
        .semaphore_bytes = sizeof(sem_t),
        .agency_bytes = sizeof(struct agency),
        .slot_bytes = sizeof(struct slot),
        .header_bytes = sizeof(struct shared),
        .directory_device = plan->directory_device,
        .directory_inode = plan->directory_inode,
        .started_at_s = time(NULL),
        .supervisor_pid = getpid(),
        .gate_id = -1,
        .agencies_expected = plan->agencies_expected,
        .agency_capacity = table_capacity(plan->agency_limit),
        .agency_limit = plan->agency_limit,
        .slot_capacity = plan->slot_capacity,
        .ring_bytes = plan->ring_bytes,
    };
    identity.agencies_offset = round_up(sizeof(struct shared), SHARED_CACHE_LINE_BYTES);
    identity.slots_offset =
        identity.agencies_offset + (uint64_t)identity.agency_capacity * sizeof(struct agency);
    uint64_t slots_end =
        identity.slots_offset + (uint64_t)plan->slot_capacity * sizeof(struct slot);
    identity.data_offset = round_up(slots_end, data_alignment(plan->ring_bytes));
    identity.segment_bytes = identity.data_offset + plan->ring_bytes;
    return identity;
}

static void set_pointers(struct segment *segment, char *base,
                         const struct shared_identity *identity)
{
    segment->shared = (struct shared *)(void *)base;
    segment->agencies = (struct agency *)(void *)(base + identity->agencies_offset);
    segment->slots = (struct slot *)(void *)(base + identity->slots_offset);
}

/* -------------------------------------------------------------- mapping ---- */

/* Addresses that nobody uses, `bytes` of them from a multiple of `alignment` on; or MAP_FAILED. */
static char *reserve(size_t bytes, size_t alignment)
{
    char *found = mmap(NULL, bytes + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) {
        return MAP_FAILED;
    }
    size_t before = (size_t)(round_up((uintptr_t)found, alignment) - (uintptr_t)found);
    if (before > 0) {
        (void)munmap(found, before);
    }
    (void)munmap(found + before + bytes, alignment - before);
    return found + before;
}

/* Maps header and ring, and the ring a second time right behind itself. */
static bool map_twice(int descriptor, const struct shared_identity *identity,
                      struct segment *segment, struct failure *failure)
{
    size_t once = identity->segment_bytes;
    size_t ring = identity->ring_bytes;
    char *base = reserve(once + ring, data_alignment(ring));
    if (base == MAP_FAILED) {
        return failure_set_errno(failure, "reserve %zu bytes of addresses", once + ring);
    }
    const int protection = PROT_READ | PROT_WRITE;
    void *first = mmap(base, once, protection, MAP_SHARED | MAP_FIXED, descriptor, 0);
    void *second = mmap(base + once, ring, protection, MAP_SHARED | MAP_FIXED, descriptor,
                        (off_t)identity->data_offset);
    if (first == MAP_FAILED || second == MAP_FAILED) {
        (void)failure_set_errno(failure, "map %zu bytes of shared memory", once);
        (void)munmap(base, once + ring);
        return false;
    }
    segment->map_bytes = once + ring;
    segment->data = base + identity->data_offset;
    set_pointers(segment, base, identity);
    return true;
}

/*
 * Asks for the segment's pages to be put together into huge ones (madvise(2), Linux 6.1).
 * A forked handler starts without any of the shared pages in its page table, and takes
 * a page fault for each 4 KiB of the ring that it is the first time at: with hundreds of
 * handlers, for every byte that they append. Where it can't be had, that is all that is lost.
 */
static bool use_huge_pages(const struct segment *segment)
{
    return madvise(segment->shared, segment->shared->identity.segment_bytes, MADV_COLLAPSE) == 0;
}

/* ------------------------------------------------------------- creation ---- */

/* True when what stands under our name is free to be replaced, or nothing stands there. */
static bool remove_leftover(const char *name, const struct segment_plan *plan,
                            struct failure *failure)
{
    int descriptor = shm_open(name, O_RDONLY | O_CLOEXEC, 0);
    if (descriptor < 0) {
        return errno == ENOENT || failure_set_errno(failure, "open shared memory %s", name);
    }
    struct shared_identity identity = {0};
    ssize_t got = pread(descriptor, &identity, sizeof identity, 0);
    (void)close(descriptor);
    bool foreign = got == (ssize_t)sizeof identity && identity.magic == SHARED_MAGIC &&
                   identity.layout_version == SHARED_LAYOUT_VERSION &&
                   (identity.directory_device != plan->directory_device ||
                    identity.directory_inode != plan->directory_inode);
    if (foreign) {
        return failure_set(failure, "shared memory %s belongs to another data directory's server",
                           name);
    }
    return shm_unlink(name) == 0 || failure_set_errno(failure, "remove shared memory %s", name);
}

static bool init_mutex(struct shared *shared, struct failure *failure)
{
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);
    if (error == 0) {
        error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        error = error ? error : pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        error = error ? error : pthread_mutex_init(&shared->append.mutex, &attributes);
        (void)pthread_mutexattr_destroy(&attributes);
    }
    errno = error;
    return error == 0 || failure_set_errno(failure, "initialise the append mutex");
}

static bool init_contents(struct segment *segment, const struct shared_identity *identity,
                          struct failure *failure)
{
    segment->shared->identity = *identity;
    segment->shared->identity.magic = 0; /* until the rest is there: segment_publish */
    segment->huge_pages = use_huge_pages(segment);
    if (!init_mutex(segment->shared, failure)) {
        return false;
    }
    if (sem_init(&segment->shared->storer.wakeup, 1, 0) != 0) {
        return failure_set_errno(failure, "initialise the storer's semaphore");
    }
    for (uint32_t i = 0; i < identity->slot_capacity; i++) {
        slot_release(&segment->slots[i]);
    }
    return true;
}

static bool size_and_map(int descriptor, const struct shared_identity *identity,
                         struct segment *segment, struct failure *failure)
{
    /* Not ftruncate: past the limit of /dev/shm it succeeds, and the first write is a SIGBUS. */
    int error = posix_fallocate(descriptor, 0, (off_t)identity->segment_bytes);
    if (error != 0) {
        errno = error;
        return failure_set_errno(failure, "allocate %llu bytes of shared memory for %s",
                                 (unsigned long long)identity->segment_bytes, segment->name);
    }
    return map_twice(descriptor, identity, segment, failure);
}

bool segment_create(const struct segment_plan *plan, struct segment *segment,
                    struct failure *failure)
{
    const struct shared_identity identity = plan_identity(plan);
    *segment = (struct segment){0};
    write_name(segment->name, segment_key(plan->directory_device, plan->directory_inode));
    if (!remove_leftover(segment->name, plan, failure)) {
        return false;
    }
    int descriptor = shm_open(segment->name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, SEGMENT_MODE);
    if (descriptor < 0) {
        return failure_set_errno(failure, "create shared memory %s", segment->name);
    }
    bool made = size_and_map(descriptor, &identity, segment, failure);
    (void)close(descriptor); /* the mapping stays */
    if (made && !init_contents(segment, &identity, failure)) {
        segment_unmap(segment);
        made = false;
    }
    if (!made) {
        (void)shm_unlink(segment->name);
    }
    return made;
}

void segment_publish(struct segment *segment, enum shared_phase phase)
{
    segment->shared->identity.magic = SHARED_MAGIC;
    atomic_store_explicit(&segment->shared->lifecycle.phase, (uint32_t)phase, memory_order_release);
}

void segment_unmap(struct segment *segment)
{
    (void)munmap(segment->shared, segment->map_bytes);
    segment->shared = NULL;
}

void segment_remove(struct segment *segment)
{
    segment_unmap(segment);
    (void)shm_unlink(segment->name);
}

/* ------------------------------------------------------------ attachment ---- */

static bool check_signature(const struct shared_identity *theirs, struct failure *failure)
{
    const struct {
        const char *what;
        uint64_t theirs, ours;
    } rows[] = {
        {"magic", theirs->magic, SHARED_MAGIC},
        {"layout version", theirs->layout_version, SHARED_LAYOUT_VERSION},
        {"mutex size", theirs->mutex_bytes, sizeof(pthread_mutex_t)},
        {"semaphore size", theirs->semaphore_bytes, sizeof(sem_t)},
        {"agency size", theirs->agency_bytes, sizeof(struct agency)},
        {"slot size", theirs->slot_bytes, sizeof(struct slot)},
        {"header size", theirs->header_bytes, sizeof(struct shared)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].theirs != rows[i].ours) {
            return failure_set(
                failure, "the server is another version: its %s is %llx, ours is %llx",
                rows[i].what, (unsigned long long)rows[i].theirs, (unsigned long long)rows[i].ours);
        }
    }
    return true;
}

static enum segment_answer map_read_only(int descriptor, struct segment *segment,
                                         struct failure *failure)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0 || status.st_size < (off_t)sizeof(struct shared)) {
        (void)failure_set(failure, "the server is starting: its shared memory is being made");
        return SEGMENT_STARTING;
    }
    size_t bytes = (size_t)status.st_size;
    char *base = mmap(NULL, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
    if (base == MAP_FAILED) {
        (void)failure_set_errno(failure, "map shared memory %s", segment->name);
        return SEGMENT_ABSENT;
    }
    struct shared *shared = (struct shared *)(void *)base;
    enum segment_answer answer = SEGMENT_ATTACHED;
    if (shared->identity.magic != 0 && !check_signature(&shared->identity, failure)) {
        answer = SEGMENT_OTHER_VERSION;
    } else if (atomic_load_explicit(&shared->lifecycle.phase, memory_order_acquire) ==
               SHARED_NOT_READY) {
        (void)failure_set(failure, "the server is starting: its shared memory is being filled");
        answer = SEGMENT_STARTING;
    }
    if (answer != SEGMENT_ATTACHED) {
        (void)munmap(base, bytes);
        return answer;
    }
    segment->map_bytes = bytes;
    set_pointers(segment, base, &shared->identity);
    return SEGMENT_ATTACHED;
}

enum segment_answer segment_attach(uint32_t key, struct segment *segment, struct failure *failure)
{
    *segment = (struct segment){0};
    write_name(segment->name, key);
    int descriptor = shm_open(segment->name, O_RDONLY | O_CLOEXEC, 0);
    if (descriptor < 0) {
        (void)failure_set_errno(failure, "no server: open shared memory %s", segment->name);
        return SEGMENT_ABSENT;
    }
    enum segment_answer answer = map_read_only(descriptor, segment, failure);
    (void)close(descriptor);
    return answer;
}
