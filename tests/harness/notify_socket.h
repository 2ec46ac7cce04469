/*
 * notify_socket.h - a service manager for a test: the socket to which a server says how it goes.
 *
 * The test makes the socket, starts the server with what belongs into its environment, and awaits
 * messages in their order. Called by the test's process; what does not come fails the test.
 */
#ifndef HARNESS_NOTIFY_SOCKET_H
#define HARNESS_NOTIFY_SOCKET_H

#include "tests/harness/stage.h"

#include <stdbool.h>

enum { NOTIFY_ADDRESS_BYTES = 108, NOTIFY_MESSAGE_BYTES = 4096 };

struct notify_socket {
    int descriptor;
    char address[NOTIFY_ADDRESS_BYTES]; /* for NOTIFY_SOCKET: "/path", or "@name" */
};

/* Opens one, by a path or with a name in no directory; the stage closes it. */
struct notify_socket *notify_socket_open(struct stage *stage, bool is_abstract);

/*
 * Takes messages until one has this line, "NAME=value", in which "*" stands for anything; returns that
 * whole message, which is the stage's. Fails the test after DEADLINE_MS.
 */
#define notify_socket_await(socket, stage, line)                                                   \
    notify_socket_await_at(socket, stage, line, __FILE__, __LINE__)
const char *notify_socket_await_at(struct notify_socket *notify, struct stage *stage,
                                   const char *line, const char *file, int number);

/* Drops what has come. Returns true where nothing more comes within so many ms. */
void notify_socket_drain(struct notify_socket *notify);
bool notify_socket_is_silent(struct notify_socket *notify, int ms);

#endif
