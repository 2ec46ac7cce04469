/*
 * row_crew.c - see row_crew.h.
 *
 * A thread reads the next piece while it holds the lock, and looks at it without. Then it takes all
 * pieces whose turn it is. So a thread goes on with another piece, and waits only where all
 * pieces are in use because one before them is still being looked at.
 */
#include "store/row_crew.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

enum {
    THREADS_MAX = 8,
    PIECES_A_THREAD = 2,
    PIECES_MAX = PIECES_A_THREAD * THREADS_MAX,
    STACK_BYTES = 1024 * 1024 /* else it is the user's limit (ulimit -s), which may be large */
};

struct place {
    struct csv_buffer buffer; /* owned; has the piece's rows */
    struct row_piece piece;   /* findings: owned */
    bool is_looked_at;        /* and not taken yet; under the lock */
};

/* All but a piece that is being looked at is under the lock. */
struct crew {
    const struct row_work *work;
    struct csv_reader reader;
    enum csv_read latest;            /* what the reader has said; CSV_ROWS: there may be more */
    int error;                       /* of CSV_FAILED */
    struct place places[PIECES_MAX]; /* piece number n is in place n modulo place_count */
    size_t place_count;
    uint64_t read;  /* pieces that were read */
    uint64_t taken; /* of these */
    bool has_ended; /* nothing more is taken */
    pthread_mutex_t lock;
    pthread_cond_t has_taken;
};

static struct place *place_of(struct crew *crew, uint64_t number)
{
    return &crew->places[number % crew->place_count];
}

/* ---------------------------------------------------------------- pieces ---- */

/* Reads into a place that is free. False at the end of the file, or where that fails. */
static bool read_into(struct crew *crew, struct place *place)
{
    struct row_piece *piece = &place->piece;
    crew->latest = csv_reader_next(&crew->reader, &piece->rows, &piece->bytes);
    piece->position = crew->reader.position;
    if (crew->latest == CSV_ROWS && !csv_reader_hand_over(&crew->reader, &place->buffer)) {
        crew->latest = CSV_FAILED;
    }
    crew->error = errno;
    piece->rows = place->buffer.bytes;
    return crew->latest == CSV_ROWS;
}

/* Reads the next piece. NULL where there is none, or none that would be taken. Under the lock. */
static struct place *read_piece(struct crew *crew)
{
    while (crew->read - crew->taken == crew->place_count && !crew->has_ended) {
        pthread_cond_wait(&crew->has_taken, &crew->lock);
    }
    if (crew->has_ended || crew->latest != CSV_ROWS) {
        return NULL;
    }
    struct place *place = place_of(crew, crew->read);
    if (!read_into(crew, place)) {
        return NULL;
    }
    crew->read++;
    return place;
}

/* Takes those pieces that have been looked at, as long as it is their turn. Under the lock. */
static void take_pieces(struct crew *crew)
{
    struct place *place = place_of(crew, crew->taken);
    while (!crew->has_ended && place->is_looked_at) {
        place->is_looked_at = false;
        crew->has_ended = !crew->work->take(crew->work->context, &place->piece);
        crew->taken++;
        place = place_of(crew, crew->taken);
    }
    pthread_cond_broadcast(&crew->has_taken);
}

/* Looks at a piece, without the lock, and takes what is to be taken. */
static void work_on(struct crew *crew, struct place *place)
{
    pthread_mutex_unlock(&crew->lock);
    crew->work->look(crew->work->context, &place->piece);
    pthread_mutex_lock(&crew->lock);
    place->is_looked_at = true;
    take_pieces(crew);
}

static void *work_beside(void *context)
{
    struct crew *crew = context;
    struct place *place = NULL;
    pthread_mutex_lock(&crew->lock);
    while ((place = read_piece(crew)) != NULL) {
        work_on(crew, place);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

static void work_in_caller(struct crew *crew)
{
    const struct row_work *work = crew->work;
    struct place *place = NULL;
    bool goes_on = work->may_go_on(work->context);
    pthread_mutex_lock(&crew->lock);
    while (goes_on && (place = read_piece(crew)) != NULL) {
        work_on(crew, place);
        pthread_mutex_unlock(&crew->lock);
        goes_on = work->may_go_on(work->context);
        pthread_mutex_lock(&crew->lock);
    }
    crew->has_ended = crew->has_ended || !goes_on;
    pthread_cond_broadcast(&crew->has_taken);
    pthread_mutex_unlock(&crew->lock);
}

/* --------------------------------------------------------------- threads ---- */

/* As many as there are processors for this process, and pieces to be read. */
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

static bool create_thread(struct crew *crew, pthread_t *id)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    bool created = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                   pthread_create(id, &attributes, work_beside, crew) == 0;
    pthread_attr_destroy(&attributes);
    return created;
}

/* Works in the caller's thread and in others, which have ended at return. Fewer do, and none. */
static void work_on_threads(struct crew *crew, size_t count)
{
    pthread_t ids[THREADS_MAX];
    sigset_t all;
    sigset_t before;
    size_t created = 0;
    sigfillset(&all);
    sigdelset(&all, SIGSYS); /* of a forbidden system call, which is this thread's own */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (created + 1 < count && create_thread(crew, &ids[created])) {
        created++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    work_in_caller(crew);
    for (size_t i = 0; i < created; i++) {
        pthread_join(ids[i], NULL);
    }
}

/* ---------------------------------------------------------------- memory ---- */

/* False where there is no memory. close_crew frees what there is. */
static bool open_crew(struct crew *crew, int file, uint64_t position)
{
    bool memory = csv_reader_open(&crew->reader, file, position);
    for (size_t i = 0; i < crew->place_count; i++) {
        struct place *place = &crew->places[i];
        place->piece.findings = malloc(crew->work->findings_bytes);
        memory = csv_buffer_open(&place->buffer) && place->piece.findings != NULL && memory;
    }
    return memory;
}

static void close_crew(struct crew *crew)
{
    csv_reader_close(&crew->reader);
    for (size_t i = 0; i < crew->place_count; i++) {
        csv_buffer_close(&crew->places[i].buffer);
        free(crew->places[i].piece.findings);
    }
    pthread_cond_destroy(&crew->has_taken);
    pthread_mutex_destroy(&crew->lock);
}

enum csv_read row_crew_run(int file, uint64_t position, uint64_t bytes, const struct row_work *work)
{
    const size_t threads = useful_threads(bytes);
    struct crew crew = {.work = work,
                        .latest = CSV_ROWS,
                        .place_count = threads == 1 ? 1 : PIECES_A_THREAD * threads,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .has_taken = PTHREAD_COND_INITIALIZER};
    int error = ENOMEM;
    if (open_crew(&crew, file, position)) {
        work_on_threads(&crew, threads);
        /* What can't be read after the last piece that is wanted would not have been read. */
        error = crew.latest == CSV_FAILED && !crew.has_ended ? crew.error : 0;
    }
    close_crew(&crew);
    errno = error;
    return error == 0 ? CSV_END : CSV_FAILED;
}
