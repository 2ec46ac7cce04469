/*
 * pipeline.c - see pipeline.h.
 */
#include "server/handler/pipeline.h"

#include "bet/bet.h"
#include "bet/bet_rules.h"
#include "lib/checksum.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "shm/ring.h"
#include "shm/slots.h"
#include "shm/waiting.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define POSITION_GATHERED UINT64_MAX

enum { GATHERED_BYTES = 512 * 1024 };

static size_t larger_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t smaller_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * Room for a message of the longest kind, and for not more than half the ring: others append too.
 */
static size_t csv_capacity(const struct server_config *config)
{
    size_t message_csv_bytes = BET_CSV_BYTES_MAX(config->limit_message_bytes + 1);
    return larger_of(message_csv_bytes, smaller_of(GATHERED_BYTES, config->ring_bytes / 2));
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
    };
    pipeline->csv = arena_take(arena, pipeline->csv_capacity);
    pipeline->pending = arena_take(arena, PIPELINE_PENDING_MAX * sizeof(struct pending_batch));
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

/* Makes room for one more entry. False when the server is halted. */
static bool make_queue_room(struct pipeline *pipeline)
{
    return pipeline->count < PIPELINE_PENDING_MAX ||
           (pipeline_append(pipeline) && pipeline_wait_for_oldest(pipeline));
}

/* A new entry behind all others; there has to be room. */
static struct pending_batch *push(struct pipeline *pipeline, const struct message *message)
{
    if (pipeline->count == 0) {
        pipeline->first = 0; /* the same few entries stay in the cache */
    }
    struct pending_batch *batch = pending_at(pipeline, pipeline->count++);
    batch->agency = message->sender;
    batch->dialect = message->dialect;
    batch->bets = 0;
    batch->refused = false;
    batch->position = POSITION_GATHERED;
    return batch;
}

/* Every ERROR of the connection passes here, and breaks its claim. */
static void refuse(struct pipeline *pipeline, struct pending_batch *batch)
{
    batch->refused = true;
    batch->position = 0; /* it has nothing to wait for */
    claim_break(pipeline->claim);
}

static bool queue_error(struct pipeline *pipeline, const struct message *message)
{
    if (!make_queue_room(pipeline)) {
        return false;
    }
    refuse(pipeline, push(pipeline, message));
    return true;
}

/* -------------------------------------------------------------- gathering ---- */

/* The gathered batches are the newest ones. Each gets its position, or is refused. */
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
        if (result != APPEND_DONE) {
            refuse(pipeline, batch);
            refused++;
        }
    }
    if (refused > 0) {
        peer_log_limited(pipeline->log, LOG_LEVEL_WARNING,
                         "action: apuesta_recibida | result: fail | cantidad: %" PRIu64
                         " | agency: %" PRIu32 " | reason: %s | batches: %" PRIu64,
                         pipeline->gathered_bets, pipeline->gathered_agency->id,
                         append_result_text(result), refused);
    }
    pipeline->csv_used = 0;
    pipeline->gathered_bets = 0;
    pipeline->gathered_agency = NULL;
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
    };
    uint64_t end = 0;
    enum append_result result = ring_append(pipeline->segment, pipeline->slot_index, &append, &end);
    if (result == APPEND_HALTED) {
        return false;
    }
    resolve_gathered(pipeline, result, end);
    return true;
}

static size_t count_rows(const char *body, size_t bytes)
{
    size_t rows = 0;
    const char *end = body + bytes;
    for (const char *at = body; at < end; rows++) {
        const char *line_feed = memchr(at, '\n', (size_t)(end - at));
        at = line_feed == NULL ? end : line_feed + 1;
    }
    return rows;
}

enum { AGENCY_FIELD_BYTES = 32 };

/* Nothing where the sender could not be read: there may be an agency 0. */
static const char *agency_field(const struct message *message, char field[AGENCY_FIELD_BYTES])
{
    field[0] = '\0';
    if (message->from_agency) {
        (void)snprintf(field, AGENCY_FIELD_BYTES, " | agency: %u", message->sender);
    }
    return field;
}

static void log_refused(struct pipeline *pipeline, const struct message *message,
                        const char *reason)
{
    char field[AGENCY_FIELD_BYTES];
    if (message->type == MESSAGE_BET) {
        peer_log_limited(pipeline->log, LOG_LEVEL_WARNING,
                         "action: apuesta_recibida | result: fail | cantidad: %zu%s | reason: %s",
                         count_rows(message->body, message->body_bytes),
                         agency_field(message, field), reason);
    } else {
        peer_log_limited(pipeline->log, LOG_LEVEL_WARNING,
                         "action: receive_message | result: fail%s | reason: %s",
                         agency_field(message, field), reason);
    }
}

static void log_refused_row(struct pipeline *pipeline, const struct message *message,
                            const struct bet_conversion *conversion)
{
    peer_log_limited(pipeline->log, LOG_LEVEL_WARNING,
                     "action: apuesta_recibida | result: fail | cantidad: %zu | agency: %u | row: "
                     "%zu | reason: %s",
                     count_rows(message->body, message->body_bytes), message->sender,
                     conversion->rows + 1, bet_fault_text(conversion->fault));
}

/* A document as the log shows it: whole, or only its end. */
static void note_document(const struct pipeline *pipeline, struct pending_batch *batch,
                          const struct bet_field *document)
{
    enum { SHOWN_DIGITS = 4 };
    size_t hidden = 0;
    if (pipeline->masks_documents) {
        hidden = document->bytes > SHOWN_DIGITS ? document->bytes - SHOWN_DIGITS : document->bytes;
    }
    (void)snprintf(batch->document, sizeof batch->document, "%s%.*s",
                   pipeline->masks_documents ? "****" : "", (int)(document->bytes - hidden),
                   document->text + hidden);
}

