/*
 * command_check.c - `lottery-admin check [DIR] [--full]`: what a directory holds, and whether it is
 * well.
 *
 * Looks at the current draw and at each archived one (inspection.h), and says what a start would
 * do. Only reads. While a server runs, its control may change between the reading of two files;
 * the current draw is then inspected again.
 *
 * Exit status: 0 all is well, 1 it is not, 3 (EXIT_UNREAD) something can't be read, so that nothing
 * is known.
 */
#include "admin/command.h"
#include "admin/draw_facts.h"
#include "admin/inspection.h"
#include "admin/outlook.h"
#include "admin/place.h"
#include "lib/clock.h"
#include "stat/target.h"
#include "store/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 100, RETRY_MS = 50 }; /* while a server changes what is looked at */

struct check {
    const struct invocation *invocation;
    struct data_directory directory;
    bool is_json, full, is_running;
    struct members members; /* of --json */
    struct control control; /* the current one */
    struct remarks own;     /* problems of the directory itself */
    bool unread;
    size_t problems;                        /* of all draws */
    char first_problem[FAILURE_TEXT_BYTES]; /* of the current draw, or the directory */
};

/* -------------------------------------------------------------- one draw ---- */

static void add_remarks(struct members *members, const char *name, const struct remarks *remarks)
{
    members_begin_array(members, name);
    for (size_t i = 0; i < remarks->count && i < REMARKS_MAX; i++) {
        members_add_text(members, NULL, remarks->texts[i]);
    }
    members_end_array(members);
}

static void print_remarks(const char *kind, const struct remarks *remarks)
{
    for (size_t i = 0; i < remarks->count && i < REMARKS_MAX; i++) {
        printf("  %s: %s\n", kind, remarks->texts[i]);
    }
    if (remarks->count > REMARKS_MAX) {
        printf("  and %zu more\n", remarks->count - REMARKS_MAX);
    }
}

static void tell_draw(struct check *check, const struct inspection *inspection)
{
    const struct census *census = &inspection->census;
    const struct control *control = &inspection->control;
    if (!check->is_json) {
        printf("%s draw %s: %s; bets %" PRIu64 ", bytes %" PRIu64 ", agencies done %zu\n",
               inspection->is_archive ? "archived" : "current", control->terms.draw,
               control_state_name(control->state), census->rows, census->bets_bytes,
               census->done_count);
        print_remarks("note", &inspection->notes);
        print_remarks("problem", &inspection->problems);
        return;
    }
    const struct draw_facts facts = {.control = *control, .bets = census->rows};
    members_begin_object(&check->members, NULL);
    members_add_flag(&check->members, "current", !inspection->is_archive);
    draw_facts_add(&check->members, &facts);
    members_add_number(&check->members, "bets_bytes", census->bets_bytes);
    members_add_number(&check->members, "agencies_done", census->done_count);
    members_add_flag(&check->members, "well", inspection->problems.count == 0);
    add_remarks(&check->members, "notes", &inspection->notes);
    add_remarks(&check->members, "problems", &inspection->problems);
    members_end_object(&check->members);
}

/* Counts what was found. Only what is wrong with the current draw keeps a server from starting. */
static void take_findings(struct check *check, const struct inspection *inspection)
{
    check->problems += inspection->problems.count;
    check->unread = check->unread || inspection->unread;
    if (!inspection->is_archive && inspection->problems.count > 0 &&
        check->first_problem[0] == '\0') {
        (void)snprintf(check->first_problem, sizeof check->first_problem, "%s",
                       inspection->problems.texts[0]);
    }
}

/* ------------------------------------------------------------ the current ---- */

static bool is_same(const struct control *one, const struct control *other)
{
    return strcmp(one->identity, other->identity) == 0 && one->state == other->state &&
           strcmp(one->archiving, other->archiving) == 0;
}

/* False when control has changed since it was read for the inspection. */
static bool is_current(const struct check *check, const struct inspection *inspection)
{
    struct control now;
    struct failure ignored;
    return !check->is_running || (control_read(&check->directory, &now, &ignored) == CONTROL_READ &&
                                  is_same(&now, &inspection->control));
}

/*
 * Inspects the current draw. While the files of the draw before are being moved, it has none; a
 * running server completes that at once.
 */
