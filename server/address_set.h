/*
 * address_set.h - a set of addresses and networks, and its text: "10.0.0.5, 10.1.0.0/16, fd00::/8".
 *
 * The configuration names hosts this way. An IPv4 address is the same host when it is written as an
 * IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), and no other IPv6 network has IPv4 addresses in it.
 * Pure functions on the caller's struct; any process may call them.
 */
#ifndef SERVER_ADDRESS_SET_H
#define SERVER_ADDRESS_SET_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

enum { ADDRESS_SET_NETWORKS_MAX = 64, ADDRESS_SET_BYTES = 16 };

/* One network; one address is a network whose prefix has all bits. */
struct address_network {
    uint8_t bytes[ADDRESS_SET_BYTES]; /* in network order: 4 of IPv4, 16 of IPv6 */
    uint8_t prefix_bits;              /* 0 .. 32, or 0 .. 128 */
    bool is_v6;
};

/* Zeroed: the empty set. */
struct address_set {
    struct address_network networks[ADDRESS_SET_NETWORKS_MAX];
    uint32_t count;
};

/*
 * Reads addresses and networks with commas between them; blanks may stand around each. The empty
 * text is the empty set. Returns false with a failure that begins with `place`, where the text
 * comes from, and has the entry and the reason: it is no address, its prefix is no decimal or too
 * long, an address has bits after its prefix, or there are more than ADDRESS_SET_NETWORKS_MAX.
 */
bool address_set_parse(const char *text, const char *place, struct address_set *set,
                       struct failure *failure);

/* True when this host, "10.0.0.5" or "fd00::1", is in the set. Any other text is in none. */
bool address_set_has(const struct address_set *set, const char *host);

#endif
