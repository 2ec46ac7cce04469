/*
 * done_file.h - done.csv: the agencies that are done, a line each, appended.
 *
 *     agency,bets,position,rows checksum,line checksum LF
 *
 * A line says what its agency had stored when it was done, which can never change
 * afterwards: how many bets, the position in bets.csv up to which all of them are
 * durable, and the checksum of their rows (layout.h, struct agency). So each line is a
 * witness against a bets.csv that has lost or changed something. The last field is the checksum of the
 * line's text before it, up to and with the comma.
 *
 * What a crash can leave is a last round of lines that did not all reach the disk; control
 * (control.h) says how far the file was durable, so anything that is wrong before that was
 * changed or lost by something else.
 */
#ifndef STORE_DONE_FILE_H
#define STORE_DONE_FILE_H

#include "lib/failure.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an agency had stored when it was done. */
struct done_line {
    uint32_t agency;
    uint64_t bets;
    uint64_t position; /* bets.csv was durable up to here */
    uint64_t checksum; /* of its rows */
};

/* The longest line, and a NUL. */
enum { DONE_LINE_BYTES_MAX = 96 };

struct done_file {
    int descriptor;          /* -1: not open */
    uint64_t bytes;          /* of good lines: where the next one goes */
    uint64_t torn_bytes;     /* behind them: what done_file_cut takes off */
    struct done_line *lines; /* owned: the good ones, as they were when the file was opened */
    size_t count;
};

enum done_open {
    DONE_OPEN,
    DONE_NOT_OPEN,   /* it could not be opened, read or cut: another try may do better */
    DONE_NOT_SYNCED, /* a sync failed: what the disk holds is not known */
    DONE_DAMAGED     /* it ends or is wrong before `proven_bytes`, or has too many lines */
};

/*
 * Opens the file, made where it is missing and `make` says so, syncs it, and reads its lines
 * from the disk (file_io.h), so that whatever is read is durable. Stops at the first line
 * that is not whole; refuses where that is before `proven_bytes`. Changes nothing else. A
 * missing file that is not made is open with descriptor -1, and empty. Unless it is open,
 * describes the failure. Called by recovery and, with `make`, by each storer.
 */
enum done_open done_file_open(const struct data_directory *directory, bool make,
                              uint64_t proven_bytes, struct done_file *file,
                              struct failure *failure);

/* Cuts what is torn off, durably. Answers as done_file_open does; the file stays open. */
enum done_open done_file_cut(const struct data_directory *directory, struct done_file *file,
                             struct failure *failure);

void done_file_close(struct done_file *file);

/* Writes the line, terminated; returns its bytes without the NUL. */
size_t done_file_write_line(char text[DONE_LINE_BYTES_MAX], const struct done_line *line);

/* True when the `bytes` bytes, without their LF, are a line as done_file_write_line makes them. */
bool done_file_parse_line(const char *text, size_t bytes, struct done_line *line);

#endif
