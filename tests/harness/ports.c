/*
 * ports.c - see ports.h.
 */
#include "tests/harness/ports.h"

#include "tests/harness/stage.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Programs that run at the same time begin at different places. */
enum { FIRST_PORT = 10000, PORTS = 20000, PORTS_OF_PROGRAM = 7 };

static bool is_port_free(unsigned port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free =
        probe >= 0 && bind(probe, (const struct sockaddr *)&address, sizeof address) == 0;
    if (probe >= 0) {
        (void)close(probe);
    }
    return is_free;
}

unsigned ports_choose(void)
{
    static unsigned next;
    for (unsigned tries = 0; tries < PORTS; tries++) {
        unsigned port = FIRST_PORT + ((unsigned)getpid() * PORTS_OF_PROGRAM + next++) % PORTS;
        if (is_port_free(port)) {
            return port;
        }
    }
    stage_fail_at(__FILE__, __LINE__, "no free port");
}
