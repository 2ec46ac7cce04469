/*
 * batches.h - the batches of one connection, from their arrival to their answer.
 *
 * Rows are checked and turned into CSV in private memory, and gathered into a
 * turn: all the batches that one recv brought are appended to the ring at
 * once. Each batch then waits, in order, for its bytes to be safe, and only
 * then is it acknowledged. Owned by one handler; if that dies, whatever was not
 * answered was not promised.
 */
#ifndef SERVER_HANDLER_BATCHES_H
#define SERVER_HANDLER_BATCHES_H

#include "bet/message.h"
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
    uint64_t position; /* safe once this is reached; POSITION_IN_TURN: not appended yet */
    uint32_t agency;
    uint32_t bets;
    enum message_dialect dialect;
    bool refused;
    /* Of a batch of one bet, for the log. */
    char document[BATCHES_DOCUMENT_BYTES];
    uint32_t number;
};

/* What this connection got by STATUS. */
struct batches_claim {
    struct agency *agency; /* NULL: nothing */
    uint64_t epoch;
    bool broken; /* something was answered with ERROR: so is all that follows for the agency */
    /* What followed and was refused for that alone, not told yet. */
    uint64_t followers, follower_bets;
};

struct batches {
    const struct server_config *config;
    const struct segment *segment;
    uint32_t slot_index;
    struct connection *connection;
    struct peer_log *log;
    bool masks_documents;         /* log.personal */
    const _Atomic uint64_t *safe; /* the position that acknowledgements wait for */
    struct batches_claim claim;

    char *csv; /* the turn's rows; in the handler's arena */
    size_t csv_capacity, csv_used;
    struct agency *turn_agency;
    uint64_t turn_epoch;
    uint64_t turn_bets;

    struct pending_batch *pending; /* in the arena: a ring of BATCHES_PENDING_MAX */
    size_t first, count;           /* the oldest one, and how many */
};

/* What the batches of a connection take of its handler's arena. */
size_t batches_arena_bytes(const struct server_config *config);

/* `connection`, `log` and `arena` have to outlive the batches. */
void batches_open(struct batches *batches, const struct heritage *heritage, uint32_t slot_index,
                  struct connection *connection, struct peer_log *log, struct arena *arena);

/*
 * ERROR has one door, in here: whatever gets it breaks the connection's claim, and from
 * then on everything for the claimed agency gets it, until the next STATUS. So what a
 * connection stores under a claim is a prefix of what it sent.
 */

/*
 * Takes a BET message in: its rows join the turn, or it is refused and the log
 * says which row and why. False when the server has been halted.
 */
bool batches_add(struct batches *batches, struct agency *agency, const struct message *message);

/* Queues an ERROR in the order of the answers; the log says `reason`. False as above. */
bool batches_refuse(struct batches *batches, const struct message *message, const char *reason);

/* The same for what was no whole message. */
bool batches_complain(struct batches *batches, const char *reason);

/* True when the claim on this agency is broken: nothing more may be done under it. */
bool batches_is_barred(const struct batches *batches, const struct agency *agency);

/* The same as batches_refuse for what batches_is_barred bars: it is only counted for the log. */
bool batches_refuse_follower(struct batches *batches, const struct message *message);

/* Takes a new claim in place of the old one, of which the log gets the sum of the followers. */
void batches_set_claim(struct batches *batches, struct agency *agency, uint64_t epoch);

/* Tells the log what has not been told: the connection ends. */
void batches_close(struct batches *batches);

/* Appends the turn to the ring. False as above. */
bool batches_commit(struct batches *batches);

/* Answers the batches that are safe by now, in order, without waiting. */
void batches_answer_safe(struct batches *batches);

/* Waits for the oldest batch to be safe, then answers all that are. False as above. */
bool batches_wait_for_oldest(struct batches *batches);

/* Appends what is gathered and answers everything. False as above. */
bool batches_settle(struct batches *batches);

#endif
