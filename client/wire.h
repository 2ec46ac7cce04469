/*
 * wire.h - one connection to the server: bytes on their way out, bytes that came in.
 *
 * The socket is non-blocking and everything moves in turns: a turn sends what
 * is waiting, sleeps until the socket can go on, and takes what has come. So
 * an agency reads answers while it sends, and neither side can block the other.
 * Whatever is composed between two turns leaves in one send(2).
 *
 * Memory is bounded: WIRE_OUT_BYTES out, `answer_bytes_max` in. An answer that may be
 * longer than that, WINNERS, is taken row by row.
 */
#ifndef CLIENT_WIRE_H
#define CLIENT_WIRE_H

#include "bet/message.h"
#include "client/interrupt.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_OUT_BYTES = 1 << 18,
    WIRE_SHORT_ANSWER_BYTES = 1 << 12, /* every answer but WINNERS is far shorter */
    WIRE_ROWS_BYTES = 1 << 16          /* for rows of WINNERS, which are taken one by one */
};

struct wire {
    struct interrupt *interrupt;
    int fd;
    char *out;
    size_t out_begin, out_used; /* still to be sent: [out_begin, out_used) */
    bool out_closed;            /* sending failed; there may still be answers to read */
    char *in;
    size_t in_begin, in_used; /* not looked at yet: [in_begin, in_used) */
    size_t in_capacity;
    size_t scanned;          /* message_parse's memory */
    size_t answer_bytes_max; /* a longer answer is nonsense */
    uint64_t answers;        /* taken so far */
    bool hung_up;            /* the server closed, having read what was sent */
    bool strange;            /* what came was not an answer of a server's */
};

enum wire_end {
    WIRE_MOVED,   /* bytes went, came, or both */
    WIRE_LAPSED,  /* the deadline has passed */
    WIRE_LOST,    /* closed, broken, or an answer that is too long */
    WIRE_STOPPED, /* a signal */
    WIRE_NO_MEMORY
};

/* Takes `fd` over, also when it fails. */
bool wire_open(struct wire *wire, struct interrupt *interrupt, int fd, struct failure *failure);

void wire_close(struct wire *wire);

/* Where the next `bytes` bytes can be written, or NULL while there is no room for them. */
char *wire_reserve(struct wire *wire, size_t bytes);

/* So many of the reserved bytes are to be sent, by the next turn. */
void wire_commit(struct wire *wire, size_t bytes);

/* One turn, see above. `why` is set for WIRE_LAPSED, WIRE_LOST and WIRE_NO_MEMORY. */
enum wire_end wire_transfer(struct wire *wire, int64_t deadline_ms, struct failure *why);

/* Has something come that nobody has looked at? */
bool wire_has_unread(const struct wire *wire);

enum wire_answer {
    WIRE_ANSWER,
    WIRE_NOTHING, /* no whole answer yet */
    WIRE_NONSENSE /* not an answer of a server's */
};

/*
 * The next answer among the bytes that came. Its body stays until the next
 * turn. `why` is set for WIRE_NONSENSE.
 */
enum wire_answer wire_next(struct wire *wire, struct message *answer, struct failure *why);

/*
 * Has an answer of this type begun, one with a body? Then its header is taken, and its rows
 * are to be taken by wire_next_line; the last of them ends in CRLF, and may be empty.
 */
bool wire_begins(struct wire *wire, enum message_type type);

/* Has the server closed its end, without anything left to be read? Does not wait. */
bool wire_is_closed(const struct wire *wire);

/*
 * The next line with its LF, as it came, for the echo probes and rows: *line points to
 * *bytes bytes that stay until the next turn. False: no whole line yet.
 */
bool wire_next_line(struct wire *wire, const char **line, size_t *bytes);

#endif
