/*
 * segment.c - see segment.h. If the supervisor dies in here, the next one finds
 * what it left by its name and replaces it.
 */
#include "shm/segment.h"

#include "lib/clock.h"
#include "shm/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mman.h> /* MADV_COLLAPSE: glibc 2.36 does not know it */
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE                                                                              \
    25 /* include/uapi/asm-generic/mman-common.h, Linux 6.1; older headers lack it */
#endif

enum {
    /* A process that opens it can take wake-ups from its semaphores: the user, or one group. */
    SEGMENT_MODE = 0600,
    SEGMENT_MODE_FOR_GROUP = 0640,
    MIB = 1024 * 1024,
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

uint32_t segment_next_key(uint32_t key)
{
    return key == UINT32_MAX ? 1 : key + 1;
}

static void write_name(char *name, uint32_t key)
{
    snprintf(name, SEGMENT_NAME_BYTES, "/lottery-%08x", key);
}

#define SHARED_MEMORY_DIRECTORY "/dev/shm" /* where shm_open(3) of Linux has its names */

/* Opens a name to look at it. O_NONBLOCK: anybody may have put a named pipe there. */
static int open_name(const char *name)
{
    return shm_open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
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
        .layout_version = SHARED_LAYOUT_VERSION,
        .mutex_bytes = sizeof(pthread_mutex_t),
        .semaphore_bytes = sizeof(sem_t),
        .agency_bytes = sizeof(struct agency),
        .slot_bytes = sizeof(struct slot),
        .header_bytes = sizeof(struct shared),
        .directory_device = plan->directory_device,
        .directory_inode = plan->directory_inode,
        .started_at_s = time(NULL),
        .started_boot_ms = clock_boot_ms(),
        .supervisor_pid = getpid(),
        .gate_id = -1,
        .agencies_expected = plan->agencies_expected,
        .agency_capacity = table_capacity(plan->agency_limit),
        .agency_limit = plan->agency_limit,
        .slot_capacity = plan->slot_capacity,
        .connection_limit =
            plan->connection_limit != 0 ? plan->connection_limit : plan->slot_capacity,
        .ring_bytes = plan->ring_bytes,
        .lag_bytes = plan->lag_bytes,
        .acks_are_copied = plan->acks_are_copied ? 1 : 0,
    };
    (void)snprintf(identity.version, sizeof identity.version, "%s",
                   plan->version == NULL ? "" : plan->version);
    (void)snprintf(identity.commit, sizeof identity.commit, "%s",
                   plan->commit == NULL ? "" : plan->commit);
    identity.agencies_offset = round_up(sizeof(struct shared), SHARED_CACHE_LINE_BYTES);
    identity.buckets_offset =
        identity.agencies_offset + (uint64_t)identity.agency_capacity * sizeof(struct agency);
    identity.slots_offset = round_up(identity.buckets_offset + (uint64_t)identity.agency_capacity *
                                                                   sizeof(_Atomic uint64_t),
                                     SHARED_CACHE_LINE_BYTES);
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
    segment->buckets = (_Atomic uint64_t *)(void *)(base + identity->buckets_offset);
    segment->slots = (struct slot *)(void *)(base + identity->slots_offset);
}

/* -------------------------------------------------------------- mapping ---- */

/* Returns `bytes` unused addresses that begin at a multiple of `alignment`; or MAP_FAILED. */
static char *reserve(size_t bytes, size_t alignment)
{
    char *found = mmap(NULL, bytes + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) {
        return MAP_FAILED;
    }
    size_t before = (size_t)(round_up((uintptr_t)found, alignment) - (uintptr_t)found);
    if (before > 0) {
        munmap(found, before);
    }
    munmap(found + before + bytes, alignment - before);
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
        failure_set_errno(failure, "map %zu bytes of shared memory", once);
        munmap(base, once + ring);
        return false;
    }
    segment->map_bytes = once + ring;
    segment->data = base + identity->data_offset;
    set_pointers(segment, base, identity);
    return true;
}

