/*
 * centre.c - see centre.h.
 */
#include "shipper/centre.h"

#include "lib/fault_point.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READS_MAX = 256,  /* in one look: bets want to be shipped, too */
    TRIES_MAX = 4,    /* in one look: appended, read, appended, read */
    NAMES_BYTES = 256 /* of the centres that a message names */
};

#define CLOSED_WORD "closed."
#define DRAWN_WORD  "drawn"

void centre_begin(struct centre *centre, const char *own, const char *draw,
                  const struct centre_set *expected)
{
    *centre = (struct centre){.expected = *expected,
                              .next = 1,
                              .patience_ms = SHORTER_MAX_MS,
                              .entry_count = expected->count};
    (void)snprintf(centre->own, sizeof centre->own, "%s", own);
    (void)snprintf(centre->draw, sizeof centre->draw, "%s", draw);
    centre_set_write(expected, centre->expected_text);
    for (uint32_t i = 0; i < expected->count; i++) {
        (void)snprintf(centre->entries[i].name, CENTRE_NAME_BYTES, "%s", expected->names[i]);
    }
}

enum engine_answer centre_make_stream(struct engine *engine, unsigned replicas, int64_t timeout_ms,
                                      struct failure *failure)
{
    const char *const subjects[] = {NATIONAL_SUBJECTS};
    return engine_make_stream(engine, NATIONAL_STREAM, subjects, 1, replicas, timeout_ms, failure);
}

/* ----------------------------------------------------------------- reading ---- */

static struct centre_entry *find_entry(struct centre *centre, const char *name)
{
    for (uint32_t i = 0; i < centre->entry_count; i++) {
        if (strcmp(centre->entries[i].name, name) == 0) {
            return &centre->entries[i];
        }
    }
    return NULL;
}

/* The entry of this name, which is a stranger's where it is new; NULL: there are too many of those. */
static struct centre_entry *entry_of(struct centre *centre, const char *name)
{
    struct centre_entry *entry = find_entry(centre, name);
    if (entry == NULL && centre->entry_count < sizeof centre->entries / sizeof centre->entries[0]) {
        entry = &centre->entries[centre->entry_count++];
        (void)snprintf(entry->name, sizeof entry->name, "%s", name);
    }
    centre->crowded = centre->crowded || entry == NULL;
    return entry;
}

static void take_closed(struct centre *centre, const char *name,
                        const struct engine_message *message)
{
    struct centre_entry *entry = entry_of(centre, name);
    struct failure ignored;
    if (entry == NULL) {
        return;
    }
    entry->sequence = message->sequence;
    entry->readable = national_parse_closed(message->bytes, message->count, message->subject,
                                            &entry->closed, &ignored) &&
                      strcmp(entry->closed.centre, name) == 0 &&
                      strcmp(entry->closed.terms.draw, centre->draw) == 0 &&
                      sha256_of(message->bytes, message->count, &entry->sha256);
}

static void take_drawn(struct centre *centre, const struct engine_message *message)
{
    struct failure ignored;
    if (centre->drawn_sequence != 0) {
        return; /* the first one counts, and no centre appends a second one */
    }
    centre->drawn_sequence = message->sequence;
    centre->drawn_readable = national_parse_drawn(message->bytes, message->count, message->subject,
                                                  &centre->drawn, &ignored) &&
                             strcmp(centre->drawn.draw, centre->draw) == 0 &&
                             sha256_of(message->bytes, message->count, &centre->drawn_sha256);
}

/* Other draws stand in the same stream. A `closed` that comes after `drawn` changes nothing. */
static void take(struct centre *centre, const struct engine_message *message)
{
    char drawn[NATIONAL_SUBJECT_BYTES];
    national_drawn_subject(centre->draw, drawn);
    const size_t prefix_bytes = strlen(drawn) - strlen(DRAWN_WORD);
    const char *rest = message->subject + prefix_bytes;
    if (strncmp(message->subject, drawn, prefix_bytes) != 0) {
        return;
    }
    if (strcmp(rest, DRAWN_WORD) == 0) {
        take_drawn(centre, message);
    } else if (strncmp(rest, CLOSED_WORD, strlen(CLOSED_WORD)) == 0 &&
               centre_set_is_name(rest + strlen(CLOSED_WORD)) && centre->drawn_sequence == 0) {
        take_closed(centre, rest + strlen(CLOSED_WORD), message);
    }
}

