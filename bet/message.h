/*
 * message.h - the wire format: where a message ends and what it is.
 *
 * `message = sender ":" type [":" body] CRLF`; the type is a code ("4") or a
 * name ("BET", in any case). Two dialects of earlier exercises have no type:
 * `1:<row> LF ... <row> LF CRLF`, and `1:<row> LF`. The latter can't be told from
 * the start of the former, so the caller says which of them to expect. All rows of
 * a BET end in LF, also the last one, which is followed by the message's CRLF. A batch
 * whose rows end in CRLF is malformed from its first row on, so that no part of it is
 * stored. A short printable line without ":" is a liveness probe. STATUS and REQUEST may name a
 * draw in their body, and ERROR may carry its reason there. docs/protocol.md specifies all of it.
 *
 * Pure functions on the caller's buffer; any process may call them.
 */
#ifndef BET_MESSAGE_H
#define BET_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the protocol. An agency and a server of the same version understand each other wholly. */
enum { MESSAGE_PROTOCOL_VERSION = 1 };

enum message_type {
    MESSAGE_ACK,
    MESSAGE_ERROR,
    MESSAGE_WAIT,
    MESSAGE_WINNERS,
    MESSAGE_BET,
    MESSAGE_DONE,
    MESSAGE_REQUEST,
    MESSAGE_STATUS,
    MESSAGE_STATE,
    MESSAGE_PREFIX,
    MESSAGE_TYPES
};

/* How a message was written. Its answer is written in the same way. */
enum message_dialect {
    MESSAGE_BY_CODE,       /* 1:5 CRLF       server:0 CRLF   */
    MESSAGE_BY_NAME,       /* 1:done CRLF    server:ACK CRLF */
    MESSAGE_UNTYPED_BATCH, /* 1:rows CRLF    server:0 LF     */
    MESSAGE_UNTYPED_SINGLE /* 1:row LF       server:0 LF     */
};

/* What the start of the buffer holds. */
enum message_frame {
    MESSAGE_INCOMPLETE, /* the beginning of a message, or nothing */
    MESSAGE_WHOLE,      /* a message; its sender is a number or "server" */
    MESSAGE_PROBE,      /* a liveness probe; body is the whole line with its LF or CRLF */
    MESSAGE_MALFORMED   /* its end is known, but it is no message: `fault` says why */
};

/* The longest line that is a probe, its LF or CRLF not counted. */
enum { MESSAGE_PROBE_BYTES_MAX = 64 };

struct message {
    enum message_type type; /* MESSAGE_BET for the untyped dialects */
    enum message_dialect dialect;
    bool from_server;  /* the sender is "server" */
    bool from_agency;  /* the sender is an agency's number */
    uint32_t sender;   /* that number; else 0 */
    const char *body;  /* inside the caller's buffer, not terminated */
    size_t body_bytes; /* without the CRLF that ends the message */
    size_t bytes;      /* of the whole message: what the caller has to skip */
    const char *fault; /* of a malformed message, in words; else NULL */
    bool bare_bet;     /* malformed: a line without ":" that looks like a bet */
};

/*
 * Looks for one message in the first `bytes` bytes of `buffer`.
 *
 * *scanned tells how many bytes of this message earlier calls have searched for its
 * end, so that a message that comes in many pieces is searched once. It is 0 at first;
 * the function keeps it up to date, and sets it to 0 whenever it returns anything but
 * MESSAGE_INCOMPLETE. `single` says that an untyped message is one row that ends at its
 * LF.
 */
enum message_frame message_parse(const char *buffer, size_t bytes, bool single, size_t *scanned,
                                 struct message *message);

/*
 * True when the `bytes` bytes are one whole untyped row and nothing else. Without
 * `single`, message_parse calls it MESSAGE_INCOMPLETE: it may be the start of a batch.
 */
bool message_is_untyped_row(const char *buffer, size_t bytes);

enum { MESSAGE_DRAW_NAME_BYTES_MAX = 32 };

/* In the place of a draw's name in STATUS: the current draw, whichever that is. */
#define MESSAGE_ANY_DRAW "*"

/*
 * True when the `bytes` bytes can be the name of a draw: 1 to MESSAGE_DRAW_NAME_BYTES_MAX letters,
 * digits, `.`, `_` and `-` of ASCII, of which the first is a letter or a digit. So it is the name
 * of a file, too.
 */
bool message_is_draw_name(const char *text, size_t bytes);

/* The longest reason that an ERROR carries. */
enum { MESSAGE_REASON_BYTES_MAX = 200 };

/*
 * How the reason begins by which a server that takes TLS alone answers plain text: an agency tells
 * by it what to set.
 */
#define MESSAGE_SPEAKS_TLS "this server speaks TLS"

/*
 * Writes the reason for people that an ERROR carries, "" where it carries none: clean text
 * (lib/text.h), cut at MESSAGE_REASON_BYTES_MAX bytes, whatever the message holds.
 */
void message_read_reason(const struct message *error, char reason[MESSAGE_REASON_BYTES_MAX + 1]);

/* The type's name in upper case, "BET" for example. */
const char *message_type_name(enum message_type type);

enum { MESSAGE_HEADER_BYTES_MAX = 32 };

/*
 * Writes the server's answer: with `with_body` its header, including the ":" before the
 * body; else the whole message, including its end. The caller adds the body and
 * MESSAGE_END. `out` needs MESSAGE_HEADER_BYTES_MAX bytes. Returns the bytes written.
 */
size_t message_write_answer(char *out, enum message_type type, enum message_dialect dialect,
                            bool with_body);

/* The same for a message by code from an agency: "1:4:" or "1:5 CRLF". */
size_t message_write_from_agency(char *out, uint32_t agency, enum message_type type,
                                 bool with_body);

/*
 * Writes the body of an ERROR and its end: the reason, with "row <row>: " before it where `row` is
 * not 0, clean and cut as message_read_reason does. `out` needs MESSAGE_REASON_BYTES_MAX +
 * sizeof MESSAGE_END bytes. Returns the bytes written.
 */
size_t message_write_reason(char *out, uint64_t row, const char *reason);

/* The end of a message with a body, not counting its terminator. */
#define MESSAGE_END "\r\n"
enum { MESSAGE_END_BYTES = sizeof MESSAGE_END - 1 };

#endif
