/*
 * address_set.c - see address_set.h.
 */
#include "server/address_set.h"

#include "lib/decimal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum {
    BITS_A_BYTE = 8,
    V4_BYTES = 4,
    V4_BITS = V4_BYTES * BITS_A_BYTE,
    V6_BITS = ADDRESS_SET_BYTES * BITS_A_BYTE,
    MAPPED_BITS = V6_BITS - V4_BITS, /* of ::ffff:0:0, before the IPv4 address */
    ENTRY_BYTES = INET6_ADDRSTRLEN + sizeof "/128",
    SHOWN_BYTES = 60 /* of an entry that is wrong */
};

/* Reads one address, as it is written; the prefix has all bits then. False: it is none. */
static bool read_address(const char *host, struct address_network *network)
{
    *network = (struct address_network){.prefix_bits = V4_BITS};
    if (inet_pton(AF_INET, host, network->bytes) == 1) {
        return true;
    }
    network->is_v6 = true;
    network->prefix_bits = V6_BITS;
    return inet_pton(AF_INET6, host, network->bytes) == 1;
}

/* Turns an IPv4-mapped IPv6 network into the IPv4 network that it is. */
static void unmap(struct address_network *network)
{
    struct in6_addr address;
    memcpy(&address, network->bytes, sizeof address);
    if (network->is_v6 && network->prefix_bits >= MAPPED_BITS && IN6_IS_ADDR_V4MAPPED(&address)) {
        memmove(network->bytes, network->bytes + MAPPED_BITS / BITS_A_BYTE, V4_BYTES);
        memset(network->bytes + V4_BYTES, 0, ADDRESS_SET_BYTES - V4_BYTES);
        network->prefix_bits = (uint8_t)(network->prefix_bits - MAPPED_BITS);
        network->is_v6 = false;
    }
}

/* The byte of this index with the bits after the prefix cleared. */
static uint8_t masked_byte(const uint8_t *bytes, unsigned index, unsigned prefix_bits)
{
    unsigned before = index * BITS_A_BYTE;
    unsigned kept = prefix_bits <= before ? 0 : prefix_bits - before;
    if (kept >= BITS_A_BYTE) {
        return bytes[index];
    }
    return (uint8_t)(bytes[index] & (UINT8_MAX << (BITS_A_BYTE - kept)));
}

static bool has_bits_after_prefix(const struct address_network *network)
{
    for (unsigned i = 0; i < ADDRESS_SET_BYTES; i++) {
        if (masked_byte(network->bytes, i, network->prefix_bits) != network->bytes[i]) {
            return true;
        }
    }
    return false;
}

/* Reads one entry of a list, with no blanks. Returns NULL, or why it is wrong. */
static const char *read_entry(char *entry, struct address_network *network)
{
    char *slash = strchr(entry, '/');
    uint64_t prefix_bits = 0;
    if (slash != NULL) {
        *slash = '\0';
    }
    if (!read_address(entry, network)) {
        return "is no address, like 10.0.0.5 or fd00::1";
    }
    if (slash != NULL) {
        if (!decimal_parse(slash + 1, strlen(slash + 1), &prefix_bits) ||
            prefix_bits > network->prefix_bits) {
            return "has a prefix that is not 0 to 32 bits, or of IPv6 0 to 128";
        }
        network->prefix_bits = (uint8_t)prefix_bits;
    }
    if (has_bits_after_prefix(network)) {
        return "has bits after its prefix; a network is like 10.1.0.0/16";
    }
    unmap(network);
    return NULL;
}

bool address_set_parse(const char *text, const char *place, struct address_set *set,
                       struct failure *failure)
{
    *set = (struct address_set){.count = 0};
    for (const char *at = text + strspn(text, " "); *at != '\0' || set->count > 0;) {
        char entry[ENTRY_BYTES];
        size_t bytes = strcspn(at, ", ");
        const char *end = at + bytes + strspn(at + bytes, " ");
        if (*end != ',' && *end != '\0') {
            return failure_set(failure, "%s: \"%.60s\" needs commas between its addresses", place,
                               text);
        }
        if (set->count == ADDRESS_SET_NETWORKS_MAX) {
            return failure_set(failure, "%s: more than %d addresses; join some as a network", place,
                               ADDRESS_SET_NETWORKS_MAX);
        }
        (void)snprintf(entry, sizeof entry, "%.*s", (int)(bytes < sizeof entry ? bytes : 0), at);
        const char *fault = read_entry(entry, &set->networks[set->count]);
        if (fault != NULL) {
            return failure_set(failure, "%s: \"%.*s\" %s", place,
                               (int)(bytes < SHOWN_BYTES ? bytes : SHOWN_BYTES), at, fault);
        }
        set->count++;
        if (*end == '\0') {
            return true;
        }
        at = end + 1 + strspn(end + 1, " ");
    }
    return true;
}

static bool network_has(const struct address_network *network,
                        const struct address_network *address)
{
    if (network->is_v6 != address->is_v6) {
        return false;
    }
    for (unsigned i = 0; i < ADDRESS_SET_BYTES; i++) {
        if (masked_byte(address->bytes, i, network->prefix_bits) != network->bytes[i]) {
            return false;
        }
    }
    return true;
}

bool address_set_has(const struct address_set *set, const char *host)
{
    struct address_network address;
    if (set->count == 0 || !read_address(host, &address)) {
        return false;
    }
    unmap(&address);
    for (uint32_t i = 0; i < set->count; i++) {
        if (network_has(&set->networks[i], &address)) {
            return true;
        }
    }
    return false;
}
