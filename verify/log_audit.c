/*
 * log_audit.c - see log_audit.h.
 *
 * Exports are read here, and the records of bets compared as they come; log_judgement.c says what came
 * out.
 */
#include "verify/log_audit.h"

#include "store/data_directory.h"
#include "store/file_io.h"
#include "verify/draw_files.h"
#include "verify/export_line.h"
#include "verify/log_judgement.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 1 << 16 };

const char *const log_file_names[LOG_FILES] = {DATA_SEAL_FILE, DATA_SEAL_SIGNATURE_FILE,
                                               DATA_DRAW_FILE, DATA_DRAW_SIGNATURE_FILE};

/* Notes the first fault. */
__attribute__((format(printf, 2, 3))) static void note(char fault[VERIFY_TEXT_BYTES],
                                                       const char *format, ...)
{
    va_list arguments;
    if (fault[0] != '\0') {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(fault, VERIFY_TEXT_BYTES, format, arguments);
    va_end(arguments);
}

/* ------------------------------------------------------------ directories ---- */

static bool open_rows(struct log_draw *draw, const char *name, struct log_rows *rows,
                      struct failure *failure)
{
    struct stat status = {.st_size = 0};
    if (!draw_file_open(draw->directory, draw->path, name, &rows->file, failure)) {
        return false;
    }
    if (rows->file >= 0 && fstat(rows->file, &status) != 0) {
        return failure_set_errno(failure, "stat %s/%s", draw->path, name);
    }
    rows->bytes = (uint64_t)status.st_size;
    return true;
}

static bool open_draw(struct log_draw *draw, const char *path, struct failure *failure)
{
    struct failure reason;
    int control = -1;
    *draw = (struct log_draw){.directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                              .bets = {.file = -1},
                              .done = {.file = -1}};
    (void)snprintf(draw->path, sizeof draw->path, "%s", path);
    if (draw->directory < 0) {
        return failure_set_errno(failure, "open the directory %s", path);
    }
    bool opened = draw_file_open(draw->directory, path, DATA_CONTROL_FILE, &control, failure);
    draw->has_control =
        opened && control >= 0 &&
        control_read_file(control, DATA_CONTROL_FILE, &draw->control, &reason) == CONTROL_READ;
    if (control >= 0) {
        close(control);
    }
    return opened && open_rows(draw, DATA_BETS_FILE, &draw->bets, failure) &&
           open_rows(draw, DATA_DONE_FILE, &draw->done, failure);
}

bool log_audit_open(struct log_audit *audit, const char *const *paths, size_t count,
                    struct failure *failure)
{
    *audit = (struct log_audit){.draws = calloc(count, sizeof *audit->draws)};
    if (audit->draws == NULL) {
        return failure_set_errno(failure, "memory for %zu draws", count);
    }
    bool opened = true;
    while (opened && audit->count < count) {
        opened = open_draw(&audit->draws[audit->count], paths[audit->count], failure);
        audit->count++;
    }
    return opened;
}

void log_audit_close(struct log_audit *audit)
{
    for (size_t i = 0; i < audit->count; i++) {
        const int descriptors[] = {audit->draws[i].directory, audit->draws[i].bets.file,
                                   audit->draws[i].done.file};
        for (size_t j = 0; j < sizeof descriptors / sizeof descriptors[0]; j++) {
            if (descriptors[j] >= 0) {
                close(descriptors[j]);
            }
        }
    }
    free(audit->draws);
    free(audit->closed);
    free(audit->drawn);
    *audit = (struct log_audit){.count = 0};
}

/* -------------------------------------------------------- a centre's stream ---- */

static struct log_draw *find_draw(const struct log_audit *audit, const char *identity)
{
    for (size_t i = 0; i < audit->count; i++) {
        struct log_draw *draw = &audit->draws[i];
        if (draw->has_control && strcmp(draw->control.identity, identity) == 0) {
            return draw;
        }
    }
    return NULL;
}

/* Compares a record's bytes with the file's at the same place. False: the file can't be read. */
static bool compare_rows(struct log_rows *rows, const char *name, const struct record *record,
                         uint64_t sequence, struct failure *failure)
{
    char piece[PIECE_BYTES];
    const char *bytes = record->bytes;
    for (uint64_t done = 0; done < record->length && rows->fault[0] == '\0';) {
        uint64_t left = record->length - done;
        size_t wanted = left < sizeof piece ? (size_t)left : sizeof piece;
        uint64_t at = record->offset + done;
        ssize_t got = rows->file < 0 ? 0 : file_read_up_to(rows->file, piece, wanted, at);
        if (got < 0) {
            return failure_set_errno(failure, "read %s", name);
        }
        if (memcmp(piece, bytes + done, (size_t)got) != 0) {
            size_t same = 0;
            while (piece[same] == bytes[done + same]) {
                same++;
            }
            note(rows->fault,
                 "%s differs from the log from byte %" PRIu64 " on (record %" PRIu64
                 ", epoch %" PRIu64 " of %s)",
                 name, at + same, sequence, record->epoch, record->node);
        } else if ((size_t)got < wanted) {
            note(rows->fault,
                 "%s ends at byte %" PRIu64 ", and the log has more (record %" PRIu64 ")", name,
                 at + (uint64_t)got, sequence);
        }
        done += wanted;
    }
    return true;
}

/*
 * A draw is sealed once and held once. A shipper may send the same file again; another one is that of a
 * second time. A signature may be another one: seal.key may have been changed before the seal counted.
 */
static void expect_the_same(struct log_draw *draw, const struct log_file *before,
                            const struct log_file *file, const char *name)
{
    const bool comes_once = strcmp(name, DATA_SEAL_FILE) == 0 || strcmp(name, DATA_DRAW_FILE) == 0;
    if (comes_once && before->is_there && !sha256_equal(&before->sha256, &file->sha256)) {
        note(draw->files_fault,
             "the log has two of %s: record %" PRIu64 ", and another one, record %" PRIu64, name,
             before->sequence, file->sequence);
    }
}

static bool keep_file(struct log_draw *draw, const struct record *record, uint64_t sequence,
                      struct failure *failure)
{
    for (size_t i = 0; i < LOG_FILES; i++) {
        struct log_file *file = &draw->files[i];
        if (strcmp(record->name, log_file_names[i]) == 0) {
            const struct log_file before = *file;
            file->is_there = true;
            file->sequence = sequence;
            if (!sha256_of(record->bytes, (size_t)record->length, &file->sha256)) {
                return failure_set(failure, "there is no memory to hash %s", record->name);
            }
            expect_the_same(draw, &before, file, record->name);
            return true;
        }
    }
    return true;
}

/* Takes a record that can come next. */
static bool take_record(struct log_draw *draw, const struct log_state *state,
                        const struct record *record, uint64_t sequence, struct failure *failure)
{
    draw->is_in_log = true;
    draw->first_epoch = draw->records == 0 ? record->epoch : draw->first_epoch;
    draw->last_epoch = record->epoch;
    draw->records++;
    draw->bets.log_end = state->bets_end;
    draw->done.log_end = state->done_end;
    switch (record->kind) {
    case RECORD_BETS:
        return compare_rows(&draw->bets, DATA_BETS_FILE, record, sequence, failure);
    case RECORD_DONE:
        return compare_rows(&draw->done, DATA_DONE_FILE, record, sequence, failure);
    case RECORD_FILE:
        return keep_file(draw, record, sequence, failure);
    default:
        return true;
    }
}

/* An export that is being read. */
struct reading {
    struct log_audit *audit;
    const char *path;
    char stream[ENGINE_SUBJECT_BYTES]; /* of its first line */
    struct log_state state;            /* of a centre's stream */
    struct log_draw *draw;             /* whose records come now; NULL: none that is here */
    uint64_t last;                     /* sequence, of DRAW */
    bool is_over;                      /* what follows can't be judged */
};

/* Nothing behind it can be judged. */
static void end_stream(struct reading *reading, const struct failure *reason)
{
    reading->is_over = true;
    note(reading->audit->stray_fault, "%.200s: %.200s", reading->path, reason->text);
    if (reading->draw != NULL) {
        note(reading->draw->log_fault, "%s", reason->text);
    }
}

static bool take_centre_line(struct reading *reading, const struct engine_message *message,
                             struct failure *failure)
{
    struct record record;
    struct failure reason;
    if (!record_read(message, &record, &reason) ||
        !log_state_fold(&reading->state, &record, message->sequence, &reason)) {
        end_stream(reading, &reason);
        return true;
    }
    if (record.kind == RECORD_CLAIM) {
        reading->draw = find_draw(reading->audit, record.identity);
        if (reading->draw != NULL && reading->draw->is_in_log && record.bets_end == 0 &&
            reading->draw->bets.log_end > 0) {
            note(reading->draw->log_fault,
                 "the log begins the draw a second time, at record %" PRIu64, message->sequence);
        }
    }
    return reading->draw == NULL ||
           take_record(reading->draw, &reading->state, &record, message->sequence, failure);
}

/* --------------------------------------------------------------- the draws ---- */

/* Room for one more. */
static void *grow(void *array, size_t count, size_t bytes, struct failure *failure)
{
    void *larger = realloc(array, (count + 1) * bytes);
    if (larger == NULL) {
        (void)failure_set_errno(failure, "memory for a record of " NATIONAL_STREAM);
    }
    return larger;
}

static bool take_closed(struct log_audit *audit, const struct engine_message *message,
                        struct failure *failure)
{
    char subject[NATIONAL_SUBJECT_BYTES];
    struct failure reason;
    struct log_closed *larger =
        grow(audit->closed, audit->closed_count, sizeof *audit->closed, failure);
    if (larger == NULL) {
        return false;
    }
    audit->closed = larger;
    struct log_closed *taken = &larger[audit->closed_count];
    taken->sequence = message->sequence;
    if (!national_parse_closed(message->bytes, message->count, message->subject, &taken->closed,
                               &reason)) {
        note(audit->national_fault, "message %" PRIu64 ": %s", message->sequence, reason.text);
        return true;
    }
    national_closed_subject(taken->closed.terms.draw, taken->closed.centre, subject);
    if (strcmp(subject, message->subject) != 0) {
        note(audit->national_fault,
             "message %" PRIu64 " of %s is what centre %s says of draw %s: it stands elsewhere",
             message->sequence, message->subject, taken->closed.centre, taken->closed.terms.draw);
        return true;
    }
    audit->closed_count++;
    return sha256_of(message->bytes, message->count, &taken->sha256) ||
           failure_set(failure, "there is no memory to hash message %" PRIu64, message->sequence);
}

static bool take_drawn(struct log_audit *audit, const struct engine_message *message,
                       struct failure *failure)
{
    char subject[NATIONAL_SUBJECT_BYTES];
    struct failure reason;
    struct log_drawn *larger =
        grow(audit->drawn, audit->drawn_count, sizeof *audit->drawn, failure);
    if (larger == NULL) {
        return false;
    }
    audit->drawn = larger;
    struct log_drawn *taken = &larger[audit->drawn_count];
    taken->sequence = message->sequence;
    if (!national_parse_drawn(message->bytes, message->count, message->subject, &taken->drawn,
                              &reason)) {
        note(audit->national_fault, "message %" PRIu64 ": %s", message->sequence, reason.text);
        return true;
    }
    national_drawn_subject(taken->drawn.draw, subject);
    if (strcmp(subject, message->subject) != 0) {
        note(audit->national_fault,
             "message %" PRIu64 " of %s is the drawing of %s: it stands elsewhere",
             message->sequence, message->subject, taken->drawn.draw);
        return true;
    }
    for (size_t i = 0; i < audit->drawn_count; i++) {
        if (strcmp(larger[i].drawn.draw, taken->drawn.draw) == 0) {
            note(audit->national_fault,
                 "draw %s is drawn twice, by the messages %" PRIu64 " and %" PRIu64,
                 taken->drawn.draw, larger[i].sequence, message->sequence);
        }
    }
    audit->drawn_count++;
    return sha256_of(message->bytes, message->count, &taken->sha256) ||
           failure_set(failure, "there is no memory to hash message %" PRIu64, message->sequence);
}

static bool take_national_line(struct reading *reading, const struct engine_message *message,
                               struct failure *failure)
{
    static const char drawn_word[] = ".drawn";
    struct log_audit *audit = reading->audit;
    const char *last_word = strrchr(message->subject, '.');
    audit->has_national = true;
    if (message->sequence != reading->last + 1) {
        note(audit->national_fault,
             "message %" PRIu64 " of " NATIONAL_STREAM " follows message %" PRIu64
             ": some are missing",
             message->sequence, reading->last);
        reading->is_over = true;
        return true;
    }
    reading->last = message->sequence;
    return last_word != NULL && strcmp(last_word, drawn_word) == 0
               ? take_drawn(audit, message, failure)
               : take_closed(audit, message, failure);
}

/* ------------------------------------------------------------------ exports ---- */

static bool take_line(struct reading *reading, const char *text, size_t bytes, uint64_t number,
                      struct failure *failure)
{
    struct export_line line;
    struct failure reason;
    if (!export_line_parse(text, bytes, &line, &reason)) {
        return failure_set(failure, "%s, line %" PRIu64 ": %s", reading->path, number, reason.text);
    }
    bool good = true;
    if (reading->stream[0] == '\0') {
        memcpy(reading->stream, line.stream, sizeof reading->stream);
    }
    if (strcmp(reading->stream, line.stream) != 0) {
        good = failure_set(failure,
                           "%s, line %" PRIu64 ": is of the stream %s, and those before of %s",
                           reading->path, number, line.stream, reading->stream);
    } else if (strcmp(line.stream, NATIONAL_STREAM) == 0) {
        good = take_national_line(reading, &line.message, failure);
    } else {
        good = take_centre_line(reading, &line.message, failure);
    }
    export_line_close(&line);
    return good;
}

bool log_audit_read(struct log_audit *audit, const char *path, struct failure *failure)
{
    struct reading reading = {.audit = audit, .path = path};
    char *text = NULL;
    size_t capacity = 0;
    ssize_t bytes = 0;
    bool good = true;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return failure_set_errno(failure, "open the export %s", path);
    }
    for (uint64_t number = 1;
         good && !reading.is_over && (bytes = getline(&text, &capacity, file)) > 0; number++) {
        good = take_line(&reading, text, (size_t)bytes, number, failure);
    }
    if (good && ferror(file) != 0) {
        good = failure_set_errno(failure, "read the export %s", path);
    }
    if (good && reading.stream[0] == '\0' && !reading.is_over) {
        good = failure_set(failure, "the export %s is empty", path);
    }
    free(text);
    (void)fclose(file);
    return good;
}

