/*
 * service_manager.h - tells the service manager that started the server how it goes: sd_notify(3).
 *
 * Why it exists: systemd starts what comes after the server when the server serves, and not when its
 * process exists; it shows a line of status; and it ends and starts again a server that is stuck.
 *
 * The protocol is lines of NAME=value in one datagram to the socket that NOTIFY_SOCKET names, and
 * systemd promises that it stays so. It is spoken here and not by libsystemd, which would bring its
 * compression libraries into a process that strangers talk to; the attack on OpenSSH through xz-utils
 * (CVE-2024-3094) came in that way.
 *
 * What it promises: the socket is connected once, before the process is confined, so later calls
 * need no more than sendto, and sendmsg for sockets that it is to keep. What concerns the manager is taken out of the environment, so no program
 * that the server executes speaks to it. No call waits longer than SERVICE_MANAGER_PATIENCE_MS.
 * Where no manager listens each call does nothing.
 *
 * Called by main, by a standby and by the supervisor, which are one process; children close it. If
 * the process dies, the manager sees that by itself.
 */
#ifndef SERVER_SERVICE_MANAGER_H
#define SERVER_SERVICE_MANAGER_H

#include "lib/failure.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    SERVICE_MANAGER_PATIENCE_MS = 200,
    SERVICE_MANAGER_STATUS_BYTES = 256,
    SERVICE_MANAGER_ADDRESS_BYTES = 108 /* sun_path of unix(7) */
};

/* A zeroed one is closed. */
struct service_manager {
    bool listens;                                /* somebody does, at `socket` */
    bool keeps;                                  /* it was given sockets to keep */
    int socket;                                  /* connected, and not inherited by programs */
    char address[SERVICE_MANAGER_ADDRESS_BYTES]; /* NOTIFY_SOCKET */
    uint64_t watchdog_us;                        /* WATCHDOG_USEC; 0: nobody waits for beats */
    int64_t beat_at_ms;                          /* when the next one is due, monotonic clock */
    char status[SERVICE_MANAGER_STATUS_BYTES];   /* the latest one */
};

/*
 * Connects to the manager that the environment names, if it names one, and takes its variables out
 * of the environment. False with the failure where it can't be reached: the server may go on
 * without. Called once, before there are other threads or children, and before confinement.
 */
bool service_manager_open(struct service_manager *manager, struct failure *failure);

/* Closes it; takes a closed one, too. In a child this tells the manager nothing. */
void service_manager_close(struct service_manager *manager);

/*
 * The server serves, or follows, from now on; also said after service_manager_reloading and
 * service_manager_rests_watchdog, and ends both.
 */
void service_manager_ready(struct service_manager *manager);

/* SIGHUP has come: what is read again is not in force before service_manager_ready. */
void service_manager_reloading(struct service_manager *manager);

/* The server ends. */
void service_manager_stopping(struct service_manager *manager);

/* One line for people, as `systemctl status` shows it; the same again is not sent. */
void service_manager_status(struct service_manager *manager, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Another process is the server from now on; it has to run in the same unit. Said by the process
 * that was it before, because the manager believes no other one (NotifyAccess=main).
 */
void service_manager_main_pid(struct service_manager *manager, pid_t pid);

/*
 * Says that the process goes round, when it is time for it: at half of WATCHDOG_USEC. Called each
 * time that the process's own loop goes round; a manager that misses it ends the server and starts
 * it again.
 */
void service_manager_watchdog(struct service_manager *manager);

/* Milliseconds until service_manager_watchdog has something to say; -1: never. */
int64_t service_manager_patience_ms(const struct service_manager *manager);

/*
 * Gives the manager sockets under this name, in the place of those that it had under it: it has them
 * open until the unit stops, and hands them to the next start of the unit (listen_fds.h), also after
 * this process has died. They stay the caller's. False with errno where it can't be told; a manager
 * that has no store (FileDescriptorStoreMax=0) closes them, and says nothing.
 */
bool service_manager_keep(struct service_manager *manager, const char *name,
                          const int descriptors[], size_t count);

/* Has the manager close what it keeps under this name. */
void service_manager_forget(struct service_manager *manager, const char *name);

/* Until service_manager_ready the manager waits for no beat: this process will work, and not go round. */
void service_manager_rests_watchdog(struct service_manager *manager);

/*
 * Puts the manager's variables into the environment of this process, which is a child that is about
 * to execute the server's successor. False with errno.
 */
bool service_manager_bequeath(const struct service_manager *manager);

#endif
