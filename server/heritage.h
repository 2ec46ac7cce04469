/*
 * heritage.h - what crosses fork: everything that a child of the supervisor inherits.
 *
 * The supervisor opens it before there are children, and closes it in the reverse order at the
 * end. A child only reads it. If the supervisor dies, its storer removes what would stay behind.
 */
#ifndef SERVER_HERITAGE_H
#define SERVER_HERITAGE_H

#include "lib/failure.h"
#include "server/admin_door.h"
#include "server/confinement.h"
#include "server/key_channel.h"
#include "server/listener.h"
#include "server/server_config.h"
#include "server/server_tls.h"
#include "server/service_manager.h"
#include "server/shipper_program.h"
#include "shm/segment.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <sys/types.h>

/* Slots beside limits.max_connections, for handlers that were evicted and have not left yet. */
enum { HERITAGE_LEAVING_MAX = 128 };

/*
 * Handlers that were forked ahead (supervisor/reserve.h), at most; and an end of no pair: 0 is the
 * standard input's.
 */
enum { HERITAGE_RESERVE_MAX = SERVER_HANDLERS_AHEAD_MAX, HERITAGE_NO_END = 0 };

struct heritage {
    struct server_config config;
    struct data_directory directory; /* with the lock, which lives as long as any of us */
    struct segment segment;          /* mapped; the append lock and the semaphores in it */
    int gate_id;                     /* System V semaphore set; -1: none */
    struct listeners listeners;      /* children close them */
    struct server_tls tls;           /* handlers shake hands with it */
    struct admin_door door;          /* children close it */
    int news;                        /* eventfd: the storer tells the supervisor of an answer */
    struct key_channel key_channel;  /* with TLS: from the handlers to the keyholder */
    struct key_channel key_before;   /* of the key before, while it is changed; no child has it */
    struct held_key held_key;        /* with TLS: for each SSL_CTX; signs over the channel */
    struct confinement confinement;  /* what the children will be kept to */
    struct shipper_program shipper;  /* with replication: what is executed, and this node's name */
    /* The supervisor's ends of the pairs to the handlers that wait; children close them. */
    int reserve_ends[HERITAGE_RESERVE_MAX];
    uint64_t issue; /* grows whenever later handlers inherit something else than earlier ones */
    pid_t supervisor_pid;
    int successor; /* connection to the process that replaces the server; children close it */
    struct service_manager *manager; /* is told how the server goes; children close it */
};

/*
 * Opens all of it by heritage->config, which the caller has set as `manager` and, where there are any, `listeners`, and publishes the segment as
 * starting. If it fails, it returns false with the failure and leaves nothing open. Called by the
 * supervisor.
 */
bool heritage_open(struct heritage *heritage, struct failure *failure);

/*
 * Opens the key of the certificate that the configuration names, at the start and when the files are
 * read again. False with the failure. Called by the supervisor, with TLS.
 */
bool heritage_open_key(struct heritage *heritage, struct held_key *key, struct failure *failure);

/*
 * The position up to which bets are acknowledged: `durable`, `written` with ack_after: written, or
 * `replicated` with ack_after: replicated. A handler waits for it, and who moves it, the storer or the
 * shipper, wakes those that wait. Any process may call.
 */
const _Atomic uint64_t *heritage_safe_position(const struct heritage *heritage);

/*
 * Goes on with the next draw in the same directory: reads control again, and makes the shared
 * memory and the semaphore set anew, by that draw's terms. Locks, listeners and the door stay.
 * There must be no child. Returns false with the failure, and then without shared memory. Called
 * by the supervisor.
 */
bool heritage_renew(struct heritage *heritage, struct failure *failure);

/* Tells the supervisor that the storer has answered an order (shm/orders.h). By the storer. */
void heritage_tell_news(const struct heritage *heritage);

/* Takes the news, so that poll(2) waits for the next ones. By the supervisor. */
void heritage_take_news(const struct heritage *heritage);

/*
 * Removes the shared memory and the semaphore set, and gives the lock up. Called by the supervisor.
 */
void heritage_close(struct heritage *heritage);

/*
 * Removes them in the place of a supervisor that has died. All waiting is ended first, so that a
 * handler that still waits does not wait for ever. Called by the storer of that supervisor, as the
 * last thing it does, even if it failed. No other server has started meanwhile, because the storer
 * has the directory's lock.
 */
void heritage_clear_up(struct heritage *heritage);

#endif
