/*
 * draw_report.h - draw.json: which number was drawn, after which seal, and who has won.
 *
 * It names the seal by its SHA-256, and winners.csv by its own, so whoever has the SHA-256 of
 * draw.json has the whole draw. Where several centres hold the draw together, it names what they have
 * said of it (national.h), too. docs/draws.md has the format.
 *
 * Called by the storer after the draw, and by lottery-verify.
 */
#ifndef SEAL_DRAW_REPORT_H
#define SEAL_DRAW_REPORT_H

#include "lib/failure.h"
#include "seal/seal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct draw_report_agency {
    uint32_t agency;
    uint64_t winners;
};

struct draw_report {
    char identity[CONTROL_IDENTITY_DIGITS + 1];
    char draw[CONTROL_DRAW_BYTES];
    char program[SEAL_PROGRAM_BYTES];
    enum number_source number_by;
    uint32_t winning_number;
    int64_t drawn_at_ms;
    struct sha256_digest seal_sha256;
    bool is_national;                     /* several centres hold the draw; then: */
    struct sha256_digest national_sha256; /* of the payload of `drawn` */
    uint64_t winners_bytes, winners_rows;
    struct sha256_digest winners_sha256;
    struct draw_report_agency *agencies; /* owned; every agency of the seal, ascending */
    size_t agency_count;
};

/*
 * Makes the report of a draw that was held, by this centre alone: the number is that of `terms`,
 * `winners_file` the open winners.csv, whole. Answers as seal_make does; SEAL_DAMAGED when winners.csv has a row of
 * an agency that the seal does not have. After SEAL_GOOD the caller closes *report; else it
 * is zeroed. Memory does not grow with the number of winners. Called by the storer.
 */
enum seal_end draw_report_make(int winners_file, const struct seal *seal,
                               const struct sha256_digest *seal_sha256,
                               const struct lottery_terms *terms, int64_t drawn_at_ms,
                               bool (*should_stop)(void), struct draw_report *report,
                               struct failure *failure);

/* As seal_write_text and seal_parse. */
char *draw_report_write_text(const struct draw_report *report, size_t *bytes);
bool draw_report_parse(const char *text, size_t bytes, const char *path, struct draw_report *report,
                       struct failure *failure);

/* Frees the agencies and zeroes the report. */
void draw_report_close(struct draw_report *report);

#endif