/* Of a message: what it is, and when the engine has stored it. */
static bool digest_of(const struct engine_message *message, struct sha256_digest *digest)
{
    struct sha256 sha256;
    if (!sha256_open(&sha256)) {
        return false;
    }
    sha256_extend(&sha256, &message->stored_at_ms, sizeof message->stored_at_ms);
    sha256_extend(&sha256, message->subject, strlen(message->subject) + 1);
    sha256_extend(&sha256, message->bytes, message->count);
    sha256_end(&sha256, digest);
    sha256_close(&sha256);
    return true;
}

/* Remembers it as the last one that was read. */
static bool note_read(struct centre *centre, const struct engine_message *message,
                      struct failure *failure)
{
    if (!digest_of(message, &centre->seam)) {
        return failure_set(failure, "there is no memory to read stream " NATIONAL_STREAM);
    }
    (void)snprintf(centre->seam_subject, sizeof centre->seam_subject, "%s", message->subject);
    centre->next = message->sequence + 1;
    return true;
}

/* The usual case, by a question that leaves what is read in a row alone. */
static bool is_seam_last_of_subject(const struct centre *centre, struct engine *engine)
{
    struct engine_message message;
    struct sha256_digest digest;
    struct failure ignored;
    return engine_read_last(engine, NATIONAL_STREAM, centre->seam_subject, 0, &message, &ignored) ==
               ENGINE_READ &&
           message.sequence == centre->next - 1 && digest_of(&message, &digest) &&
           sha256_equal(&digest, &centre->seam);
}

/* The stream still has the message that was read last. CENTRE_LOOKED: it does, or none was read. */
static enum centre_look check_seam(struct centre *centre, struct engine *engine,
                                   struct failure *failure)
{
    struct engine_message message;
    struct sha256_digest digest;
    struct failure reason = {.text = ""};
    if (centre->next == 1 || is_seam_last_of_subject(centre, engine)) {
        shorter_is_not(&centre->shorter);
        return CENTRE_LOOKED;
    }
    const uint64_t last = centre->next - 1;
    switch (engine_read(engine, NATIONAL_STREAM, last, 0, &message, &reason)) {
    case ENGINE_READ:
        break;
    case ENGINE_NOTHING:
        (void)failure_set(failure,
                          "stream " NATIONAL_STREAM " ends before message %" PRIu64
                          ", which was read: the engine has lost it, or somebody has deleted it",
                          last);
        return shorter_is_believed(&centre->shorter, centre->patience_ms) ? CENTRE_ANEW
                                                                          : CENTRE_AWAY;
    case ENGINE_AWAY:
        *failure = reason;
        return CENTRE_AWAY;
    case ENGINE_BROKEN:
        *failure = reason;
        return CENTRE_MISSING;
    }
    shorter_is_not(&centre->shorter);
    if (!digest_of(&message, &digest)) {
        (void)failure_set(failure, "there is no memory to read stream " NATIONAL_STREAM);
        return CENTRE_AWAY;
    }
    if (!sha256_equal(&digest, &centre->seam)) {
        (void)failure_set(failure,
                          "message %" PRIu64 " of stream " NATIONAL_STREAM
                          " is another one than was read there: the stream was made anew",
                          last);
        return CENTRE_ANEW;
    }
    return CENTRE_LOOKED;
}

/* CENTRE_LOOKED: all that there is has been read. CENTRE_AWAY: there may be more. */
static enum centre_look read_on(struct centre *centre, struct engine *engine,
                                struct failure *failure)
{
    for (int reads = 0; reads < READS_MAX; reads++) {
        struct engine_message message;
        enum engine_reading reading =
            engine_read(engine, NATIONAL_STREAM, centre->next, 0, &message, failure);
        if (reading != ENGINE_READ) {
            return reading == ENGINE_NOTHING  ? CENTRE_LOOKED
                   : reading == ENGINE_BROKEN ? CENTRE_MISSING
                                              : CENTRE_AWAY;
        }
        if (!note_read(centre, &message, failure)) {
            return CENTRE_AWAY;
        }
        take(centre, &message);
    }
    (void)failure_set(failure, "stream " NATIONAL_STREAM " is still being read");
    return CENTRE_AWAY;
}

static void begin_anew(struct centre *centre)
{
    const struct centre_set expected = centre->expected;
    const int64_t patience_ms = centre->patience_ms;
    char own[CENTRE_NAME_BYTES];
    char draw[CONTROL_DRAW_BYTES];
    memcpy(own, centre->own, sizeof own);
    memcpy(draw, centre->draw, sizeof draw);
    centre_begin(centre, own, draw, &expected);
    centre->patience_ms = patience_ms;
}

