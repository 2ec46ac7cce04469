/*
 * record.c - see record.h.
 *
 * One table says which header holds which field of which kinds of record; it is written by and read by.
 */
#include "engine/record.h"

#include "lib/byte_search.h"
#include "lib/crc32c.h"
#include "lib/decimal.h"
#include "lib/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { NONCE_RANDOM_BYTES = (RECORD_NONCE_BYTES - 1) / 2 };

#define HEXADECIMAL_DIGITS "0123456789abcdef"
#define NONCE_HEADER       "Lottery-Nonce"

static const char *const kind_words[RECORD_KINDS] = {[RECORD_BETS] = "bets",
                                                     [RECORD_DONE] = "done",
                                                     [RECORD_FILE] = "file",
                                                     [RECORD_CLAIM] = "claim"};

/* Sets of kinds. */
enum {
    OF_LINES = 1U << RECORD_BETS | 1U << RECORD_DONE,
    OF_FILE = 1U << RECORD_FILE,
    OF_CLAIM = 1U << RECORD_CLAIM,
    OF_ALL = OF_LINES | OF_FILE | OF_CLAIM
};

enum field_form { FORM_NUMBER, FORM_CRC, FORM_DIGITS, FORM_NODE, FORM_NAME };

struct field {
    const char *header;
    unsigned kinds;
    enum field_form form;
    size_t place; /* in struct record */
    size_t bytes; /* of the field */
};

#define FIELD(header, kinds, form, member)                                                         \
    {                                                                                              \
        header, kinds, form, offsetof(struct record, member),                                      \
            sizeof((struct record *)NULL)->member                                                  \
    }

static const struct field fields[] = {
    FIELD("Lottery-Identity", OF_ALL, FORM_DIGITS, identity),
    FIELD("Lottery-Epoch", OF_ALL, FORM_NUMBER, epoch),
    FIELD("Lottery-Node", OF_ALL, FORM_NODE, node),
    FIELD(NONCE_HEADER, OF_ALL, FORM_DIGITS, nonce),
    FIELD("Lottery-Length", OF_ALL, FORM_NUMBER, length),
    FIELD("Lottery-Crc32c", OF_ALL, FORM_CRC, crc32c),
    FIELD("Lottery-Offset", OF_LINES, FORM_NUMBER, offset),
    FIELD("Lottery-Rows", OF_LINES, FORM_NUMBER, rows),
    FIELD("Lottery-Name", OF_FILE, FORM_NAME, name),
    FIELD("Lottery-Bets-End", OF_CLAIM, FORM_NUMBER, bets_end),
    FIELD("Lottery-Done-End", OF_CLAIM, FORM_NUMBER, done_end),
};

enum { FIELDS = sizeof fields / sizeof fields[0] };

_Static_assert((int)FIELDS <= (int)ENGINE_HEADERS_MAX, "a message takes all headers of a record");

/* ------------------------------------------------------------------- names ---- */

bool record_is_centre(const char *centre)
{
    return text_is_name(centre, strlen(centre), RECORD_CENTRE_BYTES - 1, "-");
}

void record_write_stream(char stream[ENGINE_SUBJECT_BYTES], const char *centre)
{
    (void)snprintf(stream, ENGINE_SUBJECT_BYTES, "BETS_%s", centre);
}

void record_write_subject(char subject[ENGINE_SUBJECT_BYTES], const char *centre,
                          enum record_kind kind)
{
    (void)snprintf(subject, ENGINE_SUBJECT_BYTES, "lottery.%s.%s", centre, kind_words[kind]);
}

void record_write_alive(char subject[ENGINE_SUBJECT_BYTES], const char *centre)
{
    (void)snprintf(subject, ENGINE_SUBJECT_BYTES, "lottery.%s.alive", centre);
}

bool record_make_nonce(char nonce[RECORD_NONCE_BYTES], struct failure *failure)
{
    unsigned char bytes[NONCE_RANDOM_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        return failure_set_errno(failure, "make a record's nonce: getrandom");
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        (void)snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
    }
    return true;
}

/* ----------------------------------------------------------------- writing ---- */

static void write_field(const struct field *field, const struct record *record,
                        char value[ENGINE_VALUE_BYTES])
{
    const void *place = (const char *)record + field->place;
    switch (field->form) {
    case FORM_NUMBER:
        (void)snprintf(value, ENGINE_VALUE_BYTES, "%" PRIu64, *(const uint64_t *)place);
        break;
    case FORM_CRC:
        (void)snprintf(value, ENGINE_VALUE_BYTES, CRC32C_FORMAT, *(const uint32_t *)place);
        break;
    default:
        (void)snprintf(value, ENGINE_VALUE_BYTES, "%s", (const char *)place);
        break;
    }
}

size_t record_write(struct record *record, struct engine_header headers[ENGINE_HEADERS_MAX])
{
    size_t count = 0;
    record->crc32c = crc32c_extend(CRC32C_EMPTY, record->bytes, record->length);
    for (size_t i = 0; i < FIELDS; i++) {
        if ((fields[i].kinds & 1U << record->kind) != 0) {
            headers[count].name = fields[i].header;
            write_field(&fields[i], record, headers[count++].value);
        }
    }
    return count;
}

