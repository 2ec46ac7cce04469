/*
 * shim.c - a disk, and a kernel, that do what a test asks for.
 *
 * Why it exists: power losses, full disks and calls that fail can't be had when
 * a test wants them. Preloaded (LD_PRELOAD) into the server, this library
 * stands between it and libc. It does nothing but what its environment asks:
 *
 *   LOTTERY_SHIM_COUNTS=FILE     a struct shim_counts, which all processes share
 *   LOTTERY_SHIM_DIRECTORY=DIR   the data directory: whose files are "the disk"
 *   LOTTERY_SHIM_JOURNAL=FILE    what was written and synced is noted there (journal.h)
 *   LOTTERY_SHIM=RULES           separated by spaces; calls are counted over all processes
 *
 *     fail:CALL:WHEN:ERRNO   the call does nothing and returns this error
 *     short:CALL:WHEN        it takes only half of what it is given (pwrite, write, send, recv...)
 *     eintr:CALL:WHEN        fail with EINTR
 *     kill:CALL:WHEN         the process is killed (SIGKILL) before it calls
 *     slow:MICROSECONDS      each fdatasync takes that much longer, up to three times as much
 *     full:BYTES             the disk is full after so many bytes, until `room` is 1
 *     directories:ERRNO      fsync of any directory returns this error
 *     full:BYTES:FILE        so it is for files of the data directory whose names begin like this
 *
 *   All but full and slow, of pwrite, fsync and fdatasync, may have an ERRNO and a FILE behind them all: then
 *   they concern the file of the data directory with that path alone, and its calls are
 *   counted. `>FILE` is a file's directory after FILE was renamed into place in it.
 *
 *   Directories below the data directory belong to the disk, too. A file is known by its path from
 *   there ("draws/1/control"), which is that of the directory whose descriptor it was opened at.
 *
 *   WHEN is `3` (the third call only), `from-3` (it and all after it) or `every-3`.
 *   A write to standard output or error is no call: logs are no disk.
 *
 * Its server is not confined (confinement: off): the shim kills its own process and writes a
 * journal elsewhere, which no process of the server may do.
 *
 * Who may call: nobody; the dynamic linker puts it in. If its process dies, what
 * it has noted is in the journal. It has global state, as a library that nobody
 * calls has no other place for it.
 */
#include "tests/faults/shim/journal.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    DESCRIPTORS_MAX = 1024,
    NAME_BYTES = 32,
    DECIMAL = 10,
    MICROSECONDS_A_SECOND = 1000000,
    NANOSECONDS_A_MICROSECOND = 1000
};

#define HANDLE_NONE      UINT64_C(0)
#define HANDLE_DIRECTORY UINT64_C(1)

enum action { ACTION_NONE, ACTION_FAIL, ACTION_SHORT, ACTION_KILL };

struct rule {
    enum action action;
    enum shim_call call;
    uint64_t number;
    bool from, every; /* else: just once */
    int error;
    char file[NAME_BYTES]; /* "": whatever file it is */
};

/* The libc's own functions. */
#define SHIM_REAL_MEMBER(name) __typeof__ (&(name))(name);
struct real {
    SHIM_CALLS(SHIM_REAL_MEMBER)
    __typeof__(&close) close;
};

static struct {
    bool ready;
    struct real real;
    struct rule rules[SHIM_RULES_MAX];
    size_t rule_count;
    struct shim_counts private_counts;
    struct shim_counts *counts; /* the test's, or the private ones where there is no test */
    const char *directory;
    int journal;                       /* -1: none */
    uint64_t slow_us;                  /* that an fdatasync takes longer; 0: as it is */
    uint64_t full_bytes;               /* UINT64_MAX: never full */
    int directory_error;               /* of fsync; 0: none */
    char full_file[NAME_BYTES];        /* "": all files */
    uint64_t handles[DESCRIPTORS_MAX]; /* of files in the data directory, and of directories */
    char names[DESCRIPTORS_MAX][JOURNAL_PATH_BYTES];       /* for rules: see name_of */
    char directories[DESCRIPTORS_MAX][JOURNAL_PATH_BYTES]; /* the paths of directories */
    uint64_t handles_given;
} shim = {.counts = &shim.private_counts, .journal = -1, .full_bytes = UINT64_MAX};

