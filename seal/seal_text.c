/*
 * seal_text.c - seal.json as text; see seal.h.
 */
#include "seal/canonical.h"
#include "seal/seal.h"

#include "lib/limits.h"
#include "store/centre_set.h"

#include <stdlib.h>
#include <string.h>

enum { NUMBER_SOURCES = NUMBER_BY_COMMAND + 1, CLOSERS = CLOSED_BY_TIME + 1 };

static const char *format_word(unsigned index)
{
    (void)index;
    return "lottery seal 1";
}

static const char *number_source_word(unsigned index)
{
    return control_number_source_name((enum number_source)index);
}

static const char *closed_by_word(unsigned index)
{
    return control_closed_by_name((enum closed_by)index);
}

/* ---------------------------------------------------------------- tables ---- */

#define FIELD(field)      offsetof(struct seal, field), 0
#define TEXT_FIELD(field) offsetof(struct seal, field), sizeof((struct seal *)NULL)->field
#define OTHER             CANONICAL_OTHER, 0, 0, NULL
#define TABLE(members)                                                                             \
    {                                                                                              \
        (members), sizeof(members) / sizeof(members)[0]                                            \
    }

static const struct canonical_member seal_members[] = {
    {"agencies", OTHER},
    {"bets", OTHER},
    {"closed", OTHER},
    {"done", OTHER},
    {"draw", CANONICAL_TEXT, TEXT_FIELD(terms.draw), NULL},
    {"format", CANONICAL_CONSTANT, 0, 0, format_word},
    {"identity", CANONICAL_TEXT, TEXT_FIELD(identity), NULL},
    {"opened_at", CANONICAL_MOMENT, FIELD(opened_at_ms), NULL},
    {"program", CANONICAL_TEXT, TEXT_FIELD(program), NULL},
    {"sealed_at", CANONICAL_MOMENT, FIELD(sealed_at_ms), NULL},
    {"terms", OTHER},
};

static const struct canonical_member bets_members[] = {
    {"bytes", CANONICAL_UINT64, FIELD(bets_bytes), NULL},
    {"merkle_root", CANONICAL_DIGEST, FIELD(merkle_root), NULL},
    {"rows", CANONICAL_UINT64, FIELD(bets_rows), NULL},
    {"sha256", CANONICAL_DIGEST, FIELD(bets_sha256), NULL},
};

static const struct canonical_member closed_members[] = {
    {"at", CANONICAL_MOMENT, FIELD(closing.at_ms), NULL},
    {"by", CANONICAL_WORD, offsetof(struct seal, closing.by), CLOSERS, closed_by_word},
    {"reason", CANONICAL_TEXT, TEXT_FIELD(closing.reason), NULL},
    {"without", CANONICAL_TEXT, TEXT_FIELD(closing.without), NULL},
};

static const struct canonical_member done_members[] = {
    {"bytes", CANONICAL_UINT64, FIELD(done_bytes), NULL},
    {"sha256", CANONICAL_DIGEST, FIELD(done_sha256), NULL},
};

static const struct canonical_member terms_members[] = {
    {"agencies_allowed", CANONICAL_TEXT, TEXT_FIELD(terms.agencies_allowed), NULL},
    {"agencies_expected", CANONICAL_UINT32, FIELD(terms.agencies_expected), NULL},
    {"closes_at", CANONICAL_MOMENT, FIELD(terms.closes_at_ms), NULL},
    {"number_by", CANONICAL_WORD, offsetof(struct seal, terms.number_by), NUMBER_SOURCES,
     number_source_word},
    {"winning_number", OTHER},
    {"centres_expected", CANONICAL_TEXT, TEXT_FIELD(terms.centres_expected), NULL}, /* of several */
};

enum { TERMS_MEMBERS = sizeof terms_members / sizeof terms_members[0] };

static const struct canonical_member agency_members[] = {
    {"agency", CANONICAL_UINT32, offsetof(struct seal_agency, agency), 0, NULL},
    {"closed_out", CANONICAL_FLAG, offsetof(struct seal_agency, closed_out), 0, NULL},
    {"rows", CANONICAL_UINT64, offsetof(struct seal_agency, rows), 0, NULL},
    {"sha256", CANONICAL_DIGEST, offsetof(struct seal_agency, sha256), 0, NULL},
};

static const struct canonical_table seal_table = TABLE(seal_members);
static const struct canonical_table agency_table = TABLE(agency_members);

static const struct canonical_table national_terms_table = {terms_members, TERMS_MEMBERS};

/* The objects that stand in seal.json itself. Of a draw of several centres, terms have one more member. */
static const struct {
    const char *key;
    struct canonical_table table;
} parts[] = {
    {"bets", TABLE(bets_members)},
    {"closed", TABLE(closed_members)},
    {"done", TABLE(done_members)},
    {"terms", {terms_members, TERMS_MEMBERS - 1}},
};

enum { PARTS = sizeof parts / sizeof parts[0] };

/* --------------------------------------------------------------- writing ---- */

