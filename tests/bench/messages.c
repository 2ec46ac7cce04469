/*
 * messages.c - see messages.h.
 */
#include "tests/bench/messages.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROW_BYTES_MAX = 64, ROW_BYTES_MEAN = 45, END_BYTES = 2 };

/* A row like the real ones, 45 bytes on average. */
static int write_row(char *out, unsigned serial)
{
    static const char *const names[] = {"Santiago Lionel", "Agustina",     "Tiago Nicolás", "Ciro",
                                        "Valentina",       "Martina Pilar"};
    static const char *const surnames[] = {"Lorca", "Zambrano", "Fernorón", "Hernández", "Saldaña"};
    return snprintf(out, ROW_BYTES_MAX, "%s,%s,%u,%04u-%02u-%02u,%u\n", names[serial % 6],
                    surnames[serial % 5], 20000000 + serial % 20000000, 1950 + serial % 60,
                    1 + serial % 12, 1 + serial % 28, serial % 7574);
}

bool messages_make(struct messages *messages, unsigned batch_bets, size_t bytes_wanted)
{
    size_t message_bytes_max = (size_t)batch_bets * ROW_BYTES_MAX + END_BYTES + 1;
    size_t count = bytes_wanted / ((size_t)batch_bets * ROW_BYTES_MEAN + END_BYTES) + 1;
    *messages = (struct messages){.bytes = malloc(count * message_bytes_max),
                                  .offsets = calloc(count + 1, sizeof *messages->offsets),
                                  .count = count};
    if (messages->bytes == NULL || messages->offsets == NULL) {
        messages_free(messages);
        return false;
    }
    size_t used = 0;
    unsigned serial = 0;
    for (size_t i = 0; i < count; i++) {
        messages->offsets[i] = used;
        for (unsigned bet = 0; bet < batch_bets; bet++) {
            used += (size_t)write_row(messages->bytes + used, serial++);
        }
        used += (size_t)sprintf(messages->bytes + used, "\r\n");
    }
    messages->offsets[count] = used;
    return true;
}

void messages_free(struct messages *messages)
{
    free(messages->bytes);
    free(messages->offsets);
    *messages = (struct messages){0};
}

struct messages_header messages_header_of(unsigned agency)
{
    struct messages_header header;
    header.bytes = (size_t)snprintf(header.text, sizeof header.text, "%u:4:", agency);
    return header;
}

static size_t body_bytes(const struct messages *messages, size_t index)
{
    return messages->offsets[index + 1] - messages->offsets[index];
}

/* Adds what is left of a part of which `*skipped` bytes have left. Returns the parts added. */
static size_t list_part(const char *bytes, size_t count, size_t *skipped, struct iovec *part)
{
    size_t gone = *skipped < count ? *skipped : count;
    *skipped -= gone;
    *part = (struct iovec){.iov_base = (void *)(bytes + gone), .iov_len = count - gone};
    return gone < count ? 1 : 0;
}

size_t messages_list(const struct messages *messages, const struct messages_header *header,
                     const struct messages_cursor *cursor, size_t count, struct iovec *parts,
                     size_t parts_max)
{
    size_t used = 0;
    size_t skipped = cursor->part;
    size_t index = cursor->next;
    for (size_t i = 0; i < count && used + 2 <= parts_max; i++) {
        used += list_part(header->text, header->bytes, &skipped, &parts[used]);
        used += list_part(messages->bytes + messages->offsets[index], body_bytes(messages, index),
                          &skipped, &parts[used]);
        index = index + 1 == messages->count ? 0 : index + 1;
    }
    return used;
}

size_t messages_advance(const struct messages *messages, const struct messages_header *header,
                        struct messages_cursor *cursor, size_t bytes)
{
    size_t whole = 0;
    cursor->part += bytes;
    for (;;) {
        size_t message_bytes = header->bytes + body_bytes(messages, cursor->next);
        if (cursor->part < message_bytes) {
            return whole;
        }
        cursor->part -= message_bytes;
        cursor->next = cursor->next + 1 == messages->count ? 0 : cursor->next + 1;
        whole++;
    }
}

size_t messages_mean_bytes(const struct messages *messages, const struct messages_header *header)
{
    return header->bytes + messages->offsets[messages->count] / messages->count;
}
