/*
 * cut.c - see cut.h.
 */
#include "tests/faults/shim/cut.h"

#include "tests/harness/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    PAGE_BYTES = 4096,
    SECTOR_BYTES = 512,
    FILES_MAX = 256,
    HANDLES_MAX = 1024,
    CHANGES_MAX = 256,
    NAMES_MAX = 48,
    NAME_BYTES = JOURNAL_PATH_BYTES,
    PATH_BYTES = 512,
    NO_FILE = -1,
    A_DIRECTORY = -2,
    DIRECTORY_MODE = 0700,
    HUNDRED = 100
};

#define GOLDEN_GAMMA UINT64_C(0x9e3779b97f4a7c15)

/* A file as it was from one write on. */
struct version {
    char *bytes;
    size_t size;
    uint64_t at; /* the journal's bytes when it was so */
    struct version *newer;
};

/* The oldest version is on the disk for sure; the newer ones may be, in part. */
struct file {
    struct version *oldest, *newest;
};

/* What a directory says: file `file` (NO_FILE: none; or A_DIRECTORY) stands under this path. */
struct name {
    char text[NAME_BYTES];
    int file;
};

/* The data directory and all below it. What is in a directory that is not there is not there. */
struct tree {
    struct name names[NAMES_MAX];
    size_t count;
};

/* One change of a directory, or of two; a rename takes `from` away in the same step. */
struct change {
    char name[NAME_BYTES], from[NAME_BYTES];
    int file;
    uint64_t at;
    bool name_synced, from_synced; /* the directory of each has been, since */
    bool kept;
};

struct disk {
    struct file files[FILES_MAX];
    size_t file_count;
    struct {
        uint64_t handle;
        int file;
    } handles[HANDLES_MAX];
    size_t handle_count;
    struct tree durable, current;
    struct change changes[CHANGES_MAX]; /* that a power loss may undo */
    size_t change_count;
    uint64_t seed;
};

static void require(bool condition, const char *what)
{
    if (!condition) {
        stage_fail_at(__FILE__, __LINE__, "%s: %s", what, strerror(errno));
    }
}

/* Zeroed memory, always; the caller frees it. */
static void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (memory == NULL) {
        stage_fail_at(__FILE__, __LINE__, "calloc: %s", strerror(errno));
    }
    return memory;
}

/* --------------------------------------------------------------- chance ---- */

uint64_t cut_random(uint64_t *seed)
{
    uint64_t z = (*seed += GOLDEN_GAMMA);
    z = (z ^ (z >> 30U)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27U)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31U);
}

uint64_t cut_random_below(uint64_t *seed, uint64_t limit)
{
    return limit == 0 ? 0 : cut_random(seed) % limit;
}

static bool happens(struct disk *disk, uint64_t percent)
{
    return cut_random_below(&disk->seed, HUNDRED) < percent;
}

/* -------------------------------------------------------------- journal ---- */

/* True when a whole record stands at `at`. */
static bool is_record(const char *bytes, size_t count, size_t at, struct journal_record *header)
{
    if (count - at < sizeof *header) {
        return false;
    }
    memcpy(header, bytes + at, sizeof *header);
    return header->magic == JOURNAL_MAGIC && header->kind <= JOURNAL_NOTE &&
           header->payload_bytes <= count - at - sizeof *header;
}

struct cut_journal *cut_journal_read(struct stage *stage, const char *path)
{
    size_t count = 0;
    const char *bytes = files_read(stage, path, &count);
    struct cut_journal *journal = stage_allocate(stage, sizeof *journal);
    journal->records = stage_allocate(stage, (count / sizeof(struct journal_record) + 1) *
                                                 sizeof *journal->records);
    for (size_t at = 0; at < count;) {
        struct cut_record *record = &journal->records[journal->count];
        if (!is_record(bytes, count, at, &record->header)) {
            at++; /* a process was killed while it wrote this */
            continue;
        }
        record->payload = bytes + at + sizeof record->header;
        at += sizeof record->header + record->header.payload_bytes;
        record->end = at;
        journal->count++;
    }
    return journal;
}

/* ---------------------------------------------------------------- files ---- */

static struct version *add_version(struct file *file, size_t size, uint64_t at)
{
    struct version *version = allocate(sizeof *version);
    version->bytes = allocate(size + 1);
    version->size = size;
    version->at = at;
    if (file->newest != NULL) {
        size_t same = file->newest->size < size ? file->newest->size : size;
        memcpy(version->bytes, file->newest->bytes, same);
        file->newest->newer = version;
    } else {
        file->oldest = version;
    }
    file->newest = version;
    return version;
}