/* ------------------------------------------------------------- creation ---- */

/* ---- what stands under the name already */

/* Refuses a name that others have. errno EEXIST tells the caller to try another key. */
static bool refuse_name(struct failure *failure, const char *name, const char *whose)
{
    failure_set(failure, "shared memory %s is %s", name, whose);
    errno = EEXIST;
    return false;
}

static bool is_same_directory(const struct shared_identity *identity,
                              const struct segment_plan *plan)
{
    return identity->directory_device == plan->directory_device &&
           identity->directory_inode == plan->directory_inode;
}

static bool is_zero(const void *bytes, size_t count)
{
    const unsigned char *byte = bytes;
    while (count > 0 && *byte == 0) {
        byte++;
        count--;
    }
    return count == 0;
}

/* The lock is held. If the directory is ours, another key would start a second server on it. */
static bool refuse_living(const struct segment_plan *plan, const struct shared_identity *identity,
                          const char *name, struct failure *failure)
{
    if (!is_same_directory(identity, plan)) {
        return refuse_name(failure, name, "of a living server of another data directory");
    }
    errno = EBUSY;
    return failure_set(failure,
                       "shared memory %s belongs to a living server, pid %d: this data directory "
                       "is in use; stop that server first",
                       name, (int)identity->supervisor_pid);
}

/* The lock is free. True when a server of this directory left the segment, or began to make it. */
static bool check_dead(const struct segment_plan *plan, const struct shared_identity *identity,
                       const char *name, struct failure *failure)
{
    if (is_zero(identity, sizeof *identity)) {
        return true; /* a start that was killed in its first moments */
    }
    uint64_t magic = atomic_load_explicit(&identity->magic, memory_order_relaxed);
    if (magic != SHARED_MAGIC && magic != 0) {
        return refuse_name(failure, name, "of another program");
    }
    return plan->key_remembered || is_same_directory(identity, plan) ||
           refuse_name(failure, name, "what a server of another data directory has left");
}

static bool check_leftover(int descriptor, const struct segment_plan *plan, const char *name,
                           struct failure *failure)
{
    struct stat status;
    struct shared_identity identity;
    memset(&identity, 0, sizeof identity);
    if (fstat(descriptor, &status) != 0) {
        return failure_set_errno(failure, "look at shared memory %s", name);
    }
    if (status.st_uid != geteuid()) {
        return refuse_name(failure, name, "another user's");
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse_name(failure, name, "no shared memory at all");
    }
    if (pread(descriptor, &identity, sizeof identity, 0) < 0) {
        return failure_set_errno(failure, "read shared memory %s", name);
    }
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
        return check_dead(plan, &identity, name, failure);
    }
    return errno == EWOULDBLOCK ? refuse_living(plan, &identity, name, failure)
                                : failure_set_errno(failure, "lock shared memory %s", name);
}

/* True when the name is free, also after a dead server's segment of that name was removed. */
static bool clear_name(const char *name, const struct segment_plan *plan, struct failure *failure)
{
    int descriptor = open_name(name);
    if (descriptor < 0) {
        bool strange = errno == EACCES || errno == ELOOP;
        return errno == ENOENT ||
               (strange ? refuse_name(failure, name, "not ours to open")
                        : failure_set_errno(failure, "open shared memory %s", name));
    }
    bool free = check_leftover(descriptor, plan, name, failure);
    if (free && shm_unlink(name) != 0) {
        free = failure_set_errno(failure, "remove shared memory %s", name);
    }
    int error = errno;
    close(descriptor);
    errno = error;
    return free;
}

/* ---- the new one */

static bool init_mutex(struct shared *shared, struct failure *failure)
{
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);
    if (error == 0) {
        error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        error = error ? error : pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        error = error ? error : pthread_mutex_init(&shared->append.mutex, &attributes);
        pthread_mutexattr_destroy(&attributes);
    }
    errno = error;
    return error == 0 || failure_set_errno(failure, "initialise the append mutex");
}

