/*
 * log_message.h - which messages there are: the names that calls use, and what is known of each.
 *
 * The table is lib/log_messages.inc. Pure; any process may call it, a signal handler too.
 */
#ifndef LIB_LOG_MESSAGE_H
#define LIB_LOG_MESSAGE_H

/* LOG_STORE_DISK_FULL = 2201, for example. */
enum log_message {
#define MESSAGE(number, name, action, hint) LOG_##name = (number),
#define RETIRED(number)
#include "lib/log_messages.inc"
#undef MESSAGE
#undef RETIRED
};

struct log_message_text {
    const char *action; /* "store" */
    const char *hint;   /* what somebody has to do, a sentence without a full stop; NULL: nothing */
};

/* Returns what is known of the message. The texts are constants. */
const struct log_message_text *log_message_text(enum log_message message);

#endif
