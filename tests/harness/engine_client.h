/*
 * engine_client.h - a client of the engine for one test, beside those of the programs.
 *
 * Called by the test's process; it fails the test where no client can be made.
 */
#ifndef HARNESS_ENGINE_CLIENT_H
#define HARNESS_ENGINE_CLIENT_H

#include "engine/engine.h"
#include "tests/harness/stage.h"

/* Access to these servers ("nats://127.0.0.1:1,nats://...") without credentials and TLS. */
struct engine_access engine_client_access(const char *servers);

/*
 * Opens a client, which waits so long for a connection, and has none then where nobody answers. It is
 * closed with the stage. Signals are blocked for the client's threads alone.
 */
struct engine *engine_client_open_with(struct stage *stage, const struct engine_access *access,
                                       int64_t patience_ms);

/* The same with engine_client_access and a patience of 20 s. */
struct engine *engine_client_open(struct stage *stage, const char *servers);

#endif
