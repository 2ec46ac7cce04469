/*
 * national.c - see national.h.
 */
#include "seal/national.h"

#include "seal/canonical.h"

#include <stdio.h>
#include <string.h>

enum { NUMBER_SOURCES = NUMBER_BY_COMMAND + 1 };

#define SUBJECT_PREFIX "lottery.draw."

/* --------------------------------------------------------------- subjects ---- */

/* Returns the bytes that it has written. */
static size_t write_prefix(const char *draw, char subject[NATIONAL_SUBJECT_BYTES])
{
    int used = snprintf(subject, NATIONAL_SUBJECT_BYTES, SUBJECT_PREFIX "%s", draw);
    for (char *at = subject + sizeof SUBJECT_PREFIX - 1; *at != '\0'; at++) {
        if (*at == '.') {
            *at = '=';
        }
    }
    return (size_t)used;
}

void national_closed_subject(const char *draw, const char *centre,
                             char subject[NATIONAL_SUBJECT_BYTES])
{
    size_t used = write_prefix(draw, subject);
    (void)snprintf(subject + used, NATIONAL_SUBJECT_BYTES - used, ".closed.%s", centre);
}

void national_drawn_subject(const char *draw, char subject[NATIONAL_SUBJECT_BYTES])
{
    size_t used = write_prefix(draw, subject);
    (void)snprintf(subject + used, NATIONAL_SUBJECT_BYTES - used, ".drawn");
}

/* ----------------------------------------------------------------- tables ---- */

static const char *closed_format(unsigned index)
{
    (void)index;
    return "lottery closed 1";
}

static const char *drawn_format(unsigned index)
{
    (void)index;
    return "lottery drawn 1";
}

static const char *closer_word(unsigned index)
{
    return index == NATIONAL_BY_CENTRE ? "centre" : "operator";
}

static const char *number_source_word(unsigned index)
{
    return control_number_source_name((enum number_source)index);
}

#define AT(type, field)      offsetof(type, field), 0, NULL
#define TEXT_AT(type, field) offsetof(type, field), sizeof((type *)NULL)->field, NULL
#define OTHER                CANONICAL_OTHER, 0, 0, NULL
#define TABLE(members)                                                                             \
    {                                                                                              \
        (members), sizeof(members) / sizeof(members)[0]                                            \
    }

static const struct canonical_member closed_members[] = {
    {"agencies", CANONICAL_UINT64, AT(struct national_closed, agencies)},
    {"bets", CANONICAL_UINT64, AT(struct national_closed, bets)},
    {"bytes", CANONICAL_UINT64, AT(struct national_closed, bytes)},
    {"centre", CANONICAL_TEXT, TEXT_AT(struct national_closed, centre)},
    {"closed_by", CANONICAL_WORD, offsetof(struct national_closed, by), NATIONAL_CLOSERS,
     closer_word},
    {"draw", CANONICAL_TEXT, TEXT_AT(struct national_closed, terms.draw)},
    {"epoch", CANONICAL_UINT64, AT(struct national_closed, epoch)},
    {"expected", CANONICAL_TEXT, TEXT_AT(struct national_closed, terms.centres_expected)},
    {"format", CANONICAL_CONSTANT, 0, 0, closed_format},
    {"identity", CANONICAL_TEXT, TEXT_AT(struct national_closed, identity)},
    {"node", CANONICAL_TEXT, TEXT_AT(struct national_closed, node)},
    {"reason", CANONICAL_TEXT, TEXT_AT(struct national_closed, reason)},
    {"seal_sha256", CANONICAL_TEXT, TEXT_AT(struct national_closed, seal_sha256)},
    {"terms", OTHER},
};

static const struct canonical_member terms_members[] = {
    {"agencies_allowed", CANONICAL_TEXT, TEXT_AT(struct lottery_terms, agencies_allowed)},
    {"agencies_expected", CANONICAL_UINT32, AT(struct lottery_terms, agencies_expected)},
    {"closes_at", CANONICAL_MOMENT, AT(struct lottery_terms, closes_at_ms)},
    {"number_by", CANONICAL_WORD, offsetof(struct lottery_terms, number_by), NUMBER_SOURCES,
     number_source_word},
    {"winning_number", OTHER},
};