/* Takes *value, also where it fails. */
static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static json_t *make_agencies(const struct seal *seal)
{
    json_t *array = json_array();
    for (size_t i = 0; i < seal->agency_count; i++) {
        if (json_array_append_new(array, canonical_make(&agency_table, &seal->agencies[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* The table of the part, of a draw of several centres or of one. */
static const struct canonical_table *table_of(size_t part, bool is_national)
{
    return parts[part].table.members == terms_members && is_national ? &national_terms_table
                                                                     : &parts[part].table;
}

static bool is_national(const struct seal *seal)
{
    return seal->terms.centres_expected[0] != '\0' && control_says_centres(&seal->terms);
}

static bool fill(json_t *object, const struct seal *seal)
{
    for (size_t i = 0; i < PARTS; i++) {
        const struct canonical_table *table = table_of(i, is_national(seal));
        if (!set(object, parts[i].key, canonical_make(table, seal))) {
            return false;
        }
    }
    json_t *number =
        control_has_number(&seal->terms) ? json_integer(seal->terms.winning_number) : json_null();
    return set(json_object_get(object, "terms"), "winning_number", number) &&
           set(object, "agencies", make_agencies(seal));
}

char *seal_write_text(const struct seal *seal, size_t *bytes)
{
    json_t *object = canonical_make(&seal_table, seal);
    if (object != NULL && !fill(object, seal)) {
        json_decref(object);
        object = NULL;
    }
    return canonical_write(object, bytes);
}

/* --------------------------------------------------------------- reading ---- */

static bool take_agencies(const json_t *array, const char *path, struct seal *seal,
                          struct failure *failure)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count > LIMITS_AGENCIES_MAX) {
        return failure_set(failure, "%s: \"agencies\" is no array of up to %d", path,
                           LIMITS_AGENCIES_MAX);
    }
    seal->agencies = calloc(count + 1, sizeof *seal->agencies);
    if (seal->agencies == NULL) {
        return failure_set_errno(failure, "read %s", path);
    }
    for (seal->agency_count = 0; seal->agency_count < count; seal->agency_count++) {
        struct seal_agency *agency = &seal->agencies[seal->agency_count];
        if (!canonical_take(json_array_get(array, seal->agency_count), &agency_table, path, agency,
                            failure)) {
            return false;
        }
        if (seal->agency_count > 0 && agency[-1].agency >= agency->agency) {
            return failure_set(failure, "%s: the agencies are not in ascending order", path);
        }
    }
    return true;
}

/* The number is null while it is not known, and only then. */
static bool take_number(const json_t *terms, const char *path, struct seal *seal,
                        struct failure *failure)
{
    const json_t *number = json_object_get(terms, "winning_number");
    json_int_t value = json_integer_value(number);
    bool known = json_is_integer(number) && value >= 0 && value <= UINT32_MAX;
    seal->terms.number_given = false;
    seal->terms.winning_number = known ? (uint32_t)value : 0;
    return (seal->terms.number_by == NUMBER_BY_COMMAND ? json_is_null(number) : known) ||
           failure_set(failure,
                       "%s: \"winning_number\" has to be null where it comes by command, and a "
                       "number where it does not",
                       path);
}

static bool is_identity(const char *identity)
{
    return strspn(identity, "0123456789abcdef") == CONTROL_IDENTITY_DIGITS;
}

/* What the types alone do not say. */
static bool is_consistent(const struct seal *seal, const char *path, struct failure *failure)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < seal->agency_count; i++) {
        rows += seal->agencies[i].rows;
    }
    if (rows != seal->bets_rows) {
        return failure_set(failure, "%s: the agencies' rows are not those of the bets", path);
    }
    if (!is_identity(seal->identity) || !control_is_draw_name(seal->terms.draw)) {
        return failure_set(failure, "%s: \"identity\" or \"draw\" is none", path);
    }
    return (seal->terms.agencies_expected > 0 && seal->closing.at_ms != 0 &&
            seal->closing.by != CLOSED_BY_NOBODY && seal->sealed_at_ms != 0) ||
           failure_set(failure, "%s: it does not say who closed, when, and when it was sealed",
                       path);
}

static bool take(json_t *object, const char *path, struct seal *seal, struct failure *failure)
{
    if (!canonical_take(object, &seal_table, path, seal, failure)) {
        return false;
    }
    json_t *terms = json_object_get(object, "terms");
    bool names_centres = json_object_get(terms, "centres_expected") != NULL;
    for (size_t i = 0; i < PARTS; i++) {
        char where[FAILURE_TEXT_BYTES];
        (void)snprintf(where, sizeof where, "%s: \"%s\"", path, parts[i].key);
        if (!canonical_take(json_object_get(object, parts[i].key), table_of(i, names_centres),
                            where, seal, failure)) {
            return false;
        }
    }
    if (names_centres &&
        (!is_national(seal) || !centre_set_is_text(seal->terms.centres_expected))) {
        return failure_set(failure, "%s: \"centres_expected\" is no list of centres", path);
    }
    return take_number(terms, path, seal, failure) &&
           take_agencies(json_object_get(object, "agencies"), path, seal, failure) &&
           is_consistent(seal, path, failure);
}

bool seal_parse(const char *text, size_t bytes, const char *path, struct seal *seal,
                struct failure *failure)
{
    *seal = (struct seal){0};
    json_t *object = canonical_parse(text, bytes, path, failure);
    bool taken = object != NULL && take(object, path, seal, failure);
    json_decref(object);
    if (!taken) {
        seal_close(seal);
    }
    return taken;
}
