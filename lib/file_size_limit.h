/*
 * file_size_limit.h - makes a file that grows too large an error like others.
 *
 * Whoever starts a program may limit the files that it writes (`ulimit -f`, RLIMIT_FSIZE,
 * LimitFSIZE= of systemd). By default the kernel ends the program by SIGXFSZ at the
 * first byte too many: in the middle of whatever it does, and without a word. With the
 * signal ignored the call fails with EFBIG, and takes the way of all errors.
 */
#ifndef LIB_FILE_SIZE_LIMIT_H
#define LIB_FILE_SIZE_LIMIT_H

/* Ignores SIGXFSZ from now on. Called by every main before it writes anything. */
void file_size_limit_as_error(void);

/*
 * What to do about this errno, to be put behind its text: of EFBIG, " (raise the limit of
 * file sizes: ulimit -f)"; empty for any other.
 */
const char *file_size_limit_hint(int error);

#endif
