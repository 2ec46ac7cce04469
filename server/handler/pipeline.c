/*
 * pipeline.c - see pipeline.h.
 */
#include "server/handler/pipeline.h"

#include "bet/bet.h"
#include "bet/bet_rules.h"
#include "lib/checksum.h"
#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "shm/histogram.h"
#include "shm/refusals.h"
#include "shm/ring.h"
#include "shm/slots.h"
#include "shm/waiting.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define POSITION_GATHERED UINT64_MAX

enum {
    GATHERED_BYTES = 512 * 1024,
    AGENCY_FIELD_BYTES = 32,
    REFUSED_BURST_SECONDS = 50 /* of limits.refused_per_second, that may come at once */
};

/*
 * How many bytes of CSV may be gathered. It is at most half the ring, because others append too. But
 * the rows of the longest message always fit.
 */
static size_t csv_capacity(const struct server_config *config)
{
    size_t message_bytes = BET_CSV_BYTES_MAX(config->limit_message_bytes + 1);
    size_t bytes = GATHERED_BYTES;
    if (bytes > config->ring_bytes / 2) {
        bytes = config->ring_bytes / 2;
    }
    if (bytes < message_bytes) {
        bytes = message_bytes;
    }
    return bytes;
}

size_t pipeline_arena_bytes(const struct server_config *config)
{
    return arena_part_bytes(csv_capacity(config)) +
           arena_part_bytes(PIPELINE_PENDING_MAX * sizeof(struct pending_batch));
}

void pipeline_open(struct pipeline *pipeline, const struct pipeline_setting *setting,
                   struct arena *arena)
{
    const struct server_config *config = &setting->heritage->config;
    *pipeline = (struct pipeline){
        .config = config,
        .segment = &setting->heritage->segment,
        .slot_index = setting->slot_index,
        .connection = setting->connection,
        .log = setting->log,
        .claim = setting->claim,
        .masks_documents = config->log_personal == LOG_PERSONAL_MASKED,
        .safe = heritage_safe_position(setting->heritage),
        .csv_capacity = csv_capacity(config),
        .refused_rate =
            rate_limit_make(config->limit_refused_rate,
                            (uint64_t)config->limit_refused_rate * REFUSED_BURST_SECONDS),
        .exhausted = REFUSAL_REASONS,
    };
    pipeline->csv = arena_take(arena, pipeline->csv_capacity);
    pipeline->pending = arena_take(arena, PIPELINE_PENDING_MAX * sizeof(struct pending_batch));
}

void pipeline_tell_reasons(struct pipeline *pipeline)
{
    pipeline->tells_reasons = true;
}

void pipeline_note_arrival(struct pipeline *pipeline)
{
    pipeline->received_ns = clock_monotonic_ns();
}

bool pipeline_owes_answers(const struct pipeline *pipeline)
{
    return pipeline->count > 0;
}

/* ---------------------------------------------------------------- queue ---- */

static struct pending_batch *pending_at(const struct pipeline *pipeline, size_t index)
{
    return &pipeline->pending[(pipeline->first + index) % PIPELINE_PENDING_MAX];
}

/* Makes room for one more entry. False when the server has been halted. */
static bool make_queue_room(struct pipeline *pipeline)
{
    return pipeline->count < PIPELINE_PENDING_MAX ||
           (pipeline_append(pipeline) && pipeline_wait_for_oldest(pipeline));
}

/* Adds an entry after all others; there has to be room. */
static struct pending_batch *push(struct pipeline *pipeline, const struct message *message)
{
    if (pipeline->count == 0) {
        pipeline->first = 0; /* the same few entries stay in the cache */
    }
    struct pending_batch *batch = pending_at(pipeline, pipeline->count++);
    batch->agency = message->sender;
    batch->dialect = message->dialect;
    batch->bets = 0;
    batch->csv_bytes = 0;
    batch->refused = false;
    batch->position = POSITION_GATHERED;
    batch->received_ns = pipeline->received_ns;
    return batch;
}

