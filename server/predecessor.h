/*
 * predecessor.h - --replace: the running server, as the process that replaces it sees it.
 *
 * Why it exists: a new version is to serve without anybody being refused meanwhile. The listening sockets
 * stay open all the time, because the new process has them before the old one ends; who connects in
 * between waits in their backlog.
 *
 * Both speak over the operator's socket (admin_request.h), where the kernel says who asks: the server's
 * user, or root.
 *
 *     the new one                     the running one
 *     replace LF LF              -->
 *                                <--  fail TEXT LF, and that was all; or
 *                                <--  ok BOUND COUNT LF, and COUNT bytes, each with a socket
 *     opens what is missing,
 *     tests all else
 *     g, or it closes            -->  stops as at a stop, without having closed the sockets
 *                                <--  the end of the stream: it has ended, or given up its directory
 *     takes the lock, recovers
 *
 * Until it has said `g`, the new process changes nothing, and the running one serves on. If the new one
 * ends after that, the running one serves again, as long as it has not given up the directory. BOUND
 * is for how many ms its stop can last.
 *
 * Called by main, before there is a supervisor.
 */
#ifndef SERVER_PREDECESSOR_H
#define SERVER_PREDECESSOR_H

#include "lib/failure.h"
#include "server/listener.h"
#include "server/server_config.h"

#include <inttypes.h>
#include <stdint.h>
#include <sys/types.h>

#define PREDECESSOR_ANSWER "ok %" PRIu64 " %u"

enum {
    PREDECESSOR_SOCKET = 's',   /* the byte beside a socket */
    PREDECESSOR_GO = 'g',       /* the new process can go on */
    PREDECESSOR_TEST_MS = 10000 /* for the new process to find that out */
};

/* The server that is replaced. */
struct predecessor {
    int connection;             /* -1: none */
    pid_t pid;                  /* 0: it is outside our pid namespace */
    uint64_t bound_ms;          /* its stop lasts no longer */
    struct listeners listeners; /* at the addresses of our configuration */
};

enum predecessor_answer {
    PREDECESSOR_NONE,   /* no server runs in the directory: an ordinary start */
    PREDECESSOR_GIVES,  /* `listeners` are open, some of them the running server's */
    PREDECESSOR_REFUSES /* with the failure; the running server goes on as ever */
};

/*
 * Asks the server that runs in the directory of this configuration for its sockets, keeps those at
 * addresses that are to be listened on, closes the others, and opens those that are missing. The
 * directory was tried (start_trial.h); `runs` is what that said.
 */
enum predecessor_answer predecessor_ask(struct predecessor *predecessor,
                                        const struct server_config *config, bool runs,
                                        struct failure *failure);

/*
 * Says that we can go on, and waits for its end. False with the failure, which says exactly what has
 * become of it; then all sockets are closed.
 */
bool predecessor_await_end(struct predecessor *predecessor, struct failure *failure);

#endif
