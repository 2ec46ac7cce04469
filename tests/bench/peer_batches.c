/*
 * peer_batches.c - the rows of lottery-bench, in the form in which bets.csv has them.
 *
 * lottery-bench names the agency once a message; whoever stores rows needs it in each of them.
 */
#include "tests/bench/messages.h"
#include "tests/bench/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AGENCY_BYTES_MAX = 16 };

/* Copies the rows before a message's CRLF, each after the agency. */
static size_t copy_rows(char *out, const char *message, size_t bytes, const char *prefix)
{
    size_t used = 0;
    const char *row = message;
    const char *end = message + bytes - (sizeof "\r\n" - 1);
    while (row < end) {
        size_t row_bytes = strcspn(row, "\n") + 1;
        used += (size_t)sprintf(out + used, "%s%.*s", prefix, (int)row_bytes, row);
        row += row_bytes;
    }
    return used;
}

bool peer_batches_make(struct peer_batches *batches, unsigned agency, unsigned bets,
                       size_t bytes_wanted)
{
    struct messages messages;
    char prefix[AGENCY_BYTES_MAX];
    (void)snprintf(prefix, sizeof prefix, "%u,", agency);
    if (!messages_make(&messages, bets, bytes_wanted)) {
        return false;
    }
    *batches = (struct peer_batches){.bets = bets, .count = messages.count};
    batches->bytes =
        malloc(messages.offsets[messages.count] + messages.count * bets * sizeof prefix);
    batches->offsets = calloc(messages.count + 1, sizeof *batches->offsets);
    bool made = batches->bytes != NULL && batches->offsets != NULL;
    for (size_t i = 0, used = 0; made && i < messages.count; i++) {
        used += copy_rows(batches->bytes + used, messages.bytes + messages.offsets[i],
                          messages.offsets[i + 1] - messages.offsets[i], prefix);
        batches->offsets[i + 1] = used;
    }
    messages_free(&messages);
    return made;
}

void peer_batches_free(struct peer_batches *batches)
{
    free(batches->bytes);
    free(batches->offsets);
}
