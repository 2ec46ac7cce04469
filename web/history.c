/*
 * history.c - see history.h.
 */
#include "web/history.h"

#include <inttypes.h>
#include <math.h>

enum { NS_PER_MS = 1000000 };

static struct history_base make_base(const struct snapshot *snapshot, uint64_t now_ms,
                                     uint64_t now_ns)
{
    if (snapshot == NULL) {
        return (struct history_base){.at_ms = now_ms, .at_ns = now_ns};
    }
    return (struct history_base){
        .known = true,
        .at_ms = now_ms,
        .at_ns = now_ns,
        .pid = snapshot->server.pid,
        .started_at_ms = snapshot->server.started_at_ms,
        .bets = snapshot->server.bets,
        .durable_bytes = snapshot->ring.durable,
        .flushes = snapshot->storer.flushes,
        .sync_total_ns = snapshot->storer.sync_total_ns,
    };
}

static bool is_same_server(const struct history_base *one, const struct history_base *other)
{
    return one->known && other->known && one->pid == other->pid &&
           one->started_at_ms == other->started_at_ms;
}

/* A new draw begins with no bets: nothing can be said of the second in which it did. */
static double rate(uint64_t before, uint64_t now, double elapsed_s)
{
    return now < before ? NAN : (double)(now - before) / elapsed_s;
}

static struct history_sample make_sample(const struct history *history,
                                         const struct history_base *now)
{
    static const double ns_per_second = 1e9;
    const struct history_base *base = &history->base;
    struct history_sample sample = {.at_ms = now->at_ms,
                                    .bets_a_second = NAN,
                                    .bytes_a_second = NAN,
                                    .syncs_a_second = NAN,
                                    .sync_mean_ns = SNAPSHOT_UNKNOWN,
                                    .sync_slowest_ns = SNAPSHOT_UNKNOWN};
    if (!is_same_server(base, now)) {
        return sample;
    }
    double elapsed_s = (double)(now->at_ns - base->at_ns) / ns_per_second;
    sample.bets_a_second = rate(base->bets, now->bets, elapsed_s);
    sample.bytes_a_second = rate(base->durable_bytes, now->durable_bytes, elapsed_s);
    sample.syncs_a_second = rate(base->flushes, now->flushes, elapsed_s);
    if (now->flushes > base->flushes && now->sync_total_ns >= base->sync_total_ns) {
        sample.sync_mean_ns =
            (now->sync_total_ns - base->sync_total_ns) / (now->flushes - base->flushes);
        sample.sync_slowest_ns =
            history->slowest_ns > sample.sync_mean_ns ? history->slowest_ns : sample.sync_mean_ns;
    }
    return sample;
}

void history_look(struct history *history, const struct snapshot *snapshot, uint64_t now_ms,
                  uint64_t now_ns)
{
    const struct history_base now = make_base(snapshot, now_ms, now_ns);
    uint64_t last_ns = snapshot == NULL ? SNAPSHOT_UNKNOWN : snapshot->storer.sync_last_ns;
    bool is_first = history->base.at_ns == 0;
    if (last_ns != SNAPSHOT_UNKNOWN && now.flushes > history->base.flushes &&
        last_ns > history->slowest_ns) {
        history->slowest_ns = last_ns;
    }
    if (!is_first && now_ns - history->base.at_ns < (uint64_t)HISTORY_SAMPLE_MS * NS_PER_MS) {
        return;
    }
    if (!is_first) {
        history->samples[history->count++ % HISTORY_SAMPLES] = make_sample(history, &now);
    }
    history->base = now;
    history->slowest_ns = 0;
}

static void print_real(FILE *file, const char *name, double value)
{
    fprintf(file, isnan(value) ? ", \"%s\": null" : ", \"%s\": %.1f", name, value);
}

static void print_number(FILE *file, const char *name, uint64_t value)
{
    fprintf(file, value == SNAPSHOT_UNKNOWN ? ", \"%s\": null" : ", \"%s\": %" PRIu64, name, value);
}

void history_print(FILE *file, const struct history *history, uint64_t limit)
{
    uint64_t kept = history->count < HISTORY_SAMPLES ? history->count : HISTORY_SAMPLES;
    kept = kept < limit ? kept : limit;
    fputc('[', file);
    for (uint64_t i = history->count - kept; i < history->count; i++) {
        const struct history_sample *sample = &history->samples[i % HISTORY_SAMPLES];
        fprintf(file, "%s{\"at_ms\": %" PRIu64, i == history->count - kept ? "" : ", ",
                sample->at_ms);
        print_real(file, "bets_a_second", sample->bets_a_second);
        print_real(file, "bytes_a_second", sample->bytes_a_second);
        print_real(file, "syncs_a_second", sample->syncs_a_second);
        print_number(file, "sync_mean_ns", sample->sync_mean_ns);
        print_number(file, "sync_slowest_ns", sample->sync_slowest_ns);
        fputc('}', file);
    }
    fputc(']', file);
}
