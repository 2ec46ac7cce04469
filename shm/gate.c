/*
 * gate.c - see gate.h. The storer never counts the value down: it sets it from the number of
 * agencies whose DONE is durable, so a storer that dies leaves nothing to repair. The kernel
 * takes back what a dead handler added.
 */
#include "shm/gate.h"

#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <unistd.h>

enum { GATE_SEMAPHORE, HANDLERS_SEMAPHORE, GATE_SEMAPHORES };

enum { GATE_MODE = 0600, GATE_MODE_FOR_GROUP = 0640 };

/* semctl's fourth argument; POSIX leaves its definition to the caller. */
union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
    struct seminfo *limits; /* Linux */
};

static int create_set(uint32_t key)
{
    return semget((key_t)key, GATE_SEMAPHORES, IPC_CREAT | IPC_EXCL | GATE_MODE);
}

/* Refuses a key that is in use by others. errno EEXIST tells the caller to try another key. */
static bool refuse_key(struct failure *failure, uint32_t key, const char *whose)
{
    failure_set(failure, "the semaphore set of key 0x%08x is %s", key, whose);
    errno = EEXIST;
    return false;
}

/* Removes a set of our key, user and shape, which only a dead server can have left. */
static bool remove_leftover(uint32_t key, struct failure *failure)
{
    struct semid_ds status = {0};
    union semun argument = {.buf = &status};
    int id = semget((key_t)key, 0, 0);
    if (id < 0 || semctl(id, 0, IPC_STAT, argument) != 0) {
        if (errno == EACCES) {
            return refuse_key(failure, key, "another user's");
        }
        return errno == ENOENT || errno == EINVAL || errno == EIDRM ||
               failure_set_errno(failure, "look at the semaphore set of key 0x%08x", key);
    }
    if (status.sem_perm.uid != geteuid()) {
        return refuse_key(failure, key, "another user's");
    }
    if (status.sem_nsems != GATE_SEMAPHORES) {
        return refuse_key(failure, key, "another program's: it has another number of semaphores");
    }
    if (semctl(id, 0, IPC_RMID) != 0) {
        return failure_set_errno(failure, "remove the semaphore set of key 0x%08x", key);
    }
    log_info(LOG_OLD_SEMAPHORES_REMOVED, "result: success | removed: semaphore set 0x%08x", key);
    return true;
}

/* Describes the failure. ENOSPC, "no space left on device", is about the kernel's limits here. */
static bool explain_creation(uint32_t key, struct failure *failure)
{
    return failure_set_errno(failure,
                             errno == ENOSPC
                                 ? "create the semaphore set of key 0x%08x: the kernel has no more "
                                   "sets or semaphores to give (kernel.sem: ipcs -ls shows the "
                                   "limits, ipcs -s who has them, sysctl -w kernel.sem= raises "
                                   "them)"
                                 : "create the semaphore set of key 0x%08x",
                             key);
}

bool gate_create(uint32_t key, uint32_t missing, int *id, struct failure *failure)
{
    *id = create_set(key);
    if (*id < 0 && errno == EEXIST) {
        if (!remove_leftover(key, failure)) {
            return false;
        }
        *id = create_set(key);
    }
    if (*id < 0) {
        return explain_creation(key, failure);
    }
    unsigned short values[GATE_SEMAPHORES] = {[GATE_SEMAPHORE] = (unsigned short)missing};
    union semun argument = {.array = values};
    if (semctl(*id, 0, SETALL, argument) != 0) {
        failure_set_errno(failure, "set the semaphore set of key 0x%08x", key);
        gate_remove(*id);
        return false;
    }
    return true;
}

bool gate_has_room(struct failure *failure)
{
    struct seminfo limits = {0};
    struct seminfo used = {0};
    if (semctl(0, 0, IPC_INFO, (union semun){.limits = &limits}) < 0 ||
        semctl(0, 0, SEM_INFO, (union semun){.limits = &used}) < 0) {
        return failure_set_errno(failure, "look at the kernel's semaphores");
    }
    /* SEM_INFO returns in these fields how many sets and semaphores there are: semctl(2) */
    return (used.semusz < limits.semmni && limits.semmns - used.semaem >= GATE_SEMAPHORES) ||
           failure_set(failure,
                       "the kernel has no more sets of semaphores to give: %d of %d are used "
                       "(kernel.sem: ipcs -s shows who has them, sysctl -w kernel.sem= raises it)",
                       used.semusz, limits.semmni);
}

