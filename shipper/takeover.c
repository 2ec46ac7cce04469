/*
 * takeover.c - see takeover.h.
 */
#include "shipper/takeover.h"

#include "lib/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLAIM_MS = 2000,     /* for an answer to an append */
    STARTING_MS = 15000, /* beside the patience: for the server of a node that has just claimed */
    NAMESAKE_MS = 10000, /* the rest of a killed server beats for less, by HEARTBEAT_LATE_MS */
    NAMESAKE_GONE_MS = 5000, /* after such a silence it is another one */
    DECIMAL = 10
};

void takeover_begin(struct takeover *takeover, uint64_t patience_ms, int64_t now_ms)
{
    *takeover = (struct takeover){.patience_ms = patience_ms, .alive_at_ms = now_ms};
}

void takeover_note_life(struct takeover *takeover, int64_t now_ms)
{
    takeover->alive_at_ms = now_ms;
}

void takeover_note_claim(struct takeover *takeover, const struct log_state *before,
                         const struct record *claim, int64_t now_ms)
{
    const bool goes_on =
        strcmp(before->node, claim->node) == 0 && strcmp(before->identity, claim->identity) == 0;
    takeover->alive_at_ms = now_ms;
    if (!goes_on) {
        takeover->grace_epoch = claim->epoch;
    }
}

void takeover_order(struct takeover *takeover, int64_t now_ms)
{
    takeover->is_ordered = true;
    takeover->ordered_at_ms = now_ms;
}

/* Reads a number and the space after it. */
static bool take_number(const char **at, uint64_t *number)
{
    char *end = NULL;
    *number = strtoull(*at, &end, DECIMAL);
    if (end == *at || (*end != ' ' && *end != '\0')) {
        return false;
    }
    *at = *end == ' ' ? end + 1 : end;
    return true;
}

static void note_namesake(struct takeover *takeover, int64_t now_ms)
{
    if (takeover->namesake_since_ms == 0 || now_ms - takeover->namesake_at_ms >= NAMESAKE_GONE_MS) {
        takeover->namesake_since_ms = now_ms;
    }
    takeover->namesake_at_ms = now_ms;
}

bool takeover_has_namesake(const struct takeover *takeover)
{
    return takeover->namesake_at_ms - takeover->namesake_since_ms >= NAMESAKE_MS;
}

bool takeover_hear(struct takeover *takeover, const char *text, const struct log_state *log,
                   const char *own_node, int64_t now_ms)
{
    const char *at = text;
    uint64_t epoch = 0;
    uint64_t bets_end = 0;
    uint64_t done_end = 0;
    if (!take_number(&at, &epoch)) {
        return false;
    }
    const size_t node_bytes = strcspn(at, " ");
    const bool is_own = strlen(own_node) == node_bytes && strncmp(at, own_node, node_bytes) == 0;
    at += node_bytes + (at[node_bytes] == ' ' ? 1 : 0);
    if (epoch < log->epoch || !take_number(&at, &bets_end) || !take_number(&at, &done_end)) {
        return false;
    }
    takeover->alive_at_ms = now_ms;
    if (is_own) {
        note_namesake(takeover, now_ms);
        return false;
    }
    takeover->heard_epoch = epoch;
    takeover->told_bets_end = bets_end;
    takeover->heard_at_ms = clock_wall_ms();
    return true;
}

int64_t takeover_due_ms(const struct takeover *takeover, const struct log_state *log,
                        const char *own_node, int64_t now_ms)
{
    if (takeover->is_ordered) {
        return 0;
    }
    const bool is_starting =
        takeover->grace_epoch == log->epoch && takeover->heard_epoch != log->epoch;
    const bool is_own = strcmp(log->node, own_node) == 0;
    const int64_t patience_ms = (int64_t)takeover->patience_ms / (is_own ? 2 : 1) +
                                (is_starting ? (int64_t)STARTING_MS : 0);
    const int64_t left_ms = takeover->alive_at_ms + patience_ms - now_ms;
    return left_ms > 0 ? left_ms : 0;
}

/* A late copy of the claim, and the same one again, exclude each other; another one has its own nonce. */
static bool renew_nonce(struct takeover *takeover, const struct log_state *log,
                        struct failure *failure)
{
    if (takeover->has_tried && takeover->tried_after == log->sequence) {
        return true;
    }
    takeover->has_tried = record_make_nonce(takeover->nonce, failure);
    takeover->tried_after = log->sequence;
    return takeover->has_tried;
}

enum engine_answer takeover_claim(struct takeover *takeover, struct engine *engine,
                                  const char *centre, const struct log_state *log,
                                  const char *own_node, struct failure *failure)
{
    char stream[ENGINE_SUBJECT_BYTES];
    char subject[ENGINE_SUBJECT_BYTES];
    struct engine_header headers[ENGINE_HEADERS_MAX];
    struct record claim = {.kind = RECORD_CLAIM,
                           .epoch = log->epoch + 1,
                           .bets_end = log->bets_end,
                           .done_end = log->done_end};
    uint64_t sequence = 0;
    if (!renew_nonce(takeover, log, failure)) {
        return ENGINE_UNKNOWN;
    }
    record_write_stream(stream, centre);
    record_write_subject(subject, centre, RECORD_CLAIM);
    (void)snprintf(claim.identity, sizeof claim.identity, "%s", log->identity);
    (void)snprintf(claim.node, sizeof claim.node, "%s", own_node);
    (void)snprintf(claim.nonce, sizeof claim.nonce, "%s", takeover->nonce);
    const struct engine_append append = {.stream = stream,
                                         .subject = subject,
                                         .expectation = ENGINE_AFTER_SEQUENCE,
                                         .expected = log->sequence,
                                         .header_count = record_write(&claim, headers),
                                         .headers = headers};
    return engine_append(engine, &append, CLAIM_MS, &sequence, failure);
}

bool takeover_is_ours(const struct takeover *takeover, const struct record *record)
{
    return record->kind == RECORD_CLAIM && takeover->has_tried &&
           strcmp(record->nonce, takeover->nonce) == 0;
}
