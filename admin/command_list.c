/*
 * command_list.c - `lottery-admin list` and `show NAME`: the current draw and the archived ones.
 *
 * Both read each draw's control, and seal.json for the count of its bets; no server is asked. A
 * draw whose control can't be read is told on standard error, and the others are listed; the exit
 * status is 1 then.
 */
#include "admin/command.h"
#include "admin/draw_facts.h"
#include "admin/place.h"
#include "lib/timestamp.h"
#include "seal/seal.h"
#include "store/archive.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- reading ---- */

/* The bets that seal.json counts; DRAW_BETS_UNKNOWN where it can't be read. */
static uint64_t sealed_bets(const struct data_directory *directory)
{
    struct failure ignored;
    struct seal seal;
    size_t bytes = 0;
    uint64_t bets = DRAW_BETS_UNKNOWN;
    char *text = place_read_file(directory, DATA_SEAL_FILE, &bytes, &ignored);
    if (text != NULL && seal_parse(text, bytes, DATA_SEAL_FILE, &seal, &ignored)) {
        bets = seal.bets_rows;
        seal_close(&seal);
    }
    free(text);
    return bets;
}

static bool read_facts(const struct data_directory *directory, struct draw_facts *facts,
                       struct failure *failure)
{
    if (place_read_control(directory, &facts->control, failure) != CONTROL_READ) {
        return false;
    }
    facts->bets = facts->control.state == CONTROL_DRAWN   ? facts->control.draw.bets
                  : facts->control.state == CONTROL_NEW   ? 0
                  : facts->control.seal_sha256[0] != '\0' ? sealed_bets(directory)
                                                          : DRAW_BETS_UNKNOWN;
    return true;
}

static bool read_archived(const struct data_directory *directory, const char *name,
                          struct draw_facts *facts, struct failure *failure)
{
    struct archive archive;
    if (!archive_open(directory, name, &archive, failure)) {
        return false;
    }
    bool read = read_facts(&archive.directory, facts, failure);
    archive_close(&archive);
    return read;
}

/* ---------------------------------------------------------------- listing ---- */

enum { NUMBER_BYTES = 24 };

struct listing {
    const struct invocation *invocation;
    const struct data_directory *directory;
    struct members members; /* of --json */
    const char *current;    /* its draw's name; "" where control can't be read */
    bool is_json, failed;
};

static void write_known(char text[NUMBER_BYTES], bool known, uint64_t number)
{
    (void)snprintf(text, NUMBER_BYTES, "-");
    if (known) {
        (void)snprintf(text, NUMBER_BYTES, "%" PRIu64, number);
    }
}

static void print_heads(void)
{
    printf("%-16s %-9s %-24s %-24s %12s %10s %8s  %s\n", "draw", "state", "opened", "drawn", "bets",
           "number", "winners", "seal");
}

static void print_line(const struct draw_facts *facts)
{
    const struct control *control = &facts->control;
    char opened[TIMESTAMP_BYTES] = "-";
    char drawn[TIMESTAMP_BYTES] = "-";
    char bets[NUMBER_BYTES];
    char number[NUMBER_BYTES];
    char winners[NUMBER_BYTES];
    if (control->opened_at_ms != 0) {
        timestamp_write(control->opened_at_ms, opened);
    }
    if (control->drawn_at_ms != 0) {
        timestamp_write(control->drawn_at_ms, drawn);
    }
    write_known(bets, facts->bets != DRAW_BETS_UNKNOWN, facts->bets);
    write_known(number, control_has_number(&control->terms), control->terms.winning_number);
    write_known(winners, control->state == CONTROL_DRAWN, control->draw.winners);
    printf("%-16s %-9s %-24s %-24s %12s %10s %8s  %s\n", control->terms.draw,
           control_state_name(control->state), opened, drawn, bets, number, winners,
           control->seal_sha256[0] == '\0' ? "-" : control->seal_sha256);
}

static void list_draw(struct listing *listing, const struct draw_facts *facts, bool is_current)
{
    if (!listing->is_json) {
        print_line(facts);
        return;
    }
    members_begin_object(&listing->members, NULL);
    draw_facts_add(&listing->members, facts);
    members_add_flag(&listing->members, "current", is_current);
    members_end_object(&listing->members);
}

static void complain(struct listing *listing, const struct failure *failure)
{
    program_complain(listing->invocation->manual, EXIT_FAILURE, "%s", failure->text);
    listing->failed = true;
}

static void list_archived(void *context, const char *name)
{
    struct listing *listing = context;
    struct draw_facts facts;
    struct failure failure;
    if (strcmp(name, listing->current) == 0) {
        return; /* an opening that did not come to its end has prepared it */
    }
    if (read_archived(listing->directory, name, &facts, &failure)) {
        list_draw(listing, &facts, false);
    } else {
        complain(listing, &failure);
    }
}

/* The archived draws first, by name, and then the current one. */
static void list_all(struct listing *listing)
{
    struct draw_facts current;
    struct failure failure;
    struct failure why;
    bool is_read = read_facts(listing->directory, &current, &why);
    listing->current = is_read ? current.control.terms.draw : "";
    if (!archive_list(listing->directory, list_archived, listing, &failure)) {
        complain(listing, &failure);
    }
    if (is_read) {
        list_draw(listing, &current, true);
    } else {
        complain(listing, &why);
    }
}

int command_list(const struct invocation *invocation, const struct server_config *config)
{
    struct data_directory directory;
    struct failure failure;
    if (!place_open(config->data_directory, &directory, &failure)) {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    struct listing listing = {.invocation = invocation,
                              .directory = &directory,
                              .members = {.file = stdout},
                              .is_json = command_option(invocation, OPTION_JSON) != NULL};
    if (listing.is_json) {
        members_begin_object(&listing.members, NULL);
        members_begin_array(&listing.members, "draws");
        list_all(&listing);
        members_end_array(&listing.members);
        members_end_object(&listing.members);
        fputc('\n', stdout);
    } else {
        print_heads();
        list_all(&listing);
    }
    place_close(&directory);
    int status = program_finish_output(invocation->manual);
    return listing.failed ? EXIT_FAILURE : status;
}

/* ------------------------------------------------------------- one of them ---- */

/* Finds the draw, which is the current one or an archived one. */
static bool find_draw(const struct data_directory *directory, const char *name,
                      struct draw_facts *facts, struct failure *failure)
{
    if (!read_facts(directory, facts, failure)) {
        return false;
    }
    if (strcmp(facts->control.terms.draw, name) == 0) {
        return true;
    }
    return archive_has(directory, name)
               ? read_archived(directory, name, facts, failure)
               : failure_set(failure,
                             "%s has no draw \"%.60s\": `lottery-admin list` names those that are "
                             "there",
                             directory->path, name);
}

int command_show(const struct invocation *invocation, const struct server_config *config)
{
    struct data_directory directory;
    struct draw_facts facts;
    struct failure failure;
    if (!place_open(config->data_directory, &directory, &failure)) {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    bool found = find_draw(&directory, invocation->operand, &facts, &failure);
    place_close(&directory);
    if (!found) {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    if (command_option(invocation, OPTION_JSON) != NULL) {
        struct members members = {.file = stdout};
        members_begin_object(&members, NULL);
        draw_facts_add(&members, &facts);
        members_end_object(&members);
        fputc('\n', stdout);
    } else {
        draw_facts_print(stdout, &facts);
    }
    return program_finish_output(invocation->manual);
}
