/*
 * batches.c - see batches.h.
 */
#include "server/handler/batches.h"

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

size_t batches_arena_bytes(const struct server_config *config)
{
    return arena_part_bytes(csv_capacity(config)) +
           arena_part_bytes(BATCHES_PENDING_MAX * sizeof(struct pending_batch));
}

void batches_open(struct batches *batches, const struct batches_setting *setting,
                  struct arena *arena)
{
    const struct server_config *config = &setting->heritage->config;
    *batches = (struct batches){
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
    batches->csv = arena_take(arena, batches->csv_capacity);
    batches->pending = arena_take(arena, BATCHES_PENDING_MAX * sizeof(struct pending_batch));
}

bool batches_are_pending(const struct batches *batches)
{
    return batches->count > 0;
}

/* ---------------------------------------------------------------- queue ---- */

static struct pending_batch *pending_at(const struct batches *batches, size_t index)
{
    return &batches->pending[(batches->first + index) % BATCHES_PENDING_MAX];
}

/* Makes room for one more entry. False when the server is halted. */
static bool make_queue_room(struct batches *batches)
{
    return batches->count < BATCHES_PENDING_MAX ||
           (batches_commit(batches) && batches_wait_for_oldest(batches));
}

/* A new entry behind all others; there has to be room. */
static struct pending_batch *push(struct batches *batches, const struct message *message)
{
    if (batches->count == 0) {
        batches->first = 0; /* the same few entries stay in the cache */
    }
    struct pending_batch *batch = pending_at(batches, batches->count++);
    batch->agency = message->sender;
    batch->dialect = message->dialect;
    batch->bets = 0;
    batch->refused = false;
    batch->position = POSITION_GATHERED;
    return batch;
}

/* Every ERROR of the connection passes here, and breaks its claim. */
static void refuse(struct batches *batches, struct pending_batch *batch)
{
    batch->refused = true;
    batch->position = 0; /* it has nothing to wait for */
    claim_break(batches->claim);
}

static bool queue_error(struct batches *batches, const struct message *message)
{
    if (!make_queue_room(batches)) {
        return false;
    }
    refuse(batches, push(batches, message));
    return true;
}

/* -------------------------------------------------------------- gathering ---- */

/* The gathered batches are the newest ones. Each gets its position, or is refused. */
static void resolve_gathered(struct batches *batches, enum append_result result, uint64_t end)
{
    uint64_t refused = 0;
    for (size_t i = batches->count; i-- > 0;) {
        struct pending_batch *batch = pending_at(batches, i);
        bool is_gathered = batch->position == POSITION_GATHERED;
        if (!is_gathered && !batch->refused) {
            break; /* it and all before it were appended earlier */
        }
        if (!is_gathered) {
            continue; /* refused between batches that were gathered */
        }
        batch->position = end;
        if (result != APPEND_DONE) {
            refuse(batches, batch);
            refused++;
        }
    }
    if (refused > 0) {
        peer_log_limited(batches->log, LOG_LEVEL_WARNING,
                         "action: apuesta_recibida | result: fail | cantidad: %" PRIu64
                         " | agency: %" PRIu32 " | reason: %s | batches: %" PRIu64,
                         batches->gathered_bets, batches->gathered_agency->id,
                         append_result_text(result), refused);
    }
    batches->csv_used = 0;
    batches->gathered_bets = 0;
    batches->gathered_agency = NULL;
}

bool batches_commit(struct batches *batches)
{
    if (batches->csv_used == 0) {
        return true;
    }
    const struct append append = {
        .agency = batches->gathered_agency,
        .epoch = batches->gathered_epoch,
        .bytes = batches->csv,
        .count = batches->csv_used,
        .bets = batches->gathered_bets,
        .checksum = checksum_extend(CHECKSUM_EMPTY, batches->csv, batches->csv_used),
        .checksum_factor = checksum_factor(batches->csv_used),
    };
    uint64_t end = 0;
    enum append_result result = ring_append(batches->segment, batches->slot_index, &append, &end);
    if (result == APPEND_HALTED) {
        return false;
    }
    resolve_gathered(batches, result, end);
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

static void log_refused(struct batches *batches, const struct message *message, const char *reason)
{
    char field[AGENCY_FIELD_BYTES];
    if (message->type == MESSAGE_BET) {
        peer_log_limited(batches->log, LOG_LEVEL_WARNING,
                         "action: apuesta_recibida | result: fail | cantidad: %zu%s | reason: %s",
                         count_rows(message->body, message->body_bytes),
                         agency_field(message, field), reason);
    } else {
        peer_log_limited(batches->log, LOG_LEVEL_WARNING,
                         "action: receive_message | result: fail%s | reason: %s",
                         agency_field(message, field), reason);
    }
}

static void log_refused_row(struct batches *batches, const struct message *message,
                            const struct bet_conversion *conversion)
{
    peer_log_limited(batches->log, LOG_LEVEL_WARNING,
                     "action: apuesta_recibida | result: fail | cantidad: %zu | agency: %u | row: "
                     "%zu | reason: %s",
                     count_rows(message->body, message->body_bytes), message->sender,
                     conversion->rows + 1, bet_fault_text(conversion->fault));
}

/* A document as the log shows it: whole, or only its end. */
static void note_document(const struct batches *batches, struct pending_batch *batch,
                          const struct bet_field *document)
{
    enum { SHOWN_DIGITS = 4 };
    size_t hidden = 0;
    if (batches->masks_documents) {
        hidden = document->bytes > SHOWN_DIGITS ? document->bytes - SHOWN_DIGITS : document->bytes;
    }
    (void)snprintf(batch->document, sizeof batch->document, "%s%.*s",
                   batches->masks_documents ? "****" : "", (int)(document->bytes - hidden),
                   document->text + hidden);
}

/* What the log will say of a batch of one bet. */
static void note_single_bet(const struct batches *batches, struct pending_batch *batch,
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
        note_document(batches, batch, document);
        (void)bet_parse_uint32(number->text, number->bytes, &batch->number);
    }
}

/* Appends what is gathered when this batch can't join it: it is another agency's, or too long. */
static bool make_gathering_room(struct batches *batches, struct agency *agency, size_t body_bytes)
{
    size_t csv_bytes = BET_CSV_BYTES_MAX(body_bytes + 1);
    bool fits = csv_bytes <= batches->csv_capacity - batches->csv_used;
    bool same = batches->gathered_agency == agency;
    if (batches->csv_used > 0 && !(fits && same) && !batches_commit(batches)) {
        return false;
    }
    batches->gathered_agency = agency;
    batches->gathered_epoch = claim_epoch(batches->claim, agency);
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
static void check_rules(const struct batches *batches, const struct message *message,
                        struct bet_conversion *conversion)
{
    const struct server_config *config = batches->config;
    struct bet_rules rules = {.number_max = config->rule_number_max};
    if (config->rule_birthdate == BIRTHDATE_PAST) {
        write_today(rules.born_until);
    }
    if (conversion->fault == BET_VALID && bet_rules_are_set(&rules)) {
        conversion->fault =
            bet_rules_check(&rules, message->body, message->body_bytes, &conversion->rows);
    }
}

bool batches_add(struct batches *batches, struct agency *agency, const struct message *message)
{
    if (!make_queue_room(batches) || !make_gathering_room(batches, agency, message->body_bytes)) {
        return false;
    }
    if (claim_bars(batches->claim, agency)) { /* the append above may just have broken it */
        return batches_refuse_follower(batches, message);
    }
    if (message->body_bytes == 0) {
        return batches_refuse(batches, message, "the batch is empty");
    }
    struct pending_batch *batch = push(batches, message);
    struct bet_conversion conversion = bet_rows_to_csv(
        message->sender, message->body, message->body_bytes, batches->csv + batches->csv_used);
    check_rules(batches, message, &conversion);
    if (conversion.fault != BET_VALID) {
        log_refused_row(batches, message, &conversion);
        refuse(batches, batch);
        return true;
    }
    batch->bets = (uint32_t)conversion.rows;
    if (conversion.rows == 1 && log_enabled(LOG_LEVEL_INFO)) {
        note_single_bet(batches, batch, message);
    }
    batches->csv_used += conversion.csv_bytes;
    batches->gathered_bets += conversion.rows;
    return true;
}

/* ------------------------------------------------------------- refusals ---- */

bool batches_refuse(struct batches *batches, const struct message *message, const char *reason)
{
    log_refused(batches, message, reason);
    return queue_error(batches, message);
}

bool batches_complain(struct batches *batches, const char *reason)
{
    const struct message nothing = {.type = MESSAGE_ERROR, .dialect = MESSAGE_BY_CODE};
    return batches_refuse(batches, &nothing, reason);
}

bool batches_refuse_follower(struct batches *batches, const struct message *message)
{
    claim_count_follower(batches->claim, count_rows(message->body, message->body_bytes));
    return queue_error(batches, message);
}

/* -------------------------------------------------------------- answers ---- */

/* Every bet that is stored is told, however many they are. */
static void log_stored(const struct batches *batches, const struct pending_batch *batch)
{
    if (batch->bets == 1) {
        peer_log_write(batches->log, LOG_LEVEL_INFO,
                       "action: apuesta_almacenada | result: success | dni: %s | numero: %u",
                       batch->document, batch->number);
    }
    peer_log_write(batches->log, LOG_LEVEL_INFO,
                   "action: apuesta_recibida | result: success | cantidad: %u | agency: %u",
                   batch->bets, batch->agency);
}

static void answer_oldest(struct batches *batches)
{
    const struct pending_batch *batch = pending_at(batches, 0);
    char answer[MESSAGE_HEADER_BYTES_MAX];
    enum message_type type = batch->refused ? MESSAGE_ERROR : MESSAGE_ACK;
    if (!batch->refused) {
        struct slot *slot = &batches->segment->slots[batches->slot_index];
        uint64_t bets = atomic_load_explicit(&slot->bets, memory_order_relaxed);
        atomic_store_explicit(&slot->bets, bets + batch->bets, memory_order_relaxed);
        log_stored(batches, batch);
    }
    connection_send(batches->connection, answer,
                    message_write_answer(answer, type, batch->dialect, false));
    batches->first = (batches->first + 1) % BATCHES_PENDING_MAX;
    batches->count--;
}

void batches_answer_safe(struct batches *batches)
{
    if (batches->count == 0) {
        return;
    }
    uint64_t safe = atomic_load(batches->safe);
    fault_point("answer.before");
    while (batches->count > 0 && pending_at(batches, 0)->position <= safe) {
        answer_oldest(batches);
    }
}

bool batches_wait_for_oldest(struct batches *batches)
{
    if (batches->count > 0 && !wait_until(batches->segment, batches->slot_index, WAIT_FOR_COMMIT,
                                          batches->safe, pending_at(batches, 0)->position)) {
        return false;
    }
    batches_answer_safe(batches);
    return true;
}

bool batches_settle(struct batches *batches)
{
    if (!batches_commit(batches)) {
        return false;
    }
    while (batches->count > 0) {
        if (!batches_wait_for_oldest(batches)) {
            return false;
        }
    }
    return true;
}
