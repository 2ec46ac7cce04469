/*
 * batches.h - the batches of one connection, from their arrival to their answer.
 *
 * Rows are checked and turned into CSV in private memory, and gathered into a
 * turn: all the batches that one recv brought are appended to the ring at
 * once. Each batch then waits, in order, for its bytes to be safe, and only
 * then is it acknowledged. Owned by one handler; if that dies, whatever was not
 * answered was not promised.
 */
#ifndef SERVER_BATCHES_H
#define SERVER_BATCHES_H

#include "lib/message.h"
#include "server/connection.h"
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
    bool broken; /* one of its batches was refused: so are all that follow */
};

struct batches {
    struct segment segment;
    uint32_t slot_index;
    struct connection *connection;
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

/* `connection` and `arena` have to outlive the batches. */
void batches_open(struct batches *batches, const struct heritage *heritage, uint32_t slot_index,
                  struct connection *connection, struct arena *arena);

/*
 * Takes a BET message in: its rows join the turn, or it is refused and the log
 * says which row and why. False when the server has been halted.
 */
bool batches_add(struct batches *batches, struct agency *agency, const struct message *message);

/* Queues an ERROR in the order of the answers; the log says `reason`. False as above. */
bool batches_refuse(struct batches *batches, const struct message *message, const char *reason);

/* Appends the turn to the ring. False as above. */
bool batches_commit(struct batches *batches);

/* Answers the batches that are safe by now, in order, without waiting. */
void batches_answer_safe(struct batches *batches);

/* Waits for the oldest batch to be safe, then answers all that are. False as above. */
bool batches_wait_for_oldest(struct batches *batches);

/* Appends what is gathered and answers everything. False as above. */
bool batches_settle(struct batches *batches);

#endif