/*
 * Asks for the segment's pages to be put together into huge ones (madvise(2), Linux 6.1).
 * A forked handler starts with none of the shared pages in its page table, and takes a page
 * fault when it first writes to each 4 KiB of the ring; with hundreds of handlers, that is
 * for nearly all they append. Without huge pages the server is slower and works the same.
 */
static bool init_contents(struct segment *segment, const struct shared_identity *identity,
                          struct failure *failure)
{
    segment->shared->identity = *identity; /* its magic is 0: segment_publish */
    segment->huge_pages = madvise(segment->shared, identity->segment_bytes, MADV_COLLAPSE) == 0;
    if (!init_mutex(segment->shared, failure)) {
        return false;
    }
    if (sem_init(&segment->shared->storer.wakeup, 1, 0) != 0 ||
        sem_init(&segment->shared->shipper.wakeup, 1, 0) != 0) {
        return failure_set_errno(failure, "initialise the semaphores of storer and shipper");
    }
    for (uint32_t i = 0; i < identity->slot_capacity; i++) {
        slot_release(&segment->slots[i]);
    }
    return true;
}

/* Describes the failure by its errno, with the setting that mends it. */
static bool explain_allocation(const struct shared_identity *identity, const char *name,
                               struct failure *failure)
{
    uint64_t bytes = identity->segment_bytes;
    uint64_t mib = (bytes + MIB - 1) / MIB;
    if (errno == ENOSPC) {
        return failure_set_errno(failure,
                                 "allocate %" PRIu64
                                 " bytes of shared memory for %s: /dev/shm is too small for "
                                 "ring.bytes and the tables; give it more than %" PRIu64 " MiB "
                                 "(in Compose shm_size, else mount -o remount,size=), remove what "
                                 "others left there, or set a smaller ring.bytes",
                                 bytes, name, mib);
    }
    if (errno == ENOMEM) {
        return failure_set_errno(failure,
                                 "allocate %" PRIu64
                                 " bytes of shared memory for %s: they count as this server's "
                                 "memory; raise its limit (in Compose mem_limit, in "
                                 "systemd MemoryMax) or set a smaller ring.bytes",
                                 bytes, name);
    }
    if (errno == EFBIG) {
        return failure_set_errno(
            failure,
            "allocate %" PRIu64
            " bytes of shared memory for %s: the limit of file sizes (ulimit -f) holds for it too",
            bytes, name);
    }
    return failure_set_errno(failure, "allocate %" PRIu64 " bytes of shared memory for %s", bytes,
                             name);
}

/* Locks it, so that a later server sees that we live, and sets its mode whatever the umask is. */
static bool claim_descriptor(struct segment *segment, struct failure *failure)
{
    struct stat status;
    if (flock(segment->descriptor, LOCK_EX | LOCK_NB) != 0 ||
        fchmod(segment->descriptor, SEGMENT_MODE) != 0 ||
        fstat(segment->descriptor, &status) != 0) {
        return failure_set_errno(failure, "lock shared memory %s", segment->name);
    }
    segment->device = status.st_dev;
    segment->inode = status.st_ino;
    segment->owner = status.st_uid;
    return true;
}

/* Locks, maps and fills it in. On failure it is not mapped. */
static bool fill(const struct shared_identity *identity, struct segment *segment,
                 struct failure *failure)
{
    if (!claim_descriptor(segment, failure)) {
        return false;
    }
    /* Not ftruncate: past the limit of /dev/shm it succeeds, and the first write is a SIGBUS. */
    int error = posix_fallocate(segment->descriptor, 0, (off_t)identity->segment_bytes);
    if (error != 0) {
        errno = error;
        return explain_allocation(identity, segment->name, failure);
    }
    if (!map_twice(segment->descriptor, identity, segment, failure)) {
        return false;
    }
    if (!init_contents(segment, identity, failure)) {
        munmap(segment->shared, segment->map_bytes);
        segment->shared = NULL;
        return false;
    }
    return true;
}