/* ------------------------------------------------------------- patience ---- */

static const char too_many_refused[] = "too many refused messages: the connection is closed";
static const char too_many_probes[] = "too many probes: the connection is closed";

/*
 * Counts one more message that brings nothing. The first one that is too many is logged. False from
 * then on.
 */
static bool has_patience(struct pipeline *pipeline, enum refusal_reason kind, const char *reason)
{
    uint64_t now_ns = (uint64_t)clock_monotonic_ns();
    if (pipeline->exhausted == REFUSAL_REASONS &&
        !rate_limit_take(&pipeline->refused_rate, &pipeline->refused_bucket, now_ns, 1)) {
        pipeline->exhausted = kind;
        refusals_count(pipeline->segment, kind);
        log_warning(LOG_CONNECTION_EXHAUSTED, "result: success | reason: %s", reason);
    }
    return pipeline->exhausted == REFUSAL_REASONS;
}

bool pipeline_is_exhausted(const struct pipeline *pipeline)
{
    return pipeline->exhausted != REFUSAL_REASONS;
}

/*
 * Makes the answer an ERROR. All ERRORs of the connection are made here and break its claim. `row`
 * is the one that the reason is about, or 0.
 */
static void refuse(struct pipeline *pipeline, struct pending_batch *batch, const char *reason,
                   uint64_t row)
{
    bool is_untyped =
        batch->dialect == MESSAGE_UNTYPED_BATCH || batch->dialect == MESSAGE_UNTYPED_SINGLE;
    if (!has_patience(pipeline, REFUSAL_MESSAGES, too_many_refused)) {
        reason = pipeline->exhausted == REFUSAL_PROBES ? too_many_probes : too_many_refused;
        row = 0;
    }
    batch->refused = true;
    batch->reason = pipeline->tells_reasons && !is_untyped ? reason : NULL;
    batch->reason_row = row;
    batch->position = 0; /* it has nothing to wait for */
    claim_break(pipeline->claim);
}

/* Queues an ERROR. False when the server has been halted. */
static bool queue_error(struct pipeline *pipeline, const struct message *message,
                        const char *reason)
{
    if (!make_queue_room(pipeline)) {
        return false;
    }
    refuse(pipeline, push(pipeline, message), reason, 0);
    return true;
}

/* -------------------------------------------------------------- gathering ---- */

/*
 * Gives each gathered batch the position at which its own rows end, or refuses it: a copy on the engine
 * may have the first ones long before the last. They are the youngest ones.
 */
static void resolve_gathered(struct pipeline *pipeline, enum append_result result, uint64_t end)
{
    uint64_t refused = 0;
    for (size_t i = pipeline->count; i-- > 0;) {
        struct pending_batch *batch = pending_at(pipeline, i);
        bool is_gathered = batch->position == POSITION_GATHERED;
        if (!is_gathered && !batch->refused) {
            break; /* it and all before it were appended earlier */
        }
        if (!is_gathered) {
            continue; /* refused between batches that were gathered */
        }
        batch->position = end;
        end -= batch->csv_bytes;
        if (result != APPEND_DONE) {
            refuse(pipeline, batch, append_result_text(result), 0);
            refused++;
        }
    }
    if (refused > 0) {
        peer_log_limited(pipeline->log, LOG_LEVEL_WARNING, LOG_BETS_NOT_TAKEN,
                         "result: fail | cantidad: %" PRIu64 " | agency: %" PRIu32
                         " | reason: %s | batches: %" PRIu64,
                         pipeline->gathered_bets, pipeline->gathered_agency->id,
                         append_result_text(result), refused);
    }
    pipeline->csv_used = 0;
    pipeline->gathered_bets = 0;
    pipeline->gathered_agency = NULL;
}

/*
 * Before it sleeps for room: what is safe is answered. While the engine lacks too much, nobody knows for
 * how long, earlier batches get safe by a sync, or by what the engine takes before that: they are waited
 * for first.
 */
