/*
 * engine_client.c - see engine_client.h.
 */
#include "tests/harness/engine_client.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h> /* after what it needs */

enum { PATIENCE_MS = 20000 };

struct engine_access engine_client_access(const char *servers)
{
    return (struct engine_access){.servers = servers,
                                  .credentials = "",
                                  .ca = "",
                                  .certificate = "",
                                  .key = "",
                                  .name = "a test"};
}

static bool close_client(void *engine)
{
    engine_close(engine);
    return true;
}

struct engine *engine_client_open_with(struct stage *stage, const struct engine_access *access,
                                       int64_t patience_ms)
{
    struct failure failure;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    struct engine *engine = engine_open_nats(access, patience_ms, &failure);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (engine == NULL) {
        fail_msg("%s", failure.text);
    }
    stage_own(stage, engine, close_client);
    return engine;
}

struct engine *engine_client_open(struct stage *stage, const char *servers)
{
    const struct engine_access access = engine_client_access(servers);
    return engine_client_open_with(stage, &access, PATIENCE_MS);
}