bool segment_has_room(const struct segment_plan *plan, struct failure *failure)
{
    const struct shared_identity identity = plan_identity(plan);
    struct statvfs room;
    if (access(SHARED_MEMORY_DIRECTORY, W_OK | X_OK) != 0 ||
        statvfs(SHARED_MEMORY_DIRECTORY, &room) != 0) {
        return failure_set_errno(failure, "make shared memory in " SHARED_MEMORY_DIRECTORY);
    }
    errno = ENOSPC;
    return room.f_bavail * room.f_frsize >= identity.segment_bytes ||
           explain_allocation(&identity, "a server", failure);
}

bool segment_create(const struct segment_plan *plan, struct segment *segment,
                    struct failure *failure)
{
    const struct shared_identity identity = plan_identity(plan);
    uint32_t key =
        plan->key != 0 ? plan->key : segment_key(plan->directory_device, plan->directory_inode);
    *segment = (struct segment){.descriptor = -1};
    write_name(segment->name, key);
    if (!clear_name(segment->name, plan, failure)) {
        return false;
    }
    segment->descriptor =
        shm_open(segment->name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, SEGMENT_MODE);
    if (segment->descriptor < 0) {
        return failure_set_errno(failure, "create shared memory %s", segment->name);
    }
    if (fill(&identity, segment, failure)) {
        return true;
    }
    int error = errno;
    shm_unlink(segment->name);
    close(segment->descriptor);
    segment->descriptor = -1;
    errno = error;
    return false;
}

bool segment_open_to_group(const struct segment *segment, gid_t group, struct failure *failure)
{
    return (fchown(segment->descriptor, (uid_t)-1, group) == 0 &&
            fchmod(segment->descriptor, SEGMENT_MODE_FOR_GROUP) == 0) ||
           failure_set_errno(failure, "give shared memory %s to group %u (data.group)",
                             segment->name, (unsigned)group);
}

bool segment_is_in_place(const struct segment *segment, struct failure *failure)
{
    struct stat status;
    if (fstat(segment->descriptor, &status) == 0 && status.st_nlink == 0) {
        return failure_set(failure, "shared memory %s has been removed", segment->name);
    }
    int descriptor = open_name(segment->name);
    if (descriptor < 0) { /* any other error is not about the name */
        return errno != ENOENT ||
               failure_set(failure, "shared memory %s has been renamed", segment->name);
    }
    bool known = fstat(descriptor, &status) == 0;
    close(descriptor);
    return !known || (status.st_dev == segment->device && status.st_ino == segment->inode) ||
           failure_set(failure, "another one stands in the place of shared memory %s",
                       segment->name);
}

void segment_set_port(const struct segment *segment, uint32_t port)
{
    atomic_store_explicit(&segment->shared->supervisor.port, port, memory_order_relaxed);
}

void segment_publish(struct segment *segment, enum shared_phase phase)
{
    atomic_store_explicit(&segment->shared->identity.magic, SHARED_MAGIC, memory_order_release);
    atomic_store_explicit(&segment->shared->lifecycle.phase, (uint32_t)phase, memory_order_release);
}

void segment_unmap(struct segment *segment)
{
    munmap(segment->shared, segment->map_bytes);
    segment->shared = NULL;
    if (segment->descriptor >= 0) {
        close(segment->descriptor);
        segment->descriptor = -1;
    }
}

void segment_remove(struct segment *segment)
{
    struct failure failure;
    if (segment_is_in_place(segment, &failure)) { /* never a successor's */
        shm_unlink(segment->name);
    }
    segment_unmap(segment);
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
                failure, "the server is another version: its %s is %" PRIx64 ", ours is %" PRIx64,
                rows[i].what, rows[i].theirs, rows[i].ours);
        }
    }
    return true;
}

