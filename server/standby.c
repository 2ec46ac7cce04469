/*
 * standby.c - see standby.h.
 *
 * A shipper that dies is executed again, after a pause that grows with each death (replacement.h).
 */
#include "server/standby.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "server/admin_door.h"
#include "server/config_reload.h"
#include "server/processes.h"
#include "server/replacement.h"
#include "server/shipper_call.h"
#include "server/signals.h"
#include "shm/gate.h"
#include "shm/segment.h"
#include "store/data_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LOCK_PATIENCE_MS = 3000, /* for the processes of a server that was killed */
    LOOK_MS = 1000,
    STOP_MS = 5000,     /* for a shipper to end by SIGTERM */
    STOP_LOOK_MS = 100, /* between two looks, and signals */
    WORDS_BYTES = 1024
};

struct standby {
    struct server_config *config;
    struct config_reload configuration;
    struct service_manager *manager;
    struct data_directory directory;
    struct admin_door door;
    pid_t shipper;          /* 0: none */
    int words;              /* what it tells; -1: none */
    char text[WORDS_BYTES]; /* of a line that is not whole yet */
    size_t text_bytes;
    int64_t born_at_ms, again_at_ms;
    unsigned deaths;     /* in a row */
    bool owes_promotion; /* an operator waits at the door */
    bool repeats_order;  /* to the next shipper: the one before died over it */
    bool has_repeated;   /* it was: no shipper gets it a third time */
    bool has_claimed;    /* the shipper has said so */
    bool has_ended;
    enum standby_end end;
    struct failure *failure;
};

static void finish(struct standby *standby, enum standby_end end)
{
    if (!standby->has_ended) {
        standby->has_ended = true;
        standby->end = end;
    }
}

static void answer(struct standby *standby, bool carried_out, const char *text)
{
    log_write(carried_out ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              carried_out ? LOG_ADMIN_DONE : LOG_ADMIN_REFUSED, "result: %s | answer: %s",
              carried_out ? "success" : "fail", text);
    admin_door_answer(&standby->door, carried_out, text);
}

/* --------------------------------------------------------------- shipper ---- */

static void start_shipper(struct standby *standby)
{
    int words[2];
    struct failure failure;
    if (pipe2(words, O_CLOEXEC | O_NONBLOCK) != 0) {
        log_error(LOG_STANDBY_SHIPPER_NOT_STARTED, "result: fail | error: make a pipe: %s",
                  strerror(errno));
        standby->again_at_ms = clock_monotonic_ms() + REPLACEMENT_PAUSE_MAX_MS;
        return;
    }
    standby->shipper =
        shipper_call_follow(standby->config, &standby->directory, words[1], &failure);
    (void)close(words[1]);
    if (standby->shipper < 0) {
        log_error(LOG_STANDBY_SHIPPER_NOT_STARTED, "result: fail | error: %s", failure.text);
        (void)close(words[0]);
        standby->shipper = 0;
        standby->again_at_ms = clock_monotonic_ms() + REPLACEMENT_PAUSE_MAX_MS;
        return;
    }
    standby->words = words[0];
    standby->text_bytes = 0;
    standby->born_at_ms = clock_monotonic_ms();
}

static void close_words(struct standby *standby)
{
    if (standby->words >= 0) {
        (void)close(standby->words);
    }
    standby->words = -1;
}

static void refuse_promotion(struct standby *standby, const char *reason)
{
    if (standby->owes_promotion) {
        standby->owes_promotion = false;
        answer(standby, false, reason);
    }
}

/*
 * A shipper that died over a promotion may have claimed the log, so that nothing is as before. The next
 * one gets the order, too, and claims once more.
 */
static void bury_order(struct standby *standby)
{
    if (!standby->owes_promotion) {
        return;
    }
    if (standby->has_repeated) {
        refuse_promotion(standby, "the shipper died over it twice, and may have claimed the log: "
                                  "see its log, and lottery-stat");
    }
    standby->repeats_order = standby->owes_promotion;
}

