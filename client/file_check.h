/*
 * file_check.h - looks at a file of bets before it is sent, and says of every row what is wrong.
 *
 * Why it exists: the server refuses a batch and names its first bad row. Somebody who mends a file
 * wants to see all of them, and before the sales end. Asks no server, so what only the server knows
 * (its rules, and which bets it has) is not checked.
 *
 * Called by main, for --check. Memory does not grow with the file.
 */
#ifndef CLIENT_FILE_CHECK_H
#define CLIENT_FILE_CHECK_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct file_check {
    uint64_t rows; /* good and bad ones */
    uint64_t bad;
    uint64_t crlf; /* rows that end in CRLF */
};

/*
 * Reads the file, and prints a line for each bad row: "FILE:LINE: REASON: "TEXT"", and one that sums
 * up. Returns false with the failure when the file can't be read.
 */
bool file_check_run(const char *path, FILE *output, struct file_check *check,
                    struct failure *failure);

#endif
