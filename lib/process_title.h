/*
 * process_title.h - what `ps` and `ps -f` show of this process.
 *
 * `ps -e` shows the kernel's name of a process (prctl(2), PR_SET_NAME, 15 bytes); `ps -f`
 * shows the memory where its arguments stood when it was started (proc(5), cmdline). A
 * forked child has its parent's in both, until it calls process_title_set.
 */
#ifndef LIB_PROCESS_TITLE_H
#define LIB_PROCESS_TITLE_H

/*
 * Moves the environment, which follows the arguments in memory, so that there is room for
 * titles. Called by main before anything else: the first process_title_set overwrites argv
 * and every text that getenv returned before this call. Without memory for the move, `ps -f`
 * goes on showing the arguments.
 */
void process_title_open(int argc, char **argv);

/* Names this process, cut at the room there is. Called by main, or by a child after fork. */
void process_title_set(const char *title);

#endif
