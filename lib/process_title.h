/*
 * process_title.h - what `ps` and `ps -f` show of this process.
 *
 * `ps -e` shows the kernel's name of a process (prctl(2), PR_SET_NAME, 15 bytes); `ps -f`
 * shows the memory where its arguments stood when it was started (proc(5), cmdline). A
 * child that was forked and not executed has its parent's in both, until it says otherwise.
 */
#ifndef LIB_PROCESS_TITLE_H
#define LIB_PROCESS_TITLE_H

/*
 * Moves the environment away from behind the arguments, so that there is room for titles. To be called
 * by main before anything else: argv and what getenv has returned before are of no use for longer than
 * the first process_title_set. Where there is no memory, `ps -f` goes on showing the arguments.
 */
void process_title_open(int argc, char **argv);

/* This process is called so from now on. Called by main, or by a child after fork. */
void process_title_set(const char *title);

#endif
