/*
 * export.h - a whole stream as JSON lines, for an auditor: every message, unchecked, as it is stored.
 *
 *     {"sequence":7,"stored_at_ms":1764270000000,"stream":"BETS_north","subject":"lottery.north.bets",
 *      "headers":{"Lottery-Epoch":"1",...},"text":"1,Ana,..."}
 *
 * The bytes are "text" where they are printable UTF-8, else "base64"; a message without bytes has
 * "text":"". `lottery-verify --log` reads it.
 *
 * Called by main's one thread.
 */
#ifndef FEED_EXPORT_H
#define FEED_EXPORT_H

#include "engine/engine.h"
#include "feed/feeding.h"
#include "feed/stop.h"

#include <stdint.h>
#include <stdio.h>

/*
 * Prints the messages from the first one to the one that is the last when it begins. FEEDING_BROKEN
 * where one is missing: what comes before it has been printed. FEEDING_FAILED where the output fails, or
 * it was asked to stop before the end.
 */
enum feeding_end export_run(struct engine *engine, const char *stream, struct stop *stop,
                            int64_t patience_ms, FILE *output, struct failure *failure);

#endif
