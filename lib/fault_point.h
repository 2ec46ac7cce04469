/*
 * fault_point.h - places where a test can make a process die.
 *
 * In an ordinary build a fault point is nothing at all. Built with
 * VARIANT=faults, the process that arrives at the named point for the n-th
 * time ends by the signal, if it is the one that gets the token:
 *
 *     LOTTERY_FAULT=storer.written:3:KILL   point, arrivals in this process, KILL or STOP
 *     LOTTERY_FAULT_TOKEN=/path/to/file     removed by the one process that dies
 *
 * Several points can be named, separated by spaces; they share the token. So a
 * fault happens exactly once, in whichever process gets there, and the process
 * that replaces it lives.
 */
#ifndef LIB_FAULT_POINT_H
#define LIB_FAULT_POINT_H

#ifdef LOTTERY_FAULT_POINTS
/* The calling process has arrived at the point `name`, a string literal. It may die here. */
void fault_point(const char *name);
#else
static inline void fault_point(const char *name)
{
    (void)name;
}
#endif

#endif
