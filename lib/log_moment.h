/*
 * log_moment.h - the moment of a line of the log: local time with milliseconds and the zone's offset.
 *
 * Why it exists: localtime_r and strftime take locks, so that a signal handler may not call them, and
 * cost more than the rest of a line. The offset of local time is looked up once in a quarter of an hour,
 * which is as often as a zone changes it; the calendar is arithmetic.
 *
 * Any process, and any thread, may call it. Its state is the offset that was looked up last.
 */
#ifndef LIB_LOG_MOMENT_H
#define LIB_LOG_MOMENT_H

#include <time.h>

enum { LOG_MOMENT_BYTES = 29 }; /* "2026-11-23 10:00:00.123-03:00" */

/* Looks up the offset of local time at this moment, where that may have changed. Not for signal handlers. */
void log_moment_look_up_zone(time_t now);

/*
 * Writes the moment, not terminated, with this byte between date and time, by the offset that was
 * looked up last, UTC if none was. Returns its end. For signal handlers, too.
 */
char *log_moment_write(char *text, const struct timespec *moment, char between);

#endif
