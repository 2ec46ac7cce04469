/*
 * winners.h - the winners of one agency, read from winners.csv for its handler.
 */
#ifndef SERVER_WINNERS_H
#define SERVER_WINNERS_H

#include "lib/failure.h"
#include "server/data_directory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Calls `each` with every winning bet of the agency, as a row of the wire with its
 * agency in front, `agency,first,last,document,birthdate,number LF`; the text is
 * valid during the call. Stops when `each` returns false. Returns false and describes the failure when
 * the file can't be read, or a row up to there is no valid one. Called by handlers once the gate is open.
 */
bool winners_read(const struct data_directory *directory, uint32_t agency,
                  bool (*each)(void *context, const char *row, size_t bytes), void *context,
                  struct failure *failure);

#endif