/* --------------------------------------------------------------- set up ---- */

static const char *const call_names[] = {
#define SHIM_CALL_NAME(name) #name,
    SHIM_CALLS(SHIM_CALL_NAME)};

static void resolve(void *function, const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(function, &symbol, sizeof symbol); /* C has no cast from object to function */
}

static int error_of_name(const char *name)
{
    static const struct {
        const char *name;
        int error;
    } errors[] = {{"EINTR", EINTR},           {"EIO", EIO},       {"ENOSPC", ENOSPC},
                  {"EDQUOT", EDQUOT},         {"EAGAIN", EAGAIN}, {"ENOMEM", ENOMEM},
                  {"EMFILE", EMFILE},         {"ENFILE", ENFILE}, {"EACCES", EACCES},
                  {"ECONNRESET", ECONNRESET}, {"EINVAL", EINVAL}, {"EOPNOTSUPP", EOPNOTSUPP}};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (strcmp(errors[i].name, name) == 0) {
            return errors[i].error;
        }
    }
    return EIO;
}

static bool find_call(const char *name, enum shim_call *call)
{
    for (int i = 0; i < SHIM_CALL_COUNT; i++) {
        if (strcmp(call_names[i], name) == 0) {
            *call = (enum shim_call)i;
            return true;
        }
    }
    return false;
}

static void read_when(const char *text, struct rule *rule)
{
    const char *dash = strchr(text, '-');
    rule->from = strncmp(text, "from-", strlen("from-")) == 0;
    rule->every = strncmp(text, "every-", strlen("every-")) == 0;
    rule->number = strtoull(dash == NULL ? text : dash + 1, NULL, DECIMAL);
}

/* A rule that is not understood ends the process: a test must not pass for nothing. */
static void read_rule(const char *text)
{
    char verb[NAME_BYTES] = "";
    char call[NAME_BYTES] = "";
    char when[NAME_BYTES] = "";
    char error[NAME_BYTES] = "EINTR";
    struct rule rule = {.action = ACTION_NONE};
    int parts = sscanf(text, "%31[^: ]:%31[^: ]:%31[^: ]:%31[^: ]:%31[^: ]", verb, call, when,
                       error, rule.file);
    if ((parts == 2 || parts == 3) && strcmp(verb, "full") == 0) {
        shim.full_bytes = strtoull(call, NULL, DECIMAL);
        memcpy(shim.full_file, when, sizeof when);
        return;
    }
    if (parts == 2 && strcmp(verb, "slow") == 0) {
        shim.slow_us = strtoull(call, NULL, DECIMAL);
        return;
    }
    if (parts == 2 && strcmp(verb, "directories") == 0) {
        shim.directory_error = error_of_name(call);
        return;
    }
    rule.action = strcmp(verb, "fail") == 0 || strcmp(verb, "eintr") == 0 ? ACTION_FAIL
                  : strcmp(verb, "short") == 0                            ? ACTION_SHORT
                  : strcmp(verb, "kill") == 0                             ? ACTION_KILL
                                                                          : ACTION_NONE;
    read_when(when, &rule);
    rule.error = error_of_name(error);
    if (parts < 3 || rule.action == ACTION_NONE || rule.number == 0 ||
        !find_call(call, &rule.call) || shim.rule_count == SHIM_RULES_MAX) {
        (void)fprintf(stderr, "LOTTERY_SHIM: not understood: %s\n", text);
        abort();
    }
    shim.rules[shim.rule_count++] = rule;
}

