/*
 * proxy_header.h - the header by which a balancer says whose connection it forwards.
 *
 * The PROXY protocol, versions 1 and 2: proxy-protocol.txt of HAProxy, revision of 2020/03/05. The
 * header is the first thing on a connection, and what follows it is the agency's. Pure functions;
 * any process may call them.
 */
#ifndef SERVER_HANDLER_PROXY_HEADER_H
#define SERVER_HANDLER_PROXY_HEADER_H

#include "server/listener.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    PROXY_HEADER_LINE_BYTES_MAX = 107, /* of version 1, its CRLF included (section 2.1) */
    /* Of version 2. The protocol would allow 65551; a balancer's own fields (TLVs) take some 100. */
    PROXY_HEADER_BYTES_MAX = 2048
};

enum proxy_header_result {
    PROXY_HEADER_INCOMPLETE, /* all of it belongs to a header that may become valid */
    PROXY_HEADER_WHOLE,
    PROXY_HEADER_WRONG
};

struct proxy_header {
    size_t bytes;    /* that the header has */
    bool is_local;   /* the balancer speaks for itself: a health check (LOCAL of version 2) */
    bool has_source; /* false: it says of nobody (LOCAL, UNKNOWN, UNSPEC, AF_UNIX) */
    struct listener_peer source; /* whose connection it is, where it has one */
};

/*
 * Reads the header that `bytes` begins with; whatever stands after it is not looked at. With
 * PROXY_HEADER_WHOLE *header is filled in. With PROXY_HEADER_WRONG *reason is why, a constant.
 * Addresses and ports of version 1 are read strictly. Of version 2 the fields after the addresses
 * are skipped, whatever they are. An IPv4-mapped source is shown as IPv4, as listener_accept does.
 */
enum proxy_header_result proxy_header_parse(const char *bytes, size_t count,
                                            struct proxy_header *header, const char **reason);

/* True when the bytes begin with the whole signature of a header of either version. */
bool proxy_header_is_begun(const char *bytes, size_t count);

#endif
