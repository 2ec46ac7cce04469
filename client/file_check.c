/*
 * file_check.c - see file_check.h.
 */
#include "client/file_check.h"

#include "bet/bet.h"
#include "client/dataset.h"
#include "lib/text.h"

#include <inttypes.h>
#include <string.h>

enum { SHOWN_BYTES = 120 };

static void tell_row(FILE *output, const char *path, const struct dataset_row *row,
                     const char *reason)
{
    char shown[SHOWN_BYTES + 1];
    size_t bytes = row->bytes < SHOWN_BYTES ? row->bytes : SHOWN_BYTES;
    memcpy(shown, row->text, bytes);
    text_make_clean(shown, bytes);
    fprintf(output, "%s:%" PRIu64 ": %s: \"%.*s%s\"\n", path, row->begin.line, reason, (int)bytes,
            shown, row->bytes > SHOWN_BYTES ? "..." : "");
}

/* Counts a row, and tells of it if it is bad; `unfit` says why it can't be sent, NULL: it can. */
static void take_row(const char *path, FILE *output, const struct dataset_row *row,
                     const char *unfit, struct file_check *check)
{
    struct bet bet;
    enum bet_fault fault = unfit == NULL ? bet_parse(row->text, row->bytes, &bet) : BET_VALID;
    const char *reason = unfit == NULL && fault != BET_VALID ? bet_fault_text(fault) : unfit;
    check->rows++;
    check->crlf += row->end_offset - row->begin.offset == row->bytes + sizeof "\r\n" - 1;
    if (reason != NULL) {
        check->bad++;
        tell_row(output, path, row, reason);
    }
}

static bool take_all(struct dataset *dataset, const char *path, FILE *output,
                     struct file_check *check, struct failure *failure)
{
    while (true) {
        struct dataset_row row;
        enum dataset_result result = dataset_peek(dataset, &row, failure);
        if (result == DATASET_END || result == DATASET_FAILED) {
            return result == DATASET_END;
        }
        take_row(path, output, &row, result == DATASET_BAD_ROW ? failure->text : NULL, check);
        if (!dataset_skip_line(dataset, failure)) {
            return false;
        }
    }
}

bool file_check_run(const char *path, FILE *output, struct file_check *check,
                    struct failure *failure)
{
    struct dataset dataset;
    *check = (struct file_check){0};
    if (!dataset_open(&dataset, path, failure)) {
        return false;
    }
    bool read_all = take_all(&dataset, path, output, check, failure);
    dataset_close(&dataset);
    if (read_all) {
        fprintf(output, "%s: %" PRIu64 " %s, %" PRIu64 " bad", path, check->rows,
                check->rows == 1 ? "row" : "rows", check->bad);
        if (check->crlf > 0) {
            fprintf(output, "; %" PRIu64 " end in CRLF, which is as good as LF", check->crlf);
        }
        fputc('\n', output);
    }
    return read_all;
}