static bool answer_before_wait(void *context, const _Atomic uint64_t *position, uint64_t target)
{
    struct pipeline *pipeline = context;
    const bool is_lag = position == &pipeline->segment->shared->positions.replicated;
    pipeline_answer_safe(pipeline);
    while (is_lag && pipeline->count > 0 &&
           pending_at(pipeline, 0)->position != POSITION_GATHERED &&
           (pipeline->safe != position || pending_at(pipeline, 0)->position <= target)) {
        if (!pipeline_wait_for_oldest(pipeline)) {
            return false;
        }
    }
    connection_flush(pipeline->connection);
    return true;
}

bool pipeline_append(struct pipeline *pipeline)
{
    if (pipeline->csv_used == 0) {
        return true;
    }
    const struct append append = {
        .agency = pipeline->gathered_agency,
        .epoch = pipeline->gathered_epoch,
        .bytes = pipeline->csv,
        .count = pipeline->csv_used,
        .bets = pipeline->gathered_bets,
        .checksum = checksum_extend(CHECKSUM_EMPTY, pipeline->csv, pipeline->csv_used),
        .checksum_factor = checksum_factor(pipeline->csv_used),
        .before_wait = answer_before_wait,
        .context = pipeline,
    };
    uint64_t end = 0;
    enum append_result result = ring_append(pipeline->segment, pipeline->slot_index, &append, &end);
    if (result == APPEND_HALTED) {
        return false;
    }
    resolve_gathered(pipeline, result, end);
    return true;
}

size_t pipeline_count_rows(const struct message *message)
{
    size_t rows = 0;
    const char *end = message->body + message->body_bytes;
    for (const char *at = message->body; at < end; rows++) {
        const char *line_feed = memchr(at, '\n', (size_t)(end - at));
        at = line_feed == NULL ? end : line_feed + 1;
    }
    return rows;
}

/* Logs which row of a batch is wrong, and why. */
static void log_refused_row(struct pipeline *pipeline, const struct message *message,
                            const struct bet_conversion *conversion)
{
    peer_log_limited(pipeline->log, LOG_LEVEL_WARNING, LOG_BET_ROW_WRONG,
                     "result: fail | cantidad: %zu | agency: %u | row: %zu | reason: %s",
                     pipeline_count_rows(message), message->sender, conversion->rows + 1,
                     bet_fault_text(conversion->fault));
}

/* Notes what the log will say of a batch of one bet. A masked document shows only its end. */
static void note_single_bet(const struct pipeline *pipeline, struct pending_batch *batch,
                            const struct message *message)
{
    enum { SHOWN_DIGITS = 4 };
    struct bet bet;
    size_t bytes = message->body_bytes;
    if (message->body[bytes - 1] == '\n') {
        bytes--;
    }
    if (bet_parse(message->body, bytes, &bet) != BET_VALID) {
        return;
    }
    const struct bet_field *document = &bet.fields[BET_DOCUMENT];
    const struct bet_field *number = &bet.fields[BET_NUMBER];
    size_t hidden = 0;
    if (pipeline->masks_documents) {
        hidden = document->bytes > SHOWN_DIGITS ? document->bytes - SHOWN_DIGITS : document->bytes;
    }
    snprintf(batch->document, sizeof batch->document, "%s%.*s",
             pipeline->masks_documents ? "****" : "", (int)(document->bytes - hidden),
             document->text + hidden);
    bet_parse_uint32(number->text, number->bytes, &batch->number);
}

/*
 * Checks rows that were converted against the lottery's own rules. Today is the day by the server's
 * clock and time zone.
 */
static void check_rules(const struct pipeline *pipeline, const struct message *message,
                        struct bet_conversion *conversion)
{
    const struct server_config *config = pipeline->config;
    struct bet_rules rules = {.number_max = config->rule_number_max};
    if (config->rule_birthdate == BIRTHDATE_PAST) {
        time_t now = time(NULL);
        struct tm broken_down;
        localtime_r(&now, &broken_down);
        strftime(rules.born_until, sizeof rules.born_until, "%Y-%m-%d", &broken_down);
    }
    if (conversion->fault == BET_VALID && bet_rules_are_set(&rules)) {
        conversion->fault =
            bet_rules_check(&rules, message->body, message->body_bytes, &conversion->rows);
    }
}

