/*
 * server_greeting.h - what a server of NATS says first, to anybody who connects: its version.
 *
 * The client library keeps it to itself, and which versions lose what they have acknowledged has to be
 * known before the first append. Each server sends a line of text ("INFO {...}") when it accepts, before
 * TLS; so it is asked over a connection of its own.
 *
 * Used by engine_nats.c. No state.
 */
#ifndef ENGINE_SERVER_GREETING_H
#define ENGINE_SERVER_GREETING_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

enum { SERVER_GREETING_VERSION_BYTES = 32 };

/*
 * Asks the server at this URL, "nats://127.0.0.1:4222" or "tls://[::1]:4222"; a user before `@` is passed
 * over. Waits at most `timeout_ms` for each of connecting and reading. False with the failure.
 */
bool server_greeting_ask(const char *url, int64_t timeout_ms,
                         char version[SERVER_GREETING_VERSION_BYTES], struct failure *failure);

/* Finds the version in a greeting. False where it has none. */
bool server_greeting_read(const char *greeting, char version[SERVER_GREETING_VERSION_BYTES]);

/*
 * True for 2.10.23 and later. Version 2.9 can't sync before it answers, and lost acknowledged records when
 * it was killed; 2.10 before .23 lost streams (nats-server #6888) and did not sync its own log.
 */
bool server_greeting_is_sound(const char *version);

#endif
