/*
 * refusal.c - see refusal.h.
 */
#include "client/refusal.h"

#include "bet/bet.h"
#include "client/question.h"
#include "lib/log.h"

#include <inttypes.h>

void refusal_log_line(const struct job *job, uint64_t line, const char *reason)
{
    log_error(LOG_BET_REFUSED, "result: fail | file: %s | line: %" PRIu64 " | reason: %s",
              job->bets_name, line, reason);
}

void refusal_describe_rows(const struct window_batch *batch, const struct message *answer,
                           struct failure *why)
{
    char reason[QUESTION_REASON_BYTES];
    question_describe_reason(answer, reason);
    failure_set(why,
                "the server refused rows %" PRIu64 " to %" PRIu64
                ", each of which looks right from here%s",
                batch->begin.line, batch->begin.line + batch->rows - 1, reason);
}

bool refusal_finds_row(struct job *job, const struct window_batch *batch)
{
    dataset_seek(&job->dataset, batch->begin);
    for (uint64_t i = 0; i < batch->rows; i++) {
        struct dataset_row row;
        struct bet bet;
        struct failure failure;
        enum dataset_result result = dataset_peek(&job->dataset, &row, &failure);
        if (result != DATASET_ROW) {
            refusal_log_line(job, dataset_line(&job->dataset),
                             result == DATASET_END ? "the file has become shorter" : failure.text);
            return true;
        }
        enum bet_fault fault = bet_parse(row.text, row.bytes, &bet);
        if (fault != BET_VALID) {
            refusal_log_line(job, row.begin.line, bet_fault_text(fault));
            return true;
        }
        dataset_take(&job->dataset, &row);
    }
    return false;
}
