/*
 * transport.h - how the bytes of one connection travel: in plain text, or by TLS.
 *
 * No call waits. Each does what it can, and transport_events says what to wait for before the next
 * one. TLS takes whole records from the socket. So bytes may stand in it while the socket has none,
 * and poll(2) would not tell of them: transport_has_pending does.
 *
 * Called by the agency's one process, which owns the transport and the socket in it.
 */
#ifndef CLIENT_TRANSPORT_H
#define CLIENT_TRANSPORT_H

#include "client/credentials.h"
#include "lib/failure.h"
#include "tls/tls_stream.h"

#include <stdbool.h>
#include <stddef.h>

enum transport_result {
    TRANSPORT_MOVED, /* bytes were sent or received, or the handshake is over */
    TRANSPORT_WAITS, /* call again after one of transport_events */
    TRANSPORT_ENDED, /* the server has closed the connection */
    TRANSPORT_BROKEN /* it is of no use any more; the failure says why */
};

struct transport {
    int fd;
    struct credentials *credentials; /* NULL: plain text; they get the session at the end */
    struct tls_stream stream;        /* not open in plain text */
    bool has_pending;                /* bytes may stand in the stream */
    short receive_events;            /* what a receive has to wait for: POLLIN, mostly */
    short send_events;               /* and what a send has to */
    enum transport_result over; /* ENDED or BROKEN, once a receive or the handshake has said so */
    bool is_refused;            /* one end does not accept the other: the next time neither */
    struct failure why;         /* of BROKEN */
};

/* Takes the non-blocking socket over, for plain text. */
void transport_open(struct transport *transport, int fd);

/*
 * Begins TLS, before any byte has been sent: offers the credentials' session, which is used up by
 * it. The credentials have to outlive the transport. Returns false with the failure where there is
 * no memory.
 */
bool transport_begin_tls(struct transport *transport, struct credentials *credentials,
                         struct failure *failure);

/* Goes on with the handshake. Never TRANSPORT_ENDED: an end in the handshake is a failure. */
enum transport_result transport_handshake(struct transport *transport, struct failure *failure);

/*
 * Sends up to `count` bytes, more than 0; *sent says how many with TRANSPORT_MOVED. A failure does
 * not end the transport, because what the server has said before can still be received.
 */
enum transport_result transport_send(struct transport *transport, const char *bytes, size_t count,
                                     size_t *sent);

/* Receives up to `capacity` bytes, more than 0; *got says how many with TRANSPORT_MOVED. */
enum transport_result transport_receive(struct transport *transport, char *bytes, size_t capacity,
                                        size_t *got, struct failure *failure);

/* What poll(2) has to watch, for a receive and, where there is something to be sent, a send. */
short transport_events(const struct transport *transport, bool sends);

/* True where a receive may find bytes, or the end, although poll(2) tells of none. */
bool transport_has_pending(const struct transport *transport);

/* True where the server has closed and nothing is left to receive. Takes no bytes. */
bool transport_is_closed(struct transport *transport);

/* Tells the server that this is the end, keeps the session, and closes the socket. */
void transport_close(struct transport *transport);

#endif