/* Reads what has come since the last look, if the stream is still the one that was read then. */
static enum centre_look read_news(struct centre *centre, struct engine *engine,
                                  struct failure *failure)
{
    enum centre_look look = check_seam(centre, engine, failure);
    if (look == CENTRE_ANEW) {
        begin_anew(centre);
    }
    return look == CENTRE_LOOKED ? read_on(centre, engine, failure) : look;
}

/* ------------------------------------------------------------ contradiction ---- */

static bool is_stranger(const struct centre *centre, const struct centre_entry *entry)
{
    return centre_set_find(&centre->expected, entry->name) < 0;
}

static bool same_number(const struct lottery_terms *one, const struct lottery_terms *other)
{
    bool by_command = one->number_by == NUMBER_BY_COMMAND;
    return by_command == (other->number_by == NUMBER_BY_COMMAND) &&
           (by_command || one->winning_number == other->winning_number);
}

static void write_number(const struct lottery_terms *terms, char text[sizeof "by command"])
{
    if (terms->number_by == NUMBER_BY_COMMAND) {
        (void)snprintf(text, sizeof "by command", "by command");
    } else {
        (void)snprintf(text, sizeof "by command", "%" PRIu32, terms->winning_number);
    }
}

/* True when the record agrees with what this centre is; else false with the failure. */
static bool agrees(const struct centre *centre, const struct centre_entry *entry,
                   const struct centre_facts *facts, struct failure *failure)
{
    const struct national_closed *closed = &entry->closed;
    char theirs[sizeof "by command"];
    char ours[sizeof "by command"];
    if (!entry->readable) {
        return failure_set(
            failure,
            "what centre %s says of draw %s can't be read: have all centres the same "
            "version?",
            entry->name, centre->draw);
    }
    if (is_stranger(centre, entry)) {
        return failure_set(
            failure, "centre %s has closed draw %s, too, and is not among centres.expected (%s)",
            entry->name, centre->draw, centre->expected_text);
    }
    if (strcmp(closed->terms.centres_expected, centre->expected_text) != 0) {
        return failure_set(failure,
                           "centre %s expects the centres %s, and this one %s (centres.expected)",
                           entry->name, closed->terms.centres_expected, centre->expected_text);
    }
    write_number(&closed->terms, theirs);
    write_number(facts->terms, ours);
    return same_number(&closed->terms, facts->terms) ||
           failure_set(failure, "centre %s has the winning number %s, and this one %s", entry->name,
                       theirs, ours);
}

/* A stranger that was closed out has nothing in the draw, so it is none of ours. */
static bool is_settled_stranger(const struct centre *centre, const struct centre_entry *entry)
{
    return is_stranger(centre, entry) && entry->readable &&
           entry->closed.by == NATIONAL_BY_OPERATOR;
}

/* True when no record contradicts. */
static bool all_agree(const struct centre *centre, const struct centre_facts *facts,
                      struct failure *failure)
{
    if (centre->crowded) {
        return failure_set(failure,
                           "more than %d centres that are not among centres.expected (%s) have "
                           "closed draw %s",
                           CENTRE_STRANGERS_MAX, centre->expected_text, centre->draw);
    }
    for (uint32_t i = 0; i < centre->entry_count; i++) {
        const struct centre_entry *entry = &centre->entries[i];
        if (entry->sequence != 0 && !is_settled_stranger(centre, entry) &&
            !agrees(centre, entry, facts, failure)) {
            return false;
        }
    }
    return true;
}

enum centre_standing centre_standing_of(const struct centre *centre,
                                        const struct centre_entry *entry,
                                        const struct centre_facts *facts)
{
    struct failure ignored;
    if (entry->sequence == 0) {
        return CENTRE_AWAITED;
    }
    if (!is_settled_stranger(centre, entry) && !agrees(centre, entry, facts, &ignored)) {
        return CENTRE_CONTRADICTS;
    }
    return entry->closed.by == NATIONAL_BY_OPERATOR ? CENTRE_CLOSED_OUT : CENTRE_CLOSED;
}

