/*
 * heritage.c - see heritage.h.
 */
#include "server/heritage.h"

#include "lib/log.h"
#include "lib/program.h"
#include "lib/version.h"
#include "shm/gate.h"
#include "shm/waiting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOCK_PATIENCE_MS = 3000, /* time for the children of a killed supervisor to finish */
    RANDOM_KEY_TRIES = 4     /* so many random keys are never taken by chance */
};

/*
 * Makes the segment and the semaphores of this key, or neither. They are open to the same group as
 * the files. errno EEXIST: somebody else has one of them.
 */
static bool make_pair(struct heritage *heritage, uint32_t key, bool remembered,
                      struct failure *failure)
{
    const struct server_config *config = &heritage->config;
    const struct segment_plan plan = {
        .directory_device = heritage->directory.device,
        .directory_inode = heritage->directory.inode,
        .ring_bytes = config->ring_bytes,
        .lag_bytes = server_config_replicates(config) ? config->replication_lag_bytes : 0,
        .acks_are_copied = config->ack_after == ACK_AFTER_REPLICATED,
        .agency_limit = config->limit_agencies,
        .agencies_expected = config->agencies_expected,
        .slot_capacity = config->limit_connections + HERITAGE_LEAVING_MAX,
        .version = PROGRAM_VERSION,
        .commit = version_commit(),
        .connection_limit = config->limit_connections,
        .key = key,
        .key_remembered = remembered,
    };
    const struct data_access *access = &heritage->directory.access;
    if (!segment_create(&plan, &heritage->segment, failure)) {
        return false;
    }
    if (!gate_create(key, config->agencies_expected, &heritage->gate_id, failure)) {
        int error = errno;
        segment_remove(&heritage->segment);
        errno = error;
        return false;
    }
    bool is_open =
        !access->has_group || (segment_open_to_group(&heritage->segment, access->group, failure) &&
                               gate_open_to_group(heritage->gate_id, access->group, failure));
    if (!is_open) {
        gate_remove(heritage->gate_id);
        segment_remove(&heritage->segment);
        errno = EPERM;
        return false;
    }
    return true;
}

/*
 * The key to try after this one. A stranger can guess the first ones and take all of them. The keys
 * after those are random, and `control` remembers the one that is used.
 */
static uint32_t key_after(uint32_t key, int tries)
{
    uint32_t random = 0;
    bool is_random = tries >= SEGMENT_KEY_TRIES &&
                     getrandom(&random, sizeof random, 0) == (ssize_t)sizeof random && random != 0;
    return is_random ? random : segment_next_key(key);
}

/*
 * Tries the key of the last server first, so that what it left is found even where the directory
 * has another device and inode by now (overlay file systems). A key of which a stranger has the
 * name or the semaphores is skipped.
 */
static bool make_shared_memory(struct heritage *heritage, struct failure *failure)
{
    struct data_directory *directory = &heritage->directory;
    bool remembered = directory->ipc_key != 0;
    uint32_t key =
        remembered ? directory->ipc_key : segment_key(directory->device, directory->inode);
    for (int tries = 0; tries < SEGMENT_KEY_TRIES + RANDOM_KEY_TRIES; tries++) {
        if (make_pair(heritage, key, remembered && tries == 0, failure)) {
            directory->ipc_key = key;
            return true;
        }
        if (errno != EEXIST) {
            return false;
        }
        log_warning(LOG_SHARED_MEMORY_KEY_TAKEN,
                    "result: in_progress | key: 0x%08x | reason: %s; the next key is tried", key,
                    failure->text);
        key = key_after(key, tries + 1);
    }
    return false;
}

static bool open_shared_memory(struct heritage *heritage, struct failure *failure)
{
    if (!make_shared_memory(heritage, failure)) {
        return false;
    }
    heritage->segment.shared->identity.gate_id = heritage->gate_id;
    server_tls_publish(&heritage->tls, &heritage->segment);
    heritage->segment.shared->confinement = heritage->confinement.report;
    atomic_store(&heritage->segment.shared->supervisor.log_level,
                 (uint32_t)heritage->config.log_level);
    segment_publish(&heritage->segment, SHARED_STARTING);
    log_count_losses_in(&heritage->segment.shared->log);
    log_info(
        LOG_SHARED_MEMORY_MADE,
        "result: success | segment: /dev/shm%s | semaphores: 0x%08x | semid: %d | huge_pages: %s",
        heritage->segment.name, heritage->directory.ipc_key, heritage->gate_id,
        heritage->segment.huge_pages ? "yes" : "no");
    return true;
}

static void close_shared_memory(struct heritage *heritage)
{
    if (heritage->segment.shared == NULL) {
        return; /* the one of the next draw could not be made */
    }
    gate_remove(heritage->gate_id);
    log_follow_threshold(NULL); /* a storer that clears up */
    log_count_losses_in(NULL);
    segment_remove(&heritage->segment);
    log_info(LOG_SHARED_MEMORY_REMOVED, "result: success");
}

/* What `open` has said of the current draw wins over what the configuration says of the first one. */
static bool adopt_terms(struct heritage *heritage, struct failure *failure)
{
    const struct data_directory *directory = &heritage->directory;
    return !directory->has_control || directory->control.terms_by != TERMS_BY_COMMAND ||
           server_config_adopt_terms(&heritage->config, &directory->control.terms, failure);
}

