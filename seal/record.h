/*
 * record.h - seal.json and draw.json where they stand: in a data directory, beside their control.
 *
 * Control has the SHA-256 of each from the moment on in which it says that the draw is sealed, or
 * drawn. So a record that is missing then, or is another one, was taken away, changed, or
 * restored from elsewhere. A record that is there before control names it was left by a storer
 * that died, or control is an older one than that which named it, and its hash has been told.
 *
 * Only reads, and keeps no state. Called by the storer before the draw, and by the supervisor
 * during recovery.
 */
#ifndef SEAL_RECORD_H
#define SEAL_RECORD_H

#include "lib/failure.h"
#include "seal/seal.h"
#include "store/control.h"
#include "store/data_directory.h"

/*
 * Reads the seal that control names. SEAL_GOOD: the caller closes *seal. SEAL_DAMAGED: there is
 * none, or it is not that one. SEAL_FAILED: it can't be read; errno.
 */
enum seal_end record_read_seal(const struct data_directory *directory,
                               const struct control *control, struct seal *seal,
                               struct failure *failure);

/* Reads the report of the draw that control names, and looks whether it is that one. As above. */
enum seal_end record_check_draw(const struct data_directory *directory,
                                const struct control *control, struct failure *failure);

/*
 * False with the failure where seal.sig is there and was made with another key than the one at
 * `key` (seal.key; empty: none is set), or that can't be found out. Seal and draw are signed
 * with the same key, or an auditor can't tell the draw from somebody else's.
 */
bool record_agrees_with_key(const struct data_directory *directory, const char *key,
                            struct failure *failure);

/*
 * The times in this draw's seal.json or draw.json where control does not name it yet, ms since
 * 1970. A record that is made again with that time has the same text, and so the same hash. 0:
 * there is none, it can't be read, or it is another draw's, closing's, seal's or number's.
 */
int64_t record_sealed_at_ms(const struct data_directory *directory, const struct control *control);
int64_t record_drawn_at_ms(const struct data_directory *directory, const struct control *control);

#endif
