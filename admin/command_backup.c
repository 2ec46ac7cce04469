/*
 * command_backup.c - `lottery-admin backup DEST`: a copy of the data directory.
 *
 * Only calls backup.h, which says what the copy promises, and tells what was copied.
 */
#include "admin/backup.h"
#include "admin/command.h"
#include "admin/members.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_for_programs(const char *destination, const struct backup_report *report)
{
    struct members members = {.file = stdout};
    members_begin_object(&members, NULL);
    members_add_text(&members, "destination", destination);
    members_add_text(&members, "draw", report->draw);
    members_add_text(&members, "identity", report->identity);
    members_add_text(&members, "state", report->state);
    members_add_number(&members, "bets_bytes", report->bets_bytes);
    members_add_number(&members, "agencies_done", report->agencies_done);
    members_add_number(&members, "archived_draws", report->archived_draws);
    members_end_object(&members);
    fputc('\n', stdout);
}

int command_backup(const struct invocation *invocation, const struct server_config *config)
{
    struct backup_report report;
    struct failure failure;
    if (!backup_make(config->data_directory, invocation->operand, &report, &failure)) {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    if (command_option(invocation, OPTION_JSON) != NULL) {
        print_for_programs(invocation->operand, &report);
    } else {
        printf("%s: draw %s, lottery %s, %s, %" PRIu64 " bytes of bets, %" PRIu64
               " agencies done, %" PRIu64 " archived draws\n",
               invocation->operand, report.draw, report.identity, report.state, report.bets_bytes,
               report.agencies_done, report.archived_draws);
    }
    return program_finish_output(invocation->manual);
}
