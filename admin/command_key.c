/*
 * command_key.c - `lottery-admin key PATH`: a key that signs seals and draws.
 *
 * seal/signature.h makes it. If the process dies in between, one of the two files may be there,
 * and the next call says so: it is to be removed.
 */
#include "admin/command.h"
#include "seal/signature.h"

#include <stdio.h>
#include <stdlib.h>

int command_key(const struct invocation *invocation, const struct server_config *config)
{
    struct failure failure;
    (void)config; /* it is about no data directory */
    if (!signature_make_key(invocation->operand, &failure)) {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    printf("%s: the private key, for seal.key; keep it outside the data directory\n"
           "%s.pub: the public key; give it to auditors, in another way than the seals\n",
           invocation->operand, invocation->operand);
    return program_finish_output(invocation->manual);
}
