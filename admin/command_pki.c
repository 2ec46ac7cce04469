/*
 * command_pki.c - `lottery-admin pki init`, `server` and `agency`: a small authority.
 *
 * pki/authority.h has its files, and says what remains when the process dies. Keys are written to
 * files and nowhere else. A command that makes several certificates stops at the first failure; it
 * has told of each that is made by then.
 */
#include "admin/command_pki.h"
#include "admin/command.h"
#include "lib/clock.h"
#include "lib/timestamp.h"
#include "tls/agency_names.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_DIRECTORY "pki"

/* ------------------------------------------------------- what they have in common ---- */

const char *command_pki_directory(const struct invocation *invocation)
{
    const char *directory = command_option(invocation, OPTION_DIRECTORY);
    return directory != NULL ? directory : DEFAULT_DIRECTORY;
}

int64_t command_pki_now_s(void)
{
    return clock_wall_ms() / COMMAND_PKI_MS_A_SECOND;
}

void command_pki_write_moment(int64_t moment_s, char text[TIMESTAMP_BYTES])
{
    timestamp_write(moment_s * COMMAND_PKI_MS_A_SECOND, text);
}

bool command_pki_tell_unread(const struct invocation *invocation, const struct issued_list *list)
{
    if (list->unread > 0) {
        (void)program_complain(invocation->manual, EXIT_FAILURE,
                               "%zu of the issued certificates can't be read, so nothing is known "
                               "of them: %s",
                               list->unread, list->first_unread.text);
    }
    return list->unread > 0;
}

bool command_pki_is_alive(const struct issued *issued)
{
    return !issued->is_revoked && issued->until_s > command_pki_now_s();
}

static void write_set(const struct agency_set *set, char text[AGENCY_NAMES_BYTES])
{
    (void)agency_set_write(set, text, AGENCY_NAMES_BYTES);
}

bool command_pki_are_equal(const struct agency_set *first, const struct agency_set *second)
{
    char texts[2][AGENCY_NAMES_BYTES];
    write_set(first, texts[0]);
    write_set(second, texts[1]);
    return strcmp(texts[0], texts[1]) == 0;
}

/* Reads one operand, "17" or "1-3,7". Returns false after a complaint. */
static bool take_agencies(const struct invocation *invocation, const char *text,
                          struct agency_set *set)
{
    struct failure failure;
    if (!agency_set_parse(text, "AGENCY", set, &failure)) {
        (void)program_misused(invocation->manual, "%s", failure.text);
        return false;
    }
    if (set->any || set->count == 0) {
        (void)program_misused(invocation->manual,
                              "AGENCY: '%s' names no agencies; a certificate does, like 17 or "
                              "1-3,7",
                              text);
        return false;
    }
    return true;
}

bool command_pki_take_agencies(const struct invocation *invocation, struct agency_set *sets)
{
    for (size_t i = 0; i < invocation->operand_count; i++) {
        if (!take_agencies(invocation, invocation->operands[i], &sets[i])) {
            return false;
        }
    }
    return true;
}

/* ----------------------------------------------------------------- issuing ---- */

/* Tells which earlier certificates of the same agencies, or of the server, are still valid. */
static void tell_earlier(const struct issued_list *list, const struct certificate_order *order)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct issued *issued = &list->entries[i];
        if (issued->kind == order->kind && command_pki_is_alive(issued) &&
            (order->kind == CERTIFICATE_SERVER ||
             command_pki_are_equal(&issued->agencies, order->agencies))) {
            char until[TIMESTAMP_BYTES];
            command_pki_write_moment(issued->until_s, until);
            printf("  %s of %s, from before, stays valid until %s; `pki revoke --serial %s` ends "
                   "that\n",
                   issued->serial, issued->who, until, issued->serial);
        }
    }
}

static bool issue(struct authority *authority, const struct certificate_order *order,
                  struct failure *failure)
{
    struct issued_list before;
    struct issued issued;
    char name[NAME_MAX + 1];
    if (!authority_name_pair(order, name, failure)) {
        return false;
    }
    bool done = issued_read(&authority->issued, authority->certificate, authority->revoked, &before,
                            failure) &&
                authority_issue(authority, order, &issued, failure);
    if (done) {
        char until[TIMESTAMP_BYTES];
        command_pki_write_moment(issued.until_s, until);
        printf("%s/%s.pem: serial %s, until %s; its key is %s/%s.key\n", authority->directory.path,
               name, issued.serial, until, authority->directory.path, name);
        tell_earlier(&before, order);
    }
    issued_close(&before);
    return done;
}