/* -------------------------------------------------------------------- output ---- */

static const char *const check_names[LOG_CHECKS] = {[LOG_CHECK_LOG] = "log",
                                                    [LOG_CHECK_BETS] = "log-bets",
                                                    [LOG_CHECK_DONE] = "log-done",
                                                    [LOG_CHECK_FILES] = "log-files",
                                                    [LOG_CHECK_NATIONAL] = "national"};

bool log_audit_judge(struct log_audit *audit, struct failure *failure)
{
    for (size_t i = 0; i < audit->count; i++) {
        if (!log_judgement_of_files(audit, &audit->draws[i], failure)) {
            return false;
        }
        log_judgement_of_nation(audit, &audit->draws[i]);
    }
    return true;
}

bool log_audit_is_good(const struct log_draw *draw)
{
    return verify_lines_failed(draw->lines, LOG_CHECKS) == 0;
}

void log_audit_print(FILE *file, const struct log_draw *draw, bool quiet)
{
    size_t failed = verify_lines_failed(draw->lines, LOG_CHECKS);
    verify_lines_print(file, draw->lines, check_names, LOG_CHECKS, quiet);
    const char *name = draw->has_control ? draw->control.terms.draw : "?";
    if (failed > 0) {
        fprintf(file, "draw %s: %zu of %d checks against the log FAIL\n", name, failed, LOG_CHECKS);
    } else if (!quiet) {
        fprintf(file, "draw %s: the log agrees\n", name);
    }
}

json_t *log_audit_json(const struct log_draw *draw)
{
    return verify_lines_json(draw->lines, check_names, LOG_CHECKS);
}