static void forget_oldest(struct file *file)
{
    struct version *oldest = file->oldest;
    file->oldest = oldest->newer;
    free(oldest->bytes);
    free(oldest);
}

static void write_file(struct file *file, const struct cut_record *record)
{
    size_t position = (size_t)record->header.amount;
    size_t end = position + record->header.payload_bytes;
    size_t size = end > file->newest->size ? end : file->newest->size;
    struct version *version = add_version(file, size, record->end);
    memcpy(version->bytes + position, record->payload, record->header.payload_bytes);
}

/* What was written when the sync began is on the disk once it has returned. */
static void sync_file(struct file *file, uint64_t began)
{
    while (file->oldest->newer != NULL && file->oldest->newer->at <= began) {
        forget_oldest(file);
    }
}

static int add_file(struct disk *disk, uint64_t at)
{
    require(disk->file_count < FILES_MAX, "more files than FILES_MAX");
    (void)add_version(&disk->files[disk->file_count], 0, at);
    return (int)disk->file_count++;
}

/* ---------------------------------------------------------- directories ---- */

static void copy_name(char *to, const char *text, size_t bytes)
{
    size_t length = strnlen(text, bytes < NAME_BYTES ? bytes : NAME_BYTES - 1);
    memcpy(to, text, length);
    to[length] = '\0';
}

static struct name *find_name(struct tree *tree, const char *text)
{
    for (size_t i = 0; i < tree->count; i++) {
        if (strcmp(tree->names[i].text, text) == 0) {
            return &tree->names[i];
        }
    }
    require(tree->count < NAMES_MAX, "more names than NAMES_MAX");
    struct name *name = &tree->names[tree->count++];
    copy_name(name->text, text, NAME_BYTES);
    name->file = NO_FILE;
    return name;
}

/* The bytes of the path of the directory that a name is in; 0: the data directory. */
static size_t parent_bytes(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash == NULL ? 0 : (size_t)(slash - name);
}

static bool is_in(const char *name, const char *directory, size_t directory_bytes)
{
    return parent_bytes(name) == directory_bytes && memcmp(name, directory, directory_bytes) == 0;
}

static bool is_between_directories(const struct change *change)
{
    return change->from[0] != '\0' &&
           !is_in(change->from, change->name, parent_bytes(change->name));
}

static bool share_a_name(const struct change *one, const struct change *other)
{
    return strcmp(one->name, other->name) == 0 || strcmp(one->from, other->name) == 0 ||
           (other->from[0] != '\0' &&
            (strcmp(one->name, other->from) == 0 || strcmp(one->from, other->from) == 0));
}

static void apply(struct tree *tree, const struct change *change)
{
    if (change->from[0] != '\0') {
        find_name(tree, change->from)->file = NO_FILE;
    }
    find_name(tree, change->name)->file = change->file;
}

/*
 * Applies the changes that are kept, and the earlier ones that show by them. That is `all` which
 * share a name; or the renames between directories alone, which are what a file can be lost by.
 */
static void apply_kept(struct disk *disk, bool all)
{
    size_t left = 0;
    for (size_t i = disk->change_count; i-- > 0;) {
        struct change *change = &disk->changes[i];
        for (size_t later = i + 1; later < disk->change_count; later++) {
            change->kept = change->kept ||
                           ((all || is_between_directories(change)) && disk->changes[later].kept &&
                            share_a_name(change, &disk->changes[later]));
        }
    }
    for (size_t i = 0; i < disk->change_count; i++) {
        if (disk->changes[i].kept) {
            apply(&disk->durable, &disk->changes[i]);
        } else {
            disk->changes[left++] = disk->changes[i];
        }
    }
    disk->change_count = left;
}

static void note_change(struct disk *disk, const char *name, const char *from, int file,
                        uint64_t at)
{
    require(disk->change_count < CHANGES_MAX, "more changes than CHANGES_MAX");
    struct change *change = &disk->changes[disk->change_count++];
    *change = (struct change){.file = file, .at = at, .from_synced = from[0] == '\0'};
    copy_name(change->name, name, NAME_BYTES);
    copy_name(change->from, from, NAME_BYTES);
    apply(&disk->current, change);
}

