/*
 * proc.h - the machine's process table, as `ps` reads it from /proc.
 *
 * For tests that don't want the server's own word on what is running.
 */
#ifndef HARNESS_PROC_H
#define HARNESS_PROC_H

#include <stddef.h>
#include <sys/types.h>

enum { PROC_NAME_BYTES = 32, PROC_LINE_BYTES = 4096 };

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

/*
 * The command line of a process, as `ps -f` shows it: the arguments with blanks between them, and
 * none at the end. Empty when there is no such process, and of a zombie.
 */
void proc_command_line(pid_t pid, char line[PROC_LINE_BYTES]);

#endif
