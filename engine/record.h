/*
 * record.h - what a centre's log is made of: a message of the engine, and what its headers say.
 *
 * A centre's stream is BETS_<centre>. The last word of a message's subject is the record's kind:
 *
 *     lottery.<centre>.bets   bytes of bets.csv, whole rows, at their offset
 *     lottery.<centre>.done   bytes of done.csv, the same
 *     lottery.<centre>.file   a small file, whole: control, seal.json, draw.json, ...
 *     lottery.<centre>.claim  from here on this node writes, in a higher epoch. One that begins a draw
 *                             has that draw's control for its bytes, else it has none
 *
 * Beside it, on lottery.<centre>.alive, the primary's heartbeats are told, and stored by nobody.
 *
 * Everything else stands in headers (Lottery-Offset: 4096), so that any client of NATS, in any language,
 * reads the bytes as they are and can tell whether they are right.
 *
 * Pure, but for the random bytes of a nonce. Used by lottery-shipper and lottery-feed.
 */
#ifndef ENGINE_RECORD_H
#define ENGINE_RECORD_H

#include "engine/engine.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum record_kind { RECORD_BETS, RECORD_DONE, RECORD_FILE, RECORD_CLAIM, RECORD_KINDS };

enum {
    RECORD_CENTRE_BYTES = 33, /* with its NUL, as all of these */
    RECORD_IDENTITY_BYTES = 33,
    RECORD_NONCE_BYTES = 33,
    RECORD_NODE_BYTES = 81, /* a host name, "-" and 8 digits */
    RECORD_NAME_BYTES = 33,
    /* What headers, subject and framing need of engine_payload_max, at most. */
    RECORD_OVERHEAD_BYTES = 4096
};

struct record {
    enum record_kind kind;
    char identity[RECORD_IDENTITY_BYTES]; /* of the draw: control's, 32 hexadecimal digits */
    uint64_t epoch;                       /* of the claim that its writer writes by; from 1 on */
    char node[RECORD_NODE_BYTES];         /* its writer: graphic ASCII */
    char nonce[RECORD_NONCE_BYTES]; /* of these bytes; the same in each attempt to append them */
    uint64_t offset;                /* of bets and done: where the bytes stand in their file */
    uint64_t rows;                  /* of bets and done: how many lines the bytes are */
    char name[RECORD_NAME_BYTES];   /* of a file: letters, digits, `.`, `-`, `_`; no `.` first */
    /* Of a claim: where the log's bets and lines of done.csv end, at the claim's own place. What the
     * writer before has of these files beyond them was never acknowledged. A claim of another
     * identity begins the next draw: it has zeros, and the draw's control for its bytes, so that a
     * draw and its terms are there at once. (A log's first claim may have none: then control comes
     * as a file, behind the bytes that it speaks of.) */
    uint64_t bets_end;
    uint64_t done_end;
    const void *bytes; /* not owned; NULL: there are none */
    uint64_t length;
    uint32_t crc32c; /* of the bytes: set by the two functions below */
};

/* No claim gets there (LOG_STATE_EPOCH_STEP_MAX), so that there is always a next one. */
#define RECORD_EPOCH_MAX (UINT64_MAX / 2)

/* True when a centre may have this name: 1 to 32 letters, digits and `-`. */
bool record_is_centre(const char *centre);

/* Writes the name of a centre's stream, "BETS_north". */
void record_write_stream(char stream[ENGINE_SUBJECT_BYTES], const char *centre);

/* Writes the subject of a kind, "lottery.north.bets". The stream has those of all kinds. */
void record_write_subject(char subject[ENGINE_SUBJECT_BYTES], const char *centre,
                          enum record_kind kind);

/* Writes the subject of the heartbeats, "lottery.north.alive", which no stream has. */
void record_write_alive(char subject[ENGINE_SUBJECT_BYTES], const char *centre);

/* Makes a new nonce. False with the failure when the kernel gives no random bytes. */
bool record_make_nonce(char nonce[RECORD_NONCE_BYTES], struct failure *failure);

/* Sets record->crc32c, writes the headers of the record, and returns how many they are. */
size_t record_write(struct record *record, struct engine_header headers[ENGINE_HEADERS_MAX]);

/*
 * Reads a message: every header of its kind is there and well formed, and the bytes are those that the
 * headers tell. False with the failure. record->bytes is the message's.
 */
bool record_read(const struct engine_message *message, struct record *record,
                 struct failure *failure);

/* The nonce alone of a message that need not be a record; NULL: it has none. */
const char *record_nonce_of(const struct engine_message *message);

#endif
