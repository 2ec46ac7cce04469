/*
 * version.h - which sources this program was built of.
 *
 * Why it exists: two builds of one version may be of different commits, and an operator who reports
 * something, or an auditor who builds a program again, has to know which. The Makefile finds the
 * commit out and compiles version.c anew when it changes, and nothing else.
 */
#ifndef LIB_VERSION_H
#define LIB_VERSION_H

/*
 * Returns the commit's hash, abbreviated, with "-dirty" after it where files were changed. Where there
 * is no git, the file COMMIT of a source archive has it; "unknown" where neither is there.
 */
const char *version_commit(void);

#endif