bool gate_open_to_group(int id, gid_t group, struct failure *failure)
{
    struct semid_ds status = {0};
    union semun argument = {.buf = &status};
    bool known = semctl(id, 0, IPC_STAT, argument) == 0;
    status.sem_perm.gid = group;
    status.sem_perm.mode = GATE_MODE_FOR_GROUP;
    return (known && semctl(id, 0, IPC_SET, argument) == 0) ||
           failure_set_errno(failure, "give the semaphore set %d to group %u (data.group)", id,
                             (unsigned)group);
}

bool gate_exists(uint32_t key, uid_t owner)
{
    struct semid_ds status = {0};
    union semun argument = {.buf = &status};
    int id = semget((key_t)key, 0, 0);
    return id >= 0 && semctl(id, 0, IPC_STAT, argument) == 0 && status.sem_perm.uid == owner &&
           status.sem_nsems == GATE_SEMAPHORES;
}

bool gate_is_in_place(int id, uint32_t key, struct failure *failure)
{
    int found = semget((key_t)key, 0, 0); /* flags 0: needs no permission */
    if (found == id || (found < 0 && errno != ENOENT)) {
        return true;
    }
    return found < 0
               ? failure_set(failure, "semaphore set 0x%08x (semid %d) has been removed", key, id)
               : failure_set(failure,
                             "another one (semid %d) stands in the place of semaphore set 0x%08x "
                             "(semid %d)",
                             found, key, id);
}

void gate_remove(int id)
{
    if (semctl(id, 0, IPC_RMID) != 0) { /* the next start removes it */
        log_warning(LOG_SEMAPHORES_NOT_REMOVED, "result: fail | semid: %d | error: %s", id,
                    strerror(errno));
    }
}

static bool is_gone(int error)
{
    return error == EIDRM || error == EINVAL;
}

void gate_set_missing(int id, uint32_t missing)
{
    union semun argument = {.val = (int)missing};
    int result = semctl(id, GATE_SEMAPHORE, SETVAL, argument);
    invariant(result == 0 || is_gone(errno), "semctl SETVAL %u: %s", missing, strerror(errno));
}

bool gate_enter(int id, struct failure *failure)
{
    struct sembuf enter = {.sem_num = HANDLERS_SEMAPHORE, .sem_op = 1, .sem_flg = SEM_UNDO};
    return semop(id, &enter, 1) == 0 ||
           failure_set_errno(failure,
                             is_gone(errno)
                                 ? "enter the semaphore set: it has been removed (ipcrm? RemoveIPC "
                                   "of systemd-logind?), and the server is about to end"
                                 : "enter the semaphore set");
}

bool gate_leave(int id)
{
    struct sembuf leave = {
        .sem_num = HANDLERS_SEMAPHORE, .sem_op = -1, .sem_flg = SEM_UNDO | IPC_NOWAIT};
    return semop(id, &leave, 1) == 0;
}

enum gate_answer gate_wait(int id, uint64_t timeout_ms)
{
    struct sembuf until_zero = {.sem_num = GATE_SEMAPHORE, .sem_op = 0};
    struct timespec timeout = clock_interval((int64_t)timeout_ms);
    if (semtimedop(id, &until_zero, 1, &timeout) == 0) {
        return GATE_OPEN;
    }
    if (errno == EAGAIN) {
        return GATE_CLOSED;
    }
    invariant(errno == EINTR || is_gone(errno), "semtimedop: %s", strerror(errno));
    return errno == EINTR ? GATE_INTERRUPTED : GATE_REMOVED;
}

bool gate_read(int id, struct gate_counts *counts)
{
    int missing = semctl(id, GATE_SEMAPHORE, GETVAL);
    int waiting = semctl(id, GATE_SEMAPHORE, GETZCNT);
    int handlers = semctl(id, HANDLERS_SEMAPHORE, GETVAL);
    if (missing < 0 || waiting < 0 || handlers < 0) {
        return false;
    }
    *counts = (struct gate_counts){(uint32_t)missing, (uint32_t)waiting, (uint32_t)handlers};
    return true;
}
