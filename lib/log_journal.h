/*
 * log_journal.h - the journal of systemd: its socket, and whether a stream goes to it.
 *
 * Why not sd_journal_sendv: it makes a memory file where a datagram is too long, passes descriptors, and
 * waits, which the processes of the server may not do. The protocol itself is one datagram
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL), and ours are never too long.
 *
 * Called by log.c, before the process confines itself.
 */
#ifndef LIB_LOG_JOURNAL_H
#define LIB_LOG_JOURNAL_H

#include <stdbool.h>

#define LOG_JOURNAL_PATH "/run/systemd/journal/socket"

/* Returns a socket that is connected to the journal's at this path, and never blocks; -1 with errno. */
int log_journal_open(const char *path);

/* True when the descriptor is the stream to the journal that JOURNAL_STREAM names (systemd.exec(5)). */
bool log_journal_reads(int descriptor);

#endif
