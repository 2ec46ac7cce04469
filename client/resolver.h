/*
 * resolver.h - finds the addresses of the server's name, and can be interrupted.
 *
 * getaddrinfo can't be interrupted and may take many seconds where a name server does
 * not answer. So an address that is not numeric is looked up by a child process, which
 * writes its answer into a pipe. The parent can stop waiting and end the child, which
 * is reaped before the call returns.
 *
 * All addresses of the name are found, also those of a family that the machine has no
 * address of: connecting to one that can't be reached fails at once. (AI_ADDRCONFIG would
 * leave those out, and loopback addresses too.) `localhost` means both loopback addresses,
 * whatever /etc/hosts says (RFC 6761, section 6.3), as it does for the server.
 */
#ifndef CLIENT_RESOLVER_H
#define CLIENT_RESOLVER_H

#include "client/interrupt.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { RESOLVER_ADDRESSES_MAX = 24, RESOLVER_NAME_BYTES = 256 };

/* A server's address in its two parts, without brackets. */
struct resolver_name {
    char host[RESOLVER_NAME_BYTES];
    char port[RESOLVER_NAME_BYTES];
};

/*
 * Splits "server:12345", "127.0.0.1:12345" or "[::1]:12345". The host is not empty and
 * holds no space, slash, bracket or colon; an IPv6 address stands in brackets. The port is
 * a decimal from 1 to 65535. Returns false for anything else: the failure begins with
 * `place` ("config.yaml:3: server.address"), and *name is undefined.
 */
bool resolver_split(const char *address, const char *place, struct resolver_name *name,
                    struct failure *failure);

/* True when the text is such a port. Else the failure begins with `place` and says so. */
bool resolver_check_port(const char *port, const char *place, struct failure *failure);

struct resolver_address {
    int family;
    socklen_t bytes;
    struct sockaddr_storage address;
};

struct resolver_answer {
    int code; /* getaddrinfo's, 0 where it worked */
    int code_errno;
    size_t count;
    struct resolver_address addresses[RESOLVER_ADDRESSES_MAX];
};

enum resolver_end {
    RESOLVER_FOUND,
    RESOLVER_FAILED,
    RESOLVER_LATE, /* no answer by the deadline; `failure` says just that */
    RESOLVER_STOPPED
};

/*
 * Looks the name up, until `deadline_ms` of clock_monotonic_ms() at the latest. Logs that it
 * waits where that takes long.
 */
enum resolver_end resolver_find(struct interrupt *interrupt, const struct resolver_name *name,
                                int64_t deadline_ms, struct resolver_answer *answer,
                                struct failure *failure);

#endif
