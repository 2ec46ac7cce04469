/*
 * proxy_header.c - see proxy_header.h. Sections are those of proxy-protocol.txt.
 */
#include "server/handler/proxy_header.h"

#include "lib/decimal.h"

#include <arpa/inet.h>
#include <string.h>

/* ------------------------------------------------------ version 1 (2.1) ---- */

static const char line_signature[] = "PROXY ";

enum {
    LINE_SIGNATURE_BYTES = sizeof line_signature - 1,
    PORT_DIGITS_MAX = 5,
    HOST_TEXT_BYTES = INET6_ADDRSTRLEN
};

/* The words of a line, which has exactly one blank between two of them. */
struct words {
    const char *at, *end;
    bool are_over; /* the last one has been taken */
};

/* Takes the next word; its length is 0 where there is none. */
static size_t take_word(struct words *words, const char **word)
{
    *word = words->at;
    if (words->are_over) {
        return 0;
    }
    const char *blank = memchr(words->at, ' ', (size_t)(words->end - words->at));
    words->are_over = blank == NULL;
    const char *end = blank == NULL ? words->end : blank;
    words->at = blank == NULL ? end : blank + 1;
    return (size_t)(end - *word);
}

/* Takes an address into the place of its family in `address`. */
static bool take_address(struct words *words, struct sockaddr_storage *address)
{
    const char *word = NULL;
    char text[HOST_TEXT_BYTES] = "";
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    size_t bytes = take_word(words, &word);
    if (bytes >= sizeof text || memchr(word, '\0', bytes) != NULL) {
        return false;
    }
    memcpy(text, word, bytes);
    if (address->ss_family == AF_INET) {
        bool taken = inet_pton(AF_INET, text, &v4.sin_addr) == 1;
        memcpy(address, &v4, sizeof v4);
        return taken;
    }
    bool taken = inet_pton(AF_INET6, text, &v6.sin6_addr) == 1;
    memcpy(address, &v6, sizeof v6);
    return taken;
}

static bool take_port(struct words *words, in_port_t *port)
{
    const char *word = NULL;
    uint64_t number = 0;
    size_t bytes = take_word(words, &word);
    if (bytes > PORT_DIGITS_MAX || !decimal_parse(word, bytes, &number) || number > UINT16_MAX ||
        (word[0] == '0' && bytes > 1)) {
        return false;
    }
    *port = htons((uint16_t)number);
    return true;
}

static void set_port(struct sockaddr_storage *address, in_port_t port)
{
    struct sockaddr_in v4;
    _Static_assert(offsetof(struct sockaddr_in, sin_port) ==
                       offsetof(struct sockaddr_in6, sin6_port),
                   "the port stands at the same place in both families' addresses");
    memcpy(&v4, address, sizeof v4);
    v4.sin_port = port;
    memcpy(address, &v4, sizeof v4);
}

/* Reads what a line says of a family's addresses. Returns NULL, or why it is wrong. */
static const char *read_line_addresses(struct words *words, sa_family_t family,
                                       struct proxy_header *header)
{
    struct sockaddr_storage source = {.ss_family = family};
    struct sockaddr_storage destination = {.ss_family = family};
    in_port_t source_port = 0;
    in_port_t destination_port = 0;
    if (!take_address(words, &source) || !take_address(words, &destination)) {
        return "an address of its line is none of the family that it names";
    }
    if (!take_port(words, &source_port) || !take_port(words, &destination_port)) {
        return "a port of its line is no decimal from 0 to 65535";
    }
    if (!words->are_over) {
        return "its line goes on after the ports";
    }
    set_port(&source, source_port);
    header->has_source = true;
    listener_describe_address(&source, &header->source);
    return NULL;
}

/* Reads a line, without its CRLF. Returns NULL, or why it is wrong. */
static const char *read_line(const char *line, size_t bytes, struct proxy_header *header)
{
    struct words words = {.at = line + LINE_SIGNATURE_BYTES, .end = line + bytes};
    const char *word = NULL;
    size_t word_bytes = take_word(&words, &word);
    if (word_bytes == strlen("UNKNOWN") && memcmp(word, "UNKNOWN", word_bytes) == 0) {
        return NULL; /* what follows is to be ignored */
    }
    if (word_bytes == strlen("TCP4") && memcmp(word, "TCP4", word_bytes) == 0) {
        return read_line_addresses(&words, AF_INET, header);
    }
    if (word_bytes == strlen("TCP6") && memcmp(word, "TCP6", word_bytes) == 0) {
        return read_line_addresses(&words, AF_INET6, header);
    }
    return "its line names no TCP4, TCP6 or UNKNOWN";
}

