/*
 * archives.h - archives of earlier draws in a server's data directory, made by hand.
 *
 * Each holds the same bets: two of agency 1, which has said that it is done, and one of agency 2.
 * One bet of each has won. The number is 7574. Called by the test's process, before or while the
 * server runs.
 */
#ifndef HARNESS_ARCHIVES_H
#define HARNESS_ARCHIVES_H

#include "store/control.h"
#include "tests/harness/server.h"

#include <stdint.h>

#define ARCHIVES_IDENTITY "00112233445566778899aabbccddeeff"

/* Without agency and line end. The first two are agency 1's. */
#define ARCHIVES_ROW_1 "Ana,Paz,11111111,1980-01-31,7574"
#define ARCHIVES_ROW_2 "Luz,Sosa,22222222,1981-02-28,1"
#define ARCHIVES_ROW_3 "Eva,Gil,33333333,1982-03-31,7574"

/* The rows of agency 1, and of agency 2, as they stand in bets.csv. */
#define ARCHIVES_ROWS_OF_1 "1," ARCHIVES_ROW_1 "\r\n1," ARCHIVES_ROW_2 "\r\n"
#define ARCHIVES_ROWS_OF_2 "2," ARCHIVES_ROW_3 "\r\n"

/*
 * Makes draws/DRAW/ with control, bets.csv and done.csv, and winners.csv where the state is
 * CONTROL_DRAWN. An abandoned draw has the reason "the hall burnt".
 */
void archives_make(struct server *server, const char *draw, enum control_state state);

/* Replaces a file of it. */
void archives_write(struct server *server, const char *draw, const char *file, const char *text);

/* The checksum of rows as they stand in bets.csv. */
uint64_t archives_checksum(const char *rows);

#endif
