/*
 * wire.h - one connection to the server: bytes to be sent, and bytes that were received.
 *
 * The socket is non-blocking, and bytes move in transfers. A transfer sends what is
 * waiting, sleeps until the socket can go on, and receives what has come. So an agency
 * reads answers while it sends, and neither side can block the other. All that is
 * written between two transfers is sent in one send(2), or in as few records of TLS as it takes
 * (transport.h); what does not fit is sent before that (wire_send).
 *
 * Memory is bounded: WIRE_OUT_BYTES out, `answer_bytes_max` in. WINNERS, which may be
 * longer than that, is taken row by row.
 */
#ifndef CLIENT_WIRE_H
#define CLIENT_WIRE_H

#include "bet/message.h"
#include "client/credentials.h"
#include "client/interrupt.h"
#include "client/transport.h"
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
    struct transport transport;
    char *out;
    size_t out_begin, out_used; /* still to be sent: [out_begin, out_used) */
    bool out_closed;            /* sending failed; answers may still be read */
    char *in;
    size_t in_begin, in_used; /* not read by the caller yet: [in_begin, in_used) */
    size_t in_capacity;
    size_t scanned;          /* message_parse's memory */
    size_t answer_bytes_max; /* a longer answer is nonsense */
    uint64_t answers;        /* taken so far */
    bool hung_up;            /* the server closed, having read what was sent */
    bool strange;            /* something came that was no answer of a server */
    bool is_refused;         /* one end does not accept the other, or only one speaks TLS */
};

enum wire_end {
    WIRE_MOVED,   /* bytes were sent, received, or both */
    WIRE_LAPSED,  /* the deadline has passed */
    WIRE_LOST,    /* closed, broken, or an answer that is too long */
    WIRE_STOPPED, /* a signal */
    WIRE_NO_MEMORY
};

/* Takes `fd` over, also when it fails. Returns false with the failure. */
bool wire_open(struct wire *wire, struct interrupt *interrupt, int fd, struct failure *failure);

/*
 * Goes over to TLS, before anything is sent: shakes hands until `deadline_ms` of
 * clock_monotonic_ms() at most. WIRE_MOVED: the server is the one that it should be. In TLS 1.3 a
 * server that does not accept our certificate is found out by the first transfers after that only.
 * `why` is set for WIRE_LAPSED, WIRE_LOST and WIRE_NO_MEMORY.
 */
enum wire_end wire_begin_tls(struct wire *wire, struct credentials *credentials,
                             int64_t deadline_ms, struct failure *why);

/* Closes the connection and frees its memory. */
void wire_close(struct wire *wire);

/* Returns where the next `bytes` bytes can be written, or NULL while there is no room. */
char *wire_reserve(struct wire *wire, size_t bytes);

/* Lets the next transfer send the first `bytes` of the reserved bytes. */
void wire_commit(struct wire *wire, size_t bytes);

/* Sends what goes without waiting. The next transfer tells a failure. */
void wire_send(struct wire *wire);

/*
 * Does one transfer, as above, and waits until `deadline_ms` of clock_monotonic_ms() at most. Where
 * there is nothing to be sent, WIRE_MOVED says that bytes came for the caller. `why` is set for
 * WIRE_LAPSED, WIRE_LOST and WIRE_NO_MEMORY.
 */
enum wire_end wire_transfer(struct wire *wire, int64_t deadline_ms, struct failure *why);

/* True when bytes have come that the caller has not read. */
bool wire_has_unread(const struct wire *wire);

enum wire_answer {
    WIRE_ANSWER,
    WIRE_NOTHING, /* no whole answer yet */
    WIRE_NONSENSE /* something that is no answer of a server */
};

/*
 * Takes the next answer from the bytes that came. Its body is valid until the next
 * transfer. `why` is set for WIRE_NONSENSE.
 */
enum wire_answer wire_next(struct wire *wire, struct message *answer, struct failure *why);

/*
 * True when an answer of this type with a body has begun. Its header is taken then, and the
 * caller takes its rows by wire_next_line. The last row ends in CRLF and may be empty.
 */
bool wire_begins(struct wire *wire, enum message_type type);

/* True when the server has closed its end and nothing is left to read. Does not wait. */
bool wire_is_closed(struct wire *wire);

/*
 * Takes the next line with its LF, for echo probes and rows. *line points to *bytes bytes
 * that are valid until the next transfer. Returns false where there is no whole line yet.
 */
bool wire_next_line(struct wire *wire, const char **line, size_t *bytes);

#endif