/* Finds the CRLF of a line. A CR or LF alone ends no line. */
static enum proxy_header_result find_line_end(const char *bytes, size_t count, size_t *line_bytes,
                                              const char **reason)
{
    size_t limit = PROXY_HEADER_LINE_BYTES_MAX - 1; /* the CR stands before it */
    size_t at = 0;
    while (at < count && at < limit && bytes[at] != '\r' && bytes[at] != '\n') {
        at++;
    }
    if (at == limit) {
        *reason = "its line is longer than 107 bytes";
        return PROXY_HEADER_WRONG;
    }
    if (at < count && (bytes[at] == '\n' || (at + 1 < count && bytes[at + 1] != '\n'))) {
        *reason = "its line does not end in CRLF";
        return PROXY_HEADER_WRONG;
    }
    *line_bytes = at;
    return at + 1 < count ? PROXY_HEADER_WHOLE : PROXY_HEADER_INCOMPLETE;
}

static enum proxy_header_result parse_line(const char *bytes, size_t count,
                                           struct proxy_header *header, const char **reason)
{
    size_t line_bytes = 0;
    enum proxy_header_result result = find_line_end(bytes, count, &line_bytes, reason);
    if (result != PROXY_HEADER_WHOLE) {
        return result;
    }
    header->bytes = line_bytes + strlen("\r\n");
    *reason = read_line(bytes, line_bytes, header);
    return *reason == NULL ? PROXY_HEADER_WHOLE : PROXY_HEADER_WRONG;
}

/* ------------------------------------------------------ version 2 (2.2) ---- */

static const char binary_signature[] = "\r\n\r\n\0\r\nQUIT\n";

/* Where its parts stand, and what they may be. */
enum {
    BINARY_SIGNATURE_BYTES = sizeof binary_signature - 1,
    BINARY_VERSION_AT = BINARY_SIGNATURE_BYTES, /* and the command */
    BINARY_FAMILY_AT,                           /* and the transport */
    BINARY_LENGTH_AT,                           /* of what follows; two bytes */
    BINARY_FIXED_BYTES = BINARY_LENGTH_AT + 2,
    NIBBLE_BITS = 4,
    NIBBLE = 0xf,
    BYTE_BITS = 8
};

enum { BINARY_VERSION = 2, COMMAND_LOCAL = 0, COMMAND_PROXY = 1 };
enum { FAMILY_UNSPEC, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, FAMILIES };
enum { TRANSPORT_UNSPEC, TRANSPORT_STREAM, TRANSPORT_DGRAM, TRANSPORTS };

enum { V4_BYTES = 4, V6_BYTES = 16, UNIX_BYTES = 108, PORT_BYTES = 2 };

/* Both addresses of a family, and their ports. */
enum {
    INET_BYTES = 2 * (V4_BYTES + PORT_BYTES),
    INET6_BYTES = 2 * (V6_BYTES + PORT_BYTES),
    UNIX_PATHS_BYTES = 2 * UNIX_BYTES
};

static const size_t family_bytes[FAMILIES] = {
    [FAMILY_UNSPEC] = 0,
    [FAMILY_INET] = INET_BYTES,
    [FAMILY_INET6] = INET6_BYTES,
    [FAMILY_UNIX] = UNIX_PATHS_BYTES,
};

/* Takes the source over from the addresses, which begin with it. */
static void take_binary_source(const char *addresses, unsigned family, struct proxy_header *header)
{
    struct sockaddr_storage source = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (family == FAMILY_INET) {
        memcpy(&v4.sin_addr, addresses, V4_BYTES);
        memcpy(&v4.sin_port, addresses + 2 * (size_t)V4_BYTES, PORT_BYTES);
        memcpy(&source, &v4, sizeof v4);
    } else {
        memcpy(&v6.sin6_addr, addresses, V6_BYTES);
        memcpy(&v6.sin6_port, addresses + 2 * (size_t)V6_BYTES, PORT_BYTES);
        memcpy(&source, &v6, sizeof v6);
    }
    header->has_source = true;
    listener_describe_address(&source, &header->source);
}

