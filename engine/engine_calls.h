/*
 * engine_calls.h - what each engine has to be able to do; engine.c calls it.
 *
 * Included by the engines alone. Each has a struct of its own that begins with `struct engine`. What the
 * functions promise stands in engine.h.
 */
#ifndef ENGINE_ENGINE_CALLS_H
#define ENGINE_ENGINE_CALLS_H

#include "engine/engine.h"

struct engine_calls {
    void (*close)(struct engine *engine);
    enum engine_answer (*make_stream)(struct engine *engine, const char *stream,
                                      const char *const *subjects, size_t subject_count,
                                      unsigned replicas, int64_t timeout_ms,
                                      struct failure *failure);
    size_t (*payload_max)(const struct engine *engine);
    enum engine_answer (*append)(struct engine *engine, const struct engine_append *append,
                                 int64_t timeout_ms, uint64_t *sequence, struct failure *failure);
    enum engine_reading (*last_sequence)(struct engine *engine, const char *stream,
                                         int64_t timeout_ms, uint64_t *sequence,
                                         struct failure *failure);
    enum engine_reading (*read_last)(struct engine *engine, const char *stream, const char *subject,
                                     int64_t timeout_ms, struct engine_message *message,
                                     struct failure *failure);
    enum engine_reading (*read)(struct engine *engine, const char *stream, uint64_t sequence,
                                int64_t timeout_ms, struct engine_message *message,
                                struct failure *failure);
    void (*tell)(struct engine *engine, const char *subject, const char *text);
    bool (*listen)(struct engine *engine, const char *subject, struct failure *failure);
    bool (*hear)(struct engine *engine, char *text, size_t size);
    void (*describe)(const struct engine *engine, struct engine_state *state);
};

struct engine {
    const struct engine_calls *calls;
};

#endif