static void read_rules(const char *text)
{
    while (text != NULL && *text != '\0') {
        read_rule(text);
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
}

static void map_counts(const char *path)
{
    int file = shim.real.open(path, O_RDWR | O_CLOEXEC);
    void *memory = file < 0 ? MAP_FAILED
                            : shim.real.mmap(NULL, sizeof *shim.counts, PROT_READ | PROT_WRITE,
                                             MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) {
        (void)fprintf(stderr, "LOTTERY_SHIM_COUNTS: %s: %s\n", path, strerror(errno));
        abort();
    }
    (void)shim.real.close(file);
    shim.counts = memory;
}

static void find_real_calls(void)
{
#define SHIM_RESOLVE(name) resolve(&shim.real.name, #name);
    SHIM_CALLS(SHIM_RESOLVE)
    SHIM_RESOLVE(close)
    shim.ready = true;
}

/* A sanitizer's start calls libc before there is an environment: nothing is counted until then. */
static const struct real *real(void)
{
    if (!shim.ready) {
        find_real_calls();
    }
    return &shim.real;
}

__attribute__((constructor)) static void read_environment(void)
{
    const char *counts = getenv("LOTTERY_SHIM_COUNTS");
    const char *journal = getenv("LOTTERY_SHIM_JOURNAL");
    (void)real();
    shim.directory = getenv("LOTTERY_SHIM_DIRECTORY");
    if (counts != NULL) {
        map_counts(counts);
    }
    if (journal != NULL) {
        shim.journal = shim.real.open(journal, O_WRONLY | O_APPEND | O_CLOEXEC);
    }
    read_rules(getenv("LOTTERY_SHIM"));
}

/* --------------------------------------------------------------- faults ---- */

static bool is_due(const struct rule *rule, enum shim_call call, const char *name, uint64_t number)
{
    if (rule->call != call) {
        return false;
    }
    if (rule->file[0] != '\0') {
        if (strcmp(rule->file, name) != 0) {
            return false;
        }
        number = atomic_fetch_add(&shim.counts->rule_calls[rule - shim.rules], 1) + 1;
    }
    return rule->every  ? number % rule->number == 0
           : rule->from ? number >= rule->number
                        : number == rule->number;
}

static void count_sync(enum shim_call call)
{
    if ((call == SHIM_fsync || call == SHIM_fdatasync) && atomic_load(&shim.counts->sync_failed)) {
        atomic_fetch_add(&shim.counts->syncs_after_fail, 1);
    }
}

/* One that was only interrupted has not failed, and may be called again. */
static void note_failed_sync(enum shim_call call, int error)
{
    if ((call == SHIM_fsync || call == SHIM_fdatasync) && error != EINTR) {
        atomic_store(&shim.counts->sync_failed, 1);
    }
}

/* Counts the call on a file, and says what is to become of it; errno is set for ACTION_FAIL. */
static enum action meet_on(enum shim_call call, const char *name)
{
    (void)real();
    uint64_t number = atomic_fetch_add(&shim.counts->calls[call], 1) + 1;
    count_sync(call);
    for (size_t i = 0; i < shim.rule_count; i++) {
        const struct rule *rule = &shim.rules[i];
        if (!is_due(rule, call, name, number)) {
            continue;
        }
        atomic_fetch_add(&shim.counts->faults, 1);
        if (rule->action == ACTION_KILL) {
            (void)raise(SIGKILL);
        }
        if (rule->action == ACTION_FAIL) {
            note_failed_sync(call, rule->error);
            errno = rule->error;
        }
        return rule->action;
    }
    return ACTION_NONE;
}

static bool is_failing(enum shim_call call)
{
    return meet_on(call, "") == ACTION_FAIL;
}

/* How much of `count` bytes the call may take; 0 with errno when it is to fail. */
static size_t admit_on(enum shim_call call, const char *name, size_t count)
{
    enum action action = meet_on(call, name);
    if (action == ACTION_FAIL) {
        return 0;
    }
    return action == ACTION_SHORT && count > 1 ? count / 2 : count;
}

static size_t admit(enum shim_call call, size_t count)
{
    return admit_on(call, "", count);
}

/* ----------------------------------------------------------- data files ---- */

static uint64_t handle_of(int descriptor)
{
    return descriptor < 0 || descriptor >= DESCRIPTORS_MAX ? HANDLE_NONE : shim.handles[descriptor];
}

static bool is_data_file(int descriptor)
{
    return handle_of(descriptor) > HANDLE_DIRECTORY;
}

static bool is_data_directory(int descriptor)
{
    return handle_of(descriptor) == HANDLE_DIRECTORY;
}

/* Of a file below the data directory; of a directory, what was renamed into it last; else "". */
static const char *name_of(int descriptor)
{
    return handle_of(descriptor) == HANDLE_NONE ? "" : shim.names[descriptor];
}

static bool may_be_full(int descriptor)
{
    return is_data_file(descriptor) &&
           strncmp(name_of(descriptor), shim.full_file, strlen(shim.full_file)) == 0;
}

/* What the disk has room for of `count` bytes; 0 with ENOSPC. */
static size_t find_room(int descriptor, size_t count)
{
    if (shim.full_bytes == UINT64_MAX || !may_be_full(descriptor) ||
        atomic_load(&shim.counts->room) != 0) {
        return count;
    }
    uint64_t stored = atomic_load(&shim.counts->full_file_bytes);
    if (stored >= shim.full_bytes) {
        atomic_fetch_add(&shim.counts->faults, 1);
        errno = ENOSPC;
        return 0;
    }
    uint64_t left = shim.full_bytes - stored;
    return left < count ? (size_t)left : count;
}

static uint64_t journal_bytes(void)
{
    struct stat status;
    return shim.journal >= 0 && fstat(shim.journal, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void note(enum journal_kind kind, uint64_t handle, uint64_t amount, const void *payload,
                 size_t bytes)
{
    if (shim.journal < 0) {
        return;
    }
    int saved_errno = errno;
    struct journal_record record = {.magic = JOURNAL_MAGIC,
                                    .handle = handle,
                                    .amount = amount,
                                    .kind = (uint32_t)kind,
                                    .payload_bytes = (uint32_t)bytes};
    struct iovec parts[] = {{.iov_base = &record, .iov_len = sizeof record}, {.iov_len = bytes}};
    memcpy(&parts[1].iov_base, &payload, sizeof payload); /* writev writes no iovec, but says so */
    if (writev(shim.journal, parts, 2) != (ssize_t)(sizeof record + bytes)) {
        abort(); /* what it says would be wrong from here on */
    }
    errno = saved_errno;
}

static void note_write(int descriptor, const void *bytes, ssize_t written, uint64_t position)
{
    if (is_data_file(descriptor) && written > 0) {
        atomic_fetch_add(&shim.counts->stored_bytes, (uint64_t)written);
        if (may_be_full(descriptor)) {
            atomic_fetch_add(&shim.counts->full_file_bytes, (uint64_t)written);
        }
        note(JOURNAL_WRITE, handle_of(descriptor), position, bytes, (size_t)written);
    }
}

static void note_sync(int descriptor, uint64_t began)
{
    if (is_data_file(descriptor)) {
        note(JOURNAL_SYNC, handle_of(descriptor), began, "", 0);
    } else if (is_data_directory(descriptor)) {
        const char *path = shim.directories[descriptor];
        note(JOURNAL_SYNC_DIRECTORY, HANDLE_DIRECTORY, began, path, strlen(path));
    }
}

static void forget(int descriptor)
{
    if (descriptor >= 0 && descriptor < DESCRIPTORS_MAX) {
        shim.handles[descriptor] = HANDLE_NONE;
    }
}

/* Writes the path of a name in one of the data directory's directories. */
static void join(int directory, const char *name, char path[JOURNAL_PATH_BYTES])
{
    const char *above = shim.directories[directory];
    int bytes =
        snprintf(path, JOURNAL_PATH_BYTES, "%s%s%s", above, above[0] == '\0' ? "" : "/", name);
    if (bytes >= JOURNAL_PATH_BYTES) {
        abort(); /* what the journal says would be wrong from here on */
    }
}

/* A file below the data directory has been opened, or a directory there. */
static void remember(int descriptor, const char *path, bool existed, int flags)
{
    if (descriptor < 0 || descriptor >= DESCRIPTORS_MAX) {
        return;
    }
    if ((flags & O_DIRECTORY) != 0) {
        shim.handles[descriptor] = HANDLE_DIRECTORY;
        shim.names[descriptor][0] = '\0';
        (void)snprintf(shim.directories[descriptor], JOURNAL_PATH_BYTES, "%s", path);
        return;
    }
    if ((flags & O_ACCMODE) == O_RDONLY) {
        return;
    }
    uint64_t process = (uint64_t)getpid();
    shim.handles[descriptor] = process << 32U | (++shim.handles_given + HANDLE_DIRECTORY);
    (void)snprintf(shim.names[descriptor], JOURNAL_PATH_BYTES, "%s", path);
    uint64_t what = !existed ? JOURNAL_CREATED : (flags & O_TRUNC) != 0 ? JOURNAL_TRUNCATED : 0;
    note(JOURNAL_OPEN, shim.handles[descriptor], what, path, strlen(path));
}

static void remember_directory(int descriptor)
{
    struct stat opened;
    struct stat wanted;
    if (shim.directory != NULL && descriptor >= 0 && descriptor < DESCRIPTORS_MAX &&
        fstat(descriptor, &opened) == 0 && stat(shim.directory, &wanted) == 0 &&
        opened.st_dev == wanted.st_dev && opened.st_ino == wanted.st_ino) {
        remember(descriptor, "", true, O_DIRECTORY);
    }
}

/* A name has been given up in one directory, and given in the same one or another. */
static void note_rename(int from_directory, const char *from, int to_directory, const char *to)
{
    char names[2 * JOURNAL_PATH_BYTES];
    if (!is_data_directory(from_directory) || !is_data_directory(to_directory)) {
        return;
    }
    join(from_directory, from, names);
    size_t first = strlen(names) + 1;
    join(to_directory, to, names + first);
    note(JOURNAL_RENAME, HANDLE_DIRECTORY, 0, names, first + strlen(names + first) + 1);
    (void)snprintf(shim.names[to_directory], JOURNAL_PATH_BYTES, ">%.*s", JOURNAL_PATH_BYTES - 2,
                   names + first);
}

/* ---------------------------------------------------------- calls: files ---- */

/* The libc's headers have names of their own for the parameters, "__fd" for example. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

#define SHIM_PUBLIC __attribute__((visibility("default")))

SHIM_PUBLIC int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (is_failing(SHIM_open)) {
        return -1;
    }
    int descriptor = real()->open(path, flags, mode);
    forget(descriptor);
    if ((flags & O_DIRECTORY) != 0) {
        remember_directory(descriptor);
    }
    return descriptor;
}

SHIM_PUBLIC int openat(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (is_failing(SHIM_openat)) {
        return -1;
    }
    bool existed = real()->faccessat(directory, path, F_OK, 0) == 0;
    int descriptor = real()->openat(directory, path, flags, mode);
    forget(descriptor);
    if (is_data_directory(directory) && strcmp(path, "..") != 0) {
        char from_there[JOURNAL_PATH_BYTES];
        join(directory, path, from_there);
        remember(descriptor, from_there, existed, flags);
    }
    return descriptor;
}

SHIM_PUBLIC int close(int descriptor)
{
    forget(descriptor);
    return real()->close(descriptor);
}

SHIM_PUBLIC ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t position)
{
    size_t admitted = admit_on(SHIM_pwrite, name_of(descriptor), count);
    if (admitted > 0) {
        admitted = find_room(descriptor, admitted);
    }
    if (admitted == 0 && count > 0) {
        return -1;
    }
    ssize_t written = real()->pwrite(descriptor, bytes, admitted, position);
    note_write(descriptor, bytes, written, (uint64_t)position);
    return written;
}

SHIM_PUBLIC ssize_t write(int descriptor, const void *bytes, size_t count)
{
    if (descriptor == STDOUT_FILENO || descriptor == STDERR_FILENO) {
        return real()->write(descriptor, bytes, count);
    }
    size_t admitted = admit(SHIM_write, count);
    if (admitted > 0) {
        admitted = find_room(descriptor, admitted);
    }
    if (admitted == 0 && count > 0) {
        return -1;
    }
    off_t position = is_data_file(descriptor) ? lseek(descriptor, 0, SEEK_CUR) : 0;
    ssize_t written = real()->write(descriptor, bytes, admitted);
    note_write(descriptor, bytes, written, (uint64_t)position);
    return written;
}

SHIM_PUBLIC ssize_t pread(int descriptor, void *bytes, size_t count, off_t position)
{
    size_t admitted = admit(SHIM_pread, count);
    return admitted == 0 && count > 0 ? -1 : real()->pread(descriptor, bytes, admitted, position);
}

SHIM_PUBLIC ssize_t read(int descriptor, void *bytes, size_t count)
{
    size_t admitted = admit(SHIM_read, count);
    return admitted == 0 && count > 0 ? -1 : real()->read(descriptor, bytes, admitted);
}

/*
 * Syncs that run at once return in any order, as each takes from one to three times the slow disk's
 * time: a step of a small generator (Knuth's multiplier), by the number of the call.
 */
static void be_slow(void)
{
    const uint32_t multiplier = UINT32_C(2654435761);
    enum { SPREAD = 3, HIGH_BITS = 24, VALUES = 256 };
    uint32_t number = (uint32_t)atomic_load(&shim.counts->calls[SHIM_fdatasync]);
    uint64_t part = (number * multiplier) >> HIGH_BITS;
    uint64_t us = shim.slow_us + shim.slow_us * (SPREAD - 1) * part / VALUES;
    struct timespec time = {.tv_sec = (time_t)(us / MICROSECONDS_A_SECOND),
                            .tv_nsec =
                                (long)(us % MICROSECONDS_A_SECOND * NANOSECONDS_A_MICROSECOND)};
    while (us > 0 && nanosleep(&time, &time) != 0 && errno == EINTR) {
    }
}

/* One that is to fail has run for as long as any other one. */
SHIM_PUBLIC int fdatasync(int descriptor)
{
    enum action action = meet_on(SHIM_fdatasync, name_of(descriptor));
    int error = errno;
    uint64_t began = journal_bytes();
    uint64_t at_once = atomic_fetch_add(&shim.counts->syncs_at_once, 1) + 1;
    uint64_t most = atomic_load(&shim.counts->syncs_at_once_most);
    while (at_once > most &&
           !atomic_compare_exchange_weak(&shim.counts->syncs_at_once_most, &most, at_once)) {
    }
    be_slow();
    int result = action == ACTION_FAIL ? -1 : real()->fdatasync(descriptor);
    atomic_fetch_sub(&shim.counts->syncs_at_once, 1);
    if (action == ACTION_FAIL) {
        errno = error;
    } else if (result == 0) {
        note_sync(descriptor, began);
    }
    return result;
}

/* True, with errno, when it is a directory and those can't be synced. */
static bool is_refused_directory(int descriptor)
{
    struct stat status;
    if (shim.directory_error == 0 || fstat(descriptor, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return false;
    }
    atomic_fetch_add(&shim.counts->faults, 1);
    errno = shim.directory_error;
    return true;
}

SHIM_PUBLIC int fsync(int descriptor)
{
    if (meet_on(SHIM_fsync, name_of(descriptor)) == ACTION_FAIL ||
        is_refused_directory(descriptor)) {
        return -1;
    }
    uint64_t began = journal_bytes();
    int result = real()->fsync(descriptor);
    if (result == 0) {
        note_sync(descriptor, began);
    }
    return result;
}

SHIM_PUBLIC int ftruncate(int descriptor, off_t size)
{
    if (is_failing(SHIM_ftruncate)) {
        return -1;
    }
    int result = real()->ftruncate(descriptor, size);
    if (result == 0 && is_data_file(descriptor)) {
        note(JOURNAL_TRUNCATE, handle_of(descriptor), (uint64_t)size, "", 0);
    }
    return result;
}

/* With FALLOC_FL_KEEP_SIZE nothing of a file changes that a reader, or a power loss, could see. */
SHIM_PUBLIC int fallocate(int descriptor, int mode, off_t from, off_t count)
{
    if (is_failing(SHIM_fallocate) || find_room(descriptor, 1) == 0) {
        return -1;
    }
    return real()->fallocate(descriptor, mode, from, count);
}

SHIM_PUBLIC int posix_fallocate(int descriptor, off_t from, off_t count)
{
    return is_failing(SHIM_posix_fallocate) ? errno
                                            : real()->posix_fallocate(descriptor, from, count);
}

SHIM_PUBLIC int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    if (is_failing(SHIM_renameat)) {
        return -1;
    }
    int result = real()->renameat(from_directory, from, to_directory, to);
    if (result == 0) {
        note_rename(from_directory, from, to_directory, to);
    }
    return result;
}

SHIM_PUBLIC int renameat2(int from_directory, const char *from, int to_directory, const char *to,
                          unsigned flags)
{
    if (is_failing(SHIM_renameat2)) {
        return -1;
    }
    int result = real()->renameat2(from_directory, from, to_directory, to, flags);
    if (result == 0) {
        note_rename(from_directory, from, to_directory, to);
    }
    return result;
}

SHIM_PUBLIC int mkdirat(int directory, const char *path, mode_t mode)
{
    if (is_failing(SHIM_mkdirat)) {
        return -1;
    }
    int result = real()->mkdirat(directory, path, mode);
    if (result == 0 && is_data_directory(directory)) {
        char made[JOURNAL_PATH_BYTES];
        join(directory, path, made);
        note(JOURNAL_MAKE_DIRECTORY, HANDLE_DIRECTORY, 0, made, strlen(made));
    }
    return result;
}

SHIM_PUBLIC int unlinkat(int directory, const char *path, int flags)
{
    if (is_failing(SHIM_unlinkat)) {
        return -1;
    }
    int result = real()->unlinkat(directory, path, flags);
    if (result == 0 && is_data_directory(directory)) {
        char removed[JOURNAL_PATH_BYTES];
        join(directory, path, removed);
        note(JOURNAL_UNLINK, HANDLE_DIRECTORY, 0, removed, strlen(removed));
    }
    return result;
}

SHIM_PUBLIC int faccessat(int directory, const char *path, int mode, int flags)
{
    return is_failing(SHIM_faccessat) ? -1 : real()->faccessat(directory, path, mode, flags);
}

SHIM_PUBLIC int mkdir(const char *path, mode_t mode)
{
    return is_failing(SHIM_mkdir) ? -1 : real()->mkdir(path, mode);
}

SHIM_PUBLIC int flock(int descriptor, int operation)
{
    return is_failing(SHIM_flock) ? -1 : real()->flock(descriptor, operation);
}

/* ------------------------------------------- calls: memory and processes ---- */

SHIM_PUBLIC void *mmap(void *address, size_t bytes, int protection, int flags, int descriptor,
                       off_t offset)
{
    return is_failing(SHIM_mmap)
               ? MAP_FAILED
               : real()->mmap(address, bytes, protection, flags, descriptor, offset);
}

SHIM_PUBLIC int shm_open(const char *name, int flags, mode_t mode)
{
    return is_failing(SHIM_shm_open) ? -1 : real()->shm_open(name, flags, mode);
}

SHIM_PUBLIC pid_t fork(void)
{
    return is_failing(SHIM_fork) ? -1 : real()->fork();
}

SHIM_PUBLIC int pipe(int ends[2])
{
    return is_failing(SHIM_pipe) ? -1 : real()->pipe(ends);
}

SHIM_PUBLIC int semget(key_t key, int count, int flags)
{
    return is_failing(SHIM_semget) ? -1 : real()->semget(key, count, flags);
}

/* The fourth argument, a union of word size, is handed on whether it was given or not. */
SHIM_PUBLIC int semctl(int set, int number, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return is_failing(SHIM_semctl) ? -1 : real()->semctl(set, number, command, argument);
}

SHIM_PUBLIC int semop(int set, struct sembuf *operations, size_t count)
{
    return is_failing(SHIM_semop) ? -1 : real()->semop(set, operations, count);
}

SHIM_PUBLIC int semtimedop(int set, struct sembuf *operations, size_t count,
                           const struct timespec *timeout)
{
    return is_failing(SHIM_semtimedop) ? -1 : real()->semtimedop(set, operations, count, timeout);
}

SHIM_PUBLIC int sem_init(sem_t *semaphore, int shared, unsigned value)
{
    return is_failing(SHIM_sem_init) ? -1 : real()->sem_init(semaphore, shared, value);
}

SHIM_PUBLIC int sem_wait(sem_t *semaphore)
{
    return is_failing(SHIM_sem_wait) ? -1 : real()->sem_wait(semaphore);
}

SHIM_PUBLIC int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
    return is_failing(SHIM_sem_clockwait) ? -1 : real()->sem_clockwait(semaphore, clock, until);
}

SHIM_PUBLIC ssize_t getrandom(void *bytes, size_t count, unsigned flags)
{
    size_t admitted = admit(SHIM_getrandom, count);
    return admitted == 0 && count > 0 ? -1 : real()->getrandom(bytes, admitted, flags);
}

/* --------------------------------------------------------- calls: network ---- */

SHIM_PUBLIC int socket(int domain, int type, int protocol)
{
    return is_failing(SHIM_socket) ? -1 : real()->socket(domain, type, protocol);
}

SHIM_PUBLIC int bind(int descriptor, __CONST_SOCKADDR_ARG address, socklen_t bytes)
{
    return is_failing(SHIM_bind) ? -1 : real()->bind(descriptor, address, bytes);
}

SHIM_PUBLIC int listen(int descriptor, int backlog)
{
    return is_failing(SHIM_listen) ? -1 : real()->listen(descriptor, backlog);
}

SHIM_PUBLIC int accept4(int descriptor, __SOCKADDR_ARG address, socklen_t *bytes, int flags)
{
    if (is_failing(SHIM_accept4)) {
        return -1;
    }
    int accepted = real()->accept4(descriptor, address, bytes, flags);
    forget(accepted);
    return accepted;
}

SHIM_PUBLIC ssize_t recv(int descriptor, void *bytes, size_t count, int flags)
{
    size_t admitted = admit(SHIM_recv, count);
    return admitted == 0 && count > 0 ? -1 : real()->recv(descriptor, bytes, admitted, flags);
}

SHIM_PUBLIC ssize_t send(int descriptor, const void *bytes, size_t count, int flags)
{
    size_t admitted = admit(SHIM_send, count);
    return admitted == 0 && count > 0 ? -1 : real()->send(descriptor, bytes, admitted, flags);
}

SHIM_PUBLIC int ppoll(struct pollfd *polls, nfds_t count, const struct timespec *timeout,
                      const sigset_t *mask)
{
    return is_failing(SHIM_ppoll) ? -1 : real()->ppoll(polls, count, timeout, mask);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