/* Without a door the server does all that it does without an operator. */
static void open_door(struct heritage *heritage)
{
    struct failure failure;
    if (!admin_door_open(&heritage->door, &heritage->directory, &failure)) {
        log_warning(LOG_ADMIN_UNREACHABLE,
                    "result: fail | error: %s | reason: lottery-admin can't reach this server",
                    failure.text);
    }
}

bool heritage_open_key(struct heritage *heritage, struct held_key *key, struct failure *failure)
{
    const struct server_config *config = &heritage->config;
    bool opened = held_key_open(key, &heritage->key_channel, config->tls_certificate,
                                config->tls_key, failure);
    key->allows_tls12 = config->tls_minimum == TLS_MINIMUM_1_2;
    return opened;
}

/* The private key's file is opened here, as long as this process may, and not read. */
static bool open_tls(struct heritage *heritage, struct failure *failure)
{
    if (heritage->config.tls_mode == TLS_OFF) {
        return true;
    }
    if (!key_channel_open(&heritage->key_channel, failure)) {
        return false;
    }
    if (!heritage_open_key(heritage, &heritage->held_key, failure)) {
        key_channel_close(&heritage->key_channel);
        return false;
    }
    if (!server_tls_open(&heritage->tls, &heritage->config, heritage->held_key.remote.key,
                         failure)) {
        held_key_close(&heritage->held_key);
        key_channel_close(&heritage->key_channel);
        return false;
    }
    return true;
}

static void close_tls(struct heritage *heritage)
{
    server_tls_close(&heritage->tls);
    held_key_close(&heritage->held_key);
    key_channel_close(&heritage->key_channel);
}

/* A server that replaces another one has them already, and nobody listens there but it. */
static bool open_listeners(struct heritage *heritage, struct failure *failure)
{
    return heritage->listeners.count > 0 ||
           listeners_open(&heritage->config, &heritage->listeners, failure);
}

/*
 * The lock comes first: while we have it, no process of a server that was killed is left. So none
 * of them still holds the port, which a child has from its fork until it closes it.
 */
static bool open_files_and_memory(struct heritage *heritage, struct failure *failure)
{
    if (!data_directory_open(heritage->config.data_directory, heritage->config.data_group,
                             LOCK_PATIENCE_MS, &heritage->directory, failure)) {
        return false;
    }
    heritage->news = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (heritage->news < 0) {
        failure_set_errno(failure, "make an eventfd");
        data_directory_discard(&heritage->directory);
        return false;
    }
    if (!adopt_terms(heritage, failure) ||
        !shipper_program_name_node(&heritage->shipper, &heritage->config, &heritage->directory,
                                   failure) ||
        !open_listeners(heritage, failure)) {
        close(heritage->news);
        data_directory_discard(&heritage->directory);
        return false;
    }
    if (!open_shared_memory(heritage, failure)) {
        listeners_close(&heritage->listeners);
        close(heritage->news);
        data_directory_discard(&heritage->directory);
        return false;
    }
    return true;
}

bool heritage_open(struct heritage *heritage, struct failure *failure)
{
    heritage->supervisor_pid = getpid();
    umask(S_IRWXG | S_IRWXO); /* no file is open to more people, even before its mode is set */
    if (!shipper_program_find(&heritage->shipper, &heritage->config, failure) ||
        !open_tls(heritage, failure)) {
        return false;
    }
    if (!open_files_and_memory(heritage, failure)) {
        close_tls(heritage);
        return false;
    }
    open_door(heritage);
    return true;
}

bool heritage_renew(struct heritage *heritage, struct failure *failure)
{
    struct data_directory *directory = &heritage->directory;
    close_shared_memory(heritage);
    heritage->segment = (struct segment){.shared = NULL};
    return control_read(directory, &directory->control, failure) == CONTROL_READ &&
           adopt_terms(heritage, failure) && open_shared_memory(heritage, failure);
}

void heritage_tell_news(const struct heritage *heritage)
{
    const uint64_t one = 1;
    if (write(heritage->news, &one, sizeof one) != (ssize_t)sizeof one) {
        log_warning(LOG_ADMIN_EVENT_FAILED, "result: fail | error: write to an eventfd: %s",
                    strerror(errno));
    }
}

void heritage_take_news(const struct heritage *heritage)
{
    uint64_t count = 0;
    if (read(heritage->news, &count, sizeof count) < 0 && errno != EAGAIN) {
        log_warning(LOG_ADMIN_EVENT_FAILED, "result: fail | error: read from an eventfd: %s",
                    strerror(errno));
    }
}

const _Atomic uint64_t *heritage_safe_position(const struct heritage *heritage)
{
    const struct shared_positions *positions = &heritage->segment.shared->positions;
    switch ((enum server_ack_after)heritage->config.ack_after) {
    case ACK_AFTER_WRITTEN:
        return &positions->written;
    case ACK_AFTER_REPLICATED:
        return &positions->replicated;
    case ACK_AFTER_SYNCED:
        break;
    }
    return &positions->durable;
}

void heritage_close(struct heritage *heritage)
{
    close_shared_memory(heritage);
    admin_door_close(&heritage->door, &heritage->directory);
    close(heritage->news);
    confinement_close(&heritage->confinement);
    data_directory_close(&heritage->directory);
    listeners_close(&heritage->listeners);
    close_tls(heritage);
    if (heritage->successor != HERITAGE_NO_END) { /* it waits for the lock */
        close(heritage->successor);
        heritage->successor = HERITAGE_NO_END;
    }
}

void heritage_clear_up(struct heritage *heritage)
{
    wait_halt(&heritage->segment);
    close_shared_memory(heritage);
}
