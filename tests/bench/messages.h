/*
 * messages.h - the messages that the agencies of the benchmark send.
 *
 * All agencies send the same rows, and each puts its own number before them. So the memory of the
 * load does not grow with the agencies, and stays in the processor's cache: what is measured is the
 * server's memory and not the load's.
 */
#ifndef TESTS_BENCH_MESSAGES_H
#define TESTS_BENCH_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

enum { MESSAGES_HEADER_BYTES_MAX = 24 };

/* The messages after their headers: each ends in CRLF, and they are sent again and again. */
struct messages {
    char *bytes;     /* owned */
    size_t *offsets; /* owned: of message i; offsets[count] is the end */
    size_t count;
};

/* What an agency puts before each message: its number and the type. */
struct messages_header {
    char text[MESSAGES_HEADER_BYTES_MAX];
    size_t bytes;
};

/* Where an agency stands in its messages. */
struct messages_cursor {
    size_t next; /* the message to send next */
    size_t part; /* bytes of it, header included, that have left */
};

/* Makes about `bytes_wanted` bytes of messages of so many bets. False without memory. */
bool messages_make(struct messages *messages, unsigned batch_bets, size_t bytes_wanted);
void messages_free(struct messages *messages);

struct messages_header messages_header_of(unsigned agency);

/*
 * Lists what is to be sent from the cursor on, up to the end of `count` messages, in at most
 * `parts_max` parts, two a message. Returns the number of parts. They point into *messages and
 * *header.
 */
size_t messages_list(const struct messages *messages, const struct messages_header *header,
                     const struct messages_cursor *cursor, size_t count, struct iovec *parts,
                     size_t parts_max);

/* Moves the cursor by so many bytes that have left. Returns how many messages have left whole. */
size_t messages_advance(const struct messages *messages, const struct messages_header *header,
                        struct messages_cursor *cursor, size_t bytes);

/* The mean size of this agency's messages in bytes. */
size_t messages_mean_bytes(const struct messages *messages, const struct messages_header *header);

#endif