/* What the log will say of a batch of one bet. */
static void note_single_bet(const struct pipeline *pipeline, struct pending_batch *batch,
                            const struct message *message)
{
    struct bet bet;
    size_t bytes = message->body_bytes;
    if (message->body[bytes - 1] == '\n') {
        bytes--;
    }
    if (bet_parse(message->body, bytes, &bet) == BET_VALID) {
        const struct bet_field *document = &bet.fields[BET_DOCUMENT];
        const struct bet_field *number = &bet.fields[BET_NUMBER];
        note_document(pipeline, batch, document);
        (void)bet_parse_uint32(number->text, number->bytes, &batch->number);
    }
}

/* Appends what is gathered when this batch can't join it: it is another agency's, or too long. */
static bool make_gathering_room(struct pipeline *pipeline, struct agency *agency, size_t body_bytes)
{
    size_t csv_bytes = BET_CSV_BYTES_MAX(body_bytes + 1);
    bool fits = csv_bytes <= pipeline->csv_capacity - pipeline->csv_used;
    bool same = pipeline->gathered_agency == agency;
    if (pipeline->csv_used > 0 && !(fits && same) && !pipeline_append(pipeline)) {
        return false;
    }
    pipeline->gathered_agency = agency;
    pipeline->gathered_epoch = claim_epoch(pipeline->claim, agency);
    return true;
}

/* The day by the server's clock and time zone, which a bet that is stored keeps for good. */
static void write_today(char date[BET_RULES_DATE_BYTES])
{
    time_t now = time(NULL);
    struct tm broken_down;
    (void)localtime_r(&now, &broken_down);
    (void)strftime(date, BET_RULES_DATE_BYTES, "%Y-%m-%d", &broken_down);
}

/*
 * Rows are converted; those of a batch that breaks the lottery's own rules are refused after all.
 */
static void check_rules(const struct pipeline *pipeline, const struct message *message,
                        struct bet_conversion *conversion)
{
    const struct server_config *config = pipeline->config;
    struct bet_rules rules = {.number_max = config->rule_number_max};
    if (config->rule_birthdate == BIRTHDATE_PAST) {
        write_today(rules.born_until);
    }
    if (conversion->fault == BET_VALID && bet_rules_are_set(&rules)) {
        conversion->fault =
            bet_rules_check(&rules, message->body, message->body_bytes, &conversion->rows);
    }
}

bool pipeline_add(struct pipeline *pipeline, struct agency *agency, const struct message *message)
{
    if (!make_queue_room(pipeline) || !make_gathering_room(pipeline, agency, message->body_bytes)) {
        return false;
    }
    if (claim_bars(pipeline->claim, agency)) { /* the append above may just have broken it */
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
        refuse(pipeline, batch);
        return true;
    }
    batch->bets = (uint32_t)conversion.rows;
    if (conversion.rows == 1 && log_enabled(LOG_LEVEL_INFO)) {
        note_single_bet(pipeline, batch, message);
    }
    pipeline->csv_used += conversion.csv_bytes;
    pipeline->gathered_bets += conversion.rows;
    return true;
}

/* ------------------------------------------------------------- refusals ---- */

bool pipeline_refuse(struct pipeline *pipeline, const struct message *message, const char *reason)
{
    log_refused(pipeline, message, reason);
    return queue_error(pipeline, message);
}

bool pipeline_complain(struct pipeline *pipeline, const char *reason)
{
    const struct message nothing = {.type = MESSAGE_ERROR, .dialect = MESSAGE_BY_CODE};
    return pipeline_refuse(pipeline, &nothing, reason);
}

bool pipeline_refuse_follower(struct pipeline *pipeline, const struct message *message)
{
    claim_count_follower(pipeline->claim, count_rows(message->body, message->body_bytes));
    return queue_error(pipeline, message);
}

/* -------------------------------------------------------------- answers ---- */

/* Every bet that is stored is told, however many they are. */
static void log_stored(const struct pipeline *pipeline, const struct pending_batch *batch)
{
    if (batch->bets == 1) {
        peer_log_write(pipeline->log, LOG_LEVEL_INFO,
                       "action: apuesta_almacenada | result: success | dni: %s | numero: %u",
                       batch->document, batch->number);
    }
    peer_log_write(pipeline->log, LOG_LEVEL_INFO,
                   "action: apuesta_recibida | result: success | cantidad: %u | agency: %u",
                   batch->bets, batch->agency);
}

static void answer_oldest(struct pipeline *pipeline)
{
    const struct pending_batch *batch = pending_at(pipeline, 0);
    char answer[MESSAGE_HEADER_BYTES_MAX];
    enum message_type type = batch->refused ? MESSAGE_ERROR : MESSAGE_ACK;
    if (!batch->refused) {
        struct slot *slot = &pipeline->segment->slots[pipeline->slot_index];
        uint64_t bets = atomic_load_explicit(&slot->bets, memory_order_relaxed);
        atomic_store_explicit(&slot->bets, bets + batch->bets, memory_order_relaxed);
        log_stored(pipeline, batch);
    }
    connection_send(pipeline->connection, answer,
                    message_write_answer(answer, type, batch->dialect, false));
    pipeline->first = (pipeline->first + 1) % PIPELINE_PENDING_MAX;
    pipeline->count--;
}

void pipeline_answer_safe(struct pipeline *pipeline)
{
    if (pipeline->count == 0) {
        return;
    }
    uint64_t safe = atomic_load(pipeline->safe);
    fault_point("answer.before");
    while (pipeline->count > 0 && pending_at(pipeline, 0)->position <= safe) {
        answer_oldest(pipeline);
    }
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