/* Opens the authority, and issues; returns the exit status. */
static int issue_all(const struct invocation *invocation, const struct certificate_order *orders,
                     size_t count)
{
    struct authority authority;
    struct failure failure;
    if (!authority_open(command_pki_directory(invocation), &authority, &failure)) {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    bool done = true;
    for (size_t i = 0; i < count && done; i++) {
        done = issue(&authority, &orders[i], &failure);
    }
    authority_close(&authority);
    return done ? program_finish_output(invocation->manual)
                : program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
}

/* Returns false after a complaint. */
static bool check_names(const struct invocation *invocation, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!certificate_can_name(names[i])) {
            (void)program_misused(invocation->manual,
                                  "NAME: '%s' is neither a DNS name, without wildcards, nor an "
                                  "address",
                                  names[i]);
            return false;
        }
    }
    return true;
}

static int issue_server(const struct invocation *invocation, const char *const *names, size_t count)
{
    const struct certificate_order order = {.kind = CERTIFICATE_SERVER,
                                            .names = names,
                                            .name_count = count,
                                            .now_s = command_pki_now_s()};
    return issue_all(invocation, &order, 1);
}

/* `pki init`: names are checked before anything is made. */
int command_pki_init(const struct invocation *invocation, const struct server_config *config)
{
    char host[HOST_NAME_MAX + 1] = "";
    const char *names_of_host[] = {"localhost", "127.0.0.1", "::1", host};
    const char *directory = command_pki_directory(invocation);
    struct failure failure;
    (void)config; /* it is about no data directory */
    bool has_name = gethostname(host, sizeof host - 1) == 0 && certificate_can_name(host) &&
                    strcmp(host, names_of_host[0]) != 0;
    const bool is_told = invocation->operand_count > 0;
    const char *const *names = is_told ? invocation->operands : names_of_host;
    size_t count = sizeof names_of_host / sizeof names_of_host[0] - (has_name ? 0 : 1);
    count = is_told ? invocation->operand_count : count;
    if (!check_names(invocation, names, count)) {
        return PROGRAM_EXIT_USAGE;
    }
    if (!authority_make(directory, command_pki_now_s(), &failure)) {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    printf("%s/ca.pem: the authority, for tls.ca of the server and of agencies\n"
           "%s/ca.key: its key. Whoever reads it can be any agency: keep a copy where nobody does\n"
           "%s/crl.pem: what it has revoked, for tls.crl of the server\n",
           directory, directory, directory);
    return issue_server(invocation, names, count);
}

/* `pki server NAME...` */
int command_pki_server(const struct invocation *invocation, const struct server_config *config)
{
    (void)config;
    return check_names(invocation, invocation->operands, invocation->operand_count)
               ? issue_server(invocation, invocation->operands, invocation->operand_count)
               : PROGRAM_EXIT_USAGE;
}

/* `pki agency AGENCY...`: all operands are checked before the first certificate is made. */
int command_pki_agency(const struct invocation *invocation, const struct server_config *config)
{
    const size_t count = invocation->operand_count;
    struct agency_set *sets = calloc(count, sizeof *sets);
    struct certificate_order *orders = calloc(count, sizeof *orders);
    int status = EXIT_FAILURE;
    (void)config;
    if (sets == NULL || orders == NULL) {
        status =
            program_complain(invocation->manual, EXIT_FAILURE, "no memory for %zu orders", count);
    } else if (!command_pki_take_agencies(invocation, sets)) {
        status = PROGRAM_EXIT_USAGE;
    } else {
        for (size_t i = 0; i < count; i++) {
            orders[i] = (struct certificate_order){
                .kind = CERTIFICATE_AGENCY, .agencies = &sets[i], .now_s = command_pki_now_s()};
        }
        status = issue_all(invocation, orders, count);
    }
    free(orders);
    free(sets);
    return status;
}