bool pipeline_add(struct pipeline *pipeline, struct agency *agency, const struct message *message)
{
    if (!make_queue_room(pipeline)) {
        return false;
    }
    bool fits =
        BET_CSV_BYTES_MAX(message->body_bytes + 1) <= pipeline->csv_capacity - pipeline->csv_used;
    bool joins = fits && pipeline->gathered_agency == agency;
    if (!joins && !pipeline_append(pipeline)) {
        return false;
    }
    if (claim_bars(pipeline->claim, agency)) { /* that append may just have broken it */
        return pipeline_refuse_follower(pipeline, message);
    }
    if (message->body_bytes == 0) {
        return pipeline_refuse(pipeline, message, "the batch is empty");
    }
    struct pending_batch *batch = push(pipeline, message);
    struct bet_conversion conversion = bet_rows_to_csv(
        message->sender, message->body, message->body_bytes, pipeline->csv + pipeline->csv_used);
    check_rules(pipeline, message, &conversion);
    if (conversion.fault != BET_VALID) {
        log_refused_row(pipeline, message, &conversion);
        refuse(pipeline, batch, bet_fault_text(conversion.fault), conversion.rows + 1);
        return true;
    }
    batch->bets = (uint32_t)conversion.rows;
    if (conversion.rows == 1 && log_enabled(LOG_LEVEL_INFO)) {
        note_single_bet(pipeline, batch, message);
    }
    pipeline->gathered_agency = agency;
    pipeline->gathered_epoch = claim_epoch(pipeline->claim, agency);
    batch->csv_bytes = conversion.csv_bytes;
    pipeline->csv_used += conversion.csv_bytes;
    pipeline->gathered_bets += conversion.rows;
    return true;
}

/* ------------------------------------------------------------- refusals ---- */

bool pipeline_refuse_as(struct pipeline *pipeline, const struct message *message,
                        const char *reason, const char *logged)
{
    char agency[AGENCY_FIELD_BYTES] = ""; /* stays empty where the sender could not be read */
    if (message->from_agency) {
        snprintf(agency, sizeof agency, " | agency: %" PRIu32, message->sender);
    }
    if (message->type == MESSAGE_BET) {
        peer_log_limited(pipeline->log, LOG_LEVEL_WARNING, LOG_BETS_REFUSED,
                         "result: fail | cantidad: %zu%-s | reason: %s",
                         pipeline_count_rows(message), agency, logged);
    } else {
        peer_log_limited(pipeline->log, LOG_LEVEL_WARNING, LOG_MESSAGE_REFUSED,
                         "result: fail%-s | reason: %s", agency, logged);
    }
    return queue_error(pipeline, message, reason);
}

bool pipeline_refuse(struct pipeline *pipeline, const struct message *message, const char *reason)
{
    return pipeline_refuse_as(pipeline, message, reason, reason);
}

bool pipeline_complain(struct pipeline *pipeline, const char *reason)
{
    const struct message nothing = {.type = MESSAGE_ERROR, .dialect = MESSAGE_BY_CODE};
    return pipeline_refuse(pipeline, &nothing, reason);
}

bool pipeline_takes_probe(struct pipeline *pipeline)
{
    return has_patience(pipeline, REFUSAL_PROBES, too_many_probes);
}

bool pipeline_refuse_follower(struct pipeline *pipeline, const struct message *message)
{
    claim_count_follower(pipeline->claim, pipeline_count_rows(message));
    return queue_error(pipeline, message, "an earlier message of this connection was refused");
}

/* -------------------------------------------------------------- answers ---- */

