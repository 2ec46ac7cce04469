/*
 * pipeline.h - the batches of one connection, from their arrival to their answer.
 *
 * An agency sends its batches without waiting for answers, and gets the answers in the same order.
 * A batch passes three stages. It is gathered: its rows are checked and turned into CSV in private
 * memory. It is appended: all batches that one recv brought go to the ring in one append. It is
 * answered: once its bytes are safe, it is acknowledged.
 *
 * Every ERROR of a connection is queued here too, so that it is answered in order. It breaks the
 * connection's claim (claim.h). Who causes too many of them is exhausted; Postfix does the same
 * (smtpd_hard_error_limit).
 *
 * Called by the handler's process alone. If that process dies, no batch without an ACK was
 * promised.
 */
#ifndef SERVER_HANDLER_PIPELINE_H
#define SERVER_HANDLER_PIPELINE_H

#include "bet/message.h"
#include "lib/rate_limit.h"
#include "server/handler/claim.h"
#include "server/handler/connection.h"
#include "server/handler/peer_log.h"
#include "server/heritage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PIPELINE_PENDING_MAX = 1024, /* unanswered batches of a connection */
    PIPELINE_DOCUMENT_BYTES = 24
};

/* A batch that has not been answered. */
struct pending_batch {
    uint64_t position;   /* safe once this is reached; POSITION_GATHERED: not appended yet */
    int64_t received_ns; /* when it was received, by the monotonic clock */
    uint32_t agency;
    uint32_t bets;
    size_t csv_bytes; /* of its rows */
    enum message_dialect dialect;
    bool refused;
    const char *reason;  /* that its ERROR carries; NULL: none */
    uint64_t reason_row; /* the row that it is about; 0: none */
    /* Of a batch of one bet, for the log. */
    char document[PIPELINE_DOCUMENT_BYTES];
    uint32_t number;
};

/* What a pipeline works with. All of it has to outlive the pipeline. */
struct pipeline_setting {
    const struct heritage *heritage;
    uint32_t slot_index;
    struct connection *connection;
    struct peer_log *log;
    struct claim *claim;
};

struct pipeline {
    const struct server_config *config;
    const struct segment *segment;
    uint32_t slot_index;
    struct connection *connection;
    struct peer_log *log;
    struct claim *claim;
    bool masks_documents;         /* log.personal */
    bool tells_reasons;           /* pipeline_tell_reasons was called */
    const _Atomic uint64_t *safe; /* heritage_safe_position */

    char *csv; /* the rows that are gathered; in the handler's arena */
    size_t csv_capacity, csv_used;
    struct agency *gathered_agency; /* whose rows they are */
    uint64_t gathered_epoch;
    uint64_t gathered_bets;

    struct rate_limit refused_rate; /* limits.refused_per_second */
    uint64_t refused_bucket;
    enum refusal_reason exhausted; /* by REFUSAL_MESSAGES or _PROBES; REFUSAL_REASONS: not yet */

    int64_t received_ns;           /* when the latest bytes came; 0: not known */
    struct pending_batch *pending; /* in the arena: a ring of PIPELINE_PENDING_MAX */
    size_t first, count;           /* the oldest one, and how many */
};

/* Bytes that a pipeline takes of its handler's arena. */
size_t pipeline_arena_bytes(const struct server_config *config);

/* `arena` has to outlive the pipeline, too. */
void pipeline_open(struct pipeline *pipeline, const struct pipeline_setting *setting,
                   struct arena *arena);

/* Lets every ERROR that is queued from now on carry its reason, but for untyped messages. */
void pipeline_tell_reasons(struct pipeline *pipeline);

/*
 * Notes that bytes have come now: the time that an acknowledgement takes begins. Called with what a
 * recv brought, and again once an agency that had to wait for its turn has it.
 */
void pipeline_note_arrival(struct pipeline *pipeline);

/*
 * Takes a BET message. Its rows are gathered, or it is refused and the log says which row and why.
 * Returns false when the server has been halted.
 */
bool pipeline_add(struct pipeline *pipeline, struct agency *agency, const struct message *message);

/*
 * Queues an ERROR in the order of the answers, and breaks the connection's claim, as every ERROR
 * does. The log says `reason`, and so does the ERROR where reasons are told; the text has to live
 * until the ERROR has been sent. False as above.
 */
bool pipeline_refuse(struct pipeline *pipeline, const struct message *message, const char *reason);

/* The same with another text for the log, which may name what is the server's own. */
bool pipeline_refuse_as(struct pipeline *pipeline, const struct message *message,
                        const char *reason, const char *logged);

/* The same for bytes that are no whole message. */
bool pipeline_complain(struct pipeline *pipeline, const char *reason);

/*
 * Queues an ERROR for a message that the broken claim bars, and counts it for the log. False as
 * above.
 */
bool pipeline_refuse_follower(struct pipeline *pipeline, const struct message *message);

/* Counts a probe. False when there were too many of them: it is to be refused, and not echoed. */
bool pipeline_takes_probe(struct pipeline *pipeline);

/*
 * True once the peer has caused more refusals, or probes, than limits.refused_per_second: the
 * connection is to be answered and closed. The log says so, and so does the ERROR.
 */
bool pipeline_is_exhausted(const struct pipeline *pipeline);

/* How many rows the message has. */
size_t pipeline_count_rows(const struct message *message);

/* True while there are batches that have not been answered. */
bool pipeline_owes_answers(const struct pipeline *pipeline);

/* Appends what is gathered to the ring. False as above. */
bool pipeline_append(struct pipeline *pipeline);

/* Answers the batches that are safe, in order, without waiting. */
void pipeline_answer_safe(struct pipeline *pipeline);

/* Waits for the oldest batch to be safe, then answers all that are. False as above. */
bool pipeline_wait_for_oldest(struct pipeline *pipeline);

/* Appends what is gathered and answers everything. False as above. */
bool pipeline_settle(struct pipeline *pipeline);

#endif
