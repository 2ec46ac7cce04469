/*
 * agency.h - real lottery-agency and lottery-generate programs for one test.
 *
 * Called by the test's process.
 */
#ifndef HARNESS_AGENCY_H
#define HARNESS_AGENCY_H

#include "tests/harness/server.h"

#include <stdint.h>

/*
 * Starts agency `id` with a file of bets, towards the server, with short pauses
 * (loop.period 100ms). It writes its winners to agency_winners_file.
 * `environment` (or NULL) wins.
 */
struct program *agency_start(const struct server *server, uint32_t id, const char *bets_path,
                             const char *const *environment);

/* The file that agency `id` writes its winners to; the text is the stage's. */
const char *agency_winners_file(struct stage *stage, uint32_t id);

/* Awaits the agency's end, and fails the test unless it exits 0. */
#define agency_expect_success(agency) agency_expect_success_at(agency, __FILE__, __LINE__)
void agency_expect_success_at(struct program *agency, const char *file, int line);

/*
 * Has lottery-generate write agency-1.csv to agency-N.csv into the stage's
 * directory, `bets` rows in all of them together; the same each time.
 */
void agency_generate(struct stage *stage, uint32_t agencies, uint64_t bets);

/* One of those files; the text is the stage's. */
const char *agency_bets_file(struct stage *stage, uint32_t id);

#endif
