/*
 * proc.h - the machine's process table, as `ps` reads it from /proc.
 *
 * For tests that don't want the server's own word on what is running.
 */
#ifndef HARNESS_PROC_H
#define HARNESS_PROC_H

#include <sys/types.h>

enum { PROC_NAME_BYTES = 32 };

/*
 * The parent of a process, or 0 when there is no such process; a zombie has
 * one. `name`, where wanted, gets what `ps -e` shows.
 */
pid_t proc_parent(pid_t pid, char name[PROC_NAME_BYTES]);

/*
 * Writes the children of `parent` that are named so (NULL: any) into `pids`, as
 * many as there is room for. Returns how many there are.
 */
unsigned proc_children(pid_t parent, const char *wanted, pid_t *pids, unsigned capacity);

#endif