static enum segment_answer map(int descriptor, int protection, struct segment *segment,
                               struct failure *failure)
{
    struct stat status;
    bool known = fstat(descriptor, &status) == 0;
    segment->owner = known ? status.st_uid : SEGMENT_NO_OWNER;
    if (!known || status.st_size < (off_t)sizeof(struct shared)) {
        failure_set(failure, "the server is starting: its shared memory is being made");
        return SEGMENT_STARTING;
    }
    size_t bytes = (size_t)status.st_size;
    char *base = mmap(NULL, bytes, protection, MAP_SHARED, descriptor, 0);
    if (base == MAP_FAILED) {
        failure_set_errno(failure, "map shared memory %s", segment->name);
        return SEGMENT_ABSENT;
    }
    struct shared *shared = (struct shared *)(void *)base;
    enum segment_answer answer = SEGMENT_ATTACHED;
    uint64_t magic = atomic_load_explicit(&shared->identity.magic, memory_order_acquire);
    if (magic == 0) {
        failure_set(failure, "the server is starting: its shared memory is being filled");
        answer = SEGMENT_STARTING;
    } else if (!check_signature(&shared->identity, failure)) {
        answer = SEGMENT_OTHER_VERSION;
    } else if (atomic_load_explicit(&shared->lifecycle.phase, memory_order_acquire) ==
               SHARED_NOT_READY) {
        failure_set(failure, "the server is starting: its shared memory has just been made");
        answer = SEGMENT_STARTING;
    }
    if (answer != SEGMENT_ATTACHED) {
        munmap(base, bytes);
        return answer;
    }
    segment->map_bytes = bytes;
    segment->device = status.st_dev;
    segment->inode = status.st_ino;
    set_pointers(segment, base, &shared->identity);
    return SEGMENT_ATTACHED;
}

/* The owner of a segment that we may not open. */
static uid_t find_owner(const char *name)
{
    struct stat status;
    char path[SEGMENT_NAME_BYTES + sizeof SHARED_MEMORY_DIRECTORY];
    snprintf(path, sizeof path, SHARED_MEMORY_DIRECTORY "%s", name);
    return lstat(path, &status) == 0 ? status.st_uid : SEGMENT_NO_OWNER;
}

enum segment_answer segment_attach(uint32_t key, struct segment *segment, struct failure *failure)
{
    *segment = (struct segment){.descriptor = -1, .owner = SEGMENT_NO_OWNER};
    write_name(segment->name, key);
    int descriptor = open_name(segment->name);
    if (descriptor < 0 && errno == EACCES) {
        failure_set_errno(failure, "open shared memory %s", segment->name);
        segment->owner = find_owner(segment->name);
        return SEGMENT_FORBIDDEN;
    }
    if (descriptor < 0) {
        failure_set_errno(failure, "no server: open shared memory %s", segment->name);
        return SEGMENT_ABSENT;
    }
    enum segment_answer answer = map(descriptor, PROT_READ, segment, failure);
    close(descriptor);
    return answer;
}

enum segment_answer segment_join(uint32_t key, struct segment *segment, struct failure *failure)
{
    struct stat status;
    *segment = (struct segment){.descriptor = -1, .owner = SEGMENT_NO_OWNER};
    write_name(segment->name, key);
    int descriptor = shm_open(segment->name, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
    if (descriptor < 0) {
        failure_set_errno(failure, "open shared memory %s", segment->name);
        return SEGMENT_ABSENT;
    }
    enum segment_answer answer = SEGMENT_FORBIDDEN;
    if (fstat(descriptor, &status) != 0 || status.st_uid != geteuid()) {
        failure_set(failure, "shared memory %s is another user's", segment->name);
    } else {
        answer = map(descriptor, PROT_READ | PROT_WRITE, segment, failure);
    }
    close(descriptor);
    return answer;
}
