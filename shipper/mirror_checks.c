/*
 * mirror_checks.c - see mirror_parts.h: what a record of the log may not say.
 */
#include "shipper/mirror_parts.h"

#include "store/done_file.h"

#include <inttypes.h>
#include <string.h>

/* The log has something that no server of the lottery writes. Nothing of it has come into a file. */
static enum mirror_end refuse_content(const struct mirror *mirror, const struct record *record,
                                      const char *what, struct failure *failure)
{
    (void)failure_set(failure,
                      "record %" PRIu64
                      " of the log, by %s, is none that a server of the lottery writes: %s. "
                      "Nothing of it was written here. Somebody else has forged it, or "
                      "a hand has changed the files of that node: keep this directory, and find "
                      "out which before anybody goes on",
                      mirror->log.sequence, record->node, what);
    return MIRROR_REFUSED;
}

/* A line of done.csv says what its agency has, and its bets are in the log before it. */
static bool agrees_with_bets(const struct mirror *mirror, const struct record *record)
{
    const char *at = record->bytes;
    const char *end = at + record->length;
    while (at < end) {
        struct done_line line;
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL || !done_file_parse_line(at, (size_t)(line_end - at), &line) ||
            line.position > mirror->log.bets_end ||
            !bet_count_agrees(&mirror->count, line.agency, line.bets, line.checksum)) {
            return false;
        }
        at = line_end + 1;
    }
    return true;
}

enum mirror_end mirror_check_lines(struct mirror *mirror, const struct record *record,
                                   struct failure *failure)
{
    if (record->kind == RECORD_DONE) {
        return agrees_with_bets(mirror, record) ? MIRROR_APPLIED
                                                : refuse_content(mirror, record,
                                                                 "its lines of " DATA_DONE_FILE
                                                                 " are not what the agencies have",
                                                                 failure);
    }
    return bet_count_add(&mirror->count, record->bytes, (size_t)record->length, record->offset)
               ? MIRROR_APPLIED
               : refuse_content(mirror, record, "its rows are no bets", failure);
}

enum mirror_end mirror_read_control(const struct record *record, const char *kind,
                                    struct control *control, struct failure *failure)
{
    if (control_read_text(record->bytes, (size_t)record->length, "the log's " DATA_CONTROL_FILE,
                          control, failure) != CONTROL_READ) {
        return MIRROR_REFUSED;
    }
    if (strcmp(control->identity, record->identity) != 0) {
        (void)failure_set(failure,
                          "the log's " DATA_CONTROL_FILE " is of the draw %s, in %s of the draw %s",
                          control->identity, kind, record->identity);
        return MIRROR_REFUSED;
    }
    return MIRROR_APPLIED;
}

enum mirror_end mirror_check_control(const struct mirror *mirror, const struct record *record,
                                     const struct control *control, struct failure *failure)
{
    if (control->bets_bytes > mirror->log.bets_end || control->done_bytes > mirror->log.done_end) {
        return refuse_content(mirror, record,
                              "its " DATA_CONTROL_FILE " tells of bytes that are not in the log",
                              failure);
    }
    if (mirror->has_logged && control_is_older(control, &mirror->logged)) {
        return refuse_content(mirror, record,
                              "its " DATA_CONTROL_FILE " takes a step of the draw back, or has "
                              "another seal, another number, or another result",
                              failure);
    }
    return MIRROR_APPLIED;
}

/* True where both are known, and are not the same. */
static bool differ(const char *own, const char *logged)
{
    return own[0] != '\0' && logged[0] != '\0' && strcmp(own, logged) != 0;
}

enum mirror_end mirror_check_results(const struct mirror *mirror, const struct control *logged,
                                     struct failure *failure)
{
    const struct control *own = &mirror->control;
    const bool other_seal = differ(own->seal_sha256, logged->seal_sha256);
    const bool other_number = own->terms.number_given && logged->terms.number_given &&
                              own->terms.winning_number != logged->terms.winning_number;
    if (!other_seal && !other_number && !differ(own->draw_sha256, logged->draw_sha256)) {
        return MIRROR_APPLIED;
    }
    (void)failure_set(failure,
                      "the log has another %s of the draw than this directory: keep the directory "
                      "for the auditor, and name an empty data.directory",
                      other_seal     ? "seal"
                      : other_number ? "number"
                                     : "result");
    return MIRROR_REFUSED;
}