static void sync_directory(struct disk *disk, const struct cut_record *record)
{
    size_t bytes = record->header.payload_bytes;
    for (size_t i = 0; i < disk->change_count; i++) {
        struct change *change = &disk->changes[i];
        if (change->at <= record->header.amount) {
            change->name_synced =
                change->name_synced || is_in(change->name, record->payload, bytes);
            change->from_synced =
                change->from_synced || is_in(change->from, record->payload, bytes);
        }
        change->kept = change->name_synced && change->from_synced;
    }
    apply_kept(disk, true);
}

/* ------------------------------------------------------------- replaying ---- */

static struct file *file_of(struct disk *disk, uint64_t handle)
{
    for (size_t i = disk->handle_count; i-- > 0;) {
        if (disk->handles[i].handle == handle) {
            return &disk->files[disk->handles[i].file];
        }
    }
    stage_fail_at(__FILE__, __LINE__, "the journal writes a file that it has not opened");
}

static void open_file(struct disk *disk, const struct cut_record *record)
{
    char text[NAME_BYTES];
    copy_name(text, record->payload, record->header.payload_bytes);
    int file = find_name(&disk->current, text)->file;
    if (file == NO_FILE) { /* created; or its creator was killed before it could note that */
        file = add_file(disk, record->end);
        note_change(disk, text, "", file, record->end);
    } else if (record->header.amount == JOURNAL_TRUNCATED) {
        (void)add_version(&disk->files[file], 0, record->end);
    }
    require(disk->handle_count < HANDLES_MAX, "more handles than HANDLES_MAX");
    disk->handles[disk->handle_count].handle = record->header.handle;
    disk->handles[disk->handle_count++].file = file;
}

static void rename_file(struct disk *disk, const struct cut_record *record)
{
    const char *from = record->payload;
    const char *to = from + strlen(from) + 1;
    require(find_name(&disk->current, from)->file >= 0, "a renamed file that is not there");
    note_change(disk, to, from, find_name(&disk->current, from)->file, record->end);
}

static void unlink_file(struct disk *disk, const struct cut_record *record)
{
    char text[NAME_BYTES];
    copy_name(text, record->payload, record->header.payload_bytes);
    note_change(disk, text, "", NO_FILE, record->end);
}

static void make_directory(struct disk *disk, const struct cut_record *record)
{
    char text[NAME_BYTES];
    copy_name(text, record->payload, record->header.payload_bytes);
    note_change(disk, text, "", A_DIRECTORY, record->end);
}

static void replay(struct disk *disk, const struct cut_record *record)
{
    const struct journal_record *header = &record->header;
    switch ((enum journal_kind)header->kind) {
    case JOURNAL_OPEN:
        open_file(disk, record);
        break;
    case JOURNAL_WRITE:
        write_file(file_of(disk, header->handle), record);
        break;
    case JOURNAL_TRUNCATE:
        (void)add_version(file_of(disk, header->handle), (size_t)header->amount, record->end);
        break;
    case JOURNAL_SYNC:
        sync_file(file_of(disk, header->handle), header->amount);
        break;
    case JOURNAL_SYNC_DIRECTORY:
        sync_directory(disk, record);
        break;
    case JOURNAL_MAKE_DIRECTORY:
        make_directory(disk, record);
        break;
    case JOURNAL_RENAME:
        rename_file(disk, record);
        break;
    case JOURNAL_UNLINK:
        unlink_file(disk, record);
        break;
    case JOURNAL_NOTE:
        break;
    }
}

static void load_file(struct disk *disk, const char *path, const char *name)
{
    size_t bytes = 0;
    char *text = files_load(path, &bytes);
    if (text != NULL) {
        int file = add_file(disk, 0);
        memcpy(add_version(&disk->files[file], bytes, 0)->bytes, text, bytes);
        forget_oldest(&disk->files[file]);
        find_name(&disk->durable, name)->file = file;
        free(text);
    }
}

