/*
 * engine.h - the replicated log that stands behind a centre, whoever keeps it.
 *
 * An engine keeps streams: messages in one order, numbered 1, 2, 3, ..., each with a subject, headers
 * and bytes, none of which changes or goes away. An append names the sequence that it expects to be
 * the last one, and is refused where another message is. So of two writers that don't know of each
 * other one is refused: that, and no clock, decides who writes (fencing).
 *
 * ONE append is in flight at a time. Pipelined appends that each expect a sequence do not fence: a
 * rival's message takes one place, one append is refused, and those behind it are stored.
 *
 * There are two engines: NATS JetStream (engine_nats.c, the one file that includes nats.h), and one in
 * memory for tests (engine_memory.h). A caller sees the functions below and no difference. What stands
 * in a centre's messages is record.h's, and what they add up to log_state.h's.
 *
 * Called by one thread of one process, but for engine_tell, which another thread may call too. The
 * process never forks afterwards: the client of NATS starts threads at its first call. Used by
 * lottery-shipper and lottery-feed; never by a process of the server. If the process dies, an append
 * that was in flight is stored or not, and whoever comes next reads which.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ENGINE_HEADERS_MAX = 16,
    ENGINE_SUBJECT_BYTES = 128, /* with its NUL; also of a stream's name */
    ENGINE_VALUE_BYTES = 128    /* of a header's value, with its NUL */
};

struct engine;

/* How to reach an engine of NATS. Texts are the caller's and outlive the engine; "" is none. */
struct engine_access {
    const char *servers;     /* "nats://a:4222,tls://b:4222", separated by commas */
    const char *credentials; /* path of a .creds file */
    const char *ca;          /* PEM paths, where the servers speak TLS */
    const char *certificate;
    const char *key;
    const char *name; /* of this client, as the engine's operator sees it */
};

struct engine_header {
    const char *name; /* constant text, "Lottery-..." : names of others are the engine's own */
    char value[ENGINE_VALUE_BYTES];
};

/*
 * A message as it is stored, without headers of the engine's own. What it points to is the engine's,
 * until the next call with it.
 */
struct engine_message {
    uint64_t sequence;    /* from 1 on */
    int64_t stored_at_ms; /* by the engine's clock, ms since 1970; for people */
    char subject[ENGINE_SUBJECT_BYTES];
    size_t header_count;
    struct engine_header headers[ENGINE_HEADERS_MAX]; /* names point into the engine's memory */
    bool has_strange_headers; /* too many, too long, or none at all by their form: none are given */
    const void *bytes;
    size_t count;
};

/* What an append expects to come after. */
enum engine_expectation {
    ENGINE_AFTER_SEQUENCE, /* the stream's last message has this sequence; 0: the stream is empty */
    ENGINE_AFTER_OF_SUBJECT /* the last one of this subject has; 0: there is none of this subject */
};

struct engine_append {
    const char *stream;
    const char *subject;
    enum engine_expectation expectation;
    uint64_t expected;
    const struct engine_header *headers;
    size_t header_count;
    const void *bytes;
    size_t count; /* at most engine_payload_max */
};

enum engine_answer {
    ENGINE_STORED,  /* a quorum has it on its disks, at *sequence */
    ENGINE_REFUSED, /* another message than the expected one is last: nothing was stored */
    ENGINE_UNKNOWN, /* no answer in time, no connection, no such stream, or a strange answer: it may be
                       stored, now or later. Only reading tells; the same append again is safe */
    ENGINE_FORBIDDEN /* the engine takes no such append: it is too large, or against its settings */
};

enum engine_reading {
    ENGINE_READ,
    ENGINE_NOTHING, /* there is no such message (yet) */
    ENGINE_AWAY,    /* no answer in time, or no connection: ask again */
    ENGINE_BROKEN   /* a message is missing, or the stream is: the engine has lost or deleted it */
};

/*
 * Connects, and goes on connecting by itself whenever the connection is lost. Nothing that was not
 * sent is kept for later. Succeeds without a connection, too, where `patience_ms` have passed: the
 * functions below then say UNKNOWN and AWAY until there is one. All signals must be blocked.
 * Returns NULL with the failure where the configuration can't work, or the server is older than
 * 2.10.23 (those lose what they have acknowledged). The caller calls engine_close.
 */
struct engine *engine_open_nats(const struct engine_access *access, int64_t patience_ms,
                                struct failure *failure);

/* Closes it. NULL is allowed. */
void engine_close(struct engine *engine);

/*
 * Makes the stream where there is none: `replicas` copies (1 to 5) in files, no deletes, no purges, no
 * limit of age, number or size, these subjects. Compares one that is there. ENGINE_STORED: it is there,
 * and right; ENGINE_UNKNOWN: ask again; ENGINE_FORBIDDEN: it is there with other settings, which the
 * failure names.
 */
enum engine_answer engine_make_stream(struct engine *engine, const char *stream,
                                      const char *const *subjects, size_t subject_count,
                                      unsigned replicas, int64_t timeout_ms,
                                      struct failure *failure);

/* How many bytes one message may have. 0: not known, there has been no connection yet. */
size_t engine_payload_max(const struct engine *engine);

/*
 * Appends. Waits at most `timeout_ms`. *sequence is set with ENGINE_STORED; the failure says why with
 * the others.
 */
enum engine_answer engine_append(struct engine *engine, const struct engine_append *append,
                                 int64_t timeout_ms, uint64_t *sequence, struct failure *failure);

/* The sequence of the stream's last message, as its leader knows it; 0: it is empty. */
enum engine_reading engine_last_sequence(struct engine *engine, const char *stream,
                                         int64_t timeout_ms, uint64_t *sequence,
                                         struct failure *failure);

/* Reads the last message of a subject. */
enum engine_reading engine_read_last(struct engine *engine, const char *stream, const char *subject,
                                     int64_t timeout_ms, struct engine_message *message,
                                     struct failure *failure);

/*
 * Reads the message of this sequence, or ENGINE_NOTHING. Sequences in ascending order are read
 * ahead. Waits up to `timeout_ms` for a message that is not there yet, so that with a timeout a
 * follower sleeps here; 0: says at once what is there.
 */
enum engine_reading engine_read(struct engine *engine, const char *stream, uint64_t sequence,
                                int64_t timeout_ms, struct engine_message *message,
                                struct failure *failure);

/*
 * Tells everybody who listens now, once; nothing is stored, and nobody may hear it. Another thread may
 * call it meanwhile, between open and close.
 */
void engine_tell(struct engine *engine, const char *subject, const char *text);

/* Listens to a subject from now on; one per engine. False with the failure. */
bool engine_listen(struct engine *engine, const char *subject, struct failure *failure);

/* Takes the oldest text that was heard and not taken yet, terminated. False when there is none. */
bool engine_hear(struct engine *engine, char *text, size_t size);

/* What an operator wants to know of the connection. */
struct engine_state {
    bool connected;
    char server[ENGINE_VALUE_BYTES];  /* "nats://127.0.0.1:4222"; "": none */
    char version[ENGINE_VALUE_BYTES]; /* "2.10.27" */
    uint64_t reconnects;
};

void engine_describe(const struct engine *engine, struct engine_state *state);

#endif
