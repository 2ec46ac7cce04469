/*
 * done_file.h - done.csv: the agencies that are done, a line each, appended.
 *
 *     agency,bets,position,rows checksum,line checksum LF
 *
 * A line says what its agency had stored when it was done: how many bets, the position in
 * bets.csv up to which all of them are durable, and the checksum of their rows (layout.h,
 * struct agency). None of that changes afterwards, so a line proves it if bets.csv has lost or
 * changed the agency's bets. The last field is the checksum of the line's text before it, up to
 * and including the comma.
 *
 * A crash can leave a last round of lines of which not all reached the disk. Control
 * (control.h) says how far the file was durable; a wrong line before that was changed or lost
 * by something else than a crash.
 *
 * Called by the storer, by the supervisor during recovery, by lottery-admin, and by handlers for
 * an archive.
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

/* Bytes of the longest line, and a NUL. */
enum { DONE_LINE_BYTES_MAX = 96 };

struct done_file {
    int descriptor;          /* -1: not open */
    uint64_t bytes;          /* of good lines; the next one is written there */
    uint64_t torn_bytes;     /* after them; done_file_cut cuts them off */
    struct done_line *lines; /* owned: the good ones when the file was opened */
    size_t count;
};

enum done_open {
    DONE_OPEN,
    DONE_NOT_OPEN,   /* it could not be opened, read or cut: another try may succeed */
    DONE_NOT_SYNCED, /* a sync failed: what the disk holds is not known */
    DONE_DAMAGED     /* it ends or is wrong before `proven_bytes`, or has too many lines */
};

/*
 * Opens the file, syncs it, and reads its lines from the disk (file_io.h), so what is read is
 * durable. If the file is missing, `make` says whether to make it; else it counts as open and
 * empty, with descriptor -1. Reading stops at the first line that is not whole; DONE_DAMAGED
 * if that is before `proven_bytes`. The file is not changed. Every answer but DONE_OPEN comes
 * with the failure. After DONE_OPEN the caller calls done_file_close. Called by recovery and,
 * with `make`, by each storer.
 */
enum done_open done_file_open(const struct data_directory *directory, bool make,
                              uint64_t proven_bytes, struct done_file *file,
                              struct failure *failure);

/*
 * Cuts the torn bytes off, durably. Answers as done_file_open does; the file stays open. Called
 * by recovery and by each storer.
 */
enum done_open done_file_cut(const struct data_directory *directory, struct done_file *file,
                             struct failure *failure);

/* Closes the file and frees its lines. Called by the process that opened it. */
void done_file_close(struct done_file *file);

enum done_find {
    DONE_FOUND,
    DONE_NOT_FOUND, /* the agency has no line, or there is no file */
    DONE_UNREAD     /* the file can't be read, or a line before the agency's is wrong */
};

/*
 * Looks for the agency's line in a file that does not change any more, an archive's, and changes
 * nothing. DONE_UNREAD comes with the failure. Called by handlers.
 */
enum done_find done_file_find(const struct data_directory *directory, uint32_t agency,
                              struct done_line *line, struct failure *failure);

/* Writes the line with LF and NUL; returns its bytes without the NUL. Any process may call. */
size_t done_file_write_line(char text[DONE_LINE_BYTES_MAX], const struct done_line *line);

/*
 * Reads the line of `bytes` bytes, without its LF. True when it is exactly what
 * done_file_write_line makes of *line. Any process may call.
 */
bool done_file_parse_line(const char *text, size_t bytes, struct done_line *line);

#endif
