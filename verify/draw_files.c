/*
 * draw_files.c - see draw_files.h.
 */
#include "verify/draw_files.h"

#include "seal/canonical.h"
#include "store/data_directory.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool never(void)
{
    return false;
}

bool draw_file_open(int directory, const char *path, const char *name, int *file,
                    struct failure *failure)
{
    struct stat status;
    *file = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*file < 0) {
        return errno == ENOENT || failure_set_errno(failure, "open %s/%s", path, name);
    }
    if (fstat(*file, &status) != 0) {
        return failure_set_errno(failure, "stat %s/%s", path, name);
    }
    return S_ISREG(status.st_mode) || failure_set(failure, "%s/%s is no regular file", path, name);
}

bool draw_text_read(int directory, const char *path, const char *name, struct draw_text *text,
                    struct failure *failure)
{
    char full[PATH_MAX + sizeof "/seal.json"];
    int file = -1;
    *text = (struct draw_text){.bytes = NULL};
    (void)snprintf(full, sizeof full, "%s/%s", path, name);
    bool good = draw_file_open(directory, path, name, &file, failure);
    if (good && file >= 0) {
        text->bytes = canonical_read_file(file, full, &text->count, failure);
        good = text->bytes != NULL;
    }
    if (file >= 0) {
        close(file);
    }
    return good && (text->bytes == NULL || sha256_of(text->bytes, text->count, &text->sha256) ||
                    failure_set(failure, "there is no memory to hash %s", full));
}

static bool open_file(const struct draw_files *files, const char *name, int *file,
                      struct failure *failure)
{
    return draw_file_open(files->directory, files->path, name, file, failure);
}

static bool read_file(const struct draw_files *files, const char *name, struct draw_text *text,
                      struct failure *failure)
{
    return draw_text_read(files->directory, files->path, name, text, failure);
}

static bool read_texts(struct draw_files *files, struct failure *failure)
{
    return read_file(files, DATA_DONE_FILE, &files->done, failure) &&
           read_file(files, DATA_SEAL_FILE, &files->seal_text, failure) &&
           read_file(files, DATA_SEAL_SIGNATURE_FILE, &files->seal_signature, failure) &&
           read_file(files, DATA_DRAW_FILE, &files->draw_text, failure) &&
           read_file(files, DATA_DRAW_SIGNATURE_FILE, &files->draw_signature, failure);
}

static bool open_all(struct draw_files *files, struct failure *failure)
{
    files->directory = open(files->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->directory < 0) {
        return failure_set_errno(failure, "open the directory %s", files->path);
    }
    return open_file(files, DATA_CONTROL_FILE, &files->control_file, failure) &&
           open_file(files, DATA_BETS_FILE, &files->bets, failure) &&
           open_file(files, DATA_CHECKPOINT_FILE, &files->checkpoint, failure) &&
           open_file(files, DATA_WINNERS_FILE, &files->winners, failure) &&
           read_texts(files, failure);
}

/* --------------------------------------------------------------- reading ---- */

static void parse(struct draw_files *files)
{
    struct failure failure;
    if (files->control_file >= 0) {
        files->has_control = control_read_file(files->control_file, DATA_CONTROL_FILE,
                                               &files->control, &failure) == CONTROL_READ;
        (void)snprintf(files->control_fault, sizeof files->control_fault, "%s",
                       files->has_control ? "" : failure.text);
    }
    if (files->seal_text.bytes != NULL) {
        files->has_seal = seal_parse(files->seal_text.bytes, files->seal_text.count, DATA_SEAL_FILE,
                                     &files->seal, &failure);
        (void)snprintf(files->seal_fault, sizeof files->seal_fault, "%s",
                       files->has_seal ? "" : failure.text);
    }
    if (files->draw_text.bytes != NULL) {
        files->has_report = draw_report_parse(files->draw_text.bytes, files->draw_text.count,
                                              DATA_DRAW_FILE, &files->report, &failure);
        (void)snprintf(files->report_fault, sizeof files->report_fault, "%s",
                       files->has_report ? "" : failure.text);
    }
}

/* A server that runs may have written a part of its last row. */
static bool read_bets(struct draw_files *files, struct failure *failure)
{
    char path[PATH_MAX + sizeof "/" DATA_BETS_FILE];
    struct stat status;
    char last = '\n';
    if (files->bets < 0) {
        return true;
    }
    (void)snprintf(path, sizeof path, "%s/" DATA_BETS_FILE, files->path);
    if (fstat(files->bets, &status) != 0) {
        return failure_set_errno(failure, "stat %s", path);
    }
    files->has_bets = bets_digest_make(files->bets, path, (uint64_t)status.st_size, never,
                                       &files->digest, failure) == BETS_DIGEST_MADE;
    if (files->has_bets && files->digest.bytes > 0 &&
        file_read_up_to(files->bets, &last, 1, files->digest.bytes - 1) < 0) {
        return failure_set_errno(failure, "read %s", path);
    }
    files->bets_unfinished = last != '\n';
    return files->has_bets;
}

bool draw_files_open(const char *path, struct draw_files *files, struct failure *failure)
{
    *files = (struct draw_files){
        .directory = -1, .control_file = -1, .bets = -1, .checkpoint = -1, .winners = -1};
    (void)snprintf(files->path, sizeof files->path, "%s", path);
    if (!open_all(files, failure)) {
        return false;
    }
    parse(files);
    return read_bets(files, failure);
}

void draw_files_close(struct draw_files *files)
{
    const int descriptors[] = {files->directory, files->control_file, files->bets,
                               files->checkpoint, files->winners};
    struct draw_text *const texts[] = {&files->done, &files->seal_text, &files->seal_signature,
                                       &files->draw_text, &files->draw_signature};
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
        if (descriptors[i] >= 0) {
            close(descriptors[i]);
        }
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        free(texts[i]->bytes);
    }
    bets_digest_close(&files->digest);
    seal_close(&files->seal);
    draw_report_close(&files->report);
}

/* ----------------------------------------------------------------- stage ---- */

bool draw_files_are_sealed(const struct draw_files *files)
{
    return files->has_control ? files->control.seal_sha256[0] != '\0'
                              : files->seal_text.bytes != NULL;
}

bool draw_files_are_drawn(const struct draw_files *files)
{
    return files->has_control ? files->control.draw_sha256[0] != '\0'
                              : files->draw_text.bytes != NULL;
}

bool draw_files_are_closed(const struct draw_files *files)
{
    return files->has_control &&
           (files->control.closing.by != CLOSED_BY_NOBODY || files->control.state == CONTROL_DRAWN);
}
