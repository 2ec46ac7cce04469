/*
 * append_lock.h - the one door to the one lock.
 *
 * The mutex is robust: when its owner dies, the next one to ask for it gets it
 * together with the news, repairs what the owner may have left half done, and
 * only then calls the mutex consistent. That repair is the other half of this
 * room.
 *
 * Nothing that can block is called between lock and unlock. Handlers and the
 * storer take the lock; the supervisor never does, so that no child can take
 * it down with it.
 */
#ifndef SHM_APPEND_LOCK_H
#define SHM_APPEND_LOCK_H

#include "shm/segment.h"

/* Takes the lock, after repairing what a dead owner left. POSIX: pthread_mutex_lock, EOWNERDEAD. */
void append_lock(const struct segment *segment);

void append_unlock(const struct segment *segment);

/*
 * Notes what is going to change together with head, so that a repair can
 * finish it; under the lock. The intent says what everything is once head
 * stands at intent->head_after, which is not 0.
 */
void append_note_intent(const struct segment *segment, const struct shared_intent *intent);

/* Carries out the noted intent and forgets it; under the lock, with head moved already. */
void append_finish_intent(const struct segment *segment);

#endif
