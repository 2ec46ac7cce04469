/*
 * past_draw.c - see past_draw.h.
 */
#include "server/handler/past_draw.h"

#include "store/done_file.h"
#include "store/prefix.h"

#include <errno.h>
#include <string.h>

/* Reads what became of the draw. A control of another draw was put there by hand. */
static bool read_control(struct past_draw *past, const char *name, struct failure *failure)
{
    const struct data_directory *directory = &past->archive.directory;
    switch (control_read(directory, &past->control, failure)) {
    case CONTROL_READ:
        return strcmp(past->control.terms.draw, name) == 0 ||
               failure_set(failure, "%s/" DATA_CONTROL_FILE " is that of the draw %s",
                           directory->path, past->control.terms.draw);
    case CONTROL_ABSENT:
        return failure_set(failure, "%s/" DATA_CONTROL_FILE " is missing", directory->path);
    case CONTROL_REFUSED:
        break;
    }
    return false;
}

enum past_draw_end past_draw_open(const struct data_directory *directory, const char *name,
                                  struct past_draw *past, struct failure *failure)
{
    if (!archive_open(directory, name, &past->archive, failure)) {
        return errno == ENOENT ? PAST_DRAW_UNKNOWN : PAST_DRAW_UNREAD;
    }
    if (!read_control(past, name, failure)) {
        past_draw_close(past);
        return PAST_DRAW_UNREAD;
    }
    return PAST_DRAW_OPEN;
}

void past_draw_close(struct past_draw *past)
{
    archive_close(&past->archive);
}

uint64_t past_draw_bets_bytes(const struct past_draw *past)
{
    return past->control.state == CONTROL_DRAWN ? past->control.draw.bytes : 0;
}

bool past_draw_count(const struct past_draw *past, uint32_t agency, bool (*should_stop)(void),
                     uint64_t *rows, uint64_t *checksum, struct failure *failure)
{
    const struct data_directory *directory = &past->archive.directory;
    struct done_line line;
    switch (done_file_find(directory, agency, &line, failure)) {
    case DONE_FOUND:
        *rows = line.bets;
        *checksum = line.checksum;
        return true;
    case DONE_NOT_FOUND:
        return prefix_count(directory, past_draw_bets_bytes(past), agency, should_stop, rows,
                            checksum, failure);
    case DONE_UNREAD:
        break;
    }
    return false;
}

struct winners_seal past_draw_winners(const struct past_draw *past)
{
    return (struct winners_seal){.bytes = past->control.draw.winners_bytes,
                                 .checksum = past->control.draw.winners_file_checksum};
}
