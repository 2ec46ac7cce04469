/*
 * witnesses.c - see witnesses.h.
 */
#include "server/supervisor/witnesses.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "server/supervisor/ending.h"
#include "shm/agencies.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* ----------------------------------------------------------------- tail ---- */

enum { START_BYTES = 4096 };

/* True when the first line stops before its end: at a zero, or at the end of the file. */
static bool is_first_line_torn(int file, uint64_t longest_bytes)
{
    char piece[START_BYTES];
    ssize_t got = 0;
    for (uint64_t at = 0; at <= longest_bytes; at += (uint64_t)got) {
        got = pread(file, piece, sizeof piece, (off_t)at);
        if (got <= 0) {
            return got == 0;
        }
        const char *line_feed = memchr(piece, '\n', (size_t)got);
        size_t line_bytes = line_feed == NULL ? (size_t)got : (size_t)(line_feed - piece);
        bool zeros = memchr(piece, '\0', line_bytes) != NULL;
        if (zeros || line_feed != NULL) {
            return zeros;
        }
    }
    return false;
}

/*
 * True when a file whose very first row is bad can be our first flush, cut short. Our flush is torn
 * and never wrong. Its first line begins as a row does: with an agency, or as much of one as there
 * is. Then it stops: at the file's end, or at a page that was never written and reads as zeros.
 * A line that is whole, or begins in another way, is somebody else's. No row of ours is longer than
 * a flush, `longest_bytes`.
 */
static bool may_be_ours(int file, uint64_t longest_bytes)
{
    enum { AGENCY_DIGITS_MAX = BET_AGENCY_PREFIX_BYTES_MAX - 1 };
    char start[START_BYTES];
    ssize_t got = pread(file, start, sizeof start, 0);
    size_t digits = 0;
    if (got <= 0) {
        return false;
    }
    if (start[0] == '\0') {
        return true;
    }
    while (digits < (size_t)got && isdigit((unsigned char)start[digits])) {
        digits++;
    }
    bool begins_like_a_row =
        digits > 0 && digits <= AGENCY_DIGITS_MAX &&
        (digits == (size_t)got || start[digits] == ',' || start[digits] == '\0');
    return begins_like_a_row && is_first_line_torn(file, longest_bytes);
}

/* True when a crash can have left what comes after the good bytes, so that it may be cut off. */
static bool tail_may_be_cut(const struct findings *findings, struct failure *failure)
{
    const struct tally *tally = &findings->tally;
    const char *path = findings->heritage->directory.path;
    uint64_t tail_bytes = tally->file_bytes - tally->good_bytes;
    uint64_t crash_bytes = tally_crash_bytes(findings->heritage);
    if (tally->rows == 0 && tail_bytes > 0 && !may_be_ours(findings->bets, crash_bytes)) {
        return failure_set(failure, "%s/" DATA_BETS_FILE " is no file of bets: nothing was touched",
                           path);
    }
    return tail_bytes <= crash_bytes ||
           failure_set(failure,
                       "%s/" DATA_BETS_FILE " is damaged at byte %" PRIu64 " (row %" PRIu64
                       "), %" PRIu64 " bytes before its end, and a crash can damage %" PRIu64
                       " at most: nothing was touched; restore all files from one backup",
                       path, tally->good_bytes, tally->rows + 1, tail_bytes, crash_bytes);
}

/* ------------------------------------------------------------- witnesses ---- */

/* True when this witness says no more bytes to have been durable than are good. */
static bool reaches(const struct findings *findings, uint64_t proven_bytes, const char *witness,
                    struct failure *failure)
{
    const struct tally *tally = &findings->tally;
    return tally->good_bytes >= proven_bytes ||
           failure_set(failure,
                       "%s/" DATA_BETS_FILE " is missing, ends, or is damaged, at byte %" PRIu64
                       " (row %" PRIu64 "), and %" PRIu64 " bytes were durable (%s proves it): "
                       "acknowledged bets are missing, nothing was touched; restore all files "
                       "from one backup",
                       findings->heritage->directory.path, tally->good_bytes, tally->rows + 1,
                       proven_bytes, witness);
}

