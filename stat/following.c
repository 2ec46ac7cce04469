/*
 * following.c - see following.h.
 */
#include "stat/following.h"

#include "lib/clock.h"
#include "lib/decimal.h"
#include "lib/timestamp.h"
#include "stat/json.h"
#include "stat/prometheus.h"
#include "stat/units.h"

#include <inttypes.h>
#include <stdbool.h>

enum { MS_PER_SECOND = 1000 };

uint64_t following_lag_bytes(const struct replication_state *state)
{
    return state->told_bets_end > state->bets_end ? state->told_bets_end - state->bets_end : 0;
}

static uint64_t age_ms(int64_t moment_ms)
{
    int64_t now_ms = clock_wall_ms();
    return now_ms > moment_ms ? (uint64_t)(now_ms - moment_ms) : 0;
}

void following_write_words(const struct replication_state *state, char words[FOLLOWING_WORDS_BYTES])
{
    if (!state->connected) {
        (void)snprintf(words, FOLLOWING_WORDS_BYTES, "the engine is away: it takes nothing over");
    } else if (state->epoch == 0) {
        (void)snprintf(words, FOLLOWING_WORDS_BYTES, "the log is empty: it waits for a primary");
    } else {
        (void)snprintf(words, FOLLOWING_WORDS_BYTES, "follows %s, epoch %" PRIu64, state->writer,
                       state->epoch);
    }
}

/* ---------------------------------------------------------------- people ---- */

static void print_takeovers(FILE *file, const struct replication_state *state)
{
    for (size_t i = 0; i < state->takeover_count; i++) {
        const struct replication_takeover *takeover = &state->takeovers[i];
        char at[TIMESTAMP_BYTES];
        timestamp_write(takeover->at_ms, at);
        fprintf(file, "%-12s epoch %" PRIu64 ", %s, %s\n", i == 0 ? "takeovers" : "",
                takeover->epoch, at, takeover->node);
    }
}

void following_print(FILE *file, const struct replication_state *state)
{
    char words[FOLLOWING_WORDS_BYTES];
    char lag[UNITS_TEXT_BYTES];
    char bets[DECIMAL_GROUPED_BYTES];
    char age[UNITS_TEXT_BYTES];
    following_write_words(state, words);
    units_bytes((double)following_lag_bytes(state), lag);
    decimal_write_grouped(bets, state->bets_end);
    units_duration_ms(age_ms(state->written_at_ms), age);
    fprintf(file, "%-12s standby: %s\n", "role", words);
    fprintf(file, "%-12s record %" PRIu64 ", %s bytes of bets.csv, %" PRIu64 " of done.csv\n",
            "has", state->sequence, bets, state->done_end);
    if (state->heard_at_ms != 0) {
        char heard[UNITS_TEXT_BYTES];
        units_duration_ms(age_ms(state->heard_at_ms), heard);
        fprintf(file, "%-12s heard %s ago, lag %s\n", "primary", heard, lag);
    } else {
        fprintf(file, "%-12s not heard yet\n", "primary");
    }
    fprintf(file, "%-12s %s, as of %s ago\n", "engine",
            state->connected ? "connected" : "not connected", age);
    print_takeovers(file, state);
}

/* -------------------------------------------------------------- programs ---- */

static void print_age(FILE *file, const char *name, int64_t moment_ms)
{
    if (moment_ms == 0) {
        fprintf(file, ", \"%s\": null", name);
    } else {
        fprintf(file, ", \"%s\": %" PRIu64, name, age_ms(moment_ms));
    }
}

void following_print_json(FILE *file, const struct replication_state *state)
{
    fputs("{\"replication\": {\"role\": \"standby\", \"id\": ", file);
    json_print_string(file, state->id);
    fputs(", \"writer\": ", file);
    json_print_string(file, state->writer);
    fprintf(file,
            ", \"epoch\": %" PRIu64 ", \"sequence\": %" PRIu64 ", \"bets_end\": %" PRIu64
            ", \"done_end\": %" PRIu64 ", \"lag_bytes\": %" PRIu64 ", \"connected\": %s",
            state->epoch, state->sequence, state->bets_end, state->done_end,
            following_lag_bytes(state), state->connected ? "true" : "false");
    print_age(file, "heard_age_ms", state->heard_at_ms);
    print_age(file, "state_age_ms", state->written_at_ms);
    fputs(", \"takeovers\": [", file);
    for (size_t i = 0; i < state->takeover_count; i++) {
        const struct replication_takeover *takeover = &state->takeovers[i];
        fprintf(file,
                "%s{\"epoch\": %" PRIu64 ", \"at_ms\": %" PRId64 ", \"node\": ", i == 0 ? "" : ", ",
                takeover->epoch, takeover->at_ms);
        json_print_string(file, takeover->node);
        fputs("}", file);
    }
    fputs("]}}\n", file);
}

static void print_metric(FILE *file, const char *name, const char *help, double value)
{
    fprintf(file, "# HELP %s %s\n# TYPE %s gauge\n%s %.15g\n", name, help, name, name, value);
}

void following_print_metrics(FILE *file, const struct replication_state *state)
{
    fputs("# HELP lottery_standby A standby, and the node that it follows.\n"
          "# TYPE lottery_standby gauge\nlottery_standby{writer=\"",
          file);
    prometheus_print_label_value(file, state->writer);
    fputs("\"} 1\n", file);
    print_metric(file, "lottery_standby_epoch", "Epoch of the log's last claim.",
                 (double)state->epoch);
    print_metric(file, "lottery_standby_sequence", "The log's last record that is in the files.",
                 (double)state->sequence);
    print_metric(file, "lottery_standby_bets_bytes", "Bytes of bets.csv, synced.",
                 (double)state->bets_end);
    print_metric(file, "lottery_standby_lag_bytes", "Bytes that the primary has, and this lacks.",
                 (double)following_lag_bytes(state));
    print_metric(file, "lottery_standby_engine_connected", "1: connected to the engine.",
                 state->connected ? 1.0 : 0.0);
    print_metric(file, "lottery_standby_state_age_seconds", "Since these figures were written.",
                 (double)age_ms(state->written_at_ms) / MS_PER_SECOND);
    if (state->heard_at_ms != 0) {
        print_metric(file, "lottery_standby_heard_age_seconds", "Since the primary was heard.",
                     (double)age_ms(state->heard_at_ms) / MS_PER_SECOND);
    }
}
