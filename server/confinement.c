/*
 * confinement.c - see confinement.h.
 */
#include "server/confinement.h"

#include "lib/fault_point.h"
#include "lib/log.h"
#include "server/confinement_files.h"
#include "server/confinement_identity.h"
#include "server/confinement_trap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* -------------------------------------------------------------- preparing ---- */

/* A limit on descriptors counts from the lowest free number, so that inherited ones don't matter. */
static rlim_t descriptor_limit(const struct confinement_rule *rule)
{
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (rule->descriptors == 0 || lowest < 0) {
        return RLIM_INFINITY;
    }
    close(lowest);
    return (rlim_t)lowest + rule->descriptors;
}

static rlim_t memory_limit(const struct confinement_rule *rule, const struct server_config *config)
{
    return rule->memory_bytes == 0
               ? RLIM_INFINITY
               : rule->memory_bytes + rule->memory_a_message_byte * config->limit_message_bytes;
}

static bool is_regular_file(int descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

/*
 * All processes have `lock` and the shared memory open for writing, to keep their locks. Whoever
 * only wants the locks could fill the disk, and the memory. The limit is also the log's.
 */
static rlim_t file_limit(const struct confinement_rule *rule)
{
    bool has_log_file = is_regular_file(STDOUT_FILENO) || is_regular_file(STDERR_FILENO);
    return rule->writes_files || has_log_file ? RLIM_INFINITY : 0;
}

/* The calls of fault_point, in a build that has them. */
static const struct confinement_call fault_calls[] = {
    {.name = "unlink"}, {.name = "unlinkat"}, {.name = "kill"}};

/* Makes the filter of one cell. The supervisor's has the calls of all others, too. */
static bool make_filter(struct confinement *confinement, unsigned index, struct failure *failure)
{
    enum { LISTS_MAX = SHARED_CONFINED_MAX + 2 };
    struct confinement_list lists[LISTS_MAX] = {{confinement_common, confinement_common_count}};
    size_t count = 1;
    for (unsigned i = 0; i < SHARED_CONFINED_MAX; i++) {
        const struct confinement_rule *rule = confinement->cells[i].rule;
        if (rule != NULL && (i == index || index == CONFINEMENT_SUPERVISOR)) {
            lists[count++] = (struct confinement_list){rule->calls, rule->call_count};
        }
    }
    if (confinement->fault_token != NULL) {
        lists[count++] =
            (struct confinement_list){fault_calls, sizeof fault_calls / sizeof fault_calls[0]};
    }
    bool only_tells = confinement->mode == CONFINEMENT_LOG;
    struct confinement_filter *filter = &confinement->cells[index].filter;
    if (!confinement_calls_make(lists, count, only_tells, filter, failure)) {
        return false;
    }
    confinement->report.calls[index] = filter->calls;
    return true;
}

static bool prepare_cell(struct confinement *confinement, unsigned index,
                         const struct server_config *config,
                         const struct confinement_places *places, struct failure *failure)
{
    struct confinement_cell *cell = &confinement->cells[index];
    int version = (int)confinement->report.landlock_version;
    cell->descriptors = descriptor_limit(cell->rule);
    cell->memory_bytes = memory_limit(cell->rule, config);
    cell->file_bytes = file_limit(cell->rule);
    if (version > 0 && confinement->mode == CONFINEMENT_ENFORCE) {
        bool signals = index == CONFINEMENT_SUPERVISOR;
        cell->files = confinement_files_make(cell->rule, places, version, signals, failure);
        if (cell->files < 0) {
            return false;
        }
    }
    bool has_seccomp = (confinement->report.missing & SHARED_LACKS_SECCOMP) == 0;
    return !has_seccomp || make_filter(confinement, index, failure);
}

/* Finds out what the kernel lacks, and says so. */
static void look_at_kernel(struct shared_confinement *report)
{
    report->landlock_version = (uint32_t)confinement_files_version();
    if (!confinement_calls_are_there()) {
        report->missing |= SHARED_LACKS_SECCOMP;
    }
    if (report->landlock_version == 0) {
        report->missing |= SHARED_LACKS_LANDLOCK;
    }
    if (report->missing != 0) {
        log_warning(LOG_KERNEL_LACKS_CONFINEMENT,
                    "result: in_progress | reason: this kernel lacks%s%s: a process that a "
                    "stranger has taken over could do more than it should",
                    (report->missing & SHARED_LACKS_SECCOMP) != 0 ? " seccomp filters" : "",
                    (report->missing & SHARED_LACKS_LANDLOCK) != 0 ? " Landlock" : "");
    }
}

static void warn_of_root(const struct server_config *config)
{
    if (confinement_is_root() && config->user[0] == '\0') {
        log_warning(LOG_RUNS_AS_ROOT, "result: in_progress | key: server.user | reason: the server "
                                      "runs as root: name a user in server.user that it becomes");
    }
}

bool confinement_prepare(struct confinement *confinement, const struct server_config *config,
                         int data_directory, const char *program,
                         const struct confinement_rule *const rules[SHARED_CONFINED_MAX],
                         struct failure *failure)
{
    *confinement = (struct confinement){.mode = config->confinement,
                                        .gives_up_root = config->user[0] != '\0' ||
                                                         config->confinement != CONFINEMENT_OFF,
                                        .key_file = config->seal_key,
                                        .fault_token = fault_point_token()};
    const struct confinement_places places = {
        .data_directory = data_directory,
        .key_file = config->seal_key,
        .tls_files = {config->tls_certificate, config->tls_key, config->tls_ca, config->tls_crl},
        .config_file = config->file,
        .program = program,
        .engine_files = {config->replication_credentials, config->replication_ca,
                         config->replication_certificate, config->replication_key},
        .token = confinement->fault_token};
    confinement->report.mode = (uint32_t)config->confinement;
    confinement->report.user = geteuid();
    confinement->report.capabilities = confinement->gives_up_root ? 0 : confinement_capabilities();
    for (unsigned i = 0; i < SHARED_CONFINED_MAX; i++) {
        confinement->cells[i] = (struct confinement_cell){.rule = rules[i], .files = -1};
    }
    warn_of_root(config);
    if (confinement->mode == CONFINEMENT_OFF) {
        return true;
    }
    look_at_kernel(&confinement->report);
    confinement_trap_name_calls();
    for (unsigned i = 0; i < SHARED_CONFINED_MAX; i++) {
        if (rules[i] != NULL && !prepare_cell(confinement, i, config, &places, failure)) {
            confinement_close(confinement);
            return false;
        }
    }
    return true;
}

void confinement_renew_limits(struct confinement *confinement, const struct server_config *config)
{
    for (unsigned i = 0; i < SHARED_CONFINED_MAX; i++) {
        struct confinement_cell *cell = &confinement->cells[i];
        if (cell->rule != NULL) {
            cell->memory_bytes = memory_limit(cell->rule, config);
        }
    }
}

void confinement_close(struct confinement *confinement)
{
    for (unsigned i = 0; i < SHARED_CONFINED_MAX; i++) {
        struct confinement_cell *cell = &confinement->cells[i];
        confinement_calls_free(&cell->filter);
        if (cell->rule != NULL && cell->files >= 0) {
            close(cell->files);
            cell->files = -1;
        }
    }
}

/* --------------------------------------------------------------- entering ---- */

/* Lowers a limit for good; one that is lower already stays. */
static bool lower_limit(__rlimit_resource_t resource, rlim_t limit, const char *name,
                        struct failure *failure)
{
    struct rlimit now;
    if (limit == RLIM_INFINITY) {
        return true;
    }
    if (getrlimit(resource, &now) != 0) {
        return failure_set_errno(failure, "read the limit of %s", name);
    }
    now.rlim_max = limit < now.rlim_max ? limit : now.rlim_max;
    now.rlim_cur = now.rlim_max < now.rlim_cur ? now.rlim_max : now.rlim_cur;
    return setrlimit(resource, &now) == 0 ||
           failure_set_errno(failure, "lower the limit of %s", name);
}

/*
 * What the supervisor gives up for its children, too. A core file would hold what strangers sent.
 * Root could read a key that is another user's, and what is left of root can't.
 */
static bool give_up_for_all(const struct confinement *confinement, struct failure *failure)
{
    if (confinement->gives_up_root && !confinement_give_up_root(failure)) {
        return false;
    }
    if (confinement->mode == CONFINEMENT_OFF) {
        return true;
    }
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return failure_set_errno(failure, "make the memory of this process private");
    }
    int key =
        confinement->key_file[0] == '\0' ? -1 : open(confinement->key_file, O_RDONLY | O_CLOEXEC);
    if (confinement->key_file[0] != '\0' && key < 0) {
        return failure_set_errno(failure,
                                 "seal.key: open %s without the rights of root: give the file to "
                                 "the server's user",
                                 confinement->key_file);
    }
    if (key >= 0) {
        close(key);
    }
    return lower_limit(RLIMIT_CORE, 0, "core files", failure);
}

