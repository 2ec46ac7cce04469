/*
 * host_name.h - whether a request was meant for this server, by its Host header.
 *
 * Why it exists: a page of a stranger can give its own name the address 127.0.0.1 (DNS rebinding),
 * and a browser then lets it read what is served there. The Host header still has the stranger's
 * name. Names that no stranger can have are accepted: addresses, `localhost`, and those that the
 * operator gives. The port is not looked at, because a tunnel or a container has another one.
 *
 * Pure functions. Called by lottery-web alone.
 */
#ifndef WEB_HOST_NAME_H
#define WEB_HOST_NAME_H

#include <stdbool.h>

/*
 * True when `host` ("localhost:12380", "[::1]", as in RFC 9110, 7.2) is an IPv4 or IPv6 address,
 * localhost, or one of `names`, which commas separate. False of NULL and of what is no host.
 */
bool host_name_is_ours(const char *host, const char *names);

#endif