static const struct canonical_member share_members[] = {
    {"agencies", CANONICAL_UINT64, AT(struct national_share, agencies)},
    {"bets", CANONICAL_UINT64, AT(struct national_share, bets)},
    {"bytes", CANONICAL_UINT64, AT(struct national_share, bytes)},
    {"centre", CANONICAL_TEXT, TEXT_AT(struct national_share, centre)},
    {"closed_by", CANONICAL_WORD, offsetof(struct national_share, by), NATIONAL_CLOSERS,
     closer_word},
    {"closed_sha256", CANONICAL_DIGEST, AT(struct national_share, closed_sha256)},
    {"seal_sha256", CANONICAL_TEXT, TEXT_AT(struct national_share, seal_sha256)},
};

static const struct canonical_member drawn_members[] = {
    {"bets", CANONICAL_UINT64, AT(struct national_drawn, bets)},
    {"bytes", CANONICAL_UINT64, AT(struct national_drawn, bytes)},
    {"centre", CANONICAL_TEXT, TEXT_AT(struct national_drawn, centre)},
    {"centres", OTHER},
    {"draw", CANONICAL_TEXT, TEXT_AT(struct national_drawn, draw)},
    {"epoch", CANONICAL_UINT64, AT(struct national_drawn, epoch)},
    {"format", CANONICAL_CONSTANT, 0, 0, drawn_format},
    {"node", CANONICAL_TEXT, TEXT_AT(struct national_drawn, node)},
    {"winning_number", CANONICAL_UINT32, AT(struct national_drawn, winning_number)},
};

static const struct canonical_table closed_table = TABLE(closed_members);
static const struct canonical_table terms_table = TABLE(terms_members);
static const struct canonical_table share_table = TABLE(share_members);
static const struct canonical_table drawn_table = TABLE(drawn_members);

/* ---------------------------------------------------------------- writing ---- */

