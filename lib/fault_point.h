/*
 * fault_point.h - places where a test can make a process die.
 *
 * In an ordinary build a fault point is nothing at all. Built with
 * VARIANT=faults, the process that arrives at the named point for the n-th
 * time ends by it, if it is the one that gets the token:
 *
 *     LOTTERY_FAULT=storer.written:3:KILL   point, arrivals in this process, and what happens:
 *                                           KILL or STOP, or CALL: a forbidden system call
 *     LOTTERY_FAULT_TOKEN=/path/to/file     removed by the one process that dies
 *
 * Several points can be named, separated by spaces; they share the token. So a
 * fault happens exactly once, in whichever process gets there, and the process
 * that replaces it lives.
 */
#ifndef LIB_FAULT_POINT_H
#define LIB_FAULT_POINT_H

#include <stddef.h>

#ifdef LOTTERY_FAULT_POINTS
/* The calling process has arrived at the point `name`, a string literal. It may die here. */
void fault_point(const char *name);

/*
 * Returns the path of the token, which a process has to be allowed to remove (unlink) before it
 * ends itself (kill); NULL where no fault is meant, and in an ordinary build.
 */
const char *fault_point_token(void);
#else
static inline void fault_point(const char *name)
{
    (void)name;
}

static inline const char *fault_point_token(void)
{
    return NULL;
}
#endif

#endif
