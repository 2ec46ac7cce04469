/*
 * host_name.c - see host_name.h.
 */
#include "web/host_name.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

enum { HOST_BYTES = 256, PORT_DIGITS_MAX = 5 };

/* True of "", and of ":" with up to five digits. */
static bool is_port(const char *text)
{
    size_t digits = text[0] == ':' ? strspn(text + 1, "0123456789") : 0;
    return text[0] == '\0' ||
           (text[0] == ':' && digits <= PORT_DIGITS_MAX && text[digits + 1] == '\0');
}

/* Copies a part of a text; false when it has no room, or the part is empty. */
static bool copy_part(const char *text, size_t bytes, char part[HOST_BYTES])
{
    if (bytes == 0 || bytes >= HOST_BYTES) {
        return false;
    }
    memcpy(part, text, bytes);
    part[bytes] = '\0';
    return true;
}

static bool is_bracketed_address(const char *host)
{
    char address[HOST_BYTES];
    struct in6_addr ignored;
    const char *end = strchr(host, ']');
    return end != NULL && copy_part(host + 1, (size_t)(end - host) - 1, address) &&
           inet_pton(AF_INET6, address, &ignored) == 1 && is_port(end + 1);
}

static bool is_in_list(const char *name, const char *names)
{
    while (*names != '\0') {
        size_t bytes = strcspn(names, ",");
        if (bytes == strlen(name) && strncasecmp(name, names, bytes) == 0) {
            return true;
        }
        names += bytes + (names[bytes] == ',' ? 1 : 0);
    }
    return false;
}

bool host_name_is_ours(const char *host, const char *names)
{
    char name[HOST_BYTES];
    struct in_addr ignored;
    if (host == NULL) {
        return false;
    }
    if (host[0] == '[') {
        return is_bracketed_address(host);
    }
    size_t bytes = strcspn(host, ":");
    return copy_part(host, bytes, name) && is_port(host + bytes) &&
           (inet_pton(AF_INET, name, &ignored) == 1 || strcasecmp(name, "localhost") == 0 ||
            is_in_list(name, names));
}
