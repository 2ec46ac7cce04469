/*
 * counting.c - see counting.h.
 *
 * A thread notes the runs of rows of one agency that a piece has, and these enter the table in the
 * order of the file. A run's checksum is computed once. It is joined to that of its agency and to
 * that of the file (lib/checksum.h).
 */
#include "server/supervisor/counting.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "shm/agencies.h"
#include "store/row_crew.h"

enum {
    SHORTEST_ROW_BYTES = 22, /* "1,a,b,1,2000-01-01,7\r\n" */
    /* What a piece may have, unless a long row has made it larger. */
    RUNS_MAX = CSV_READER_BYTES / SHORTEST_ROW_BYTES + 1
};

/* Rows of one agency that stand together. */
struct run {
    uint32_t agency;
    uint64_t rows, bytes;
    uint64_t checksum, factor; /* of the rows, and of their bytes */
};

/* What a piece has. */
struct runs {
    const char *at; /* the rows that bet_csv_scan is about to tell of */
    bool is_good;   /* all rows are valid */
    bool has_room;  /* for all runs */
    size_t count;
    struct run list[RUNS_MAX]; /* of which only what is used is ever touched */
};

struct counting {
    const struct segment *segment;
    struct counting_total total;
    bool table_full;
    const char *at; /* as in struct runs */
};

static struct run make_run(const char *at, uint32_t agency, uint64_t rows, uint64_t bytes)
{
    return (struct run){.agency = agency,
                        .rows = rows,
                        .bytes = bytes,
                        .checksum = checksum_extend(CHECKSUM_EMPTY, at, (size_t)bytes),
                        .factor = checksum_factor(bytes)};
}

/* ---------------------------------------------------------------- pieces ---- */

/* bet_csv_scan's `run`. */
static void note_run(void *context, uint32_t agency, uint64_t rows, uint64_t bytes)
{
    struct runs *runs = context;
    runs->has_room = runs->has_room && runs->count < RUNS_MAX;
    if (runs->has_room) {
        runs->list[runs->count++] = make_run(runs->at, agency, rows, bytes);
    }
    runs->at += bytes;
}

/* row_work's `look`. */
static void look_at_piece(void *context, const struct row_piece *piece)
{
    struct runs *runs = piece->findings;
    (void)context;
    runs->at = piece->rows;
    runs->has_room = true;
    runs->count = 0;
    runs->is_good = bet_csv_scan(piece->rows, piece->bytes, note_run, runs) == piece->bytes;
}

/* ----------------------------------------------------------------- table ---- */

/* Counts a run that comes next in the file. */
static void enter_run(struct counting *counting, const struct run *run)
{
    struct counting_total *total = &counting->total;
    struct agency *agency = agencies_find_or_add(counting->segment, run->agency);
    if (agency == NULL) {
        counting->table_full = true;
    } else {
        agencies_set_stored(
            agency, atomic_load(&agency->bets) + run->rows,
            atomic_load(&agency->bytes) + run->bytes,
            checksum_join(atomic_load(&agency->checksum), run->checksum, run->factor));
    }
    total->rows += run->rows;
    total->bytes += run->bytes;
    total->checksum = checksum_join(total->checksum, run->checksum, run->factor);
}

/* bet_csv_scan's `run`, of a piece with more runs than can be noted. */
static void enter_run_at_once(void *context, uint32_t agency, uint64_t rows, uint64_t bytes)
{
    struct counting *counting = context;
    const struct run run = make_run(counting->at, agency, rows, bytes);
    enter_run(counting, &run);
    counting->at += bytes;
}

/* row_work's `take`. */
static bool take_piece(void *context, const struct row_piece *piece)
{
    struct counting *counting = context;
    const struct runs *runs = piece->findings;
    if (!runs->has_room) {
        counting->at = piece->rows;
        return bet_csv_scan(piece->rows, piece->bytes, enter_run_at_once, counting) == piece->bytes;
    }
    for (size_t i = 0; i < runs->count; i++) {
        enter_run(counting, &runs->list[i]);
    }
    return runs->is_good;
}

static bool goes_on(void *context)
{
    (void)context;
    return true;
}

enum counting_end counting_run(const struct segment *segment, int file, uint64_t file_bytes,
                               struct counting_total *total)
{
    struct counting counting = {.segment = segment, .total = *total};
    const struct row_work work = {.context = &counting,
                                  .findings_bytes = sizeof(struct runs),
                                  .look = look_at_piece,
                                  .take = take_piece,
                                  .may_go_on = goes_on};
    const uint64_t bytes = file_bytes > total->bytes ? file_bytes - total->bytes : 0;
    enum csv_read read = row_crew_run(file, total->bytes, bytes, &work);
    *total = counting.total;
    if (read == CSV_FAILED) {
        return COUNTING_FAILED;
    }
    return counting.table_full ? COUNTING_TABLE_FULL : COUNTING_DONE;
}
