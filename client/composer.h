/*
 * composer.h - composes a BET message of the next rows of a dataset.
 */
#ifndef CLIENT_COMPOSER_H
#define CLIENT_COMPOSER_H

#include "client/dataset.h"
#include "client/window.h"
#include "lib/failure.h"

#include <stddef.h>
#include <stdint.h>

/* The longest message, "8kB" in the guide. */
enum { COMPOSER_BYTES_MAX = 8192 };

struct composer_limits {
    uint32_t agency;   /* the sender */
    uint64_t rows_max; /* of a batch, at least 1 */
};

/*
 * Writes a message of as many rows as the limits allow to `out`, which has room for
 * COMPOSER_BYTES_MAX bytes. *bytes is its length. Takes these rows from the dataset.
 * DATASET_ROW: the message has at least one row, and *batch says which. DATASET_END: no row
 * is left. DATASET_FAILED, DATASET_BAD_ROW: the row at dataset_line can't be read, or can't
 * be sent; `failure` says why.
 */
enum dataset_result composer_write(struct dataset *dataset, const struct composer_limits *limits,
                                   char *out, size_t *bytes, struct window_batch *batch,
                                   struct failure *failure);

#endif