static void bury(struct standby *standby, int wait_status)
{
    char text[PROCESS_END_BYTES];
    const int64_t now_ms = clock_monotonic_ms();
    const bool well = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == EXIT_SUCCESS;
    process_describe_end(wait_status, text);
    log_write(well ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, well ? LOG_SHIPPER_ENDED : LOG_SHIPPER_DIED,
              "result: %s | role: shipper | pid: %d | ended_by: %s", well ? "success" : "fail",
              (int)standby->shipper, text);
    standby->shipper = 0;
    close_words(standby);
    if (well && standby->has_claimed) {
        finish(standby, STANDBY_TOOK_OVER);
        return;
    }
    standby->has_claimed = false;
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == SHIPPER_STATUS_REFUSED) {
        (void)failure_set(standby->failure,
                          "this standby can't follow the log of centre %s: the line before says "
                          "why, and what to do",
                          standby->config->replication_centre);
        finish(standby, STANDBY_FAILED);
        return;
    }
    bury_order(standby);
    standby->deaths =
        now_ms - standby->born_at_ms >= REPLACEMENT_LIVED_MS ? 1 : standby->deaths + 1;
    standby->again_at_ms = now_ms + replacement_pause_ms(standby->deaths, 0);
}

static void reap(struct standby *standby)
{
    int status = 0;
    if (standby->shipper > 0 && waitpid(standby->shipper, &status, WNOHANG) == standby->shipper) {
        bury(standby, status);
    }
}

/* ----------------------------------------------------------------- words ---- */

/* The first key whose term is another one. */
static const char *other_term(const struct lottery_terms *own, const struct lottery_terms *wanted)
{
    return strcmp(own->draw, wanted->draw) != 0                           ? "lottery.name"
           : own->agencies_expected != wanted->agencies_expected          ? "agencies.expected"
           : strcmp(own->agencies_allowed, wanted->agencies_allowed) != 0 ? "agencies.allowed"
           : strcmp(own->centres_expected, wanted->centres_expected) != 0 &&
                   control_says_centres(own)
               ? "centres.expected"
           : own->number_by != wanted->number_by       ? "lottery.draw"
           : own->closes_at_ms != wanted->closes_at_ms ? "lottery.closes"
                                                       : "lottery.winning_number";
}

/*
 * A takeover with another configuration would be refused by recovery, when it is too late. So the
 * terms are compared as soon as there are any.
 */
static void compare_terms(struct standby *standby)
{
    struct control control;
    struct lottery_terms wanted;
    struct failure failure;
    if (control_read(&standby->directory, &control, &failure) != CONTROL_READ) {
        log_error(LOG_STANDBY_CONTROL_UNREADABLE, "result: fail | error: %s", failure.text);
        return;
    }
    server_config_terms(standby->config, &wanted);
    if (control.terms_by == TERMS_BY_COMMAND || control.state == CONTROL_NEW ||
        control_terms_equal(&control.terms, &wanted)) {
        return;
    }
    (void)failure_set(standby->failure,
                      "the lottery that this standby follows is of other terms than its "
                      "configuration, so it could never take over: draw %s, %" PRIu32
                      " agencies expected, allowed %s; another %s. Set lottery.*, agencies.* and "
                      "centres.expected as the primary has them",
                      control.terms.draw, control.terms.agencies_expected,
                      control.terms.agencies_allowed, other_term(&control.terms, &wanted));
    finish(standby, STANDBY_FAILED);
}

/* Once a shipper has spoken it hears signals. */
static void repeat_order(struct standby *standby)
{
    if (standby->repeats_order) {
        standby->repeats_order = false;
        standby->has_repeated = true;
        (void)kill(standby->shipper, SIGUSR1);
    }
}

static void take_word(struct standby *standby, char *line)
{
    char *text = strchr(line, ' ');
    if (text != NULL) {
        *text++ = '\0';
    }
    if (strcmp(line, "control") == 0) {
        compare_terms(standby);
        repeat_order(standby);
    } else if (strcmp(line, "refused") == 0) {
        refuse_promotion(standby, text == NULL ? "it can't be done" : text);
    } else if (strcmp(line, "claimed") == 0) {
        standby->has_claimed = true;
        if (standby->owes_promotion) { /* what becomes of it the server tells, which starts now */
            char told[sizeof "claimed 18446744073709551615"];
            (void)snprintf(told, sizeof told, "claimed %.20s", text == NULL ? "?" : text);
            admin_door_tell(&standby->door, told);
        }
    }
}

