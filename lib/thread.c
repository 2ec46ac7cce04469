/*
 * thread.c - see thread.h.
 */
#include "lib/thread.h"

#include <signal.h>

enum { STACK_BYTES = 1024 * 1024 };

/* The new thread inherits the mask of the one that creates it. */
static int create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                  void *context)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigdelset(&all, SIGSYS);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, attributes, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

int thread_start(pthread_t *thread, void *(*run)(void *context), void *context)
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        return error;
    }
    error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (error == 0) {
        error = create(thread, &attributes, run, context);
    }
    pthread_attr_destroy(&attributes);
    return error;
}
