/*
 * operator.h - what a person does at the machine of a server: runs a tool on its data directory, and
 * reads the hashes of its draw there.
 *
 * Called by the test's process; what fails, fails the test. Texts are the stage's.
 */
#ifndef HARNESS_OPERATOR_H
#define HARNESS_OPERATOR_H

#include "tests/harness/server.h"

/* Runs lottery-stat, lottery-admin, ..., and expects that it ends with this exit status. */
#define operator_run(server, name, arguments, status)                                              \
    operator_run_at(server, name, arguments, status, __FILE__, __LINE__)
struct program *operator_run_at(const struct server *server, const char *name,
                                const char *const *arguments, int status, const char *file,
                                int line);

/* Starts lottery-admin, whose end the test awaits. */
struct program *operator_start(const struct server *server, const char *const *arguments);

/* The same of lottery-admin, which says these words: on standard error, where `status` is not 0. */
#define operator_administer(server, arguments, status, words)                                      \
    operator_administer_at(server, arguments, status, words, __FILE__, __LINE__)
void operator_administer_at(const struct server *server, const char *const *arguments, int status,
                            const char *words, const char *file, int line);

/* "lottery-admin draw" with this number and the hash of a seal. */
#define operator_draw(server, number, seal, status, words)                                         \
    operator_administer(server, ARGUMENTS("draw", "--number", number, "--seal", seal), status,     \
                        words)

/* The seal's hash, as control has it; and that of the national drawing, as draw.json has it. */
const char *operator_read_seal(const struct server *server);
const char *operator_read_drawing(const struct server *server);

#endif