/* Takes the whole lines that have come in. */
static void take_words(struct standby *standby)
{
    if (standby->words < 0) {
        return;
    }
    ssize_t got = read(standby->words, standby->text + standby->text_bytes,
                       sizeof standby->text - 1 - standby->text_bytes);
    if (got <= 0) {
        return; /* the end, when the shipper has died: it is buried next */
    }
    standby->text_bytes += (size_t)got;
    standby->text[standby->text_bytes] = '\0';
    char *at = standby->text;
    for (char *end = NULL; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        *end = '\0';
        take_word(standby, at);
    }
    standby->text_bytes = strlen(at);
    memmove(standby->text, at, standby->text_bytes + 1);
    if (standby->text_bytes == sizeof standby->text - 1) {
        standby->text_bytes = 0; /* no word is as long as that */
    }
}

/* -------------------------------------------------------------- operator ---- */

static void attend(struct standby *standby, bool is_ready)
{
    struct admin_request request;
    if (!admin_door_go_on(&standby->door, is_ready, &request)) {
        return;
    }
    log_info(LOG_ADMIN_COMMAND, "result: in_progress | command: %s",
             admin_command_name(request.command));
    if (request.command == ADMIN_REPLACE) {
        answer(standby, false,
               "this is a standby, which listens nowhere: stop it, and start the other one with "
               "--follow");
    } else if (request.command != ADMIN_PROMOTE) {
        answer(standby, false, "this is a standby: it does nothing but follow. Ask the primary");
    } else if (standby->shipper == 0) {
        answer(
            standby, false,
            "its shipper has ended, and is started again in a moment: try again. Where that stays "
            "so, its last line in the log says why");
    } else {
        standby->owes_promotion = true;
        standby->has_repeated = false;
        (void)kill(standby->shipper, SIGUSR1);
    }
}

/* ---------------------------------------------------------------- reload ---- */

/*
 * What SIGHUP changes counts for the standby's log at once, and for the rest once it has taken over. The
 * files of TLS are opened then. The shipper has the level that it was started with.
 */
static void reload(struct standby *standby)
{
    if (!config_reload_read(&standby->configuration)) {
        return;
    }
    config_reload_lay_over(&standby->configuration, standby->config);
    const struct config_changes changes = config_reload_commit(&standby->configuration);
    log_info(LOG_RELOADED,
             "result: success | configuration: %s | keys_changed: %u | keys_that_need_a_restart: "
             "%u | reason: it was read again by a standby: what it says "
             "of connections counts once this node is the primary",
             changes.taken_over + changes.waiting == 0 ? "unchanged" : "changed",
             changes.taken_over, changes.waiting);
    log_set_threshold((enum log_level)standby->config->log_level);
}

/* ------------------------------------------------------------------ life ---- */

static int64_t patience_ms(const struct standby *standby)
{
    int64_t patience_ms = LOOK_MS;
    const int64_t door_ms = admin_door_patience_ms(&standby->door);
    const int64_t again_ms = standby->again_at_ms - clock_monotonic_ms();
    const int64_t beat_ms = service_manager_patience_ms(standby->manager);
    if (door_ms >= 0 && door_ms < patience_ms) {
        patience_ms = door_ms;
    }
    if (beat_ms >= 0 && beat_ms < patience_ms) {
        patience_ms = beat_ms;
    }
    if (standby->shipper == 0 && again_ms < patience_ms) {
        patience_ms = again_ms > 0 ? again_ms : 0;
    }
    return patience_ms;
}

