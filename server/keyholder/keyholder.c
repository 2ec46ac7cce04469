/*
 * keyholder.c - the life of the keyholder: it reads the private key, and signs with it.
 *
 * Why it exists: a handler parses a stranger's bytes. If one is taken over, the server's private key
 * is not in its memory, and not in that of the supervisor, from which it was forked.
 *
 * What it promises: it reads the key, and nobody else does. It answers the handlers one after the
 * other (signing_desk.h) and reads nothing else of anybody. It leaves no core file, and no process
 * of the same user may look into its memory.
 *
 * How it stops: by SIGTERM, at once. The supervisor sends it after the last handler has ended; the
 * kernel, when the supervisor has died.
 *
 * If it dies: requests wait in the channel, which the supervisor keeps, for the next keyholder. A
 * handler whose request was taken is told by the end of its own pair of sockets, and asks again.
 * Connections whose handshake is over don't need it.
 */
#include "server/keyholder/keyholder.h"

#include "lib/fault_point.h"
#include "lib/log.h"
#include "server/keyholder/private_key.h"
#include "server/keyholder/signing_desk.h"
#include "server/signals.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { LAST_REQUESTS = 256 };

/* Tells the supervisor, if it waits: "" once it is ready, or what has failed. */
static void tell(int ready, const char *text)
{
    if (ready != PROCESS_NO_DESCRIPTOR) {
        if (write(ready, text, strlen(text) + 1) < 0) {
            log_warning(LOG_KEYHOLDER_NOT_TOLD, "result: fail | tell: %s", strerror(errno));
        }
        (void)close(ready);
    }
}

/* Sleeps until somebody asks, or SIGTERM comes. False when it can't. */
static bool await_request(int take)
{
    struct pollfd poll = {.fd = take, .events = POLLIN};
    if (ppoll(&poll, 1, NULL, signals_sleep_mask()) < 0 && errno != EINTR) {
        log_error(LOG_WAIT_FAILED, "result: fail | error: ppoll: %s", strerror(errno));
        return false;
    }
    return true;
}

/* Serves those that have asked before it was to stop: at most LAST_REQUESTS, so that it does stop. */
static void serve_the_last(const struct signing_desk *desk)
{
    for (int i = 0; i < LAST_REQUESTS && signing_desk_serve(desk) == DESK_SERVED; i++) {
    }
}

/* Serves until it is to stop. */
static int serve(const struct signing_desk *desk)
{
    while (!signals_terminate_requested()) {
        switch (signing_desk_serve(desk)) {
        case DESK_SERVED:
            signals_let_in(); /* it does not sleep while somebody asks at each look */
            break;
        case DESK_EMPTY:
            if (!await_request(desk->take)) {
                return KEYHOLDER_EXIT_FAILED;
            }
            break;
        case DESK_SHUT:
            signals_let_in(); /* after a change of the key, all others close their ends */
            if (signals_terminate_requested()) {
                break;
            }
            log_error(LOG_KEYHOLDER_CHANNEL_SHUT, "result: fail | reason: a process has shut down "
                                                  "the channel between handlers and keyholder");
            return KEYHOLDER_EXIT_SHUT;
        }
    }
    serve_the_last(desk);
    log_info(LOG_KEYHOLDER_STOPPED, "result: success");
    return KEYHOLDER_EXIT_STOPPED;
}

int keyholder_run(const struct heritage *heritage, const struct process_errand *errand)
{
    struct shared_keyholder *figures = &heritage->segment.shared->keyholder;
    struct failure failure;
    if (prctl(PR_SET_DUMPABLE, 0) != 0) {
        log_warning(LOG_KEYHOLDER_DUMPABLE, "result: fail | error: prctl PR_SET_DUMPABLE: %s",
                    strerror(errno));
    }
    atomic_store(&figures->pid, (int32_t)getpid());
    fault_point("keyholder.born");
    EVP_PKEY *key = private_key_read(&heritage->held_key, &failure);
    if (key == NULL) {
        log_critical(LOG_KEYHOLDER_NOT_STARTED, "result: fail | error: %s", failure.text);
        tell(errand->descriptor, failure.text);
        return KEYHOLDER_EXIT_FAILED;
    }
    log_info(LOG_KEYHOLDER_STARTED, "result: success | pid: %d", (int)getpid());
    tell(errand->descriptor, "");
    const struct signing_desk desk = {.take = heritage->key_channel.take,
                                      .allows_tls12 = heritage->held_key.allows_tls12,
                                      .key = key,
                                      .figures = figures};
    int status = serve(&desk);
    EVP_PKEY_free(key);
    return status;
}