/* NULL where there is no memory; takes `object`. */
static json_t *with(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

char *national_write_closed(const struct national_closed *closed, size_t *bytes)
{
    const struct lottery_terms *terms = &closed->terms;
    json_t *number = control_has_number(terms) ? json_integer(terms->winning_number) : json_null();
    json_t *inner = with(canonical_make(&terms_table, terms), "winning_number", number);
    return canonical_write(with(canonical_make(&closed_table, closed), "terms", inner), bytes);
}

char *national_write_drawn(const struct national_drawn *drawn, size_t *bytes)
{
    json_t *shares = json_array();
    for (uint32_t i = 0; i < drawn->share_count; i++) {
        if (json_array_append_new(shares, canonical_make(&share_table, &drawn->shares[i])) != 0) {
            json_decref(shares);
            shares = NULL;
            break;
        }
    }
    return canonical_write(with(canonical_make(&drawn_table, drawn), "centres", shares), bytes);
}

/* ---------------------------------------------------------------- reading ---- */

/* The number is null while it is not known, and only then. */
static bool take_number(const json_t *terms, const char *place, struct lottery_terms *to,
                        struct failure *failure)
{
    const json_t *number = json_object_get(terms, "winning_number");
    json_int_t value = json_integer_value(number);
    bool known = json_is_integer(number) && value >= 0 && value <= UINT32_MAX;
    to->number_given = false;
    to->winning_number = known ? (uint32_t)value : 0;
    return (to->number_by == NUMBER_BY_COMMAND ? json_is_null(number) : known) ||
           failure_set(failure,
                       "%s: \"winning_number\" has to be null where it comes by command, and a "
                       "number where it does not",
                       place);
}

static bool are_digits(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

/* A centre that closed by itself has a seal; one that was closed out has nothing. */
static bool is_consistent(enum national_closer by, const char *seal_sha256, uint64_t agencies,
                          uint64_t bets, uint64_t bytes)
{
    return by == NATIONAL_BY_CENTRE
               ? are_digits(seal_sha256, CONTROL_SHA256_DIGITS)
               : seal_sha256[0] == '\0' && agencies == 0 && bets == 0 && bytes == 0;
}

static bool is_good_closed(const struct national_closed *closed, const char *place,
                           struct failure *failure)
{
    bool identified = closed->by == NATIONAL_BY_CENTRE
                          ? are_digits(closed->identity, CONTROL_IDENTITY_DIGITS)
                          : closed->identity[0] == '\0';
    return (centre_set_is_text(closed->terms.centres_expected) && identified &&
            centre_set_is_name(closed->centre) && control_is_draw_name(closed->terms.draw) &&
            is_consistent(closed->by, closed->seal_sha256, closed->agencies, closed->bets,
                          closed->bytes)) ||
           failure_set(failure, "%s: it does not say which centre closed which draw with what",
                       place);
}

bool national_parse_closed(const char *text, size_t bytes, const char *place,
                           struct national_closed *closed, struct failure *failure)
{
    *closed = (struct national_closed){.by = NATIONAL_BY_CENTRE};
    json_t *object = canonical_parse(text, bytes, place, failure);
    json_t *terms = json_object_get(object, "terms");
    bool taken = object != NULL && canonical_take(object, &closed_table, place, closed, failure) &&
                 canonical_take(terms, &terms_table, place, &closed->terms, failure) &&
                 take_number(terms, place, &closed->terms, failure) &&
                 is_good_closed(closed, place, failure);
    json_decref(object);
    return taken;
}

static bool take_shares(const json_t *array, const char *place, struct national_drawn *drawn,
                        struct failure *failure)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count == 0 || count > CENTRES_MAX) {
        return failure_set(failure, "%s: \"centres\" is no array of 1 to %d", place, CENTRES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        struct national_share *share = &drawn->shares[i];
        if (!canonical_take(json_array_get(array, i), &share_table, place, share, failure)) {
            return false;
        }
        if (!centre_set_is_name(share->centre) ||
            (i > 0 && strcmp(share[-1].centre, share->centre) >= 0) ||
            !is_consistent(share->by, share->seal_sha256, share->agencies, share->bets,
                           share->bytes)) {
            return failure_set(failure, "%s: the centres are not in order, or not what they can be",
                               place);
        }
    }
    drawn->share_count = (uint32_t)count;
    return true;
}

static bool is_good_drawn(const struct national_drawn *drawn, const char *place,
                          struct failure *failure)
{
    uint64_t bets = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < drawn->share_count; i++) {
        bets += drawn->shares[i].bets;
        bytes += drawn->shares[i].bytes;
    }
    return (bets == drawn->bets && bytes == drawn->bytes && centre_set_is_name(drawn->centre) &&
            control_is_draw_name(drawn->draw)) ||
           failure_set(failure, "%s: the centres' bets are not those of the draw", place);
}

bool national_parse_drawn(const char *text, size_t bytes, const char *place,
                          struct national_drawn *drawn, struct failure *failure)
{
    *drawn = (struct national_drawn){.share_count = 0};
    json_t *object = canonical_parse(text, bytes, place, failure);
    bool taken = object != NULL && canonical_take(object, &drawn_table, place, drawn, failure) &&
                 take_shares(json_object_get(object, "centres"), place, drawn, failure) &&
                 is_good_drawn(drawn, place, failure);
    json_decref(object);
    return taken;
}

/* ----------------------------------------------------------------- shares ---- */

void national_share_of(const struct national_closed *closed, const struct sha256_digest *sha256,
                       struct national_share *share)
{
    *share = (struct national_share){.by = closed->by,
                                     .agencies = closed->agencies,
                                     .bets = closed->bets,
                                     .bytes = closed->bytes,
                                     .closed_sha256 = *sha256};
    (void)snprintf(share->centre, sizeof share->centre, "%s", closed->centre);
    (void)snprintf(share->seal_sha256, sizeof share->seal_sha256, "%s", closed->seal_sha256);
}

bool national_shares_equal(const struct national_share *one, const struct national_share *other)
{
    return strcmp(one->centre, other->centre) == 0 && one->by == other->by &&
           one->agencies == other->agencies && one->bets == other->bets &&
           one->bytes == other->bytes && sha256_equal(&one->closed_sha256, &other->closed_sha256) &&
           strcmp(one->seal_sha256, other->seal_sha256) == 0;
}