static void inspect_current(struct check *check, struct inspection *inspection)
{
    const struct timespec pause = clock_interval(RETRY_MS);
    struct failure failure;
    for (int tries = 0; tries < TRIES; tries++) {
        *inspection = (struct inspection){.place = {.directory = &check->directory},
                                          .full = check->full,
                                          .control = check->control};
        bool is_moving = check->control.archiving[0] != '\0';
        if (!is_moving) {
            inspection_make(inspection);
        }
        if (is_current(check, inspection) && !(is_moving && check->is_running)) {
            return;
        }
        inspection_close(inspection);
        nanosleep(&pause, NULL);
        if (control_read(&check->directory, &check->control, &failure) != CONTROL_READ) {
            remarks_add(&inspection->problems, "%s", failure.text);
            return;
        }
    }
}

static void check_current(struct check *check)
{
    struct inspection inspection;
    inspect_current(check, &inspection);
    if (check->control.archiving[0] != '\0') {
        remarks_add(&inspection.notes,
                    "the files of draw %s are on their way to " ARCHIVE_DIRECTORY
                    "/%s: a start completes that first",
                    check->control.archiving, check->control.archiving);
    }
    tell_draw(check, &inspection);
    take_findings(check, &inspection);
    inspection_close(&inspection);
}

/* --------------------------------------------------------------- archives ---- */

