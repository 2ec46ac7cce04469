/*
 * counting.c - see counting.h.
 *
 * A thread reads the next piece while it holds the lock, and counts it without: it notes the runs of
 * rows of one agency. Whoever has counted a piece then enters the runs of all pieces whose turn
 * it is into the table. So a thread goes on with another piece, and waits for its turn only when
 * PIECES of them have been read after one that is still being counted.
 *
 * A run's checksum is computed once. It is joined to that of its agency and to that of the file
 * (lib/checksum.h).
 */
#include "server/supervisor/counting.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "shm/agencies.h"
#include "store/csv_reader.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

enum {
    THREADS_MAX = 8,
    PIECES = 2 * THREADS_MAX,
    STACK_BYTES = 1024 * 1024, /* else it is the user's limit (ulimit -s), which may be large */
    SHORTEST_ROW_BYTES = 22,   /* "1,a,b,1,2000-01-01,7\r\n" */
    /* What a piece may have, unless a long row has made it larger. */
    RUNS_MAX = CSV_READER_BYTES / SHORTEST_ROW_BYTES + 1
};

/* Rows of one agency that stand together. */
struct run {
    uint32_t agency;
    uint64_t rows, bytes;
    uint64_t checksum, factor; /* of the rows, and of their bytes */
};

/* What a piece holds. */
struct piece {
    struct run *runs; /* owned; RUNS_MAX of them */
    size_t run_count;
    bool is_good;    /* all of its rows are valid */
    bool is_counted; /* and not in the table yet */
};

struct counting {
    const struct segment *segment;
    struct counting_total total;
    bool table_full;
    struct csv_reader reader;
    enum csv_read latest;        /* what the reader has said; CSV_ROWS: there may be more */
    int error;                   /* of CSV_FAILED */
    struct piece pieces[PIECES]; /* number n is in place n modulo PIECES */
    uint64_t read;               /* pieces that were read */
    uint64_t entered;            /* of these, into the table */
    bool has_ended;              /* at a row that is not valid */
    pthread_mutex_t lock;        /* of all of that but a piece that is being counted */
    pthread_cond_t has_entered;
};

/* One thread. */
struct counter {
    struct counting *counting;
    pthread_t id;
    struct csv_buffer rows; /* owned; of the piece that it counts */
    size_t bytes;           /* of these rows */
    const char *at;         /* those that bet_csv_scan is about to tell of */
    uint64_t number;        /* the piece's */
    bool has_room;          /* for all of its runs */
};

static struct piece *piece_number(struct counting *counting, uint64_t number)
{
    return &counting->pieces[number % PIECES];
}

/* ----------------------------------------------------------------- table ---- */

/* Counts a run that comes next in the file. The caller has the lock. */
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

/* The piece whose turn it is has been entered. The caller has the lock. */
static void end_turn(struct counting *counting, bool is_good)
{
    counting->entered++;
    counting->has_ended = !is_good;
    pthread_cond_broadcast(&counting->has_entered);
}

/* Enters those pieces that have been counted, as long as it is their turn. Under the lock. */
static void enter_pieces(struct counting *counting)
{
    struct piece *piece = piece_number(counting, counting->entered);
    while (!counting->has_ended && piece->is_counted) {
        for (size_t i = 0; i < piece->run_count; i++) {
            enter_run(counting, &piece->runs[i]);
        }
        piece->is_counted = false;
        end_turn(counting, piece->is_good);
        piece = piece_number(counting, counting->entered);
    }
}

/* ---------------------------------------------------------------- pieces ---- */

/*
 * Reads the next piece. Returns false when there is none, or none that would be counted. The caller
 * has the lock.
 */
static bool read_piece(struct counter *counter)
{
    struct counting *counting = counter->counting;
    const char *rows = NULL;
    while (counting->read - counting->entered == PIECES && !counting->has_ended) {
        pthread_cond_wait(&counting->has_entered, &counting->lock);
    }
    if (counting->has_ended || counting->latest != CSV_ROWS) {
        return false;
    }
    counting->latest = csv_reader_next(&counting->reader, &rows, &counter->bytes);
    if (counting->latest == CSV_ROWS && !csv_reader_hand_over(&counting->reader, &counter->rows)) {
        counting->latest = CSV_FAILED;
    }
    if (counting->latest != CSV_ROWS) {
        counting->error = errno;
        return false;
    }
    counter->number = counting->read++;
    return true;
}

static struct run make_run(const char *at, uint32_t agency, uint64_t rows, uint64_t bytes)
{
    return (struct run){.agency = agency,
                        .rows = rows,
                        .bytes = bytes,
                        .checksum = checksum_extend(CHECKSUM_EMPTY, at, (size_t)bytes),
                        .factor = checksum_factor(bytes)};
}

/* bet_csv_scan's `run`: without the lock. */
static void note_run(void *context, uint32_t agency, uint64_t rows, uint64_t bytes)
{
    struct counter *counter = context;
    struct piece *piece = piece_number(counter->counting, counter->number);
    counter->has_room = counter->has_room && piece->run_count < RUNS_MAX;
    if (counter->has_room) {
        piece->runs[piece->run_count++] = make_run(counter->at, agency, rows, bytes);
    }
    counter->at += bytes;
}

