/*
 * centre.h - centres that draw together: what this one reads in stream DRAW, and what it says there.
 *
 * Each centre says once what it has (`closed`), when its seal is made and in the engine. Once every
 * expected centre has said it, whoever sees it first says the draw (`drawn`): the number, and each
 * centre's record. Both are appended only where there is none of that subject, so there is one of
 * each, whoever else tries, and whatever becomes of an answer. What a centre knows it has read in
 * the stream, also of what it has appended itself. seal/national.h has the records.
 *
 * A centre draws when it has read a `drawn` that agrees with all that it knows: with its own seal and
 * number, with the centres that it expects, and with the record of each. Where something
 * contradicts, it draws nothing and says why (CENTRE_HELD), until an operator has closed the
 * centre that contradicts out, or has mended its own configuration.
 *
 * The stream has no deletes, and hands may delete all the same. So each look first reads again the last
 * message that was read before. Where the stream has another one there, or ends before it, it was made
 * anew, and the centre begins anew, too: it says again what it has said. Once it is released, nothing
 * that becomes of the stream matters to it.
 *
 * Called by the shipper of a primary alone, from one thread. If that dies, the next one reads the
 * stream again.
 */
#ifndef SHIPPER_CENTRE_H
#define SHIPPER_CENTRE_H

#include "engine/engine.h"
#include "seal/national.h"
#include "shipper/shorter.h"
#include "shm/layout.h"

enum { CENTRE_STRANGERS_MAX = 8 }; /* centres of a draw that nobody here expects */

/* What this centre is, and has, at this moment. Texts are the caller's. */
struct centre_facts {
    const char *node;
    uint64_t epoch;
    const char *identity; /* of the draw here: control's */
    const struct lottery_terms *terms;
    bool sealed;    /* the seal is durable; then the four below are known */
    bool is_copied; /* the engine has all of it, so `closed` may be said */
    const char *seal_sha256;
    uint64_t agencies, bets, bytes;
    bool number_said; /* of NUMBER_BY_COMMAND: an operator here has said it */
    uint32_t number;
};

/* The last `closed` of a centre. */
struct centre_entry {
    char name[CENTRE_NAME_BYTES];
    uint64_t sequence; /* 0: there is none */
    bool readable;     /* else `closed` is nothing */
    struct national_closed closed;
    struct sha256_digest sha256; /* of its payload */
};

/* Filled in by centre_begin; the caller's, who reads `entries` and `drawn` and changes nothing. */
struct centre {
    char own[CENTRE_NAME_BYTES];
    char draw[CONTROL_DRAW_BYTES];
    struct centre_set expected;
    char expected_text[CONFIG_TEXT_BYTES];
    uint64_t next;             /* sequence that is read next */
    struct sha256_digest seam; /* of the message before that one */
    char seam_subject[ENGINE_SUBJECT_BYTES];
    struct shorter shorter; /* the stream ends before that */
    int64_t patience_ms;    /* so long that is not believed */
    /* The expected ones in their order, then the strangers that there are. */
    struct centre_entry entries[CENTRES_MAX + CENTRE_STRANGERS_MAX];
    uint32_t entry_count;
    bool crowded;            /* more strangers than there is room for */
    uint64_t drawn_sequence; /* 0: there is no `drawn` yet */
    bool drawn_readable;
    struct national_drawn drawn;
    struct sha256_digest drawn_sha256; /* of its payload */
};

/* What a look finds. */
enum centre_look {
    CENTRE_LOOKED, /* the state is known */
    CENTRE_AWAY,   /* the engine does not answer: the failure says why; ask again */
    CENTRE_MISSING, /* a message is missing, or the stream: the failure says which. Make the stream, where
                       there is none, and ask again; until then this centre draws nothing */
    CENTRE_ANEW /* the stream is another one than was read: the failure says how. It is read from its
                       beginning from now on; ask again */
};

/* Begins with nothing read. `expected` is a list that centre_set_parse takes, with `own` in it. */
void centre_begin(struct centre *centre, const char *own, const char *draw,
                  const struct centre_set *expected);

/* Makes stream DRAW where there is none; answers as engine_make_stream. */
enum engine_answer centre_make_stream(struct engine *engine, unsigned replicas, int64_t timeout_ms,
                                      struct failure *failure);

/*
 * Reads what is new, appends what is due, and says how far the draw is. An append waits for at most
 * `timeout_ms`; there are three at most, and one or none in nearly every call. The failure is set
 * with CENTRE_AWAITS, CENTRE_HELD and CENTRE_AWAY.
 */
enum centre_look centre_look(struct centre *centre, struct engine *engine,
                             const struct centre_facts *facts, int64_t timeout_ms,
                             enum centre_state *state, struct failure *failure);

enum centre_standing centre_standing_of(const struct centre *centre,
                                        const struct centre_entry *entry,
                                        const struct centre_facts *facts);

/* True when the stream says, as it was read last, that an operator has closed the own centre out. */
bool centre_is_closed_out(const struct centre *centre);

enum centre_close_out {
    CENTRE_OUT,         /* it is closed out, by this call or before */
    CENTRE_OUT_REFUSED, /* it can't be; the failure says why */
    CENTRE_OUT_AWAY     /* not known: the failure says why; ask again */
};

/*
 * Says, as an operator who gives this reason, that the draw is held without this centre. Refused of
 * the own centre, of one that nobody expects or has heard of, of one whose own record agrees with
 * ours, and once the draw is drawn.
 */
enum centre_close_out centre_close_out(struct centre *centre, struct engine *engine,
                                       const struct centre_facts *facts, const char *name,
                                       const char *reason, int64_t timeout_ms,
                                       struct failure *failure);

#endif
