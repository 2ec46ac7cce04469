/*
 * asker.c - see asker.h.
 */
#include "tests/harness/asker.h"

#include "tests/harness/handshakes.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { DESCRIPTORS_MAX = 64, NONE = -1 };

static bool is_of_channel(int descriptor)
{
    int type = 0;
    socklen_t bytes = sizeof type;
    return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 &&
           type == SOCK_SEQPACKET;
}

/* Of the two sockets of this kind, the first one is the handlers' end. */
static int take_end(pid_t supervisor)
{
    int found = NONE;
    int process = (int)syscall(SYS_pidfd_open, supervisor, 0);
    for (int number = 0; process >= 0 && found == NONE && number < DESCRIPTORS_MAX; number++) {
        int copy = (int)syscall(SYS_pidfd_getfd, process, number, 0);
        if (copy >= 0 && is_of_channel(copy)) {
            found = copy;
        } else if (copy >= 0) {
            (void)close(copy);
        }
    }
    if (process >= 0) {
        (void)close(process);
    }
    return found;
}

bool asker_open(struct asker *asker, const struct server *server, const char *certificate_path,
                const char *key_path)
{
    struct failure failure = {.text = ""};
    int ask = take_end(server->program->pid);
    if (ask == NONE) {
        return false;
    }
    asker->channel = (struct key_channel){.is_open = true, .ask = ask, .take = dup(ask)};
    if (!held_key_open(&asker->held, &asker->channel, certificate_path, key_path, &failure)) {
        fail_msg("%s", failure.text);
    }
    FILE *file = fopen(certificate_path, "re");
    assert_non_null(file);
    asker->certificate = PEM_read_X509(file, NULL, NULL, NULL);
    assert_non_null(asker->certificate);
    (void)fclose(file);
    return true;
}

void asker_close(struct asker *asker)
{
    X509_free(asker->certificate);
    held_key_close(&asker->held);
    key_channel_close(&asker->channel);
}

bool asker_is_answered(const struct asker *asker)
{
    return handshakes_verify(asker->certificate, asker->held.remote.key, TLS1_3_VERSION, NULL);
}
