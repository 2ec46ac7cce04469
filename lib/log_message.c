/*
 * log_message.c - see log_message.h.
 */
#include "lib/log_message.h"

#include <stddef.h>

/* A number that the table gives twice, or again after it was retired, is a second case: no program. */
/* NOLINTNEXTLINE(readability-function-size): it is as long as the table */
const struct log_message_text *log_message_text(enum log_message message)
{
    static const struct log_message_text unknown = {.action = "unknown"};
    switch ((int)message) {
#define MESSAGE(number, name, its_action, its_hint)                                                \
    case number: {                                                                                 \
        static const struct log_message_text text = {.action = (its_action), .hint = (its_hint)};  \
        return &text;                                                                              \
    }
#define RETIRED(number) case number:
#include "lib/log_messages.inc"
#undef MESSAGE
#undef RETIRED
    default:
        return &unknown;
    }
}
