/*
 * draw_facts.c - see draw_facts.h.
 */
#include "admin/draw_facts.h"

#include "lib/timestamp.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

enum { LABEL_WIDTH = 18, VALUE_BYTES = CONFIG_TEXT_BYTES };

/* How a fact stands in struct draw_facts, and how it is written. */
enum kind {
    KIND_TEXT,   /* char[]; empty: not known */
    KIND_MOMENT, /* int64_t, ms since 1970; 0: not known */
    KIND_UINT32,
    KIND_COUNT,     /* uint64_t; DRAW_BETS_UNKNOWN: not known */
    KIND_NUMBER,    /* the winning number of struct lottery_terms */
    KIND_CENTRES,   /* of struct lottery_terms: known where several draw together */
    KIND_WINNERS,   /* of struct control: known once it is drawn */
    KIND_STATE,     /* enum control_state */
    KIND_NUMBER_BY, /* enum number_source */
    KIND_CLOSED_BY  /* enum closed_by */
};

struct fact {
    const char *name; /* in JSON; for people, with spaces */
    enum kind kind;
    size_t offset;
};

#define CONTROL(field) offsetof(struct draw_facts, control.field)

static const struct fact table[] = {
    {"draw", KIND_TEXT, CONTROL(terms.draw)},
    {"identity", KIND_TEXT, CONTROL(identity)},
    {"state", KIND_STATE, CONTROL(state)},
    {"opened_at", KIND_MOMENT, CONTROL(opened_at_ms)},
    {"agencies_expected", KIND_UINT32, CONTROL(terms.agencies_expected)},
    {"agencies_allowed", KIND_TEXT, CONTROL(terms.agencies_allowed)},
    {"centres_expected", KIND_CENTRES, CONTROL(terms)},
    {"closes_at", KIND_MOMENT, CONTROL(terms.closes_at_ms)},
    {"number_by", KIND_NUMBER_BY, CONTROL(terms.number_by)},
    {"winning_number", KIND_NUMBER, CONTROL(terms)},
    {"bets", KIND_COUNT, offsetof(struct draw_facts, bets)},
    {"closed_at", KIND_MOMENT, CONTROL(closing.at_ms)},
    {"closed_by", KIND_CLOSED_BY, CONTROL(closing.by)},
    {"closed_without", KIND_TEXT, CONTROL(closing.without)},
    {"closed_reason", KIND_TEXT, CONTROL(closing.reason)},
    {"sealed_at", KIND_MOMENT, CONTROL(sealed_at_ms)},
    {"seal_sha256", KIND_TEXT, CONTROL(seal_sha256)},
    {"drawn_at", KIND_MOMENT, CONTROL(drawn_at_ms)},
    {"draw_sha256", KIND_TEXT, CONTROL(draw_sha256)},
    {"winners", KIND_WINNERS, CONTROL(draw.winners)},
    {"abandoned_at", KIND_MOMENT, CONTROL(abandoned_at_ms)},
    {"abandoned_reason", KIND_TEXT, CONTROL(abandoned_reason)},
};

enum { FACTS = sizeof table / sizeof table[0] };

/* A value: a text, or a number. */
struct value {
    bool known, is_number;
    uint64_t number;
    char text[VALUE_BYTES];
};

static void set_number(struct value *value, bool known, uint64_t number)
{
    value->known = known;
    value->is_number = true;
    value->number = number;
    (void)snprintf(value->text, sizeof value->text, "%" PRIu64, number);
}

static void set_text(struct value *value, const char *text)
{
    value->known = text[0] != '\0';
    (void)snprintf(value->text, sizeof value->text, "%s", text);
}

static struct value read_fact(const struct draw_facts *facts, const struct fact *fact)
{
    const void *from = (const char *)facts + fact->offset;
    const struct lottery_terms *terms = from; /* of KIND_NUMBER and KIND_CENTRES */
    struct value value = {.known = false};
    char moment[TIMESTAMP_BYTES] = "";
    switch (fact->kind) {
    case KIND_TEXT:
        set_text(&value, from);
        break;
    case KIND_MOMENT:
        if (*(const int64_t *)from != 0) {
            timestamp_write(*(const int64_t *)from, moment);
        }
        set_text(&value, moment);
        break;
    case KIND_UINT32:
        set_number(&value, true, *(const uint32_t *)from);
        break;
    case KIND_COUNT:
        set_number(&value, *(const uint64_t *)from != DRAW_BETS_UNKNOWN, *(const uint64_t *)from);
        break;
    case KIND_NUMBER:
        set_number(&value, control_has_number(terms), terms->winning_number);
        break;
    case KIND_CENTRES:
        set_text(&value, control_says_centres(terms) ? terms->centres_expected : "");
        break;
    case KIND_WINNERS:
        set_number(&value, facts->control.state == CONTROL_DRAWN, *(const uint64_t *)from);
        break;
    case KIND_STATE:
        set_text(&value, control_state_name(facts->control.state));
        break;
    case KIND_NUMBER_BY:
        set_text(&value, control_number_source_name(facts->control.terms.number_by));
        break;
    case KIND_CLOSED_BY:
        set_text(&value, facts->control.closing.by == CLOSED_BY_NOBODY
                             ? ""
                             : control_closed_by_name(facts->control.closing.by));
        break;
    }
    return value;
}

void draw_facts_print(FILE *file, const struct draw_facts *facts)
{
    for (size_t i = 0; i < FACTS; i++) {
        struct value value = read_fact(facts, &table[i]);
        if (!value.known) {
            continue;
        }
        char label[LABEL_WIDTH + 1];
        (void)snprintf(label, sizeof label, "%s", table[i].name);
        for (char *at = label; *at != '\0'; at++) {
            if (*at == '_') {
                *at = ' ';
            }
        }
        fprintf(file, "  %-*s %s\n", LABEL_WIDTH, label, value.text);
    }
}

void draw_facts_add(struct members *members, const struct draw_facts *facts)
{
    for (size_t i = 0; i < FACTS; i++) {
        struct value value = read_fact(facts, &table[i]);
        if (!value.known) {
            members_add_null(members, table[i].name);
        } else if (value.is_number) {
            members_add_number(members, table[i].name, value.number);
        } else {
            members_add_text(members, table[i].name, value.text);
        }
    }
}
