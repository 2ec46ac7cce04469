/*
 * target_proxy.c - proxy_header_parse, on any bytes and in any pieces.
 *
 * Promises: it agrees with a slow parser that follows proxy-protocol.txt word by word; every start
 * of a whole header is incomplete; a header that is wrong is not mended by more bytes; what stands
 * after a whole header changes nothing; it never reads behind what it is given.
 *
 * The input is what a balancer sends.
 */
#include "server/handler/proxy_header.h"
#include "tests/fuzz/fuzz.h"

#include <arpa/inet.h>

enum { TRUNCATIONS_MAX = 256, LINE_TEXT_BYTES = 128, WORD_BYTES = 64 };

/* ------------------------------------------------------------ reference ---- */

/* A port as it has to be written: what printf would write is what stood there. */
static bool reference_port(const char *word, unsigned *port)
{
    char again[WORD_BYTES];
    unsigned long number = strtoul(word, NULL, 10);
    *port = (unsigned)number;
    (void)snprintf(again, sizeof again, "%lu", number);
    return number <= UINT16_MAX && strcmp(again, word) == 0;
}

/* A line with its CRLF cut off, no zero in it. True where it is right; `source` as told. */
static bool reference_line(const char *line, char source[LISTENER_PEER_BYTES])
{
    char family[WORD_BYTES];
    char hosts[2][WORD_BYTES];
    char ports[2][WORD_BYTES];
    char again[LINE_TEXT_BYTES * 3];
    unsigned numbers[2] = {0};
    unsigned char address[2][sizeof(struct in6_addr)];
    char text[INET6_ADDRSTRLEN];
    source[0] = '\0';
    if (strcmp(line, "PROXY UNKNOWN") == 0 || strncmp(line, "PROXY UNKNOWN ", 14) == 0) {
        return true;
    }
    if (sscanf(line, "PROXY %63s %63s %63s %63s %63s", family, hosts[0], hosts[1], ports[0],
               ports[1]) != 5) {
        return false;
    }
    (void)snprintf(again, sizeof again, "PROXY %s %s %s %s %s", family, hosts[0], hosts[1],
                   ports[0], ports[1]);
    bool is_v6 = strcmp(family, "TCP6") == 0;
    int known = is_v6 ? AF_INET6 : AF_INET;
    if (strcmp(again, line) != 0 || (!is_v6 && strcmp(family, "TCP4") != 0) ||
        inet_pton(known, hosts[0], address[0]) != 1 ||
        inet_pton(known, hosts[1], address[1]) != 1 || !reference_port(ports[0], &numbers[0]) ||
        !reference_port(ports[1], &numbers[1])) {
        return false;
    }
    static const unsigned char mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    bool is_mapped = is_v6 && memcmp(address[0], mapped, sizeof mapped) == 0;
    FUZZ_EXPECT(inet_ntop(is_mapped ? AF_INET : known, address[0] + (is_mapped ? sizeof mapped : 0),
                          text, sizeof text) != NULL);
    (void)snprintf(source, LISTENER_PEER_BYTES, is_v6 && !is_mapped ? "[%s]:%u" : "%s:%u", text,
                   numbers[0]);
    return true;
}

/* A zero may stand only in what is ignored. */
static bool has_no_zero(const char *line, size_t count)
{
    return strncmp(line, "PROXY UNKNOWN ", strlen("PROXY UNKNOWN ")) == 0 ||
           memchr(line, '\0', count) == NULL;
}

static enum proxy_header_result reference_parse_line(const char *bytes, size_t count,
                                                     size_t *header_bytes,
                                                     char source[LISTENER_PEER_BYTES])
{
    char line[LINE_TEXT_BYTES] = "";
    for (size_t i = 0; i < count && i < PROXY_HEADER_LINE_BYTES_MAX; i++) {
        bool is_last = i + 2 == PROXY_HEADER_LINE_BYTES_MAX && bytes[i] != '\r';
        if (i > 0 && bytes[i - 1] == '\r') {
            *header_bytes = i + 1;
            return bytes[i] == '\n' && has_no_zero(line, i - 1) &&
                           (line[i - 1] = '\0', reference_line(line, source))
                       ? PROXY_HEADER_WHOLE
                       : PROXY_HEADER_WRONG;
        }
        if (bytes[i] == '\n' || is_last) {
            return PROXY_HEADER_WRONG;
        }
        line[i] = bytes[i];
    }
    return PROXY_HEADER_INCOMPLETE;
}

