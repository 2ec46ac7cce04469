/*
 * composer.c - see composer.h.
 */
#include "client/composer.h"

#include "bet/message.h"

#include <string.h>

enum dataset_result composer_write(struct dataset *dataset, const struct composer_limits *limits,
                                   char *out, size_t *bytes, struct window_batch *batch,
                                   struct failure *failure)
{
    struct dataset_row row;
    size_t used = message_write_from_agency(out, limits->agency, MESSAGE_BET, true);
    batch->rows = 0;
    while (batch->rows < limits->rows_max) {
        enum dataset_result result = dataset_peek(dataset, &row, failure);
        if (result == DATASET_FAILED || result == DATASET_BAD_ROW) {
            return result;
        }
        if (result == DATASET_END ||
            used + row.bytes + 1 + MESSAGE_END_BYTES > COMPOSER_BYTES_MAX) {
            break;
        }
        if (batch->rows == 0) {
            batch->begin = row.begin;
        }
        memcpy(out + used, row.text, row.bytes);
        out[used + row.bytes] = '\n';
        used += row.bytes + 1;
        batch->end_offset = row.end_offset;
        batch->rows++;
        dataset_take(dataset, &row);
    }
    memcpy(out + used, MESSAGE_END, MESSAGE_END_BYTES);
    *bytes = used + MESSAGE_END_BYTES;
    return batch->rows > 0 ? DATASET_ROW : DATASET_END;
}