static void follow(struct standby *standby)
{
    while (!standby->has_ended) {
        struct pollfd polls[2];
        const struct timespec timeout = clock_interval(patience_ms(standby));
        admin_door_watch(&standby->door, &polls[0]);
        polls[1] = (struct pollfd){.fd = standby->words, .events = POLLIN};
        int events = ppoll(polls, 2, &timeout, signals_sleep_mask());
        signals_let_in();
        if (signals_take_hangup()) {
            service_manager_reloading(standby->manager);
            reload(standby);
            service_manager_ready(standby->manager);
        }
        service_manager_watchdog(standby->manager);
        attend(standby, events > 0 && polls[0].revents != 0);
        take_words(standby);
        if (signals_take_child_news()) {
            take_words(standby); /* its last ones */
            reap(standby);
        }
        if (signals_terminate_requested()) {
            finish(standby, STANDBY_STOPPED);
        } else if (!standby->has_ended && standby->shipper == 0 &&
                   clock_monotonic_ms() >= standby->again_at_ms) {
            start_shipper(standby);
        }
    }
}

static void stop_shipper(struct standby *standby)
{
    const int64_t deadline_ms = clock_monotonic_ms() + STOP_MS;
    const struct timespec pause = clock_interval(STOP_LOOK_MS);
    while (standby->shipper > 0) {
        (void)kill(standby->shipper, clock_monotonic_ms() >= deadline_ms ? SIGKILL : SIGTERM);
        (void)ppoll(NULL, 0, &pause, signals_sleep_mask());
        reap(standby);
    }
}

/*
 * What a server of this directory that was killed has left in memory. Nobody uses it: the lock is ours.
 * lottery-stat would take it for a living server's.
 */
static void remove_leftovers(const struct data_directory *directory)
{
    struct segment segment;
    struct failure ignored;
    if (!directory->has_control ||
        segment_attach(directory->control.ipc_key, &segment, &ignored) != SEGMENT_ATTACHED) {
        return;
    }
    const struct shared_identity *identity = &segment.shared->identity;
    if (segment.owner == geteuid() && identity->directory_device == directory->device &&
        identity->directory_inode == directory->inode) {
        gate_remove(identity->gate_id);
        segment_remove(&segment);
    } else {
        segment_unmap(&segment);
    }
}

static void open_door(struct standby *standby)
{
    struct failure failure;
    if (!admin_door_open(&standby->door, &standby->directory, &failure)) {
        log_warning(LOG_ADMIN_UNREACHABLE,
                    "result: fail | error: %s | reason: lottery-admin can't reach this standby",
                    failure.text);
    }
}

/* A takeover goes on with a start, which takes as long as it takes to read what is stored. */
static void tell_end(const struct standby *standby)
{
    if (standby->end == STANDBY_TOOK_OVER) {
        service_manager_rests_watchdog(standby->manager);
        service_manager_status(standby->manager, "Takes over centre %s",
                               standby->config->replication_centre);
    } else {
        service_manager_stopping(standby->manager);
    }
}

enum standby_end standby_run(struct server_config *config, struct service_manager *manager,
                             int *promoter, struct failure *failure)
{
    *promoter = -1;
    struct standby standby = {
        .config = config, .manager = manager, .words = -1, .failure = failure};
    if (!server_config_replicates(config)) {
        (void)failure_set(failure,
                          "--follow: replication.servers is not set, so there is no log to "
                          "follow");
        return STANDBY_FAILED;
    }
    config_reload_open(&standby.configuration, config);
    signals_prepare_supervisor();
    (void)umask(S_IRWXG | S_IRWXO);
    if (!data_directory_open(config->data_directory, config->data_group, LOCK_PATIENCE_MS,
                             &standby.directory, failure)) {
        return STANDBY_FAILED;
    }
    remove_leftovers(&standby.directory);
    open_door(&standby);
    log_info(LOG_STANDBY_STARTED, "result: in_progress | directory: %s | centre: %s",
             config->data_directory, config->replication_centre);
    service_manager_status(manager, "Standby: follows centre %s", config->replication_centre);
    service_manager_ready(manager);
    follow(&standby);
    tell_end(&standby);
    stop_shipper(&standby);
    if (standby.end == STANDBY_TOOK_OVER) {
        *promoter = admin_door_release(&standby.door);
    } else {
        refuse_promotion(&standby, "the standby is stopping");
    }
    admin_door_close(&standby.door, &standby.directory);
    data_directory_close(&standby.directory);
    return standby.end;
}