static enum proxy_header_result reference_parse_binary(const unsigned char *bytes, size_t count,
                                                       size_t *header_bytes,
                                                       char source[LISTENER_PEER_BYTES])
{
    static const size_t sizes[] = {0, 12, 36, 216};
    bool is_local = count > 12 && bytes[12] == 0x20;
    source[0] = '\0';
    if (count > 12 && !is_local && bytes[12] != 0x21) {
        return PROXY_HEADER_WRONG;
    }
    if (count > 13 && !is_local && (bytes[13] > 0x31 || bytes[13] % 16 > 1)) {
        return PROXY_HEADER_WRONG;
    }
    if (count < 16) {
        return PROXY_HEADER_INCOMPLETE;
    }
    size_t length = bytes[14] * 256U + bytes[15];
    *header_bytes = 16 + length;
    if (*header_bytes > PROXY_HEADER_BYTES_MAX) {
        return PROXY_HEADER_WRONG;
    }
    if (count < *header_bytes) {
        return PROXY_HEADER_INCOMPLETE;
    }
    unsigned family = bytes[13] / 16;
    if (is_local || bytes[13] % 16 == 0) {
        return PROXY_HEADER_WHOLE;
    }
    if (length < sizes[family]) {
        return PROXY_HEADER_WRONG;
    }
    if (family == 1 || family == 2) {
        char text[INET6_ADDRSTRLEN];
        size_t port_at = family == 1 ? 24 : 48;
        struct in6_addr address;
        memcpy(&address, bytes + 16, family == 1 ? 4 : sizeof address);
        bool is_mapped = family == 2 && IN6_IS_ADDR_V4MAPPED(&address);
        FUZZ_EXPECT(inet_ntop(family == 1 || is_mapped ? AF_INET : AF_INET6,
                              bytes + 16 + (is_mapped ? 12 : 0), text, sizeof text) != NULL);
        (void)snprintf(source, LISTENER_PEER_BYTES, family == 2 && !is_mapped ? "[%s]:%u" : "%s:%u",
                       text, bytes[port_at] * 256U + bytes[port_at + 1]);
    }
    return PROXY_HEADER_WHOLE;
}

static enum proxy_header_result reference_parse(const char *bytes, size_t count,
                                                size_t *header_bytes,
                                                char source[LISTENER_PEER_BYTES])
{
    static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";
    static const char word[] = "PROXY ";
    source[0] = '\0';
    for (size_t i = 0; i < count && i < sizeof signature - 1 && bytes[0] == '\r'; i++) {
        if (bytes[i] != signature[i]) {
            return PROXY_HEADER_WRONG;
        }
    }
    for (size_t i = 0; i < count && i < sizeof word - 1 && bytes[0] != '\r'; i++) {
        if (bytes[i] != word[i]) {
            return PROXY_HEADER_WRONG;
        }
    }
    if (count == 0) {
        return PROXY_HEADER_INCOMPLETE;
    }
    return bytes[0] == '\r'
               ? reference_parse_binary((const unsigned char *)bytes, count, header_bytes, source)
               : reference_parse_line(bytes, count, header_bytes, source);
}

/* ---------------------------------------------------------------- checks ---- */

static enum proxy_header_result check(const char *bytes, size_t count, struct proxy_header *header)
{
    size_t header_bytes = 0;
    char source[LISTENER_PEER_BYTES];
    const char *reason = NULL;
    char *copy = fuzz_copy(bytes, count);
    enum proxy_header_result result = proxy_header_parse(copy, count, header, &reason);
    enum proxy_header_result expected = reference_parse(copy, count, &header_bytes, source);
    free(copy);
    FUZZ_EXPECT(result == expected);
    FUZZ_EXPECT((result == PROXY_HEADER_WRONG) == (reason != NULL));
    if (result == PROXY_HEADER_WHOLE) {
        FUZZ_EXPECT(header->bytes == header_bytes && header->bytes <= count);
        FUZZ_EXPECT(header->has_source == (source[0] != '\0'));
        FUZZ_EXPECT(strcmp(header->source.text, source) == 0);
        FUZZ_EXPECT(!header->is_local || !header->has_source);
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct proxy_header header;
    struct proxy_header part;
    const char *text = (const char *)data;
    enum proxy_header_result result = check(text, bytes, &header);
    size_t first = bytes > TRUNCATIONS_MAX ? bytes - TRUNCATIONS_MAX : 0;
    bool was_wrong = false;
    for (size_t count = first; count < bytes; count++) {
        enum proxy_header_result earlier = check(text, count, &part);
        FUZZ_EXPECT(!was_wrong || earlier == PROXY_HEADER_WRONG);
        was_wrong = earlier == PROXY_HEADER_WRONG;
        if (result == PROXY_HEADER_WHOLE) {
            FUZZ_EXPECT(earlier == (count < header.bytes ? PROXY_HEADER_INCOMPLETE : result));
        }
        if (earlier == PROXY_HEADER_WHOLE) {
            FUZZ_EXPECT(result == PROXY_HEADER_WHOLE && header.bytes == part.bytes);
        }
    }
    FUZZ_EXPECT(!was_wrong || result == PROXY_HEADER_WRONG);
    return 0;
}
