/*
 * log_judgement.h - what came out of an audit of the log, as lines. See log_audit.h.
 *
 * Called by log_audit.c alone, once all exports have been read.
 */
#ifndef VERIFY_LOG_JUDGEMENT_H
#define VERIFY_LOG_JUDGEMENT_H

#include "verify/log_audit.h"

/* The small files that the log has, by their place in log_draw.files. */
extern const char *const log_file_names[LOG_FILES];

/* LOG_CHECK_LOG to LOG_CHECK_FILES. False with the failure: a file can't be read. */
bool log_judgement_of_files(const struct log_audit *audit, struct log_draw *draw,
                            struct failure *failure);

/* LOG_CHECK_NATIONAL. */
void log_judgement_of_nation(const struct log_audit *audit, struct log_draw *draw);

#endif
