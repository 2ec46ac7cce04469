/*
 * server.h - a real lottery-server for one test.
 *
 * It listens on a free port of 127.0.0.1 and stores in a directory of its own
 * (DIRECTORY/data of the stage), and forks no handlers ahead, so that each handler has a
 * connection, unless the environment given says otherwise.
 * Pids and counters are looked up in the segment, as lottery-stat does it.
 * When the stage is taken down the server is asked to stop; that it does not,
 * or not well, fails the test. What a killed one left behind is removed.
 */
#ifndef HARNESS_SERVER_H
#define HARNESS_SERVER_H

#include "shm/gate.h"
#include "shm/layout.h"
#include "shm/segment.h"
#include "tests/harness/program.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct server {
    struct stage *stage;
    struct program *program;
    const char *directory; /* of the data */
    unsigned port;
};

/* Starts a server and awaits that it listens. `environment`: see ENVIRONMENT; or NULL. */
struct server *server_start(struct stage *stage, const char *const *environment);

/* The same, with arguments ("-c", file) and another data directory; either may be NULL. */
struct server *server_start_with(struct stage *stage, const char *directory,
                                 const char *const *arguments, const char *const *environment);

/*
 * The same, and does not await that it listens: server_await_port sets the port.
 */
struct server *server_launch_with(struct stage *stage, const char *directory,
                                  const char *const *arguments, const char *const *environment);

/*
 * Starts a standby (--follow) on this directory, and awaits that it follows. It listens only once it has
 * taken over: server_await_port then sets the port.
 */
struct server *server_follow(struct stage *stage, const char *directory,
                             const char *const *environment);
void server_await_port(struct server *server);

/*
 * Starts one that logs to this descriptor, and does not await that it listens: the caller
 * reads its log, and sets the port.
 */
struct server *server_launch(struct stage *stage, int output, const char *const *environment);

/* Starts one that is expected to fail, in the same surroundings, and awaits its end. */
struct program *server_start_in_vain(struct stage *stage, const char *directory,
                                     const char *const *arguments, const char *const *environment,
                                     struct program_end *end);

/* SIGTERM to the supervisor, and its end; expects nothing of it. */
struct program_end server_stop(struct server *server);

/* Stops it, and fails the test unless it exits 0 within a second (ten under a sanitizer). */
#define server_stop_well(server) server_stop_well_at(server, SIGTERM, __FILE__, __LINE__)
void server_stop_well_at(struct server *server, int signal_number, const char *file, int line);

/* How long a stop may take: a second, or ten in a sanitizer's build. */
int64_t server_stop_limit_ms(void);

/* "DIRECTORY/bets.csv" and so on; the text is the stage's. */
const char *server_file(const struct server *server, const char *name);

/* Lines of the server's log; see program.h. */
#define server_await_log(server, count, pattern)                                                   \
    program_await_log_at((server)->program, count, pattern, __FILE__, __LINE__)
size_t server_count_log(const struct server *server, const char *pattern);

/* ---- looking inside ---- */

/* Attaches to the segment; the caller unmaps it (segment_unmap). Fails the test if there is none. */
struct segment server_attach(const struct server *server);

/*
 * The pids of the server's processes, awaited where there is none just now. A handler is found by
 * the peer's port at our end.
 */
pid_t server_storer_pid(const struct server *server);
pid_t server_handler_pid(const struct server *server, unsigned peer_port);

/* The pid of the one keyholder that `ps` shows, awaited where there is none just now. */
pid_t server_keyholder_pid(const struct server *server);

/* Awaits that the handler of this peer does so. */
void server_await_activity(const struct server *server, unsigned peer_port,
                           enum slot_activity activity);

/* How many handlers there are now, by the process table (not by the server's own word). */
unsigned server_count_handlers(const struct server *server);

/* What the gate's semaphores show; zeros when they are gone. */
struct gate_counts server_gate(const struct server *server);

/* Awaits that so many look-ups wait at the gate. */
void server_await_waiting(const struct server *server, uint32_t lookups);

/* ---- killing ---- */

/* SIGKILL to one process. Of the supervisor: reaps it; its children end by themselves. */
void server_kill_supervisor(struct server *server);
void server_kill_storer(const struct server *server);
void server_kill_handler(const struct server *server, unsigned peer_port);

/* SIGKILL to all of its processes at once, none of which can react; all are gone afterwards. */
void server_kill_everything(struct server *server);

/* Awaits the end of children whose supervisor was killed, and reaps them. */
void server_await_orphans(struct server *server);

#endif
