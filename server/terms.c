/*
 * terms.c - see terms.h.
 */
#include "server/terms.h"

#include "lib/clock.h"
#include "lib/timestamp.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A draw of which nothing was sold can't begin after its end. */
static bool may_begin(const struct lottery_terms *wanted, struct failure *failure)
{
    char at[TIMESTAMP_BYTES];
    if (wanted->closes_at_ms == 0 || wanted->closes_at_ms > clock_wall_ms()) {
        return true;
    }
    timestamp_write(wanted->closes_at_ms, at);
    return failure_set(failure,
                       "the sales of draw %s end at %s (lottery.closes), which is past, and "
                       "nothing has been stored: set another time",
                       wanted->draw, at);
}

/* "winning number 7, and now 8; ...": each term that differs, and no other one. */
static void append_difference(struct failure *text, const char *term, const char *fixed,
                              const char *wanted)
{
    size_t used = strlen(text->text);
    if (strcmp(fixed, wanted) != 0) {
        (void)snprintf(text->text + used, sizeof text->text - used, "%s%s %s, and now %s",
                       used == 0 ? "" : "; ", term, fixed, wanted);
    }
}

/* A term in words: those that are no text. */
struct worded_terms {
    char expected[sizeof "4294967295"];
    char number[sizeof "4294967295"];
    char closes[TIMESTAMP_BYTES];
};

static void word(const struct lottery_terms *terms, struct worded_terms *words)
{
    *words = (struct worded_terms){.number = "by command", .closes = "never"};
    (void)snprintf(words->expected, sizeof words->expected, "%" PRIu32, terms->agencies_expected);
    if (terms->number_by != NUMBER_BY_COMMAND) {
        (void)snprintf(words->number, sizeof words->number, "%" PRIu32, terms->winning_number);
    }
    if (terms->closes_at_ms != 0) {
        timestamp_write(terms->closes_at_ms, words->closes);
    }
}

static const char *centres_in_words(const struct lottery_terms *terms)
{
    return terms->centres_expected[0] == '\0' ? "this centre alone" : terms->centres_expected;
}

static void compare_terms(const struct lottery_terms *fixed, const struct lottery_terms *wanted,
                          struct failure *text)
{
    struct worded_terms before;
    struct worded_terms now;
    text->text[0] = '\0';
    word(fixed, &before);
    word(wanted, &now);
    append_difference(text, "winning number", before.number, now.number);
    append_difference(text, "lottery.name", fixed->draw, wanted->draw);
    append_difference(text, "closes", before.closes, now.closes);
    append_difference(text, "agencies expected", before.expected, now.expected);
    append_difference(text, "agencies allowed", fixed->agencies_allowed, wanted->agencies_allowed);
    append_difference(text, "centres.expected", centres_in_words(fixed), centres_in_words(wanted));
}

/*
 * A server of before has begun the draw, and its control did not say which centres draw together. From
 * here on it does, unless the draw is sealed already: its seal has no such term.
 */
static void settle_centres(struct control *control, const struct lottery_terms *wanted)
{
    if (!control_says_centres(&control->terms) && control->state < CONTROL_SEALED) {
        (void)snprintf(control->terms.centres_expected, sizeof control->terms.centres_expected,
                       "%s", wanted->centres_expected);
    }
}

bool terms_settle(struct control *control, const struct lottery_terms *wanted, bool stored,
                  const char *directory, struct failure *failure)
{
    struct failure difference;
    settle_centres(control, wanted);
    if (control->terms_by == TERMS_BY_COMMAND) {
        return true; /* `open` has said them; the configuration speaks of a first draw */
    }
    if (!stored) {
        control->terms = *wanted;
        return may_begin(wanted, failure);
    }
    if (control_terms_equal(&control->terms, wanted)) {
        return true;
    }
    compare_terms(&control->terms, wanted, &difference);
    return failure_set(failure,
                       "the lottery in %s is of other terms than the configuration: %.160s. Bets "
                       "have been stored under the former: nothing was touched; start with them, "
                       "or name another data.directory for another lottery (Compose: docker "
                       "compose down -v ends this one, bets and all)",
                       directory, difference.text);
}
