/*
 * program_pages.h - a program's manual pages and its completion for bash, written from its manual.
 *
 * Why it exists: what is said of options, exit statuses and keys stands in one table (program.h), and
 * a page that was typed beside it would differ from it one day. scripts/pages.sh calls every program
 * and keeps what it prints in man/ and completion/; a test compares both.
 *
 * Called by program_read_options alone.
 */
#ifndef LIB_PROGRAM_PAGES_H
#define LIB_PROGRAM_PAGES_H

#include "lib/program.h"

/*
 * Prints what the word asks for, and returns true:
 *
 *   --print-page         the program's page of section 1 of the manual (man(7))
 *   --print-keys-page    the page of section 5 about the keys of its configuration, if it has any
 *   --print-completion   a completion for bash
 *
 * Returns false for every other word. The words are for scripts, and -h does not name them.
 */
bool program_pages_print(const struct program_manual *manual, const char *word, FILE *file);

#endif
