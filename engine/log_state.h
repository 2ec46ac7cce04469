/*
 * log_state.h - what a centre's log says up to one of its records: who writes, and where the files end.
 *
 * Whoever reads a log folds it, record by record. A record that can't come next is refused: one that is
 * missing, one twice, one at a wrong offset, one that its writer could not append any more because
 * another node had claimed the log. The engine keeps all that from happening; this notices where it
 * did not.
 *
 * Pure. Used by lottery-shipper and lottery-feed. All zeros is the state of an empty log.
 */
#ifndef ENGINE_LOG_STATE_H
#define ENGINE_LOG_STATE_H

#include "engine/record.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * How far above the epoch before it a claim's may be. Epochs grow by one a claim, and by a few where the
 * engine has lost the end of a log. A forged claim of the last epoch that there is would leave no next
 * one to anybody.
 */
#define LOG_STATE_EPOCH_STEP_MAX UINT64_C(1000000)

struct log_state {
    uint64_t sequence;                    /* of the last record; 0: there was none */
    uint64_t epoch;                       /* of the last claim; 0: there was none */
    uint64_t claimed_at;                  /* its sequence */
    char node[RECORD_NODE_BYTES];         /* who has claimed */
    char identity[RECORD_IDENTITY_BYTES]; /* of the draw that is written now */
    uint64_t bets_end;                    /* the log has these bytes of the draw's bets.csv */
    uint64_t done_end;                    /* and these of its done.csv */
};

/*
 * Folds the record that the log has at `sequence`. False with the failure, which says what is wrong;
 * the state is unchanged then.
 *
 * What comes next is: a claim of a higher epoch, at most LOG_STATE_EPOCH_STEP_MAX above, whose ends are
 * the log's (or zeros, where it begins another draw); or, of the epoch, node and draw of the last claim,
 * bytes that begin where the file ends, or a file.
 */
bool log_state_fold(struct log_state *state, const struct record *record, uint64_t sequence,
                    struct failure *failure);

#endif
