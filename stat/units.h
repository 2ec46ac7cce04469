/*
 * units.h - figures as people read them: three digits and a unit.
 *
 * Units are those of the SI: 1 kB is 1000 bytes. Pure functions that write
 * into the caller's buffer of UNITS_TEXT_BYTES. Called by lottery-stat.
 */
#ifndef STAT_UNITS_H
#define STAT_UNITS_H

#include <stdint.h>

enum { UNITS_TEXT_BYTES = 32 };

/* "0", "12,345", up to "9,999,999" exactly; then "10.0M", "1.2G". */
void units_count(uint64_t count, char text[UNITS_TEXT_BYTES]);

/* "512 B", "3.4 MB". */
void units_bytes(double bytes, char text[UNITS_TEXT_BYTES]);

/* "850 ns", "1.2 ms", "34.1 s", "2m 13s", "1h 02m", "3d 04h". */
void units_duration_ns(uint64_t duration_ns, char text[UNITS_TEXT_BYTES]);
void units_duration_ms(uint64_t duration_ms, char text[UNITS_TEXT_BYTES]);

/* Of a part from 0 to 1: "42.3 %". */
void units_percent(double part, char text[UNITS_TEXT_BYTES]);

/* A mean, "12.5" or "3.4k"; what happens a second, "12.5k/s"; bytes a second, "3.4 MB/s". */
void units_mean(double mean, char text[UNITS_TEXT_BYTES]);
void units_count_rate(double a_second, char text[UNITS_TEXT_BYTES]);
void units_bytes_rate(double a_second, char text[UNITS_TEXT_BYTES]);

#endif
