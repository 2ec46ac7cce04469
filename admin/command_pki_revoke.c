/*
 * command_pki_revoke.c - `lottery-admin pki revoke`: ends the validity of certificates.
 *
 * All that one call revokes is in one new revocation list, which takes the place of the last one by
 * one rename: if the process dies, all of it is revoked, or nothing is. To revoke what is revoked
 * already is no error.
 */
#include "admin/command.h"
#include "admin/command_pki.h"
#include "tls/agency_names.h"

#include <stdio.h>
#include <stdlib.h>

static bool are_overlapping(const struct agency_set *first, const struct agency_set *second)
{
    for (uint32_t i = 0; i < first->count; i++) {
        for (uint32_t j = 0; j < second->count; j++) {
            if (first->ranges[i].first <= second->ranges[j].last &&
                second->ranges[j].first <= first->ranges[i].last) {
                return true;
            }
        }
    }
    return false;
}

/* What one call is to revoke. */
struct revoking {
    const struct invocation *invocation;
    struct authority authority;
    struct issued_list list;
    STACK_OF(X509) * chosen; /* owned; the certificates are the list's */
    bool failed; /* something that was asked for is not done, and has been complained of */
};

static bool is_chosen(const struct revoking *revoking, const struct issued *issued)
{
    for (int i = 0; i < sk_X509_num(revoking->chosen); i++) {
        if (sk_X509_value(revoking->chosen, i) == issued->certificate) {
            return true;
        }
    }
    return false;
}

/* Once, even where two operands name it. */
static void choose(struct revoking *revoking, const struct issued *issued)
{
    if (!is_chosen(revoking, issued) && sk_X509_push(revoking->chosen, issued->certificate) == 0) {
        revoking->failed = true;
        (void)program_complain(revoking->invocation->manual, EXIT_FAILURE,
                               "no memory to revoke %s of %s", issued->serial, issued->who);
    }
}

static void complain_of_gateway(struct revoking *revoking, const char *agencies,
                                const struct issued *issued)
{
    revoking->failed = true;
    (void)program_complain(revoking->invocation->manual, EXIT_FAILURE,
                           "%s of %s names %s among others, and is still valid: `pki revoke "
                           "--serial %s` ends it for all of them",
                           issued->serial, issued->who, agencies, issued->serial);
}

static void choose_agencies(struct revoking *revoking, const struct agency_set *set)
{
    char agencies[AGENCY_NAMES_BYTES];
    size_t named = 0;
    size_t alive = 0;
    (void)agency_set_write(set, agencies, sizeof agencies);
    for (size_t i = 0; i < revoking->list.count; i++) {
        const struct issued *issued = &revoking->list.entries[i];
        if (!are_overlapping(&issued->agencies, set)) {
            continue;
        }
        named++;
        alive += command_pki_is_alive(issued);
        if (command_pki_is_alive(issued) && command_pki_are_equal(&issued->agencies, set)) {
            choose(revoking, issued);
        } else if (command_pki_is_alive(issued)) {
            complain_of_gateway(revoking, agencies, issued);
        }
    }
    if (named == 0) {
        revoking->failed = true;
        (void)program_complain(revoking->invocation->manual, EXIT_FAILURE,
                               "no certificate of this authority names %s", agencies);
    } else if (alive == 0) {
        printf("%s: all certificates are revoked or have expired already\n", agencies);
    }
}

static void choose_serial(struct revoking *revoking, const char *serial)
{
    const struct issued *issued = issued_find(&revoking->list, serial);
    if (issued == NULL || issued->kind == CERTIFICATE_AUTHORITY) {
        revoking->failed = true;
        (void)program_complain(revoking->invocation->manual, EXIT_FAILURE,
                               issued == NULL
                                   ? "no certificate of this authority has the serial %s"
                                   : "%s is the authority's own certificate: to end it, take it "
                                     "out of the servers' and the agencies' tls.ca",
                               serial);
    } else if (issued->is_revoked) {
        printf("%s of %s is revoked already\n", issued->serial, issued->who);
    } else {
        choose(revoking, issued);
    }
}

static bool revoke_chosen(struct revoking *revoking, struct failure *failure)
{
    if (sk_X509_num(revoking->chosen) == 0) {
        return true;
    }
    if (!authority_revoke(&revoking->authority, revoking->chosen, command_pki_now_s(), failure)) {
        return false;
    }
    for (size_t i = 0; i < revoking->list.count; i++) {
        const struct issued *issued = &revoking->list.entries[i];
        if (is_chosen(revoking, issued)) {
            printf("revoked: %s of %s\n", issued->serial, issued->who);
        }
    }
    printf("%s/" AUTHORITY_LIST_FILE " is new: copy it to where tls.crl is, if that is elsewhere, "
           "and have the server read it: kill -HUP its pid\n",
           revoking->authority.directory.path);
    return true;
}

/* With the authority open. Returns false with the failure. */
static bool carry_out(struct revoking *revoking, const struct agency_set *sets,
                      struct failure *failure)
{
    const char *serial = command_option(revoking->invocation, OPTION_SERIAL);
    const struct authority *authority = &revoking->authority;
    if (!issued_read(&authority->issued, authority->certificate, authority->revoked,
                     &revoking->list, failure)) {
        return false;
    }
    revoking->chosen = sk_X509_new_null();
    if (revoking->chosen == NULL) {
        return failure_set(failure, "there is no memory to choose certificates in");
    }
    revoking->failed = command_pki_tell_unread(revoking->invocation, &revoking->list);
    for (size_t i = 0; i < revoking->invocation->operand_count; i++) {
        choose_agencies(revoking, &sets[i]);
    }
    if (serial != NULL) {
        choose_serial(revoking, serial);
    }
    return revoke_chosen(revoking, failure);
}

static int open_and_revoke(const struct invocation *invocation, const struct agency_set *sets)
{
    struct revoking revoking = {.invocation = invocation};
    struct failure failure;
    if (!authority_open(command_pki_directory(invocation), &revoking.authority, &failure)) {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    bool done = carry_out(&revoking, sets, &failure);
    sk_X509_free(revoking.chosen);
    issued_close(&revoking.list);
    authority_close(&revoking.authority);
    if (!done) {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    int status = program_finish_output(invocation->manual);
    return revoking.failed ? EXIT_FAILURE : status;
}

/* `pki revoke AGENCY...` and `pki revoke --serial HEX` */
int command_pki_revoke(const struct invocation *invocation, const struct server_config *config)
{
    (void)config;
    if ((invocation->operand_count == 0) == (command_option(invocation, OPTION_SERIAL) == NULL)) {
        (void)program_misused(invocation->manual, "pki revoke needs agencies, or else --serial");
        return PROGRAM_EXIT_USAGE;
    }
    struct agency_set *sets = calloc(invocation->operand_count + 1, sizeof *sets);
    if (sets == NULL) {
        return program_complain(invocation->manual, EXIT_FAILURE, "no memory for %zu operands",
                                invocation->operand_count);
    }
    int status = command_pki_take_agencies(invocation, sets) ? open_and_revoke(invocation, sets)
                                                             : PROGRAM_EXIT_USAGE;
    free(sets);
    return status;
}