/* Sends the ERROR of a refused batch, with its reason where there is one. */
static void send_error(const struct pipeline *pipeline, const struct pending_batch *batch)
{
    char header[MESSAGE_HEADER_BYTES_MAX];
    bool has_reason = batch->reason != NULL;
    connection_send(pipeline->connection, header,
                    message_write_answer(header, MESSAGE_ERROR, batch->dialect, has_reason));
    if (has_reason) {
        char body[MESSAGE_REASON_BYTES_MAX + sizeof MESSAGE_END];
        size_t bytes = message_write_reason(body, batch->reason_row, batch->reason);
        connection_send(pipeline->connection, body, bytes);
    }
}

/* Answers the oldest batch. The log names every stored batch, however many there are. */
static void answer_oldest(struct pipeline *pipeline)
{
    const struct pending_batch *batch = pending_at(pipeline, 0);
    if (!batch->refused) {
        struct slot *slot = &pipeline->segment->slots[pipeline->slot_index];
        uint64_t bets = atomic_load_explicit(&slot->bets, memory_order_relaxed);
        atomic_store_explicit(&slot->bets, bets + batch->bets, memory_order_relaxed);
        if (batch->bets == 1) {
            log_info(LOG_BET_STORED, "result: success | dni: %s | numero: %u", batch->document,
                     batch->number);
        }
        log_info(LOG_BETS_STORED, "result: success | cantidad: %u | agency: %u", batch->bets,
                 batch->agency);
    }
    if (batch->refused) {
        send_error(pipeline, batch);
    } else {
        char answer[MESSAGE_HEADER_BYTES_MAX];
        connection_send(pipeline->connection, answer,
                        message_write_answer(answer, MESSAGE_ACK, batch->dialect, false));
    }
    pipeline->first = (pipeline->first + 1) % PIPELINE_PENDING_MAX;
    pipeline->count--;
}

/* Acknowledgements of batches that came together, to be counted at once. */
struct ack_run {
    int64_t received_ns;
    uint64_t count;
};

static void count_acks(const struct pipeline *pipeline, const struct ack_run *run, int64_t now_ns)
{
    struct shared_histogram *shards = pipeline->segment->shared->times.acks;
    if (run->count > 0 && run->received_ns > 0 && now_ns > run->received_ns) {
        histogram_count(&shards[pipeline->slot_index % SHARED_ACK_SHARDS],
                        (uint64_t)(now_ns - run->received_ns), run->count);
    }
}

/* Notes the oldest batch, which is about to be answered; an ERROR is no acknowledgement. */
static void note_ack(const struct pipeline *pipeline, struct ack_run *run, int64_t now_ns)
{
    const struct pending_batch *batch = pending_at(pipeline, 0);
    if (batch->refused) {
        return;
    }
    if (batch->received_ns != run->received_ns) {
        count_acks(pipeline, run, now_ns);
        *run = (struct ack_run){.received_ns = batch->received_ns};
    }
    run->count++;
}

void pipeline_answer_safe(struct pipeline *pipeline)
{
    if (pipeline->count == 0) {
        return;
    }
    uint64_t safe = atomic_load(pipeline->safe);
    fault_point("answer.before");
    if (pending_at(pipeline, 0)->position > safe) {
        return;
    }
    int64_t now_ns = clock_monotonic_ns();
    struct ack_run run = {0};
    while (pipeline->count > 0 && pending_at(pipeline, 0)->position <= safe) {
        note_ack(pipeline, &run, now_ns);
        answer_oldest(pipeline);
    }
    count_acks(pipeline, &run, now_ns);
}

bool pipeline_wait_for_oldest(struct pipeline *pipeline)
{
    if (pipeline->count > 0 && !wait_until(pipeline->segment, pipeline->slot_index, WAIT_FOR_COMMIT,
                                           pipeline->safe, pending_at(pipeline, 0)->position)) {
        return false;
    }
    pipeline_answer_safe(pipeline);
    return true;
}

bool pipeline_settle(struct pipeline *pipeline)
{
    if (!pipeline_append(pipeline)) {
        return false;
    }
    while (pipeline->count > 0) {
        if (!pipeline_wait_for_oldest(pipeline)) {
            return false;
        }
    }
    return true;
}