/* True when what the stream has of this centre, if anything, is what this centre is. */
static bool is_own_record(const struct centre *centre, const struct centre_entry *own,
                          const struct centre_facts *facts, struct failure *failure)
{
    const struct national_closed *closed = &own->closed;
    if (own->sequence == 0 || !own->readable) {
        return true; /* all_agree says so where it can't be read */
    }
    if (closed->by == NATIONAL_BY_OPERATOR) {
        return failure_set(failure,
                           "this centre, %s, was closed out of draw %s by an operator (at node %s, "
                           "reason: %s): it takes no part, and draws nothing; its bets have to be "
                           "paid back, or played in another draw",
                           centre->own, centre->draw, closed->node,
                           closed->reason[0] == '\0' ? "-" : closed->reason);
    }
    if (!facts->sealed) {
        return failure_set(
            failure,
            "this centre, %s, has closed draw %s already with the seal %s, and has no such seal "
            "here: these files are older than that; restore all files of "
            "one backup, or follow the stream",
            centre->own, centre->draw, closed->seal_sha256);
    }
    return (strcmp(closed->identity, facts->identity) == 0 &&
            strcmp(closed->seal_sha256, facts->seal_sha256) == 0 &&
            closed->agencies == facts->agencies && closed->bets == facts->bets &&
            closed->bytes == facts->bytes) ||
           failure_set(failure,
                       "this centre, %s, has closed draw %s already as lottery %s with the seal %s "
                       "and %" PRIu64 " bets, and has here lottery %s with the seal %s and %" PRIu64
                       ": there are two of it, or the name of the draw was used before",
                       centre->own, centre->draw, closed->identity, closed->seal_sha256,
                       closed->bets, facts->identity, facts->seal_sha256, facts->bets);
}

bool centre_is_closed_out(const struct centre *centre)
{
    const int place = centre_set_find(&centre->expected, centre->own);
    const struct centre_entry *own = &centre->entries[place < 0 ? 0 : place];
    return place >= 0 && own->sequence != 0 && own->readable &&
           own->closed.by == NATIONAL_BY_OPERATOR;
}

/* ------------------------------------------------------------------- drawn ---- */

/* What `drawn` has to say, by what was read. */
static void make_drawn(const struct centre *centre, uint32_t number,
                       const struct centre_facts *facts, struct national_drawn *drawn)
{
    *drawn = (struct national_drawn){
        .epoch = facts->epoch, .winning_number = number, .share_count = centre->expected.count};
    (void)snprintf(drawn->draw, sizeof drawn->draw, "%s", centre->draw);
    (void)snprintf(drawn->centre, sizeof drawn->centre, "%s", centre->own);
    (void)snprintf(drawn->node, sizeof drawn->node, "%s", facts->node);
    for (uint32_t i = 0; i < centre->expected.count; i++) {
        const struct centre_entry *entry = &centre->entries[i];
        national_share_of(&entry->closed, &entry->sha256, &drawn->shares[i]);
        drawn->bets += entry->closed.bets;
        drawn->bytes += entry->closed.bytes;
    }
}

static bool has_same_shares(const struct centre *centre, struct failure *failure)
{
    const struct national_drawn *drawn = &centre->drawn;
    for (uint32_t i = 0; i < drawn->share_count && i < centre->expected.count; i++) {
        const struct centre_entry *entry = &centre->entries[i];
        struct national_share share;
        national_share_of(&entry->closed, &entry->sha256, &share);
        if (entry->sequence == 0 || !entry->readable ||
            !national_shares_equal(&share, &drawn->shares[i])) {
            return failure_set(failure,
                               "draw %s was drawn by centre %s with another record of centre %s "
                               "than the one in the stream, or with another centre in its place",
                               centre->draw, drawn->centre, entry->name);
        }
    }
    return drawn->share_count == centre->expected.count ||
           failure_set(failure,
                       "draw %s was drawn by centre %s among %" PRIu32 " centres, and this one "
                       "expects %s (centres.expected)",
                       centre->draw, drawn->centre, drawn->share_count, centre->expected_text);
}

/* The number is the one that this centre knows, where it knows one. */
static bool has_our_number(const struct centre *centre, const struct centre_facts *facts,
                           struct failure *failure)
{
    const struct national_drawn *drawn = &centre->drawn;
    return !control_has_number(facts->terms) ||
           facts->terms->winning_number == drawn->winning_number ||
           failure_set(failure,
                       "draw %s was drawn by centre %s with the number %" PRIu32
                       ", and this one has %" PRIu32,
                       centre->draw, drawn->centre, drawn->winning_number,
                       facts->terms->winning_number);
}

static bool is_drawn_right(const struct centre *centre, const struct centre_facts *facts,
                           struct failure *failure)
{
    if (!centre->drawn_readable) {
        return failure_set(failure,
                           "what is said of how draw %s was drawn can't be read: have all centres "
                           "the same version?",
                           centre->draw);
    }
    return has_same_shares(centre, failure) && has_our_number(centre, facts, failure);
}

