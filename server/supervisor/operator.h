/*
 * operator.h - what the operator asks of the running server, and what becomes of it.
 *
 * Requests come in at the door (server/admin_door.h), one at a time. `close` and `draw` are the
 * storer's work: they are handed on as orders (shm/orders.h), and the answer is handed back. `open`
 * is the supervisor's: it ends the current draw, archives it, and makes the next one the current
 * one. operator.c judges whether the next draw may be opened, and writes what has to be written;
 * supervisor.c stops the children before that and starts others after it.
 *
 * If the supervisor dies, the client reads the end of the stream and asks again. A draw is either
 * opened by then or not (store/archive.h).
 *
 * Called by the supervisor alone, which never waits here.
 */
#ifndef SERVER_SUPERVISOR_OPERATOR_H
#define SERVER_SUPERVISOR_OPERATOR_H

#include "server/heritage.h"

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: nothing has been asked. */
struct operator_desk {
    bool waits_for_storer; /* an order has been posted, and its answer is owed at the door */
    bool opens_next;       /* `next` is to be opened, and the answer is owed at the door */
    bool hands_over;       /* another process asks to replace the server: an answer is owed */
    /* Monotonic: who has promoted this node is owed an answer by then; 0: nobody. */
    int64_t promoted_by_ms;
    struct control next;
    char abandon_reason[CONTROL_REASON_BYTES]; /* of a draw that ends without having been held */
};

/*
 * Goes on with the operator at the door: takes a request, answers what can be answered, hands
 * orders to the storer and its answers back. `is_ready`: poll(2) has found what admin_door_watch asks
 * for. Sets opens_next when the next draw is to be opened, and hands_over when the server is to be
 * replaced (successor.h).
 */
void operator_attend(struct operator_desk *desk, struct heritage *heritage, bool is_ready);

/*
 * Archives the current draw's record and makes `next` the current draw, durably. There must be no
 * storer and no handler. Returns false with the failure when that fails; *committed says whether
 * the directory holds the next draw all the same, or it can't be known which one it holds.
 */
bool operator_open_next(struct operator_desk *desk, struct heritage *heritage, bool *committed,
                        struct failure *failure);

/*
 * Takes the connection of an operator who has promoted the standby that this server was: it is answered
 * once this server listens and has claimed the log by its own shipper, or after a while. -1: nothing.
 */
void operator_take_promoter(struct operator_desk *desk, struct heritage *heritage, int promoter);

/* Milliseconds until the operator is to be attended to, where no event tells; -1: an event does. */
int64_t operator_patience_ms(const struct operator_desk *desk);

/* Whom this server owes an answer: it does not serve after all. */
void operator_answer_promotion(struct operator_desk *desk, struct heritage *heritage,
                               const char *reason);

/*
 * Where bets are copied: writes control of the next draw to the file `opening`, for the log to begin it.
 * operator_open_next removes it. False with the failure. Called by the supervisor before that.
 */
bool operator_write_opening(const struct operator_desk *desk, const struct heritage *heritage,
                            struct failure *failure);

/*
 * Answers the request to open a draw: it is open, or (`failure` is not NULL) why it is not.
 */
void operator_answer_open(struct operator_desk *desk, struct heritage *heritage,
                          const struct failure *failure);

#endif
