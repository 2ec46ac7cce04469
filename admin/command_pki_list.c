/*
 * command_pki_list.c - `lottery-admin pki list`: what the authority has issued.
 *
 * Nothing is changed, except that a pair of files is mended that a process left half replaced
 * (pki/key_pair.h). A file in issued/ that can't be read is told of on standard error, and the
 * others are listed; the exit status is 1 then.
 */
#include "admin/command.h"
#include "admin/command_pki.h"
#include "admin/members.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SECONDS_A_DAY = 24 * 60 * 60, STATE_BYTES = 48 };

static int64_t days_left(const struct issued *issued)
{
    return (issued->until_s - command_pki_now_s()) / SECONDS_A_DAY;
}

/* One word, for programs. */
static const char *name_state(const struct issued *issued)
{
    const int64_t now_s = command_pki_now_s();
    return issued->is_revoked                       ? "revoked"
           : issued->until_s <= now_s               ? "expired"
           : issued->from_s > now_s                 ? "early"
           : days_left(issued) < TLS_ENDS_SOON_DAYS ? "expires"
                                                    : "valid";
}

static void print_line(const struct issued *issued)
{
    char until[TIMESTAMP_BYTES];
    char state[STATE_BYTES];
    const bool is_soon = !issued->is_revoked && issued->until_s > command_pki_now_s() &&
                         days_left(issued) < TLS_ENDS_SOON_DAYS;
    command_pki_write_moment(issued->until_s, until);
    (void)snprintf(state, sizeof state, "%s", name_state(issued));
    if (is_soon) {
        (void)snprintf(state, sizeof state, "expires in %" PRId64 " days", days_left(issued));
    }
    printf("%-32s  %s  %-18s  %s\n", issued->serial, until, state, issued->who);
}

static void print_json(const char *directory, const struct issued_list *list)
{
    static const char *const kinds[] = {[CERTIFICATE_AUTHORITY] = "authority",
                                        [CERTIFICATE_SERVER] = "server",
                                        [CERTIFICATE_AGENCY] = "agency"};
    struct members members = {.file = stdout};
    members_begin_object(&members, NULL);
    members_add_text(&members, "directory", directory);
    members_begin_array(&members, "certificates");
    for (size_t i = 0; i < list->count; i++) {
        const struct issued *issued = &list->entries[i];
        members_begin_object(&members, NULL);
        members_add_text(&members, "serial", issued->serial);
        members_add_text(&members, "kind", kinds[issued->kind]);
        members_add_text(&members, "who", issued->who);
        members_add_moment(&members, "from", issued->from_s * COMMAND_PKI_MS_A_SECOND);
        members_add_moment(&members, "until", issued->until_s * COMMAND_PKI_MS_A_SECOND);
        members_add_text(&members, "state", name_state(issued));
        members_end_object(&members);
    }
    members_end_array(&members);
    members_end_object(&members);
    fputc('\n', stdout);
}

static void print_table(const struct issued_list *list)
{
    printf("%-32s  %-24s  %-18s  %s\n", "serial", "until", "state", "who");
    for (size_t i = 0; i < list->count; i++) {
        print_line(&list->entries[i]);
    }
}

int command_pki_list(const struct invocation *invocation, const struct server_config *config)
{
    const char *directory = command_pki_directory(invocation);
    struct authority authority;
    struct issued_list list;
    struct failure failure;
    (void)config; /* it is about no data directory */
    if (!authority_open(directory, &authority, &failure)) {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    bool is_read =
        issued_read(&authority.issued, authority.certificate, authority.revoked, &list, &failure);
    authority_close(&authority);
    if (!is_read) {
        issued_close(&list);
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    if (command_option(invocation, OPTION_JSON) != NULL) {
        print_json(directory, &list);
    } else {
        print_table(&list);
    }
    bool is_incomplete = command_pki_tell_unread(invocation, &list);
    issued_close(&list);
    int status = program_finish_output(invocation->manual);
    return is_incomplete ? EXIT_FAILURE : status;
}
