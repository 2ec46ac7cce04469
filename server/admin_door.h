/*
 * admin_door.h - the Unix socket at which lottery-admin asks the running server for something.
 *
 * The socket stands in the data directory under ADMIN_SOCKET_FILE. The kernel says who is at the
 * other end (SO_PEERCRED); only the server's user and root are heard. One client at a time; the
 * others queue. The door never blocks: it reads and writes what is there, and gives a client
 * that does not finish its request, or does not read its answer, a few seconds.
 *
 * The door knows nothing of draws: its owner takes a whole request from it, and gives it the
 * answer when there is one. If the supervisor dies, the client reads the end of the stream, and
 * the next server replaces the socket.
 *
 * Called by the supervisor, whose children close the descriptors (admin_door_close_in_child), and by a standby.
 */
#ifndef SERVER_ADMIN_DOOR_H
#define SERVER_ADMIN_DOOR_H

#include "lib/failure.h"
#include "server/admin_request.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum admin_door_state {
    ADMIN_DOOR_FREE,    /* nobody is at it */
    ADMIN_DOOR_READING, /* a client's request is coming in */
    ADMIN_DOOR_WAITING, /* the owner has the request, and owes an answer */
    ADMIN_DOOR_ANSWERING
};

enum {
    ADMIN_DOOR_BYTES_MAX = ADMIN_REQUEST_BYTES_MAX > ADMIN_ANSWER_BYTES_MAX
                               ? ADMIN_REQUEST_BYTES_MAX
                               : ADMIN_ANSWER_BYTES_MAX
};

struct admin_door {
    int listener; /* -1: there is no door */
    int client;   /* -1: nobody is at it */
    enum admin_door_state state;
    /* Monotonic clock; for a client that is reading or writing. While the door is free: no client is
     * let in before, because the last one could not be. */
    int64_t deadline_ms;
    char text[ADMIN_DOOR_BYTES_MAX]; /* of the request, then of the answer */
    size_t bytes, sent;
};

/*
 * Makes the socket; one that a dead server has left is replaced. False with the failure, and the
 * server goes on without a door.
 */
bool admin_door_open(struct admin_door *door, const struct data_directory *directory,
                     struct failure *failure);

/* Removes the socket; a client reads the end of the stream. */
void admin_door_close(struct admin_door *door, const struct data_directory *directory);

/* Closes a child's share of it. Called by each child, once. */
void admin_door_close_in_child(struct admin_door *door);

/* What poll(2) is to watch: a descriptor, or -1 for nothing, and its events. */
struct pollfd;
void admin_door_watch(const struct admin_door *door, struct pollfd *poll);

/* Milliseconds until a client's time is up, or the door is tried again; -1: neither is due. */
int64_t admin_door_patience_ms(const struct admin_door *door);

/*
 * Goes on with whoever is at the door, as far as that is possible without waiting. `is_ready`:
 * poll(2) has found what admin_door_watch asks for; without it only a client whose time is up is
 * given up. Returns true when a whole request has come in: *request is set, and admin_door_answer is
 * owed. Requests that are malformed, or come from a stranger, are answered here, and logged.
 */
bool admin_door_go_on(struct admin_door *door, bool is_ready, struct admin_request *request);

/*
 * Gives the client away, whose request is owed an answer: its connection is the caller's, who answers
 * and closes. *pid is the client's, 0 where it is outside our pid namespace. The next one may come in.
 */
int admin_door_give_away(struct admin_door *door, pid_t *pid);

/*
 * Tells the client that is owed an answer a line of its own before that: what has come to stay already. A
 * client that can't take it does not get it.
 */
void admin_door_tell(struct admin_door *door, const char *line);

/* Takes the client that is owed an answer from the door, and returns it; -1: there is none. */
int admin_door_release(struct admin_door *door);

/* The other way round, at a door with nobody at it: it owes this client an answer. -1: nothing. */
void admin_door_adopt(struct admin_door *door, int client);

/* Answers the request that is owed an answer; a client that has gone does not get it. */
void admin_door_answer(struct admin_door *door, bool carried_out, const char *text);

#endif
