/*
 * command_backup.c - `lottery-admin backup DEST`: a copy of the data directory.
 *
 * Only calls backup.h, which says what the copy promises, and tells what was copied.
 */
#include "admin/backup.h"
#include "admin/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int command_backup(const struct invocation *invocation, const struct server_config *config)
{
    struct backup_report report;
    struct failure failure;
    if (!backup_make(config->data_directory, invocation->operand, &report, &failure)) {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    printf("%s: lottery %s, %s, %" PRIu64 " bytes of bets, %" PRIu64 " agencies done\n",
           invocation->operand, report.identity, report.state, report.bets_bytes,
           report.agencies_done);
    return program_finish_output(invocation->manual);
}
