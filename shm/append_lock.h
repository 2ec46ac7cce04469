/*
 * append_lock.h - takes and gives back the only lock, append.mutex, and repairs after a dead owner.
 *
 * The mutex is robust. When its owner dies, the next process that locks it is told so
 * (EOWNERDEAD), repairs what the owner may have left half done, and then marks the mutex
 * consistent.
 *
 * Nothing that can block is called between lock and unlock. Handlers and the storer call
 * these functions. The supervisor calls them during recovery only, before it has children:
 * a stopped child can hold the lock for ever, and the supervisor must not wait for it.
 */
#ifndef SHM_APPEND_LOCK_H
#define SHM_APPEND_LOCK_H

#include "shm/segment.h"

/*
 * Waits for the lock, takes it, and repairs what a dead owner left (POSIX:
 * pthread_mutex_lock, EOWNERDEAD). Any other error breaks an invariant and ends the process.
 */
void append_lock(const struct segment *segment);

/* Gives the lock back, and then logs a repair, if this owner made one. */
void append_unlock(const struct segment *segment);

/*
 * Notes what is going to change together with head, so that a repair can finish it. The
 * intent, which is copied, holds every value as it is once head stands at
 * intent->head_after; that is not 0. Called under the lock.
 */
void append_note_intent(const struct segment *segment, const struct shared_intent *intent);

/* Carries the noted intent out and forgets it. Called under the lock, after head was moved. */
void append_finish_intent(const struct segment *segment);

#endif
