/*
 * key_keeper.h - keeps a keyholder alive: forks it, buries it, replaces it.
 *
 * Why it exists: without a keyholder no handshake is signed, and nobody new can speak TLS.
 *
 * What it promises: a keyholder that dies is replaced, at once at first. The keeper never gives up,
 * unlike the storer's (keeper.h): connections whose handshake is over go on without a keyholder, and
 * plain ones never need it, so a server without it is worth more than none. It tries again, with
 * pauses that grow up to REPLACEMENT_PAUSE_MAX_MS. Only the very first keyholder has to get ready: a server that
 * can't read its key does not start. One that opens its next draw goes on without, because the file
 * may have been overwritten by the next key, for which SIGHUP is still to come.
 *
 * Without TLS there is nothing to keep, and every call does nothing.
 *
 * Called by the supervisor alone. If the supervisor dies, the kernel sends SIGTERM to the keyholder.
 */
#ifndef SERVER_SUPERVISOR_KEY_KEEPER_H
#define SERVER_SUPERVISOR_KEY_KEEPER_H

#include "server/heritage.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Before any call the supervisor sets the pointer and `may_be_late`, and everything else to zero. */
struct key_keeper {
    struct heritage *heritage;
    pid_t keyholder;       /* 0: there is none */
    pid_t retired;         /* one with a key that was changed, asked to end; 0: there is none */
    unsigned deaths;       /* in a row, of keyholders that did not live long */
    int64_t born_at_ms;    /* the newest one, monotonic clock */
    int64_t replace_at_ms; /* without a keyholder: when to fork the next one */
    bool is_stopping;      /* it is asked to end, and is not replaced */
    bool may_be_late;      /* the server serves already: a start that fails is tried again */
};

/*
 * Forks a draw's first keyholder, if there is TLS, and waits until it has read the key. Returns
 * false with the failure when it can't, or when the server is asked to stop meanwhile. With
 * `may_be_late` that is an ERROR in the log, and key_keeper_replace tries again.
 */
bool key_keeper_start(struct key_keeper *keeper, struct failure *failure);

/* True while there is any keyholder: forked and not buried. */
bool key_keeper_has_keyholder(const struct key_keeper *keeper);

/* Forks another one if there has to be one, there is none, and it is time. Does not wait for it. */
void key_keeper_replace(struct key_keeper *keeper);

/* Milliseconds until key_keeper_replace has something to do; -1: only a death can change that. */
int64_t key_keeper_patience_ms(const struct key_keeper *keeper);

/*
 * Goes on with another key, of a certificate that was read again: forks a keyholder for it and waits
 * until that has read it. Then the one before is asked to end, heritage->held_key is the fresh one,
 * and *fresh the one before, which the caller closes once no SSL_CTX has it. Returns false with the
 * failure when the fresh key can't be read, and then everything is as it was.
 *
 * Each key has a channel of its own, so that no handler that shows one certificate gets a signature
 * by the key of the other. Who shows the certificate of before, and asks after its keyholder has
 * ended, gets none; its peer connects again.
 */
bool key_keeper_change_key(struct key_keeper *keeper, struct held_key *fresh,
                           struct failure *failure);

/* True when this is a keyholder of the keeper. */
bool key_keeper_has(const struct key_keeper *keeper, pid_t pid);

/* Logs how a keyholder has ended (waitpid's status), and decides when there is to be another one. */
void key_keeper_bury(struct key_keeper *keeper, pid_t pid, int wait_status);

/* Sends a signal to every keyholder that is alive. */
void key_keeper_signal(const struct key_keeper *keeper, int signal_number);

/* From now on the keyholder is expected to end, and is not replaced. */
void key_keeper_expect_end(struct key_keeper *keeper);

#endif
