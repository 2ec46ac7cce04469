/*
 * main.c - lottery-verify: what an auditor runs on a copy of a draw, without the server.
 *
 * Reads the options, finds the directories of the draws, and prints what verify.h finds out.
 */
#include "lib/decimal.h"
#include "lib/program.h"
#include "seal/signature.h"
#include "store/archive.h"
#include "store/control.h"
#include "store/data_directory.h"
#include "verify/log_audit.h"
#include "verify/proving.h"
#include "verify/verify.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OPTION_DRAW = PROGRAM_LONG_ONLY,
    OPTION_ALL,
    OPTION_KEY,
    OPTION_JSON,
    OPTION_PROVE,
    OPTION_PROOF,
    OPTION_SEAL,
    OPTION_LOG
};

enum { LOGS_MAX = 16 };

struct options {
    const char *draw, *key, *prove, *proof, *seal; /* NULL: not given */
    bool all, json, quiet;
    const char *logs[LOGS_MAX];
    size_t log_count;
    char **directories; /* argv's */
    size_t directory_count;
    const char *directory; /* the first one */
    uint32_t agency;       /* of --prove */
    uint64_t row;
};

static const struct program_option program_options[] = {
    {.id = OPTION_DRAW,
     .name = "draw",
     .argument = "NAME",
     .meaning = "the draw of this name, in a data directory or its archive draws/NAME; without it "
                "the one that stands in DIRECTORY itself"},
    {.id = OPTION_ALL, .name = "all", .meaning = "every draw of a data directory"},
    {.id = OPTION_KEY,
     .name = "key",
     .argument = "PUB",
     .meaning = "the public key (PEM); seal and draw have to be signed with it then"},
    {.id = OPTION_JSON, .name = "json", .meaning = "print one JSON object in place of lines"},
    {.id = 'q', .name = "quiet", .meaning = "print only what fails"},
    {.id = OPTION_PROVE,
     .name = "prove",
     .argument = "AGENCY:ROW",
     .meaning = "check nothing, and print a proof that the agency's row number ROW, counted from "
                "1, is in the sealed file"},
    {.id = OPTION_PROOF,
     .name = "proof",
     .argument = "FILE",
     .meaning = "check such a proof against --seal; takes no DIRECTORY"},
    {.id = OPTION_SEAL,
     .name = "seal",
     .argument = "FILE",
     .meaning = "the seal.json of --proof; with --key, its seal.sig stands beside it"},
    {.id = OPTION_LOG,
     .name = "log",
     .argument = "EXPORT",
     .meaning = "hold the engine's log against the files as well: what `lottery-feed --export` has "
                "printed of a centre, or with --draws; may be given for each. There may be several "
                "DIRECTORY then, of one centre each"},
};

static bool describe_directory(size_t index, struct program_operand *operand)
{
    *operand = (struct program_operand){
        .call = "DIRECTORY",
        .meaning = "an archive (draws/NAME) or a data directory; nothing in it is changed"};
    return index == 0;
}

static const struct program_manual manual = {
    .name = "lottery-verify",
    .purpose = "Checks a draw by its files alone: a line for each check, and what came out.",
    .options = program_options,
    .option_count = sizeof program_options / sizeof program_options[0],
    .operands = "[DIRECTORY ...]",
    .operand_at = describe_directory,
    .statuses =
        {
            {EXIT_SUCCESS, "the draw was held and all is well; or the proof holds"},
            {VERIFY_EXIT_FAIL, "a check FAILs; or the proof does not hold"},
            {VERIFY_EXIT_UNREADABLE, "the directory, a file or the key can't be read"},
            {VERIFY_EXIT_NOT_SEALED, "the draw is not sealed, so far all is well"},
            {VERIFY_EXIT_NOT_DRAWN, "sealed and not drawn, so far all is well"},
            {VERIFY_EXIT_ABANDONED, "the draw was abandoned, what there is is well"},
        },
    .formats = {{"control", CONTROL_VERSION}},
    .description =
        {"Reads the files of a draw and asks no server, so that it can be run on a copy, on "
         "another machine. lottery-verify.py makes the same checks, and was written apart from it.",
         "A seal says what was stored when sales ended; the number of the draw came after it. "
         "Signatures are checked with --key."},
    .examples = {{"lottery-verify /srv/lottery/data", "the current draw of a data directory"},
                 {"lottery-verify --all --key lottery.pub /srv/lottery/data",
                  "all draws, each signed with this key"},
                 {"lottery-verify --prove 17:4 /srv/lottery/data",
                  "a proof that the fourth bet of agency 17 takes part"},
                 {"lottery-verify --log north.jsonl --log draws.jsonl north/",
                  "the files, beside what the engine has of them"}},
};

/* --------------------------------------------------------------- options ---- */

