/*
 * thread.h - a thread beside the first one of its process.
 *
 * Its stack has a size of its own: else it is the user's limit (ulimit -s), which may be more than
 * the process's memory may be. All signals are blocked in it but SIGSYS, which a forbidden system
 * call of its own causes. So the process's signal handlers run in its first thread.
 *
 * Any process may call. The thread ends with the process.
 */
#ifndef LIB_THREAD_H
#define LIB_THREAD_H

#include <pthread.h>

/*
 * Starts a thread that runs `run(context)`. Returns 0, and the caller joins *thread, or an errno that
 * says why there is none.
 */
int thread_start(pthread_t *thread, void *(*run)(void *context), void *context);

#endif
