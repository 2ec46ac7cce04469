/*
 * gate.c - see gate.h. The value is always set, never counted down, from the
 * set of agencies whose "done" is durable: a storer that dies in between
 * leaves nothing to repair. The kernel takes back what a dead handler added.
 */
#include "shm/gate.h"

#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>

enum { GATE_SEMAPHORE, HANDLERS_SEMAPHORE, GATE_SEMAPHORES };

enum { GATE_MODE = 0644 };

/* semctl's fourth argument; POSIX leaves its definition to the caller. */
union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

static int create_set(uint32_t key)
{
    return semget((key_t)key, GATE_SEMAPHORES, IPC_CREAT | IPC_EXCL | GATE_MODE);
}

/* Removes a set of our key and shape, which only a dead server can have left. */
static bool remove_leftover(uint32_t key, struct failure *failure)
{
    struct semid_ds status = {0};
    union semun argument = {.buf = &status};
    int id = semget((key_t)key, 0, 0);
    if (id < 0 || semctl(id, 0, IPC_STAT, argument) != 0) {
        return failure_set_errno(failure, "look at the semaphore set of key 0x%08x", key);
    }
    if (status.sem_nsems != GATE_SEMAPHORES) {
        return failure_set(failure, "the semaphore set of key 0x%08x is not ours: it has %lu", key,
                           (unsigned long)status.sem_nsems);
    }
    if (semctl(id, 0, IPC_RMID) != 0) {
        return failure_set_errno(failure, "remove the semaphore set of key 0x%08x", key);
    }
    log_info("action: recover | result: success | removed: semaphore set 0x%08x", key);
    return true;
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
        const char *hint = errno == ENOSPC ? " (the machine's limit, kernel.sem, is reached: "
                                             "raise its second and fourth figure, or remove sets "
                                             "that nobody uses: ipcs -s)"
                                           : "";
        return failure_set(failure, "create the semaphore set of key 0x%08x: %s%s", key,
                           strerror(errno), hint);
    }
    unsigned short values[GATE_SEMAPHORES] = {[GATE_SEMAPHORE] = (unsigned short)missing};
    union semun argument = {.array = values};
    if (semctl(*id, 0, SETALL, argument) != 0) {
        (void)failure_set_errno(failure, "set the semaphore set of key 0x%08x", key);
        gate_remove(*id);
        return false;
    }
    return true;
}

void gate_remove(int id)
{
    if (semctl(id, 0, IPC_RMID) != 0) { /* the next start removes it */
        log_warning("action: remove_shared_memory | result: fail | semid: %d | error: %s", id,
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
    return semop(id, &enter, 1) == 0 || failure_set_errno(failure, "enter the semaphore set");
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
