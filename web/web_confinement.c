/*
 * web_confinement.c - see web_confinement.h. The list was found as those of the server's processes
 * were: by running the tests with it.
 */
#include "web/web_confinement.h"

#include "server/confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALWAYS(call)                                                                               \
    {                                                                                              \
        .name = (call)                                                                             \
    }
#define WHERE(call, index, bits, equal)                                                            \
    {                                                                                              \
        .name = (call), .conditions = { {(index), (bits), (equal)} }                               \
    }
#define REFUSED(call, number)                                                                      \
    {                                                                                              \
        .name = (call), .error = (number)                                                          \
    }

#define ALL_BITS     UINT32_MAX
#define WRITING_BITS (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

static const struct confinement_call web_calls[] = {
    /* its clients */
    ALWAYS("accept4"),
    ALWAYS("epoll_wait"),
    ALWAYS("epoll_pwait"),
    ALWAYS("epoll_ctl"),
    ALWAYS("recvfrom"),
    ALWAYS("sendmsg"),
    ALWAYS("shutdown"),
    ALWAYS("setsockopt"),
    ALWAYS("getsockopt"),
    ALWAYS("getsockname"),
    WHERE("fcntl", 1, ALL_BITS, F_GETFL),
    WHERE("fcntl", 1, ALL_BITS, F_SETFL),
    WHERE("fcntl", 1, ALL_BITS, F_GETFD),
    WHERE("fcntl", 1, ALL_BITS, F_SETFD),
    /* the server: its locks, control, the shared memory, the gate, whether its processes live */
    WHERE("openat", 2, WRITING_BITS, 0),
    ALWAYS("flock"),
    ALWAYS("read"),
    ALWAYS("pread64"),
    ALWAYS("lseek"),
    ALWAYS("semget"),
    ALWAYS("semctl"),
    WHERE("kill", 1, ALL_BITS, 0),
    ALWAYS("getuid"),
    ALWAYS("fstatfs"),
    ALWAYS("fstatfs64"),
    /* glibc, where it looks up whom a directory belongs to, would load libraries and ask a daemon */
    {.name = "mmap", .conditions = {{2, PROT_EXEC, PROT_EXEC}}, .error = EACCES},
    REFUSED("socket", EACCES),
    WHERE("mprotect", 2, PROT_EXEC, 0),
    ALWAYS("madvise"),
    ALWAYS("getrandom"),
};

enum { MIB = 1024 * 1024 };

static const struct confinement_rule confinement_of_web = {
    .name = "web",
    .calls = web_calls,
    .call_count = sizeof web_calls / sizeof web_calls[0],
    .data_files = FILES_READ,
    .shared_files = FILES_READ,
    .memory_bytes = 256 * (uint64_t)MIB,
    .descriptors = 128, /* SITE_CONNECTIONS_MAX, and what a look opens */
};

bool web_confinement_enter(const struct server_config *config, struct failure *failure)
{
    static const struct confinement_rule *const rules[SHARED_CONFINED_MAX] = {
        [CONFINEMENT_SUPERVISOR] = &confinement_of_web};
    /* The keys of seals and of TLS are none of its business. */
    struct server_config own = *config;
    own.seal_key[0] = own.tls_certificate[0] = own.tls_key[0] = own.tls_ca[0] = own.tls_crl[0] =
        '\0';
    struct confinement confinement;
    int directory = open(config->data_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return failure_set_errno(failure, "open data directory %s", config->data_directory);
    }
    bool prepared = confinement_prepare(&confinement, &own, directory, "", rules, failure);
    bool entered = prepared && confinement_enter(&confinement, CONFINEMENT_SUPERVISOR, failure);
    if (prepared) {
        confinement_close(&confinement);
    }
    close(directory);
    return entered;
}
