/*
 * file_size_limit.h - makes a file that grows too large an error like others.
 *
 * The files that a program writes may be limited in size (`ulimit -f`, RLIMIT_FSIZE,
 * LimitFSIZE= of systemd). By default the kernel ends the program by SIGXFSZ at the first
 * byte too many, without a message. With the signal ignored, the write fails with EFBIG
 * and is handled like every error.
 */
#ifndef LIB_FILE_SIZE_LIMIT_H
#define LIB_FILE_SIZE_LIMIT_H

/* Ignores SIGXFSZ from now on. Called by program_begin (program.h). */
void file_size_limit_as_error(void);

/*
 * Returns what to do about this errno, for the end of a message: for EFBIG " (raise the
 * limit of file sizes: ulimit -f)", for any other the empty text. Any process may call it.
 */
const char *file_size_limit_hint(int error);

#endif