/* Loads what is in the directory at `path`, whose own name is `above`. */
static void load_directory(struct disk *disk, const char *path, const char *above)
{
    DIR *directory = opendir(path);
    const struct dirent *entry = NULL;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char below[PATH_BYTES];
        char name[PATH_BYTES];
        (void)snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        (void)snprintf(name, sizeof name, "%s%s%s", above, above[0] == '\0' ? "" : "/",
                       entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (entry->d_type == DT_DIR) {
            find_name(&disk->durable, name)->file = A_DIRECTORY;
            load_directory(disk, below, name);
        } else {
            load_file(disk, below, name);
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
}

/* --------------------------------------------------------------- cutting ---- */

static const struct version *pick_version(struct disk *disk, const struct file *file)
{
    uint64_t count = 0;
    for (const struct version *at = file->oldest; at != NULL; at = at->newer) {
        count++;
    }
    const struct version *picked = file->oldest;
    uint64_t steps = cut_random_below(&disk->seed, count);
    while (steps-- > 0 && picked != NULL && picked->newer != NULL) {
        picked = picked->newer;
    }
    return picked;
}

/* Often the size of a version; else on the way between two, at a page's end. */
static size_t pick_size(struct disk *disk, const struct file *file)
{
    size_t size = happens(disk, 50) ? file->newest->size : pick_version(disk, file)->size;
    if (happens(disk, 30) && size > file->oldest->size) {
        size_t pages = (size - file->oldest->size) / PAGE_BYTES;
        size_t grown = file->oldest->size + cut_random_below(&disk->seed, pages + 1) * PAGE_BYTES;
        size_t end = (grown + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
        size = end < size ? end : size;
    }
    return size;
}

/* Bytes [from, from + count) of a version; zeros where it has none. */
static void copy_part(char *to, size_t from, size_t count, const struct version *version)
{
    memset(to + from, 0, count);
    if (version->size > from) {
        size_t there = version->size - from;
        memcpy(to + from, version->bytes + from, there < count ? there : count);
    }
}

static void copy_page(struct disk *disk, char *to, size_t from, size_t count,
                      const struct file *file, uint64_t written_percent)
{
    const struct version *version =
        happens(disk, written_percent) ? pick_version(disk, file) : file->oldest;
    bool torn = happens(disk, 25);
    for (size_t at = 0; at < count; at += SECTOR_BYTES) {
        size_t sector = count - at < SECTOR_BYTES ? count - at : SECTOR_BYTES;
        bool old = torn && happens(disk, 50);
        copy_part(to, from + at, sector, old ? file->oldest : version);
    }
}

static void write_cut_file(struct disk *disk, const struct file *file, const char *path)
{
    static const uint64_t eagerness[] = {0, 20, 50, 90, HUNDRED};
    uint64_t kind = cut_random_below(&disk->seed, sizeof eagerness / sizeof eagerness[0]);
    size_t size = pick_size(disk, file);
    char *bytes = malloc(size + 1);
    require(bytes != NULL, "malloc");
    for (size_t at = 0; at < size; at += PAGE_BYTES) {
        size_t count = size - at < PAGE_BYTES ? size - at : PAGE_BYTES;
        copy_page(disk, bytes, at, count, file, eagerness[kind]);
    }
    files_write_bytes(path, bytes, size);
    free(bytes);
}

/* Of what directories were told since their syncs: half of the time a prefix, else any subset. */
static void lose_changes(struct disk *disk)
{
    bool in_order = happens(disk, 50);
    size_t kept = cut_random_below(&disk->seed, disk->change_count + 1);
    for (size_t i = 0; i < disk->change_count; i++) {
        disk->changes[i].kept = in_order ? i < kept : happens(disk, 50);
    }
    apply_kept(disk, false);
}

/* Makes the directory of this name at `path`, and all that is in it. */
static void write_directory(struct disk *disk, const char *path, const char *above)
{
    require(mkdir(path, DIRECTORY_MODE) == 0, path);
    for (size_t i = 0; i < disk->durable.count; i++) {
        const struct name *name = &disk->durable.names[i];
        char below[PATH_BYTES];
        if (name->file == NO_FILE || !is_in(name->text, above, strlen(above))) {
            continue;
        }
        size_t skipped = above[0] == '\0' ? 0 : strlen(above) + 1;
        (void)snprintf(below, sizeof below, "%s/%s", path, name->text + skipped);
        if (name->file == A_DIRECTORY) {
            write_directory(disk, below, name->text);
        } else {
            write_cut_file(disk, &disk->files[name->file], below);
        }
    }
}

static void destroy(struct disk *disk)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        while (disk->files[i].oldest != NULL) {
            forget_oldest(&disk->files[i]);
        }
    }
    free(disk);
}

void cut_build(const struct cut_journal *journal, const char *base, size_t records, uint64_t seed,
               const char *target)
{
    struct disk *disk = allocate(sizeof *disk);
    disk->seed = seed;
    load_directory(disk, base, "");
    disk->current = disk->durable;
    for (size_t i = 0; i < records && i < journal->count; i++) {
        replay(disk, &journal->records[i]);
    }
    lose_changes(disk);
    write_directory(disk, target, "");
    destroy(disk);
}
