/*
 * composer.h - turns the next rows of a dataset into one message for the centre.
 */
#ifndef CLIENT_COMPOSER_H
#define CLIENT_COMPOSER_H

#include "client/dataset.h"
#include "client/window.h"
#include "lib/failure.h"

#include <stddef.h>
#include <stdint.h>

/* The guide's limit for a message, "8kB". */
enum { COMPOSER_BYTES_MAX = 8192 };

struct composer_limits {
    uint32_t agency; /* who sends it */
    uint64_t rows_max;
};

/*
 * Writes `agency:4:` and as many rows as the limits allow to `out`, which has
 * room for COMPOSER_BYTES_MAX bytes; *bytes says how many it became. DATASET_ROW: there is a
 * batch of at least one row, described in *batch. DATASET_END: no row is left.
 * DATASET_FAILED, DATASET_BAD_ROW: the row at dataset_line can't be read, or can't travel.
 */
enum dataset_result composer_write(struct dataset *dataset, const struct composer_limits *limits,
                                   char *out, size_t *bytes, struct window_batch *batch,
                                   struct failure *failure);

#endif
