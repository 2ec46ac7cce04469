/*
 * ending.c - see ending.h.
 */
#include "server/supervisor/ending.h"

#include "seal/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <sys/stat.h>

/* A server of version 1.0 drew without closing or sealing; it has noted no time of opening. */
static bool is_of_older_server(const struct control *control)
{
    return control->opened_at_ms == 0;
}

static bool is_sealed(const struct control *control)
{
    return control->state == CONTROL_SEALED || control->seal_sha256[0] != '\0';
}

/* ------------------------------------------------------------- too early ---- */

/* A file, the first state in which it can be there, and what it shows to have been done. */
struct trace {
    const char *name;
    enum control_state since;
    const char *shows;
};

static const struct trace traces[] = {
    {DATA_WINNERS_FILE, CONTROL_SEALED, "a draw has been held"},
    {DATA_DRAW_FILE, CONTROL_SEALED, "a draw has been held"},
    {DATA_DRAW_SIGNATURE_FILE, CONTROL_SEALED, "a draw has been held"},
    {DATA_SEAL_FILE, CONTROL_CLOSED, "the draw has been sealed"},
    {DATA_SEAL_SIGNATURE_FILE, CONTROL_CLOSED, "the draw has been sealed"},
};

/*
 * Of an older server, winners.csv comes into place once all expected agencies are done, and control
 * says open until after that. What it left there stays until the draw replaces it.
 */
static bool may_be_older_winners(const struct findings *findings, const struct trace *trace)
{
    const struct control *control = &findings->control;
    return trace == &traces[0] && is_of_older_server(control) &&
           (control->state == CONTROL_CLOSED ||
            (control->state == CONTROL_OPEN &&
             findings->done.count >= control->terms.agencies_expected));
}

/* What a draw leaves needs a number as well: control has it before any of that is there. */
static bool may_be_there(const struct control *control, const struct trace *trace)
{
    return control->state >= trace->since &&
           (trace->since < CONTROL_SEALED || control_has_number(&control->terms));
}

static bool is_trace_due(const struct findings *findings, const struct trace *trace,
                         struct failure *failure)
{
    const struct control *control = &findings->control;
    const struct data_directory *directory = &findings->heritage->directory;
    struct stat status;
    if (may_be_there(control, trace) || may_be_older_winners(findings, trace)) {
        return true;
    }
    if (fstatat(directory->descriptor, trace->name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ||
               failure_set_errno(failure, "look at %s/%s", directory->path, trace->name);
    }
    return failure_set(failure,
                       "%s/%s is there, so %s, and " DATA_CONTROL_FILE
                       " (state %s) and " DATA_DONE_FILE " (%zu of %" PRIu32
                       " agencies) are from before it: it is not done again, nothing was touched; "
                       "restore all files from one backup",
                       directory->path, trace->name, trace->shows,
                       control_state_name(control->state), findings->done.count,
                       control->terms.agencies_expected);
}

bool ending_is_due(const struct findings *findings, struct failure *failure)
{
    for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++) {
        if (!is_trace_due(findings, &traces[i], failure)) {
            return false;
        }
    }
    return true;
}

/* ---------------------------------------------------------------- closed ---- */

static bool ends_there(const struct findings *findings, const char *name, uint64_t found,
                       uint64_t closed, struct failure *failure)
{
    return found == closed ||
           failure_set(failure,
                       "%s/%s was changed: it has %" PRIu64 " bytes, and %" PRIu64
                       " when sales were closed (" DATA_CONTROL_FILE
                       "): nothing was touched; restore all files from one backup",
                       findings->heritage->directory.path, name, found, closed);
}

/* Witnesses have found already that no byte before these ends is missing or bad. */
static bool agrees_with_closing(const struct findings *findings, struct failure *failure)
{
    const struct control *control = &findings->control;
    const struct done_file *done = &findings->done;
    return ends_there(findings, DATA_BETS_FILE, findings->tally.file_bytes, control->bets_bytes,
                      failure) &&
           ends_there(findings, DATA_DONE_FILE, done->bytes + done->torn_bytes, control->done_bytes,
                      failure);
}

/* ---------------------------------------------------------------- sealed ---- */

/* Before there are other processes nobody can ask the supervisor to stop. */
static bool never(void)
{
    return false;
}

static bool is_there(const struct findings *findings, int file, const char *name,
                     struct failure *failure)
{
    return file >= 0 ||
           failure_set(failure,
                       "%s/%s is missing, and the draw is sealed: nothing was touched; restore all "
                       "files from one backup",
                       findings->heritage->directory.path, name);
}

/* What a look at the ends finds. */
static bool has_sealed_size(const struct findings *findings, const struct seal *seal,
                            struct failure *failure)
{
    const struct tally *tally = &findings->tally;
    return (tally->file_bytes == seal->bets_bytes && tally->rows == seal->bets_rows &&
            findings->done.bytes == seal->done_bytes) ||
           failure_set(failure,
                       "%s/: " DATA_BETS_FILE " has %" PRIu64 " rows in %" PRIu64
                       " bytes and " DATA_DONE_FILE " %" PRIu64 " bytes, and " DATA_SEAL_FILE
                       " says %" PRIu64 ", %" PRIu64 " and %" PRIu64
                       ": nothing was touched; restore all files from one backup",
                       findings->heritage->directory.path, tally->rows, tally->file_bytes,
                       findings->done.bytes, seal->bets_rows, seal->bets_bytes, seal->done_bytes);
}

static bool agrees_with_files(const struct findings *findings, const struct seal *seal,
                              struct failure *failure)
{
    const struct heritage *heritage = findings->heritage;
    struct failure reason;
    if (!is_there(findings, findings->bets, DATA_BETS_FILE, failure) ||
        !is_there(findings, findings->done.descriptor, DATA_DONE_FILE, failure) ||
        !has_sealed_size(findings, seal, failure)) {
        return false;
    }
    return heritage->config.start_verify == START_VERIFY_END ||
           seal_compare(seal, findings->bets, findings->done.descriptor, never, &reason) ==
               SEAL_GOOD ||
           failure_set(failure, "%s/: %s; nothing was touched", heritage->directory.path,
                       reason.text);
}

static bool agrees_with_seal(const struct findings *findings, struct failure *failure)
{
    struct seal seal;
    if (record_read_seal(&findings->heritage->directory, &findings->control, &seal, failure) !=
        SEAL_GOOD) {
        return false;
    }
    bool agrees = agrees_with_files(findings, &seal, failure);
    seal_close(&seal);
    return agrees;
}

/* ------------------------------------------------------------------- all ---- */

bool ending_agrees(const struct findings *findings, struct failure *failure)
{
    const struct control *control = &findings->control;
    if (control->state < CONTROL_CLOSED ||
        (control->state == CONTROL_DRAWN && !is_sealed(control))) { /* of an older server */
        return true;
    }
    return agrees_with_closing(findings, failure) &&
           (!is_sealed(control) || agrees_with_seal(findings, failure)) &&
           (control->state != CONTROL_DRAWN ||
            record_check_draw(&findings->heritage->directory, control, failure) == SEAL_GOOD);
}
