/*
 * engine.c - gives each call to the engine that it is for. See engine.h.
 */
#include "engine/engine_calls.h"

void engine_close(struct engine *engine)
{
    if (engine != NULL) {
        engine->calls->close(engine);
    }
}

enum engine_answer engine_make_stream(struct engine *engine, const char *stream,
                                      const char *const *subjects, size_t subject_count,
                                      unsigned replicas, int64_t timeout_ms,
                                      struct failure *failure)
{
    return engine->calls->make_stream(engine, stream, subjects, subject_count, replicas, timeout_ms,
                                      failure);
}

size_t engine_payload_max(const struct engine *engine)
{
    return engine->calls->payload_max(engine);
}

enum engine_answer engine_append(struct engine *engine, const struct engine_append *append,
                                 int64_t timeout_ms, uint64_t *sequence, struct failure *failure)
{
    return engine->calls->append(engine, append, timeout_ms, sequence, failure);
}

enum engine_reading engine_last_sequence(struct engine *engine, const char *stream,
                                         int64_t timeout_ms, uint64_t *sequence,
                                         struct failure *failure)
{
    return engine->calls->last_sequence(engine, stream, timeout_ms, sequence, failure);
}

enum engine_reading engine_read_last(struct engine *engine, const char *stream, const char *subject,
                                     int64_t timeout_ms, struct engine_message *message,
                                     struct failure *failure)
{
    return engine->calls->read_last(engine, stream, subject, timeout_ms, message, failure);
}

enum engine_reading engine_read(struct engine *engine, const char *stream, uint64_t sequence,
                                int64_t timeout_ms, struct engine_message *message,
                                struct failure *failure)
{
    return engine->calls->read(engine, stream, sequence, timeout_ms, message, failure);
}

void engine_tell(struct engine *engine, const char *subject, const char *text)
{
    engine->calls->tell(engine, subject, text);
}

bool engine_listen(struct engine *engine, const char *subject, struct failure *failure)
{
    return engine->calls->listen(engine, subject, failure);
}

bool engine_hear(struct engine *engine, char *text, size_t size)
{
    return engine->calls->hear(engine, text, size);
}

void engine_describe(const struct engine *engine, struct engine_state *state)
{
    engine->calls->describe(engine, state);
}