/* Judges the fixed part, as far as it is there. Returns NULL, or why it is wrong. */
static const char *judge_fixed_part(const unsigned char *bytes, size_t count)
{
    unsigned command = count > BINARY_VERSION_AT ? bytes[BINARY_VERSION_AT] & NIBBLE : 0;
    if (count > BINARY_VERSION_AT &&
        (bytes[BINARY_VERSION_AT] >> NIBBLE_BITS != BINARY_VERSION || command > COMMAND_PROXY)) {
        return "its version is not 2, or its command is not LOCAL or PROXY";
    }
    if (count > BINARY_FAMILY_AT && command == COMMAND_PROXY) {
        unsigned family = bytes[BINARY_FAMILY_AT] >> NIBBLE_BITS;
        unsigned transport = bytes[BINARY_FAMILY_AT] & NIBBLE;
        if (family >= FAMILIES || transport >= TRANSPORTS) {
            return "it names an unknown family or transport";
        }
        if (transport == TRANSPORT_DGRAM) {
            return "it speaks of datagrams, and this is a connection";
        }
    }
    return NULL;
}

/* Reads a header that is there as a whole. Returns NULL, or why it is wrong. */
static const char *read_binary(const char *bytes, size_t length, struct proxy_header *header)
{
    unsigned family_byte = (unsigned char)bytes[BINARY_FAMILY_AT];
    unsigned family = family_byte >> NIBBLE_BITS;
    header->is_local = ((unsigned char)bytes[BINARY_VERSION_AT] & NIBBLE) == COMMAND_LOCAL;
    if (header->is_local || (family_byte & NIBBLE) == TRANSPORT_UNSPEC) {
        return NULL; /* the family and what follows are to be ignored */
    }
    if (length < family_bytes[family]) {
        return "it is too short for the addresses of its family";
    }
    if (family == FAMILY_INET || family == FAMILY_INET6) {
        take_binary_source(bytes + BINARY_FIXED_BYTES, family, header);
    }
    return NULL;
}

static enum proxy_header_result parse_binary(const char *bytes, size_t count,
                                             struct proxy_header *header, const char **reason)
{
    const unsigned char *octets = (const unsigned char *)bytes;
    *reason = judge_fixed_part(octets, count);
    if (*reason != NULL) {
        return PROXY_HEADER_WRONG;
    }
    if (count < BINARY_FIXED_BYTES) {
        return PROXY_HEADER_INCOMPLETE;
    }
    size_t length = (size_t)octets[BINARY_LENGTH_AT] << BYTE_BITS | octets[BINARY_LENGTH_AT + 1];
    header->bytes = BINARY_FIXED_BYTES + length;
    if (header->bytes > PROXY_HEADER_BYTES_MAX) {
        *reason = "it is longer than 2048 bytes";
        return PROXY_HEADER_WRONG;
    }
    if (count < header->bytes) {
        return PROXY_HEADER_INCOMPLETE;
    }
    *reason = read_binary(bytes, length, header);
    return *reason == NULL ? PROXY_HEADER_WHOLE : PROXY_HEADER_WRONG;
}

/* ---------------------------------------------------------------- both ---- */

/* True when the bytes agree with the signature as far as they go. */
static bool agrees(const char *bytes, size_t count, const char *signature, size_t signature_bytes)
{
    return memcmp(bytes, signature, count < signature_bytes ? count : signature_bytes) == 0;
}

enum proxy_header_result proxy_header_parse(const char *bytes, size_t count,
                                            struct proxy_header *header, const char **reason)
{
    *header = (struct proxy_header){.bytes = 0};
    *reason = NULL;
    if (count == 0) {
        return PROXY_HEADER_INCOMPLETE;
    }
    if (agrees(bytes, count, line_signature, LINE_SIGNATURE_BYTES)) {
        return parse_line(bytes, count, header, reason);
    }
    if (agrees(bytes, count, binary_signature, BINARY_SIGNATURE_BYTES)) {
        return parse_binary(bytes, count, header, reason);
    }
    *reason = "the connection begins with something else";
    return PROXY_HEADER_WRONG;
}

bool proxy_header_is_begun(const char *bytes, size_t count)
{
    return (count >= LINE_SIGNATURE_BYTES &&
            agrees(bytes, count, line_signature, LINE_SIGNATURE_BYTES)) ||
           (count >= BINARY_SIGNATURE_BYTES &&
            agrees(bytes, count, binary_signature, BINARY_SIGNATURE_BYTES));
}
