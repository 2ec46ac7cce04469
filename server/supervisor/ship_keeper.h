/*
 * ship_keeper.h - keeps a shipper alive: forks it, buries it, replaces it.
 *
 * Why it exists: without a shipper the engine gets no copy, and with ack_after: replicated nobody is
 * acknowledged.
 *
 * What it promises: a shipper that dies is replaced, at once at first, then with pauses that grow
 * (replacement.h). The keeper never gives up: bets wait on the disk meanwhile. A shipper's death never stops
 * the server, but for one thing: a shipper that ends because another node has claimed the log, because the
 * log has more than this disk, or because it is another lottery's. Then this server must not go on
 * (ship_keeper_verdict).
 *
 * A shipper that ends because an operator is needed (the engine's settings, say) is not replaced at once,
 * but after a pause that is the longest one from the first time on: the next one would say the same.
 *
 * Without replication there is nothing to keep, and every call does nothing.
 *
 * Called by the supervisor alone. If the supervisor dies, the kernel sends SIGTERM to the shipper.
 */
#ifndef SERVER_SUPERVISOR_SHIP_KEEPER_H
#define SERVER_SUPERVISOR_SHIP_KEEPER_H

#include "server/heritage.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether the server may go on. */
enum ship_verdict {
    SHIP_GOES_ON,
    SHIP_FENCED,  /* another node has claimed the log */
    SHIP_BEHIND,  /* the log has more than this disk */
    SHIP_STRANGER /* the log is another lottery's */
};

/* Before any call the supervisor sets the pointer, and everything else to zero. */
struct ship_keeper {
    struct heritage *heritage;
    pid_t shipper;         /* 0: there is none */
    unsigned deaths;       /* in a row, of shippers that did not live long */
    int64_t born_at_ms;    /* the newest one, monotonic clock */
    int64_t replace_at_ms; /* without a shipper: when to fork the next one */
    bool is_stopping;      /* it is asked to end, and is not replaced */
    enum ship_verdict verdict;
};

/* Forks a shipper if there has to be one, there is none, and it is time. Does not wait for it. */
void ship_keeper_replace(struct ship_keeper *keeper);

/* Milliseconds until ship_keeper_replace has something to do; -1: only a death can change that. */
int64_t ship_keeper_patience_ms(const struct ship_keeper *keeper);

/* Says what became of the log, once a shipper has ended for that. Logs nothing. */
enum ship_verdict ship_keeper_verdict(const struct ship_keeper *keeper);

/* Logs how the shipper has ended (waitpid's status), and decides when there is to be another one. */
void ship_keeper_bury(struct ship_keeper *keeper, int wait_status);

/*
 * From now on the shipper is expected to end, and is not replaced. `now`: if there is none, one more is
 * forked before that, to copy what is left.
 */
void ship_keeper_expect_end(struct ship_keeper *keeper, bool now);

#endif
