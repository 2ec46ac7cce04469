/*
 * own_files.h - the files of this node, as a primary's shipper reads them.
 *
 * Two of them grow, bets.csv and done.csv, and are read by position. The others are small and are copied
 * whole: control, seal.json, draw.json and their signatures. Whoever replaces one, what is read is one
 * whole version of it.
 *
 * What it promises: control is read first, so the others are at least as new, and what it speaks of is
 * among them. They are offered in the order in which the storer writes them, a signature before what it
 * signs and control last; so whoever reads the log up to any record has what a crash here could have
 * left.
 *
 * It reads and never writes. Called by lottery-shipper beside a primary, by its first thread.
 */
#ifndef SHIPPER_OWN_FILES_H
#define SHIPPER_OWN_FILES_H

#include "engine/record.h"
#include "lib/failure.h"
#include "store/control.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OWN_FILES_SMALL = 5 };

/* A small file as it was read, and as the log has it. */
struct own_file {
    char *bytes; /* NULL: there is none */
    size_t count;
    uint32_t crc;
    bool is_shipped; /* by this shipper, with these: */
    size_t shipped_count;
    uint32_t shipped_crc;
};

struct own_files {
    const struct data_directory *directory; /* the caller's: path, descriptor and access */
    int bets;                               /* bets.csv; -1: not open yet */
    struct own_file small[OWN_FILES_SMALL];
};

/* Opens nothing yet. The caller calls own_files_close. */
void own_files_open(struct own_files *files, const struct data_directory *directory);

void own_files_close(struct own_files *files);

/* As `read` and `knows` of struct shipment_files; `context` is a struct own_files. */
bool own_files_read(void *context, enum record_kind kind, uint64_t offset, void *bytes,
                    size_t count, struct failure *failure);
bool own_files_know(void *context, const struct record *record, struct failure *failure);

/* As `find_archived` of struct shipment_files. */
bool own_files_find_archived(void *context, const char *identity, struct control *archived);

/* Control of the draw, as it was read last; NULL: there is none. The bytes stay ours until the next read. */
const struct own_file *own_files_control(const struct own_files *files);

/* Reads control of the next draw, which the log is to begin, into `opening`, whose bytes are freed before. */
bool own_files_read_opening(const struct own_files *files, struct own_file *opening,
                            struct control *next, struct failure *failure);

/* Reads the small files that are there, and what control says. False with the failure. */
bool own_files_read_small(struct own_files *files, struct control *control,
                          struct failure *failure);

/*
 * Makes a record of the small file `index` as it was read last, below OWN_FILES_SMALL. The bytes stay
 * ours until the next read. False: there is no such file, or it was shipped as it is.
 */
bool own_files_offer(const struct own_files *files, int index, struct record *record);

/* Notes that the log has this file as it was read last. */
void own_files_note_shipped(struct own_files *files, int index);

/* Control is to be offered once more, though the log has it. Returns its index. */
int own_files_offer_control_again(struct own_files *files);

/* After a claim: nobody knows any more which small files the log has. */
void own_files_forget_shipped(struct own_files *files);

#endif
