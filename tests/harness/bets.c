/*
 * bets.c - see bets.h.
 */
#include "tests/harness/bets.h"

#include "tests/harness/reckoning.h"

#include <stdio.h>
#include <string.h>

enum { ROW_BYTES = 80, DOCUMENT_FIRST = 10000000, NUMBERS = 7000 /* 7574 wins */ };

static int write_row(char *out, unsigned n)
{
    return snprintf(out, ROW_BYTES, "Ana María,Suárez,%u,1990-02-%02u,%u", DOCUMENT_FIRST + n,
                    n % 28 + 1, n % NUMBERS);
}

const char *bets_row(struct stage *stage, unsigned n)
{
    char *row = stage_allocate(stage, ROW_BYTES);
    (void)write_row(row, n);
    return row;
}

const char *bets_batch(struct stage *stage, uint32_t agency, unsigned first, unsigned count)
{
    enum { REST_BYTES = 32 };
    char *batch = stage_allocate(stage, REST_BYTES + (size_t)count * ROW_BYTES);
    char *out = batch + snprintf(batch, REST_BYTES, "%u:4:", agency);
    for (unsigned n = first; n < first + count; n++) {
        out += write_row(out, n);
        *out++ = '\n';
    }
    memcpy(out, "\r\n", sizeof "\r\n");
    return batch;
}

const char *bets_repeat(struct stage *stage, const char *answer, unsigned count)
{
    size_t bytes = strlen(answer);
    char *answers = stage_allocate(stage, bytes * count + 1);
    for (char *at = answers; at < answers + bytes * count; at += bytes) {
        (void)mempcpy(at, answer, bytes);
    }
    return answers;
}

void bets_expect_stored_at(const struct server *server, uint32_t agency, unsigned first,
                           unsigned count, const char *file, int line)
{
    const struct reckoning *stored = reckoning_read(server->stage, server_file(server, "bets.csv"));
    unsigned n = first;
    for (size_t i = 0; i < stored->count; i++) {
        const struct reckoned_row *row = &stored->rows[i];
        if (row->agency == agency && strcmp(row->bet, bets_row(server->stage, n++)) != 0) {
            stage_fail_at(file, line, "agency %u: bet %u was expected, \"%s\" is stored", agency,
                          n - 1, row->bet);
        }
    }
    if (n != first + count) {
        stage_fail_at(file, line, "agency %u: %u bets are stored, %u were expected", agency,
                      n - first, count);
    }
}