/* --------------------------------------------------------------- appending ---- */

static enum engine_answer append(struct engine *engine, const char *subject, uint64_t expected,
                                 char *text, size_t bytes, int64_t timeout_ms,
                                 struct failure *failure)
{
    const struct engine_append append = {.stream = NATIONAL_STREAM,
                                         .subject = subject,
                                         .expectation = ENGINE_AFTER_OF_SUBJECT,
                                         .expected = expected,
                                         .bytes = text,
                                         .count = bytes};
    uint64_t sequence = 0;
    if (text == NULL) {
        (void)failure_set(failure, "there is no memory for a record of stream " NATIONAL_STREAM);
        return ENGINE_UNKNOWN;
    }
    fault_point("centre.appending");
    enum engine_answer answer = engine_append(engine, &append, timeout_ms, &sequence, failure);
    fault_point("centre.appended");
    free(text);
    return answer;
}

static struct national_closed make_closed(const struct centre *centre, const char *name,
                                          const struct centre_facts *facts)
{
    struct national_closed closed = {.terms = *facts->terms, .epoch = facts->epoch};
    closed.terms.number_given = false;
    (void)snprintf(closed.centre, sizeof closed.centre, "%s", name);
    (void)snprintf(closed.terms.centres_expected, sizeof closed.terms.centres_expected, "%s",
                   centre->expected_text);
    (void)snprintf(closed.node, sizeof closed.node, "%s", facts->node);
    return closed;
}

static enum engine_answer append_closed(const struct centre *centre, struct engine *engine,
                                        const struct centre_facts *facts, int64_t timeout_ms,
                                        struct failure *failure)
{
    char subject[NATIONAL_SUBJECT_BYTES];
    size_t bytes = 0;
    struct national_closed closed = make_closed(centre, centre->own, facts);
    closed.agencies = facts->agencies;
    closed.bets = facts->bets;
    closed.bytes = facts->bytes;
    (void)snprintf(closed.identity, sizeof closed.identity, "%s", facts->identity);
    (void)snprintf(closed.seal_sha256, sizeof closed.seal_sha256, "%s", facts->seal_sha256);
    national_closed_subject(centre->draw, centre->own, subject);
    char *text = national_write_closed(&closed, &bytes);
    return append(engine, subject, 0, text, bytes, timeout_ms, failure);
}

static enum engine_answer append_drawn(const struct centre *centre, struct engine *engine,
                                       const struct centre_facts *facts, int64_t timeout_ms,
                                       struct failure *failure)
{
    char subject[NATIONAL_SUBJECT_BYTES];
    size_t bytes = 0;
    struct national_drawn drawn;
    make_drawn(centre,
               control_has_number(facts->terms) ? facts->terms->winning_number : facts->number,
               facts, &drawn);
    national_drawn_subject(centre->draw, subject);
    char *text = national_write_drawn(&drawn, &bytes);
    return append(engine, subject, 0, text, bytes, timeout_ms, failure);
}

/* ----------------------------------------------------------------- looking ---- */

enum due { DUE_NOTHING, DUE_CLOSED, DUE_DRAWN };

/* True when every expected centre is closed; else false, and the failure names the others. */
static bool are_all_closed(const struct centre *centre, struct failure *failure)
{
    char names[NAMES_BYTES] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < centre->expected.count; i++) {
        if (centre->entries[i].sequence == 0 && used < sizeof names) {
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                     used == 0 ? "" : ", ", centre->entries[i].name);
        }
    }
    return used == 0 || failure_set(failure, "draw %s waits for these centres to be closed: %s",
                                    centre->draw, names);
}

/* How far the draw is, and what this centre has to append next. */
static enum centre_state judge(const struct centre *centre, const struct centre_facts *facts,
                               enum due *due, struct failure *failure)
{
    const int place = centre_set_find(&centre->expected, centre->own);
    const struct centre_entry *own = &centre->entries[place < 0 ? 0 : place];
    *due = DUE_NOTHING;
    if (!is_own_record(centre, own, facts, failure)) {
        return CENTRE_HELD;
    }
    if (centre->drawn_sequence != 0) {
        return is_drawn_right(centre, facts, failure) ? CENTRE_RELEASED : CENTRE_HELD;
    }
    if (!all_agree(centre, facts, failure)) {
        return CENTRE_HELD;
    }
    if (!facts->sealed) {
        return CENTRE_OPEN;
    }
    if (own->sequence == 0) {
        *due = facts->is_copied ? DUE_CLOSED : DUE_NOTHING;
        return CENTRE_OPEN;
    }
    if (!are_all_closed(centre, failure)) {
        return CENTRE_AWAITS;
    }
    *due = control_has_number(facts->terms) || facts->number_said ? DUE_DRAWN : DUE_NOTHING;
    return CENTRE_READY;
}