/* A file in both places is somebody's doing: a start refuses to move it. */
static void judge_moving(struct inspection *inspection)
{
    static const char *const files[] = {DATA_BETS_FILE, DATA_DONE_FILE, DATA_CHECKPOINT_FILE,
                                        DATA_SEAL_FILE, DATA_DRAW_FILE, DATA_WINNERS_FILE};
    const struct census_place *place = &inspection->place;
    struct stat status;
    for (size_t i = 0; place->before != NULL && i < sizeof files / sizeof files[0]; i++) {
        if (fstatat(place->before->descriptor, files[i], &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            fstatat(place->directory->descriptor, files[i], &status, AT_SYMLINK_NOFOLLOW) == 0) {
            remarks_add(&inspection->problems,
                        "%s is in %s and in %s: a start refuses to move the one onto the other",
                        files[i], place->before->path, place->directory->path);
        }
    }
}

/* What the archive's control has to be. */
static void judge_archive_control(struct inspection *inspection, const char *name)
{
    const struct control *control = &inspection->control;
    if (strcmp(control->terms.draw, name) != 0 ||
        (control->state != CONTROL_DRAWN && control->state != CONTROL_ABANDONED)) {
        remarks_add(&inspection->problems,
                    "%s/" DATA_CONTROL_FILE " is of draw %s, %s: an archived draw is drawn or "
                    "abandoned, and has its directory's name",
                    inspection->place.directory->path, control->terms.draw,
                    control_state_name(control->state));
    }
}

static void inspect_archive(struct check *check, const struct archive *archive, const char *name)
{
    bool is_moving = strcmp(check->control.archiving, name) == 0;
    struct failure failure;
    struct inspection inspection = {
        .place = {.directory = &archive->directory, .before = is_moving ? &check->directory : NULL},
        .is_archive = true,
        .full = check->full};
    if (place_read_control(&archive->directory, &inspection.control, &failure) != CONTROL_READ) {
        (void)snprintf(inspection.control.terms.draw, sizeof inspection.control.terms.draw, "%.32s",
                       name);
        remarks_add(&inspection.problems, "%s", failure.text);
    } else {
        judge_archive_control(&inspection, name);
        judge_moving(&inspection);
        inspection_make(&inspection);
    }
    tell_draw(check, &inspection);
    take_findings(check, &inspection);
    inspection_close(&inspection);
}

static void check_archive(void *context, const char *name)
{
    struct check *check = context;
    struct archive archive;
    struct failure failure;
    /* The step before `archiving` is written: the draw is still the current one. */
    if (strcmp(name, check->control.terms.draw) == 0) {
        return;
    }
    if (archive_open(&check->directory, name, &archive, &failure)) {
        inspect_archive(check, &archive, name);
        archive_close(&archive);
    } else {
        check->unread = check->unread || errno != EPERM;
        remarks_add(&check->own, "%s", failure.text);
    }
}

static void check_archives(struct check *check)
{
    struct failure failure;
    if (!archive_list(&check->directory, check_archive, check, &failure)) {
        check->unread = true;
        remarks_add(&check->own, "%s", failure.text);
    }
    if (check->control.archiving[0] != '\0' &&
        !archive_has(&check->directory, check->control.archiving)) {
        remarks_add(&check->own,
                    "%s/" ARCHIVE_DIRECTORY
                    "/%s is missing, where a start would move the files of that draw",
                    check->directory.path, check->control.archiving);
    }
}

/* -------------------------------------------------------- the directory ---- */

/* A start refuses a directory, or a lock, that others may use. */
static void judge_access(struct check *check)
{
    char path[FAILURE_TEXT_BYTES];
    struct failure failure;
    struct stat status;
    if (fstat(check->directory.descriptor, &status) == 0 &&
        !data_access_check(&status, &check->directory.access, true, check->directory.path,
                           &failure)) {
        remarks_add(&check->own, "%s", failure.text);
    }
    (void)snprintf(path, sizeof path, "%s/" DATA_LOCK_FILE, check->directory.path);
    if (fstatat(check->directory.descriptor, DATA_LOCK_FILE, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        !data_access_check(&status, &check->directory.access, false, path, &failure)) {
        remarks_add(&check->own, "%s", failure.text);
    }
}

/* Reads control. False, with what is wrong among the remarks, when there is none to go by. */
static bool read_control(struct check *check)
{
    struct failure failure;
    int file = data_directory_open_file(&check->directory, DATA_CONTROL_FILE, O_RDONLY, &failure);
    if (file < 0) {
        check->unread = errno != ENOENT && errno != EPERM;
        remarks_add(&check->own, "%s",
                    errno == ENOENT ? "it holds no lottery: there is no " DATA_CONTROL_FILE
                                    : failure.text);
        return false;
    }
    (void)close(file);
    if (place_read_control(&check->directory, &check->control, &failure) != CONTROL_READ) {
        remarks_add(&check->own, "%s", failure.text);
        return false;
    }
    return true;
}

static void write_start(const struct check *check, char text[OUTLOOK_BYTES])
{
    const char *obstacle = check->first_problem[0] != '\0' ? check->first_problem
                           : check->own.count > 0          ? check->own.texts[0]
                                                           : NULL;
    if (obstacle != NULL) {
        (void)snprintf(text, OUTLOOK_BYTES, "refuse: %s", obstacle);
    } else if (check->is_running) {
        (void)snprintf(text, OUTLOOK_BYTES, "refuse while the server that is running holds it");
    } else {
        outlook_write_start(&check->control, text);
    }
}

static void tell_verdict(struct check *check)
{
    char start[OUTLOOK_BYTES];
    bool well = check->problems == 0 && !check->unread;
    write_start(check, start);
    if (check->is_json) {
        add_remarks(&check->members, "problems", &check->own);
        members_add_text(&check->members, "start", start);
        members_add_flag(&check->members, "well", well);
        members_end_object(&check->members);
        fputc('\n', stdout);
        return;
    }
    print_remarks("problem", &check->own);
    printf("a start would %s\n", start);
    if (well) {
        printf("all is well%s\n", check->full ? "" : ", as far as was read (--full reads all)");
    } else {
        printf("NOT WELL: %zu %s\n", check->problems,
               check->problems == 1 ? "problem" : "problems");
    }
}

static void run_check(struct check *check)
{
    struct target target;
    struct failure ignored;
    enum target_answer answer = target_attach(check->directory.path, &target, &ignored);
    check->is_running =
        answer == TARGET_FOUND || answer == TARGET_STARTING || answer == TARGET_STANDBY;
    if (answer == TARGET_FOUND) {
        target_leave(&target);
    }
    if (check->is_json) {
        members_begin_object(&check->members, NULL);
        members_add_text(&check->members, "directory", check->directory.path);
        members_add_flag(&check->members, "running", check->is_running);
        members_add_flag(&check->members, "full", check->full);
        members_begin_array(&check->members, "draws");
    } else {
        printf("%s: %s\n", check->directory.path,
               check->is_running ? "a server is running" : "no server is running");
    }
    judge_access(check);
    if (read_control(check)) {
        check_current(check);
        check_archives(check);
    }
    if (check->is_json) {
        members_end_array(&check->members);
    }
    check->problems += check->own.count;
    tell_verdict(check);
}

int command_check(const struct invocation *invocation, const struct server_config *config)
{
    struct failure failure;
    struct check check = {.invocation = invocation,
                          .members = {.file = stdout},
                          .is_json = command_option(invocation, OPTION_JSON) != NULL,
                          .full = command_option(invocation, OPTION_FULL) != NULL};
    const char *directory = config != NULL ? config->data_directory : invocation->operand;
    if (!place_open(directory, &check.directory, &failure)) {
        return program_complain(invocation->manual, EXIT_UNREAD, "%s", failure.text);
    }
    run_check(&check);
    place_close(&check.directory);
    int status = program_finish_output(invocation->manual);
    return status != EXIT_SUCCESS ? status
           : check.unread         ? EXIT_UNREAD
           : check.problems > 0   ? EXIT_FAILURE
                                  : EXIT_SUCCESS;
}
