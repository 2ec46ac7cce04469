/*
 * copy_text.h - records as the text that PostgreSQL's COPY takes (FORMAT csv), for its two tables.
 *
 * A bet's row of bets.csv is CSV already: it gets the columns in front of it that say where it comes
 * from. A row of lottery_records tells of one record; the bytes of bets are not in it, those of all
 * other kinds are.
 *
 * Pure, but for memory.
 */
#ifndef FEED_COPY_TEXT_H
#define FEED_COPY_TEXT_H

#include "engine/engine.h"
#include "engine/record.h"

#include <stdbool.h>
#include <stddef.h>

/* What COPY is told: tables and columns, in the order that the text has them. */
extern const char copy_text_bets[];
extern const char copy_text_records[];

struct copy_text {
    char *bytes; /* not terminated; NULL while there are none */
    size_t used, capacity;
};

/* Adds the record's bets, each with its line in the record, from 1 on. False without memory. */
bool copy_text_add_bets(struct copy_text *text, const char *centre,
                        const struct engine_message *message, const struct record *record);

/* Adds the record itself. False without memory. */
bool copy_text_add_record(struct copy_text *text, const char *centre,
                          const struct engine_message *message, const struct record *record);

/* Empties it and keeps its memory; and frees that. */
void copy_text_clear(struct copy_text *text);
void copy_text_free(struct copy_text *text);

#endif
