/*
 * publication.h - puts seal.json or draw.json into place, with its signature.
 *
 * The signature comes first, so where the record is in place its signature is, too. Control names
 * the record after that. A record that is there while control does not name it is replaced, by
 * one with the same time where it is this draw's (seal/record.h).
 *
 * Used by the storer's process alone. When it dies in here, the next storer makes the record anew.
 */
#ifndef SERVER_STORER_PUBLICATION_H
#define SERVER_STORER_PUBLICATION_H

#include "seal/sha256.h"
#include "server/storer/disk.h"

#include <stdbool.h>
#include <stddef.h>

struct publication {
    const char *name;           /* of the record's file */
    const char *signature_name; /* of its signature's */
    const char *text;           /* the caller's */
    size_t bytes;
};

/*
 * True when seal.key is empty, or can sign. Else false, and the log says why. Called before the
 * long work of which the result is to be signed.
 */
bool publication_can_sign(const struct disk *disk);

/*
 * Puts the record into place, durably, and writes its SHA-256. Waits for room where the disk is
 * full. False, and the log says why, when it can't be signed or written: the storer has to end.
 */
bool publication_make(struct disk *disk, const struct publication *publication,
                      char sha256[SHA256_DIGITS + 1]);

#endif
