/*
 * outlook.c - see outlook.h.
 */
#include "admin/outlook.h"

#include "bet/agency_set.h"
#include "lib/timestamp.h"

#include <inttypes.h>
#include <stdio.h>

/* ---------------------------------------------------------------- closing ---- */

/* Writes "agencies 3,5"; how many they are, where they are too many ranges. */
static void name_missing(const struct snapshot *snapshot, char *text, size_t capacity)
{
    struct agency_set set = {0};
    uint64_t count = 0;
    bool fits = true;
    for (size_t i = 0; i < snapshot->agency_count; i++) {
        if (snapshot->agencies[i].missing != 0) {
            fits = fits && agency_set_add(&set, (uint32_t)snapshot->agencies[i].id);
            count++;
        }
    }
    if (fits && count > 0) {
        int used = snprintf(text, capacity, "%s ", count == 1 ? "agency" : "agencies");
        (void)agency_set_write(&set, text + used, capacity - (size_t)used);
    } else {
        (void)snprintf(text, capacity, "%" PRIu64 " agencies", count);
    }
}

/* "closes when agencies 3,5 are done, or at 2026-...", or by how many of them it waits for. */
static void write_closing(const struct control *control, const struct snapshot *snapshot,
                          char text[OUTLOOK_BYTES])
{
    char missing[CONFIG_TEXT_BYTES];
    const struct snapshot_draw *draw = &snapshot->draw;
    uint64_t needed = draw->expected > draw->done ? draw->expected - draw->done : 0;
    uint64_t named = 0;
    for (size_t i = 0; i < snapshot->agency_count; i++) {
        named += snapshot->agencies[i].missing;
    }
    name_missing(snapshot, missing, sizeof missing);
    int used =
        needed == 0 ? snprintf(text, OUTLOOK_BYTES, "closes now: all expected agencies are done")
        : needed == named ? snprintf(text, OUTLOOK_BYTES, "closes when %s %s done", missing,
                                     named == 1 ? "is" : "are")
        : named > needed  ? snprintf(text, OUTLOOK_BYTES, "closes when %" PRIu64 " of %s are done",
                                     needed, missing)
        : named == 0      ? snprintf(text, OUTLOOK_BYTES,
                                     "closes when %" PRIu64 " agencies that are not known by name are "
                                          "done",
                                     needed)
                          : snprintf(text, OUTLOOK_BYTES,
                                     "closes when %s and %" PRIu64 " not known by name are done",
                                     missing, needed - named);
    if (control->terms.closes_at_ms != 0) {
        char moment[TIMESTAMP_BYTES];
        timestamp_write(control->terms.closes_at_ms, moment);
        (void)snprintf(text + used, OUTLOOK_BYTES - (size_t)used, ", or at %s", moment);
    }
}

/* ------------------------------------------------------------------ whole ---- */

/* Of a draw of several centres, while a server runs. */
static void write_national(const struct control *control, const struct snapshot_centres *centres,
                           char text[OUTLOOK_BYTES])
{
    if (centres->released != 0) {
        (void)snprintf(text, OUTLOOK_BYTES, "the draw is held with the number %" PRIu64,
                       centres->number);
    } else if (centres->reason[0] != '\0') {
        (void)snprintf(text, OUTLOOK_BYTES, "%s", centres->reason);
    } else {
        (void)snprintf(text, OUTLOOK_BYTES,
                       "all centres are closed: waits for `lottery-admin draw --number N --seal "
                       "%s` at one of them",
                       control->seal_sha256);
    }
}

static void write_sealed(const struct control *control, const struct snapshot *snapshot,
                         char text[OUTLOOK_BYTES])
{
    if (snapshot->centres.state[0] != '\0') {
        write_national(control, &snapshot->centres, text);
    } else if (control_has_number(&control->terms)) {
        (void)snprintf(text, OUTLOOK_BYTES, "the draw is held with the number %" PRIu32,
                       control->terms.winning_number);
    } else {
        (void)snprintf(text, OUTLOOK_BYTES, "waits for `lottery-admin draw --number N --seal %s`",
                       control->seal_sha256);
    }
}

void outlook_write(const struct control *control, const struct snapshot *snapshot,
                   char text[OUTLOOK_BYTES])
{
    switch (control->state) {
    case CONTROL_NEW:
    case CONTROL_OPEN:
        write_closing(control, snapshot, text);
        break;
    case CONTROL_CLOSED:
        (void)snprintf(text, OUTLOOK_BYTES, "the seal is made");
        break;
    case CONTROL_SEALED:
        write_sealed(control, snapshot, text);
        break;
    case CONTROL_DRAWN:
    case CONTROL_ABANDONED:
        (void)snprintf(text, OUTLOOK_BYTES,
                       "agencies are told their winners, until `lottery-admin open NAME`");
        break;
    }
}

void outlook_write_start(const struct control *control, char text[OUTLOOK_BYTES])
{
    const char *name = control->terms.draw;
    switch (control->state) {
    case CONTROL_NEW:
        (void)snprintf(text, OUTLOOK_BYTES, "begin draw %s, of which nothing has been noted", name);
        break;
    case CONTROL_OPEN:
        (void)snprintf(text, OUTLOOK_BYTES, "go on selling for draw %s", name);
        break;
    case CONTROL_CLOSED:
        (void)snprintf(text, OUTLOOK_BYTES, "seal draw %s", name);
        break;
    case CONTROL_SEALED:
        if (control_has_number(&control->terms)) {
            (void)snprintf(text, OUTLOOK_BYTES, "hold draw %s", name);
        } else {
            (void)snprintf(text, OUTLOOK_BYTES,
                           "wait for draw %s's number: `lottery-admin draw --number N --seal %s`",
                           name, control->seal_sha256);
        }
        break;
    case CONTROL_DRAWN:
    case CONTROL_ABANDONED:
        (void)snprintf(text, OUTLOOK_BYTES, "tell the winners of draw %s, and wait for `open`",
                       name);
        break;
    }
}