static enum program_reading take_option(int id, const char *argument, void *context)
{
    struct options *options = context;
    switch (id) {
    case OPTION_DRAW:
        options->draw = argument;
        break;
    case OPTION_ALL:
        options->all = true;
        break;
    case OPTION_KEY:
        options->key = argument;
        break;
    case OPTION_JSON:
        options->json = true;
        break;
    case 'q':
        options->quiet = true;
        break;
    case OPTION_PROVE:
        options->prove = argument;
        break;
    case OPTION_PROOF:
        options->proof = argument;
        break;
    case OPTION_LOG:
        if (options->log_count == LOGS_MAX) {
            return program_misused(&manual, "--log: %d exports at most", LOGS_MAX);
        }
        options->logs[options->log_count++] = argument;
        break;
    default:
        options->seal = argument;
        break;
    }
    return PROGRAM_GO_ON;
}

static bool parse_row(const char *text, struct options *options)
{
    size_t digits = strcspn(text, ":");
    uint64_t agency = 0;
    if (!decimal_parse(text, digits, &agency) || agency > UINT32_MAX || text[digits] != ':' ||
        !decimal_parse(text + digits + 1, strlen(text + digits + 1), &options->row)) {
        return false;
    }
    options->agency = (uint32_t)agency;
    return options->row > 0;
}

static enum program_reading judge_options(struct options *options, int operands)
{
    if (options->proof != NULL || options->seal != NULL) {
        bool alone = options->proof != NULL && options->seal != NULL && operands == 0 &&
                     options->draw == NULL && !options->all && options->prove == NULL &&
                     !options->json && options->log_count == 0;
        return alone ? PROGRAM_GO_ON
                     : program_misused(&manual, "--proof FILE and --seal FILE go together, and "
                                                "with --key alone");
    }
    if (options->log_count > 0 && (options->all || options->prove != NULL || operands < 1 ||
                                   operands > LOG_DIRECTORIES_MAX)) {
        return program_misused(
            &manual, "--log EXPORT takes 1 to %d DIRECTORY, and neither --all nor --prove",
            LOG_DIRECTORIES_MAX);
    }
    if (operands != 1 && options->log_count == 0) {
        return program_misused(&manual, "there has to be one DIRECTORY");
    }
    if (options->draw != NULL && (options->all || !control_is_draw_name(options->draw))) {
        return program_misused(&manual, "--draw %s: %s", options->draw,
                               options->all ? "does not go with --all" : "is no draw's name");
    }
    if (options->prove != NULL &&
        (options->all || options->json || !parse_row(options->prove, options))) {
        return program_misused(&manual,
                               "--prove %s: it takes AGENCY:ROW, and neither --all nor "
                               "--json",
                               options->prove);
    }
    return PROGRAM_GO_ON;
}

static enum program_reading read_options(int argc, char **argv, struct options *options)
{
    enum program_reading reading = program_read_options(&manual, argc, argv, take_option, options);
    if (reading == PROGRAM_GO_ON) {
        options->directory = argv[optind];
        options->directories = argv + optind;
        options->directory_count = (size_t)(argc - optind);
        reading = judge_options(options, argc - optind);
    }
    return reading;
}

/* ----------------------------------------------------------------- draws ---- */

/* True when control in the directory is that of the draw. */
static bool is_current(const char *directory, const char *draw)
{
    char path[PATH_MAX];
    struct control control;
    struct failure failure;
    (void)snprintf(path, sizeof path, "%s/" DATA_CONTROL_FILE, directory);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) {
        return false;
    }
    bool current = control_read_file(file, path, &control, &failure) == CONTROL_READ &&
                   strcmp(control.terms.draw, draw) == 0;
    close(file);
    return current;
}

/*
 * Writes the path of the directory of a draw; NULL: of the one in the directory itself. Returns the
 * name that an archive has to have; NULL: it is the current draw.
 */
static const char *find_draw(const char *directory, const char *draw, char path[PATH_MAX])
{
    if (draw == NULL || is_current(directory, draw)) {
        (void)snprintf(path, PATH_MAX, "%s", directory);
        return NULL;
    }
    (void)snprintf(path, PATH_MAX, "%s/" ARCHIVE_DIRECTORY "/%s", directory, draw);
    return draw;
}

/* What is printed of several draws, and the status of all of them. */
struct run {
    const struct options *options;
    json_t *draws; /* with --json */
    int status;
};

/* Unreadable is worse than failed; either is worse than what the last draw's stage is. */
static int worse(int one, int other)
{
    if (one == VERIFY_EXIT_UNREADABLE || other == VERIFY_EXIT_UNREADABLE) {
        return VERIFY_EXIT_UNREADABLE;
    }
    return one == VERIFY_EXIT_FAIL || other == VERIFY_EXIT_FAIL ? VERIFY_EXIT_FAIL : other;
}

