/*
 * batches.h - the batches of one connection, from their arrival to their answer.
 *
 * Rows are checked and turned into CSV in private memory. The batches that one recv brought are
 * gathered and appended to the ring at once. Each batch then waits, in order, for its bytes to be
 * safe, and only then is it acknowledged. Every ERROR of a connection is queued here, so that it
 * is answered in order, and breaks the connection's claim (claim.h).
 *
 * Called by the handler's process alone. If it dies, what was not answered was not promised.
 */
#ifndef SERVER_HANDLER_BATCHES_H
#define SERVER_HANDLER_BATCHES_H

#include "bet/message.h"
#include "server/handler/claim.h"
#include "server/handler/connection.h"
#include "server/handler/peer_log.h"
#include "server/heritage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BATCHES_PENDING_MAX = 1024, /* unanswered batches of a connection */
    BATCHES_DOCUMENT_BYTES = 24
};

/* A batch that has not been answered. */
struct pending_batch {
    uint64_t position; /* safe once this is reached; POSITION_GATHERED: not appended yet */
    uint32_t agency;
    uint32_t bets;
    enum message_dialect dialect;
    bool refused;
    /* Of a batch of one bet, for the log. */
    char document[BATCHES_DOCUMENT_BYTES];
    uint32_t number;
};

/* What the batches of a connection work with. All of it has to outlive them. */
struct batches_setting {
    const struct heritage *heritage;
    uint32_t slot_index;
    struct connection *connection;
    struct peer_log *log;
    struct claim *claim;
};

struct batches {
    const struct server_config *config;
    const struct segment *segment;
    uint32_t slot_index;
    struct connection *connection;
    struct peer_log *log;
    struct claim *claim;
    bool masks_documents;         /* log.personal */
    const _Atomic uint64_t *safe; /* heritage_safe_position */

    char *csv; /* the rows that are gathered; in the handler's arena */
    size_t csv_capacity, csv_used;
    struct agency *gathered_agency; /* whose rows they are */
    uint64_t gathered_epoch;
    uint64_t gathered_bets;

    struct pending_batch *pending; /* in the arena: a ring of BATCHES_PENDING_MAX */
    size_t first, count;           /* the oldest one, and how many */
};

/* What the batches of a connection take of its handler's arena. */
size_t batches_arena_bytes(const struct server_config *config);

/* `arena` has to outlive the batches, too. */
void batches_open(struct batches *batches, const struct batches_setting *setting,
                  struct arena *arena);

/*
 * Takes a BET message in: its rows are gathered, or it is refused and the log says which row and
 * why. False when the server has been halted.
 */
bool batches_add(struct batches *batches, struct agency *agency, const struct message *message);

/*
 * Queues an ERROR in the order of the answers, and breaks the connection's claim, as every ERROR
 * does. The log says `reason`. False as above.
 */
bool batches_refuse(struct batches *batches, const struct message *message, const char *reason);

/* The same for what was no whole message. */
bool batches_complain(struct batches *batches, const char *reason);

/*
 * Queues an ERROR for a message that the broken claim bars. It is counted for the log. False as
 * above.
 */
bool batches_refuse_follower(struct batches *batches, const struct message *message);

/* True while there are batches that have not been answered. */
bool batches_are_pending(const struct batches *batches);

/* Appends what is gathered to the ring. False as above. */
bool batches_commit(struct batches *batches);

/* Answers the batches that are safe by now, in order, without waiting. */
void batches_answer_safe(struct batches *batches);

/* Waits for the oldest batch to be safe, then answers all that are. False as above. */
bool batches_wait_for_oldest(struct batches *batches);

/* Appends what is gathered and answers everything. False as above. */
bool batches_settle(struct batches *batches);

#endif