/* True when an agency that is done has exactly the rows that it was done with. */
static bool agrees_with_line(const struct findings *findings, const struct done_line *line,
                             struct failure *failure)
{
    if (!reaches(findings, line->position, DATA_DONE_FILE, failure)) {
        return false;
    }
    const struct agency *agency = agencies_find(&findings->heritage->segment, line->agency);
    uint64_t bets = agency == NULL ? 0 : atomic_load(&agency->bets);
    uint64_t checksum = agency == NULL ? CHECKSUM_EMPTY : atomic_load(&agency->checksum);
    return (bets == line->bets && checksum == line->checksum) ||
           failure_set(failure,
                       "%s/" DATA_BETS_FILE " was changed: agency %" PRIu32
                       " was done with %" PRIu64 " bets of checksum " CHECKSUM_FORMAT
                       " (" DATA_DONE_FILE "), and %" PRIu64 " bets of checksum " CHECKSUM_FORMAT
                       " are there: nothing was touched; restore all files from one backup",
                       findings->heritage->directory.path, line->agency, line->bets, line->checksum,
                       bets, checksum);
}

/* True when the draw was held among exactly these bytes, and nothing was written after them. */
static bool agrees_with_draw(const struct findings *findings, struct failure *failure)
{
    const struct draw_record *draw = &findings->control.draw;
    const struct tally *tally = &findings->tally;
    if (findings->control.state != CONTROL_DRAWN) {
        return true;
    }
    return (tally->file_bytes == draw->bytes && tally->good_bytes == draw->bytes &&
            tally->rows == draw->bets && tally->checksum == draw->checksum) ||
           failure_set(failure,
                       "%s/" DATA_BETS_FILE " was changed after the draw: %" PRIu64 " bets in "
                       "%" PRIu64 " of %" PRIu64 " bytes, checksum " CHECKSUM_FORMAT
                       ", and the draw was held among %" PRIu64 " bets in %" PRIu64
                       " bytes, checksum " CHECKSUM_FORMAT " (" DATA_CONTROL_FILE
                       "): nothing was touched; restore all files from one backup",
                       findings->heritage->directory.path, tally->rows, tally->good_bytes,
                       tally->file_bytes, tally->checksum, draw->bets, draw->bytes, draw->checksum);
}

/*
 * Until control notes the first flush, bets.csv holds no more than that flush, and done.csv only
 * lines of agencies without bets.
 */
static bool agrees_with_new_control(const struct findings *findings, struct failure *failure)
{
    uint64_t proven_bytes = 0;
    for (size_t i = 0; i < findings->done.count; i++) {
        uint64_t position = findings->done.lines[i].position;
        proven_bytes = position > proven_bytes ? position : proven_bytes;
    }
    return findings->control.state != CONTROL_NEW ||
           (proven_bytes == 0 &&
            findings->tally.good_bytes <= tally_crash_bytes(findings->heritage)) ||
           failure_set(failure,
                       "%s/" DATA_CONTROL_FILE
                       " says that nothing has been stored yet, and there are %" PRIu64
                       " bets, and %zu agencies are done: it is another lottery's, or "
                       "from before them; nothing was touched; restore all files from one backup",
                       findings->heritage->directory.path, findings->tally.rows,
                       findings->done.count);
}

bool witnesses_agree(const struct findings *findings, struct failure *failure)
{
    if (!tail_may_be_cut(findings, failure) || !ending_is_due(findings, failure) ||
        !agrees_with_new_control(findings, failure) ||
        !reaches(findings, findings->control.bets_bytes, DATA_CONTROL_FILE, failure)) {
        return false;
    }
    for (size_t i = 0; i < findings->done.count; i++) {
        if (!agrees_with_line(findings, &findings->done.lines[i], failure)) {
            return false;
        }
    }
    return agrees_with_draw(findings, failure) && ending_agrees(findings, failure);
}