/* `logged` is the same draw, beside the log; NULL: there is no export. */
static void run_draw(struct run *run, const char *path, const char *archived_as,
                     const struct log_draw *logged)
{
    struct verify_report report;
    struct failure failure;
    if (!verify_draw(path, archived_as, run->options->key, &report, &failure)) {
        run->status = worse(run->status,
                            program_complain(&manual, VERIFY_EXIT_UNREADABLE, "%s", failure.text));
        return;
    }
    run->status = worse(run->status, verify_report_status(&report));
    if (logged != NULL && !log_audit_is_good(logged)) {
        run->status = worse(run->status, VERIFY_EXIT_FAIL);
    }
    if (run->options->json) {
        json_t *object = verify_report_json(&report);
        if (logged != NULL) {
            json_object_set_new(object, "log", log_audit_json(logged));
        }
        json_array_append_new(run->draws, object);
        return;
    }
    verify_report_print(stdout, &report, run->options->quiet);
    if (logged != NULL) {
        log_audit_print(stdout, logged, run->options->quiet);
    }
}

static int is_draw(const struct dirent *entry)
{
    return control_is_draw_name(entry->d_name);
}

static int compare_names(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

/*
 * The archive by its names, and the current draw last. An opening that did not come to its end has
 * prepared an archive for the current draw, which is no draw yet.
 */
static void run_all(struct run *run)
{
    char path[PATH_MAX];
    struct dirent **entries = NULL;
    (void)snprintf(path, sizeof path, "%s/" ARCHIVE_DIRECTORY, run->options->directory);
    int count = scandir(path, &entries, is_draw, compare_names);
    for (int i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "%s/" ARCHIVE_DIRECTORY "/%s", run->options->directory,
                       entries[i]->d_name);
        if (!is_current(run->options->directory, entries[i]->d_name)) {
            run_draw(run, path, entries[i]->d_name, NULL);
        }
        free(entries[i]);
    }
    free(entries);
    run_draw(run, run->options->directory, NULL, NULL);
}

static void print_json(struct run *run)
{
    json_t *object = json_pack("{s:o, s:i}", "draws", run->draws, "status", run->status);
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    puts(text == NULL ? "" : text);
    free(text);
    json_decref(object);
}

/* Reads the exports, with the files of all directories beside them. */
static bool audit_logs(const struct options *options, const char *const *paths,
                       struct log_audit *audit, struct failure *failure)
{
    bool good = log_audit_open(audit, paths, options->directory_count, failure);
    for (size_t i = 0; good && i < options->log_count; i++) {
        good = log_audit_read(audit, options->logs[i], failure);
    }
    return good && log_audit_judge(audit, failure);
}

/* Each directory, and then what the log says of it. */
static void run_with_logs(struct run *run)
{
    static char paths[LOG_DIRECTORIES_MAX][PATH_MAX];
    const struct options *options = run->options;
    const char *pointers[LOG_DIRECTORIES_MAX];
    const char *archived_as[LOG_DIRECTORIES_MAX];
    struct log_audit audit;
    struct failure failure;
    for (size_t i = 0; i < options->directory_count; i++) {
        archived_as[i] = find_draw(options->directories[i], options->draw, paths[i]);
        pointers[i] = paths[i];
    }
    if (audit_logs(options, pointers, &audit, &failure)) {
        for (size_t i = 0; i < options->directory_count; i++) {
            run_draw(run, paths[i], archived_as[i], &audit.draws[i]);
        }
    } else {
        run->status = program_complain(&manual, VERIFY_EXIT_UNREADABLE, "%s", failure.text);
    }
    log_audit_close(&audit);
}

static int check(const struct options *options)
{
    struct run run = {.options = options, .draws = options->json ? json_array() : NULL};
    if (options->all) {
        run_all(&run);
    } else if (options->log_count > 0) {
        run_with_logs(&run);
    } else {
        char path[PATH_MAX];
        const char *archived_as = find_draw(options->directory, options->draw, path);
        run_draw(&run, path, archived_as, NULL);
    }
    if (options->json) {
        print_json(&run);
    }
    return run.status;
}

static int prove(const struct options *options)
{
    struct failure failure = {.text = ""};
    int status = 0;
    if (options->proof != NULL) {
        status = proving_check(options->proof, options->seal, options->key, &failure);
    } else {
        char path[PATH_MAX];
        (void)find_draw(options->directory, options->draw, path);
        status = proving_print(path, options->agency, options->row, &failure);
    }
    bool told = status == 0 || (options->proof != NULL && status == VERIFY_EXIT_FAIL);
    return told ? status : program_complain(&manual, status, "%s", failure.text);
}

int main(int argc, char **argv)
{
    struct options options = {.draw = NULL};
    const struct signature none = {{0}};
    struct failure failure;
    if (!program_begin(&manual)) {
        return EXIT_FAILURE;
    }
    enum program_reading reading = read_options(argc, argv, &options);
    if (reading != PROGRAM_GO_ON) {
        return program_exit_status(&manual, reading);
    }
    if (options.key != NULL &&
        signature_check(options.key, "", 0, &none, &failure) == SIGNATURE_NO_KEY) {
        return program_complain(&manual, VERIFY_EXIT_UNREADABLE, "%s", failure.text);
    }
    bool proves = options.prove != NULL || options.proof != NULL;
    int status = proves ? prove(&options) : check(&options);
    return program_finish_output(&manual) == EXIT_SUCCESS ? status : EXIT_FAILURE;
}
