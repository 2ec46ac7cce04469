/*
 * engine_memory.h - an engine in the memory of one process, for tests: it fails when it is told to.
 *
 * Several clients may be opened on the same streams, each of them by a thread of its own. What a call
 * returns points to memory that the next call with the same client frees, so that a sanitizer sees
 * who keeps it.
 *
 * No program links it. If the process dies, the streams are gone.
 */
#ifndef ENGINE_ENGINE_MEMORY_H
#define ENGINE_ENGINE_MEMORY_H

#include "engine/engine.h"

enum {
    ENGINE_MEMORY_STREAMS_MAX = 32,
    ENGINE_MEMORY_CLIENTS_MAX = 8,
    ENGINE_MEMORY_PAYLOAD_MAX = 1024 * 1024, /* at first */
    ENGINE_MEMORY_HEARD_MAX = 16             /* texts that nobody has taken; the oldest go */
};

struct engine_memory;

/* What becomes of a client's next append. */
enum engine_memory_fault {
    ENGINE_MEMORY_NO_FAULT,
    ENGINE_MEMORY_ANSWER_LOST, /* stored; the answer is UNKNOWN */
    ENGINE_MEMORY_LOST,        /* not stored; UNKNOWN */
    ENGINE_MEMORY_LATE,        /* UNKNOWN; it arrives before the next append of any client */
    ENGINE_MEMORY_REFUSE,      /* not stored, refused: by a leader that is none any more */
    ENGINE_MEMORY_FORBID       /* not stored, forbidden */
};

/* Makes an engine without streams. NULL without memory. The caller calls engine_memory_drop. */
struct engine_memory *engine_memory_make(void);

/* Frees it, after its clients were closed. NULL is allowed. */
void engine_memory_drop(struct engine_memory *memory);

/* A client, as engine_open_nats gives. NULL when there are too many. */
struct engine *engine_open_memory(struct engine_memory *memory);

/* The client's next append fails so; the ones after it don't. */
void engine_memory_fail_append(struct engine *engine, enum engine_memory_fault fault);

/* From now on this client has a connection or not. Without one: UNKNOWN, not stored, and AWAY. */
void engine_memory_set_away(struct engine *engine, bool away);

/* From now on this client reads what there was when this sequence was the last one; 0: all there is. */
void engine_memory_set_stale(struct engine *engine, uint64_t last);

/* How many bytes one message may have, from now on. */
void engine_memory_set_payload_max(struct engine_memory *memory, size_t bytes);

/* The engine loses all messages of the stream from this sequence on, as engines do that don't sync. */
void engine_memory_lose_from(struct engine_memory *memory, const char *stream, uint64_t sequence);

/* It loses this one alone. */
void engine_memory_lose_one(struct engine_memory *memory, const char *stream, uint64_t sequence);

/* It loses the stream. */
void engine_memory_lose_stream(struct engine_memory *memory, const char *stream);

/* A bit of the message's bytes flips. The message has bytes. */
void engine_memory_flip_bit(struct engine_memory *memory, const char *stream, uint64_t sequence);

#endif