/* The same, under the lock, of the piece whose turn it is. */
static void enter_run_at_once(void *context, uint32_t agency, uint64_t rows, uint64_t bytes)
{
    struct counter *counter = context;
    const struct run run = make_run(counter->at, agency, rows, bytes);
    enter_run(counter->counting, &run);
    counter->at += bytes;
}

/* A piece of more runs than can be noted, which a very long row has made large, waits for its turn.
 * The caller has the lock. */
static void count_in_turn(struct counter *counter)
{
    struct counting *counting = counter->counting;
    while (counting->entered < counter->number && !counting->has_ended) {
        pthread_cond_wait(&counting->has_entered, &counting->lock);
    }
    if (!counting->has_ended) {
        counter->at = counter->rows.bytes;
        size_t good = bet_csv_scan(counter->at, counter->bytes, enter_run_at_once, counter);
        end_turn(counting, good == counter->bytes);
    }
}

/* Counts the piece that was read. The caller has the lock, which is given back meanwhile. */
static void count_piece(struct counter *counter)
{
    struct counting *counting = counter->counting;
    struct piece *piece = piece_number(counting, counter->number);
    pthread_mutex_unlock(&counting->lock);
    piece->run_count = 0;
    counter->has_room = true;
    counter->at = counter->rows.bytes;
    size_t good = bet_csv_scan(counter->at, counter->bytes, note_run, counter);
    pthread_mutex_lock(&counting->lock);
    if (counter->has_room) {
        piece->is_good = good == counter->bytes;
        piece->is_counted = true;
    } else {
        count_in_turn(counter);
    }
    enter_pieces(counting);
}

static void *count_pieces(void *context)
{
    struct counter *counter = context;
    pthread_mutex_lock(&counter->counting->lock);
    while (read_piece(counter)) {
        count_piece(counter);
    }
    pthread_mutex_unlock(&counter->counting->lock);
    return NULL;
}

/* --------------------------------------------------------------- threads ---- */

/* As many as there are processors for this process, and pieces to be counted. */
static size_t useful_threads(uint64_t bytes)
{
    cpu_set_t processors;
    const uint64_t pieces = bytes / CSV_READER_BYTES + 1;
    const int known = sched_getaffinity(0, sizeof processors, &processors) == 0
                          ? CPU_COUNT(&processors)
                          : THREADS_MAX; /* more than fit the set */
    const size_t most = known < THREADS_MAX ? (size_t)known : THREADS_MAX;
    return pieces < most ? (size_t)pieces : most;
}

static bool create_thread(struct counter *counter)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    bool created = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                   pthread_create(&counter->id, &attributes, count_pieces, counter) == 0;
    pthread_attr_destroy(&attributes);
    return created;
}

/* Counts on the caller's thread and on others; fewer do, and none. They have ended at return. */
static void count_on_threads(struct counter *counters, size_t count)
{
    sigset_t all;
    sigset_t before;
    size_t created = 1; /* the caller's */
    sigfillset(&all);
    sigdelset(&all, SIGSYS); /* of a forbidden system call, which is this thread's own */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (created < count && create_thread(&counters[created])) {
        created++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)count_pieces(&counters[0]);
    for (size_t i = 1; i < created; i++) {
        pthread_join(counters[i].id, NULL);
    }
}

/* ---------------------------------------------------------------- memory ---- */

/* False with errno where there is no memory. close_all frees what there is. */
static bool open_all(struct counting *counting, struct counter *counters, size_t count, int file)
{
    bool memory = csv_reader_open(&counting->reader, file, counting->total.bytes);
    for (size_t i = 0; i < count; i++) {
        counters[i] = (struct counter){.counting = counting};
        memory = csv_buffer_open(&counters[i].rows) && memory;
    }
    for (size_t i = 0; i < PIECES; i++) { /* of which only what is used is ever touched */
        counting->pieces[i].runs = malloc(RUNS_MAX * sizeof *counting->pieces[i].runs);
        memory = counting->pieces[i].runs != NULL && memory;
    }
    return memory;
}

static void close_all(struct counting *counting, struct counter *counters, size_t count)
{
    csv_reader_close(&counting->reader);
    for (size_t i = 0; i < count; i++) {
        csv_buffer_close(&counters[i].rows);
    }
    for (size_t i = 0; i < PIECES; i++) {
        free(counting->pieces[i].runs);
    }
    pthread_cond_destroy(&counting->has_entered);
    pthread_mutex_destroy(&counting->lock);
}

enum counting_end counting_run(const struct segment *segment, int file, uint64_t file_bytes,
                               struct counting_total *total)
{
    struct counter counters[THREADS_MAX];
    struct counting counting = {.segment = segment,
                                .total = *total,
                                .latest = CSV_ROWS,
                                .lock = PTHREAD_MUTEX_INITIALIZER,
                                .has_entered = PTHREAD_COND_INITIALIZER};
    const size_t count = useful_threads(file_bytes > total->bytes ? file_bytes - total->bytes : 0);
    bool opened = open_all(&counting, counters, count, file);
    int error = opened ? 0 : ENOMEM;
    if (opened) {
        count_on_threads(counters, count);
        /* What could not be read comes after a row that is not valid: it would not have been. */
        error = counting.latest == CSV_FAILED && !counting.has_ended ? counting.error : 0;
    }
    close_all(&counting, counters, count);
    *total = counting.total;
    errno = error;
    if (error != 0) {
        return COUNTING_FAILED;
    }
    return counting.table_full ? COUNTING_TABLE_FULL : COUNTING_DONE;
}
