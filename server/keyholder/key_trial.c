/*
 * key_trial.c - see key_trial.h. The child tells by a pipe: "", or what is wrong.
 */
#include "server/keyholder/key_trial.h"

#include "server/keyholder/private_key.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's whole life. */
static _Noreturn void read_and_leave(const struct held_key *held, int pipe_end)
{
    struct failure word = {.text = ""};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_DUMPABLE, 0);
    EVP_PKEY *key = private_key_read(held, &word);
    EVP_PKEY_free(key);
    _exit(write(pipe_end, &word, sizeof word) == (ssize_t)sizeof word ? EXIT_SUCCESS
                                                                      : EXIT_FAILURE);
}

static bool hear(int pipe_end, struct failure *word)
{
    ssize_t got = 0;
    do {
        got = read(pipe_end, word, sizeof *word);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof *word;
}

static void bury(pid_t child)
{
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
}

bool key_trial_run(const struct held_key *held, struct failure *failure)
{
    int ends[2];
    struct failure word;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return failure_set_errno(failure, "tls.key: make a pipe to the process that reads it");
    }
    pid_t child = fork();
    if (child == 0) {
        read_and_leave(held, ends[1]);
    }
    int fork_errno = errno;
    (void)close(ends[1]);
    bool heard = child > 0 && hear(ends[0], &word);
    (void)close(ends[0]);
    if (child < 0) {
        errno = fork_errno;
        return failure_set_errno(failure, "tls.key: fork a process that reads it");
    }
    bury(child);
    if (!heard) {
        return failure_set(failure, "tls.key: the process that was to read %s died", held->path);
    }
    return word.text[0] == '\0' || failure_set(failure, "%s", word.text);
}