/* Each process gives up the sets of the others, too, which only the supervisor needs. */
static bool enter_files(const struct confinement *confinement, unsigned index,
                        struct failure *failure)
{
    int files = confinement->cells[index].files;
    if (files >= 0 && !confinement_files_enter(files)) {
        return failure_set_errno(failure, "take on the Landlock rules of the %s",
                                 confinement->cells[index].rule->name);
    }
    for (unsigned i = 0; i < SHARED_CONFINED_MAX && index != CONFINEMENT_SUPERVISOR; i++) {
        if (confinement->cells[i].files >= 0) {
            close(confinement->cells[i].files);
        }
    }
    return true;
}

bool confinement_enter(const struct confinement *confinement, unsigned index,
                       struct failure *failure)
{
    const struct confinement_cell *cell = &confinement->cells[index];
    bool is_supervisor = index == CONFINEMENT_SUPERVISOR;
    if (is_supervisor && !give_up_for_all(confinement, failure)) {
        return false;
    }
    if (confinement->mode == CONFINEMENT_OFF || cell->rule == NULL) {
        return true;
    }
    if (!lower_limit(RLIMIT_NOFILE, cell->descriptors, "open files", failure) ||
        !lower_limit(RLIMIT_NPROC, cell->rule->makes_processes ? RLIM_INFINITY : 0, "processes",
                     failure) ||
        !lower_limit(RLIMIT_DATA, cell->memory_bytes, "memory", failure) ||
        !lower_limit(RLIMIT_FSIZE, cell->file_bytes, "file sizes", failure) ||
        !enter_files(confinement, index, failure)) {
        return false;
    }
    confinement_trap_set(cell->rule->name);
    return cell->filter.program == NULL || confinement_calls_load(&cell->filter) ||
           failure_set_errno(failure, "load the seccomp filter of the %s", cell->rule->name);
}
