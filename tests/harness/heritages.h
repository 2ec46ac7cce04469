/*
 * heritages.h - what a child of a server inherits, made for a test of one process.
 *
 * It stands on the test's own directory, so tests may run side by side. If the test's process is
 * killed, the segment and the semaphore set stay.
 */
#ifndef TESTS_HARNESS_HERITAGES_H
#define TESTS_HARNESS_HERITAGES_H

#include "server/heritage.h"
#include "tests/harness/processes.h"

/*
 * Opens the scratch directory and the processes, whose children go at once, and makes the
 * heritage's directory and segment; `plan` is as segments_create takes it. There is no gate, no
 * file, and no service manager that listens. The heritage's configuration stays as it is.
 * heritages_close undoes it. A failure fails the test, here and below.
 */
void heritages_open(struct scratch *scratch, struct processes *processes, struct heritage *heritage,
                    struct segment_plan plan);

/*
 * Adds what a storer finds of a new lottery that agency 1 alone plays: the gate, an empty bets.csv
 * and control, which is in heritage->directory.control, too.
 */
void heritages_add_lottery(const struct scratch *scratch, struct heritage *heritage);

void heritages_close(struct scratch *scratch, struct processes *processes,
                     struct heritage *heritage);

#endif
