/*
 * row_crew.c - see row_crew.h.
 *
 * A thread is given the next range of the file under the lock, and reads and looks at its rows
 * without. Then it takes all pieces whose turn it is. So a thread goes on with another piece, and
 * waits only where all pieces are in use because one before them is still being looked at.
 */
#include "store/row_crew.h"

#include "lib/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { THREADS_MAX = 8, PIECES_A_THREAD = 2, PIECES_MAX = PIECES_A_THREAD * THREADS_MAX };

struct place {
    struct csv_buffer buffer; /* owned; has the piece's rows */
    struct row_piece piece;   /* findings: owned */
    enum csv_read read;       /* what reading the piece has said */
    int error;                /* of CSV_FAILED */
    bool is_looked_at;        /* and not taken yet; under the lock */
};

/* All but a piece that is being read and looked at is under the lock. */
struct crew {
    const struct row_work *work;
    int file;
    uint64_t origin;                 /* where the first piece begins */
    struct place places[PIECES_MAX]; /* piece number n is in place n modulo place_count */
    size_t place_count;
    uint64_t given;    /* pieces that were given to threads */
    uint64_t taken;    /* of these */
    uint64_t position; /* after the rows that were taken */
    bool has_ended;    /* nothing more is taken */
    int error;         /* why, where a piece could not be read; 0: all could */
    pthread_mutex_t lock;
    pthread_cond_t has_taken;
};

static struct place *place_of(struct crew *crew, uint64_t number)
{
    return &crew->places[number % crew->place_count];
}

/* ---------------------------------------------------------------- pieces ---- */

/* The place of the next piece. NULL where none would be taken. Under the lock. */
static struct place *begin_piece(struct crew *crew, struct csv_range *range)
{
    while (crew->given - crew->taken == crew->place_count && !crew->has_ended) {
        pthread_cond_wait(&crew->has_taken, &crew->lock);
    }
    if (crew->has_ended) {
        return NULL;
    }
    const uint64_t from = crew->origin + crew->given * CSV_RANGE_BYTES;
    *range = (struct csv_range){
        .file = crew->file, .origin = crew->origin, .from = from, .to = from + CSV_RANGE_BYTES};
    return place_of(crew, crew->given++);
}

/* Reads a piece and looks at it. Without the lock. */
static void look_at(const struct crew *crew, struct place *place, const struct csv_range *range)
{
    struct csv_rows rows;
    place->read = csv_range_read(range, &place->buffer, &rows);
    place->error = errno;
    place->piece.rows = rows.rows;
    place->piece.bytes = rows.bytes;
    place->piece.position = rows.position;
    if (place->read != CSV_FAILED && rows.bytes > 0) {
        crew->work->look(crew->work->context, &place->piece);
    }
}

/* Takes a piece whose turn it is. Under the lock. */
static void take_piece(struct crew *crew, const struct place *place)
{
    const struct row_piece *piece = &place->piece;
    if (place->read == CSV_FAILED) {
        crew->error = place->error;
    } else if (piece->bytes > 0 && piece->position != crew->position) {
        crew->error = EIO; /* somebody changes the file: its rows are not where they were */
    } else if (piece->bytes > 0) {
        crew->position += piece->bytes;
        crew->has_ended = !crew->work->take(crew->work->context, piece);
    }
    crew->has_ended = crew->has_ended || crew->error != 0 || place->read == CSV_END;
    crew->taken++;
}

/* Takes those pieces that have been looked at, as long as it is their turn. Under the lock. */
static void take_pieces(struct crew *crew)
{
    struct place *place = place_of(crew, crew->taken);
    while (!crew->has_ended && place->is_looked_at) {
        place->is_looked_at = false;
        take_piece(crew, place);
        place = place_of(crew, crew->taken);
    }
    pthread_cond_broadcast(&crew->has_taken);
}

/* Does the next piece. False where there is none. Under the lock, but for what takes time. */
static bool work_on_next(struct crew *crew)
{
    struct csv_range range;
    struct place *place = begin_piece(crew, &range);
    if (place == NULL) {
        return false;
    }
    pthread_mutex_unlock(&crew->lock);
    look_at(crew, place, &range);
    pthread_mutex_lock(&crew->lock);
    place->is_looked_at = true;
    take_pieces(crew);
    return true;
}

static void *work_beside(void *context)
{
    struct crew *crew = context;
    bool goes_on = true;
    pthread_mutex_lock(&crew->lock);
    while (goes_on) {
        goes_on = work_on_next(crew);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

static void work_in_caller(struct crew *crew)
{
    const struct row_work *work = crew->work;
    bool goes_on = work->may_go_on(work->context);
    pthread_mutex_lock(&crew->lock);
    while (goes_on && work_on_next(crew)) {
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
    const uint64_t pieces = bytes / CSV_RANGE_BYTES + 1;
    const int known = sched_getaffinity(0, sizeof processors, &processors) == 0
                          ? CPU_COUNT(&processors)
                          : THREADS_MAX; /* more than fit the set */
    const size_t most = known < THREADS_MAX ? (size_t)known : THREADS_MAX;
    return pieces < most ? (size_t)pieces : most;
}

/* Works in the caller's thread and in others, which have ended at return. Fewer do, and none. */
static void work_on_threads(struct crew *crew, size_t count)
{
    pthread_t ids[THREADS_MAX];
    size_t created = 0;
    while (created + 1 < count && thread_start(&ids[created], work_beside, crew) == 0) {
        created++;
    }
    work_in_caller(crew);
    for (size_t i = 0; i < created; i++) {
        pthread_join(ids[i], NULL);
    }
}

/* ---------------------------------------------------------------- memory ---- */

/* False where there is no memory. close_crew frees what there is. */
static bool open_crew(struct crew *crew)
{
    bool memory = true;
    for (size_t i = 0; i < crew->place_count; i++) {
        struct place *place = &crew->places[i];
        place->piece.findings = malloc(crew->work->findings_bytes);
        memory = csv_buffer_open(&place->buffer) && place->piece.findings != NULL && memory;
    }
    return memory;
}

static void close_crew(struct crew *crew)
{
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
                        .file = file,
                        .origin = position,
                        .position = position,
                        .place_count = threads == 1 ? 1 : PIECES_A_THREAD * threads,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .has_taken = PTHREAD_COND_INITIALIZER};
    int error = ENOMEM;
    if (open_crew(&crew)) {
        work_on_threads(&crew, threads);
        error = crew.error;
    }
    close_crew(&crew);
    errno = error;
    return error == 0 ? CSV_END : CSV_FAILED;
}