/* ----------------------------------------------------------------- reading ---- */

static const char *find_value(const struct engine_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (strcmp(message->headers[i].name, name) == 0) {
            return message->headers[i].value;
        }
    }
    return NULL;
}

const char *record_nonce_of(const struct engine_message *message)
{
    return find_value(message, NONCE_HEADER);
}

/* True when the text has one of these characters or more, and no others. */
static bool is_made_of(const char *text, const char *characters)
{
    return text[0] != '\0' && text[strspn(text, characters)] == '\0';
}

static bool is_graphic(const char *text)
{
    const char *at = text;
    while (*at > ' ' && *at <= '~') {
        at++;
    }
    return at > text && *at == '\0';
}

static bool is_formed(const struct field *field, const char *value)
{
    const size_t bytes = strlen(value) + 1;
    switch (field->form) {
    case FORM_DIGITS:
        return bytes == field->bytes && is_made_of(value, HEXADECIMAL_DIGITS);
    case FORM_CRC:
        return bytes == CRC32C_DIGITS + 1 && is_made_of(value, HEXADECIMAL_DIGITS);
    case FORM_NODE:
        return bytes <= field->bytes && is_graphic(value);
    case FORM_NAME:
        return value[0] != '.' && text_is_name(value, bytes - 1, field->bytes - 1, ".-_");
    default:
        return true;
    }
}

/* Reads a value into its field. */
static bool read_field(const struct field *field, const char *value, struct record *record)
{
    void *place = (char *)record + field->place;
    if (!is_formed(field, value)) {
        return false;
    }
    switch (field->form) {
    case FORM_NUMBER:
        return decimal_parse(value, strlen(value), place);
    case FORM_CRC:
        *(uint32_t *)place = (uint32_t)strtoul(value, NULL, 16);
        return true;
    default:
        memcpy(place, value, strlen(value) + 1);
        return true;
    }
}

static bool read_kind(const char *subject, enum record_kind *kind)
{
    const char *dot = strrchr(subject, '.');
    for (unsigned i = 0; dot != NULL && i < RECORD_KINDS; i++) {
        if (strcmp(dot + 1, kind_words[i]) == 0) {
            *kind = (enum record_kind)i;
            return true;
        }
    }
    return false;
}

/* The headers are read; are these the bytes that they tell of? */
static bool check_bytes(const struct engine_message *message, const struct record *record,
                        struct failure *failure)
{
    const bool lines = (OF_LINES & 1U << record->kind) != 0;
    if (record->length != message->count) {
        return failure_set(failure, "it has %zu bytes and tells of %" PRIu64, message->count,
                           record->length);
    }
    const uint32_t crc32c = crc32c_extend(CRC32C_EMPTY, message->bytes, message->count);
    if (record->crc32c != crc32c) {
        return failure_set(failure,
                           "its bytes have the CRC " CRC32C_FORMAT ", and it tells " CRC32C_FORMAT,
                           crc32c, record->crc32c);
    }
    const bool begins = record->bets_end == 0 && record->done_end == 0;
    if (record->kind == RECORD_CLAIM && message->count != 0 && !begins) {
        return failure_set(failure, "it is a claim that begins no draw, and has bytes");
    }
    if (lines &&
        (message->count == 0 || ((const char *)message->bytes)[message->count - 1] != '\n')) {
        return failure_set(failure, "its bytes are no whole lines");
    }
    const uint64_t rows = lines ? byte_count(message->bytes, message->count, '\n') : 0;
    return record->rows == rows ||
           failure_set(failure, "it has %" PRIu64 " lines and tells of %" PRIu64, rows,
                       record->rows);
}

static bool read_message(const struct engine_message *message, struct record *record,
                         struct failure *failure)
{
    if (!read_kind(message->subject, &record->kind)) {
        return failure_set(failure, "its subject is that of no record");
    }
    if (message->has_strange_headers) {
        return failure_set(failure, "its headers are too many, too long, or can't be read");
    }
    for (size_t i = 0; i < FIELDS; i++) {
        if ((fields[i].kinds & 1U << record->kind) == 0) {
            continue;
        }
        const char *value = find_value(message, fields[i].header);
        if (value == NULL) {
            return failure_set(failure, "it has no header %s", fields[i].header);
        }
        if (!read_field(&fields[i], value, record)) {
            return failure_set(failure, "its header %s can't be \"%.80s\"", fields[i].header,
                               value);
        }
    }
    if (record->epoch == 0 || record->epoch > RECORD_EPOCH_MAX) {
        return failure_set(failure, "nobody has written in epoch %" PRIu64, record->epoch);
    }
    record->bytes = message->bytes;
    return check_bytes(message, record, failure);
}

bool record_read(const struct engine_message *message, struct record *record,
                 struct failure *failure)
{
    struct failure reason;
    memset(record, 0, sizeof *record);
    return read_message(message, record, &reason) ||
           failure_set(failure, "message %" PRIu64 " of %s is no right record: %s",
                       message->sequence, message->subject, reason.text);
}