enum centre_look centre_look(struct centre *centre, struct engine *engine,
                             const struct centre_facts *facts, int64_t timeout_ms,
                             enum centre_state *state, struct failure *failure)
{
    enum due due = DUE_NOTHING;
    if (judge(centre, facts, &due, failure) == CENTRE_RELEASED) {
        *state = CENTRE_RELEASED;
        return CENTRE_LOOKED;
    }
    enum centre_look look = read_news(centre, engine, failure);
    for (int tries = 0; look == CENTRE_LOOKED && tries < TRIES_MAX; tries++) {
        *state = judge(centre, facts, &due, failure);
        if (due == DUE_NOTHING) {
            return CENTRE_LOOKED;
        }
        enum engine_answer answer = due == DUE_CLOSED
                                        ? append_closed(centre, engine, facts, timeout_ms, failure)
                                        : append_drawn(centre, engine, facts, timeout_ms, failure);
        if (answer != ENGINE_STORED && answer != ENGINE_REFUSED) {
            return CENTRE_AWAY;
        }
        look = read_on(centre, engine, failure);
    }
    if (look == CENTRE_LOOKED) {
        (void)failure_set(failure, "what stream " NATIONAL_STREAM " has stored can't be read yet");
        look = CENTRE_AWAY;
    }
    return look;
}

/* -------------------------------------------------------------- closing out ---- */

/* CENTRE_OUT_AWAY: it may be closed out, and is not yet. */
static enum centre_close_out judge_close_out(struct centre *centre,
                                             const struct centre_facts *facts, const char *name,
                                             struct failure *failure)
{
    const struct centre_entry *entry = find_entry(centre, name);
    if (entry == NULL) {
        (void)failure_set(failure, "centre %s is none of this draw's (centres.expected: %s)", name,
                          centre->expected_text);
        return CENTRE_OUT_REFUSED;
    }
    if (entry->sequence != 0 && entry->readable && entry->closed.by == NATIONAL_BY_OPERATOR) {
        return CENTRE_OUT;
    }
    if (strcmp(name, centre->own) == 0) {
        (void)failure_set(failure, "centre %s is this one: close its sales (lottery-admin close)",
                          name);
        return CENTRE_OUT_REFUSED;
    }
    if (centre->drawn_sequence != 0) {
        (void)failure_set(failure, "draw %s has been drawn: nobody is closed out any more",
                          centre->draw);
        return CENTRE_OUT_REFUSED;
    }
    if (centre_standing_of(centre, entry, facts) == CENTRE_CLOSED) {
        (void)failure_set(failure, "centre %s is closed, and takes part with %" PRIu64 " bets",
                          name, entry->closed.bets);
        return CENTRE_OUT_REFUSED;
    }
    return CENTRE_OUT_AWAY;
}

enum centre_close_out centre_close_out(struct centre *centre, struct engine *engine,
                                       const struct centre_facts *facts, const char *name,
                                       const char *reason, int64_t timeout_ms,
                                       struct failure *failure)
{
    char subject[NATIONAL_SUBJECT_BYTES];
    struct national_closed closed = make_closed(centre, name, facts);
    closed.by = NATIONAL_BY_OPERATOR;
    (void)snprintf(closed.reason, sizeof closed.reason, "%s", reason);
    national_closed_subject(centre->draw, name, subject);
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        if (read_on(centre, engine, failure) != CENTRE_LOOKED) {
            return CENTRE_OUT_AWAY;
        }
        enum centre_close_out out = judge_close_out(centre, facts, name, failure);
        if (out != CENTRE_OUT_AWAY) {
            return out;
        }
        size_t bytes = 0;
        char *text = national_write_closed(&closed, &bytes);
        enum engine_answer answer = append(engine, subject, find_entry(centre, name)->sequence,
                                           text, bytes, timeout_ms, failure);
        if (answer != ENGINE_STORED && answer != ENGINE_REFUSED) {
            return CENTRE_OUT_AWAY;
        }
    }
    (void)failure_set(failure, "what stream " NATIONAL_STREAM " has stored can't be read yet");
    return CENTRE_OUT_AWAY;
}
