/*
 * chaos_operator.c - see chaos_operator.h.
 */
#include "tests/faults/chaos_operator.h"

#include "lib/clock.h"
#include "lib/timestamp.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { SECOND_MS = 1000, STEPS_BETWEEN_LOOKS = 3 };

/* What `lottery-admin status` said. */
struct status {
    const char *draw, *state, *seal;
    const char *missing; /* agencies that are not done, as --without takes them */
};

static _Noreturn void fail_told(const struct chaos_operator *self, const char *what)
{
    program_show(self->admin);
    program_show(self->lottery->server->program);
    stage_fail_at(__FILE__, __LINE__, "%s: %s", self->records[self->current].name, what);
}

static const struct chaos_draw *plan_of(const struct chaos_operator *self)
{
    return &self->plan->draws[self->current];
}

void operator_begin(struct chaos_operator *self, const struct chaos_plan *plan)
{
    *self = (struct chaos_operator){.plan = plan};
    for (unsigned i = 0; i < plan->draw_count; i++) {
        (void)snprintf(self->records[i].name, CHAOS_NAME_BYTES, "W%u", i + 1);
    }
}

bool operator_is_done(const struct chaos_operator *self)
{
    return self->plan->draw_count == 1 || self->records[self->plan->draw_count - 1].drawn;
}

bool operator_kill(struct chaos_operator *self)
{
    if (self->admin == NULL || self->killed || program_has_ended(self->admin)) {
        return false;
    }
    self->killed = kill(self->admin->pid, SIGKILL) == 0;
    return self->killed;
}

/* ---------------------------------------------------------------- commands ---- */

static void run(struct chaos_operator *self, const char *const *arguments)
{
    struct stage *stage = self->lottery->stage;
    const char *directory = stage_text(stage, "DATA_DIRECTORY=%s", self->lottery->directory);
    const struct program_plan plan = {
        .name = "lottery-admin", .arguments = arguments, .environment = ENVIRONMENT(directory)};
    self->admin = program_start(stage, &plan);
    self->killed = false;
}

static void command(struct chaos_operator *self, const char *const *words)
{
    self->command = words[0];
    self->commands++;
    run(self, words);
}

static void close_sales(struct chaos_operator *self, const char *missing)
{
    command(self, missing[0] == '\0'
                      ? ARGUMENTS("close", "--reason", "chaos")
                      : ARGUMENTS("close", "--reason", "chaos", "--without", missing));
}

static void give_number(struct chaos_operator *self, const char *seal)
{
    const char *number = stage_text(self->lottery->stage, "%u", plan_of(self)->number);
    command(self, ARGUMENTS("draw", "--number", number, "--seal", seal));
}

/* Opens the draw after the current one. */
static void open_next(struct chaos_operator *self, bool abandons)
{
    enum { WORDS_MAX = 9 }; /* and NULL */
    struct stage *stage = self->lottery->stage;
    const struct chaos_draw *next = &self->plan->draws[self->current + 1];
    const char *words[WORDS_MAX + 1] = {"open", self->records[self->current + 1].name};
    size_t count = 2;
    if (!next->number_by_command) {
        words[count++] = "--number";
        words[count++] = stage_text(stage, "%u", next->number);
    }
    if (next->ending == CHAOS_BY_TIME) {
        char closes[TIMESTAMP_BYTES];
        timestamp_write(clock_wall_ms() + SECOND_MS, closes);
        words[count++] = "--closes";
        words[count++] = stage_text(stage, "%s", closes);
    }
    if (abandons) {
        words[count++] = "--abandon";
        words[count++] = "--reason";
        words[count++] = "chaos";
    }
    self->asked_for = self->current + 1;
    command(self, words);
}

/* ---------------------------------------------------------------- deciding ---- */

static void decide(struct chaos_operator *self, const struct status *status, bool may_open)
{
    const struct chaos_draw *draw = plan_of(self);
    bool is_on_sale = strcmp(status->state, "new") == 0 || strcmp(status->state, "open") == 0;
    bool is_sealed = strcmp(status->state, "sealed") == 0;
    bool is_due = self->steps >= draw->acts_after;
    bool is_last = self->current + 1 == self->plan->draw_count;
    if (is_on_sale && draw->ending == CHAOS_BY_COMMAND && is_due) {
        close_sales(self, status->missing);
    } else if ((is_on_sale || is_sealed) && draw->ending == CHAOS_BY_ABANDONING) {
        if (is_due) {
            open_next(self, true);
        }
    } else if (is_sealed && draw->number_by_command) {
        give_number(self, status->seal);
    } else if (strcmp(status->state, "drawn") == 0 && !is_last && may_open) {
        open_next(self, false);
    }
}

/* ----------------------------------------------------------------- answers ---- */

/* The rest of the line that begins with `label`, or NULL; the stage's. */
static const char *find_line(struct stage *stage, const char *text, const char *label)
{
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, label, strlen(label)) == 0) {
            const char *rest = line + strlen(label);
            rest += strspn(rest, " ");
            return stage_text(stage, "%.*s", (int)strcspn(rest, "\n"), rest);
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return NULL;
}

static const char *find_missing(struct stage *stage, const char *text)
{
    static const char *const groups[] = {"  never came", "  betting", "  silent", "  saying done",
                                         "  not done"};
    const char *missing = "";
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        const char *list = find_line(stage, text, groups[i]);
        if (list != NULL) {
            missing = stage_text(stage, "%s%s%.*s", missing, missing[0] == '\0' ? "" : ",",
                                 (int)strcspn(list, " "), list);
        }
    }
    return missing;
}

static bool read_status(struct stage *stage, const char *text, struct status *status)
{
    const char *draw = find_line(stage, text, "draw ");
    const char *colon = draw == NULL ? NULL : strstr(draw, ": ");
    const char *seal = find_line(stage, text, "seal: ");
    if (colon == NULL) {
        return false;
    }
    *status = (struct status){.draw = stage_text(stage, "%.*s", (int)(colon - draw), draw),
                              .state = colon + 2,
                              .seal = seal == NULL ? "" : seal,
                              .missing = find_missing(stage, text)};
    return true;
}

/* The seal that was told once is the draw's for ever. */
static void note_seal(struct chaos_operator *self, const char *seal)
{
    struct operator_record *record = &self->records[self->current];
    if (record->seal[0] != '\0' && strcmp(record->seal, seal) != 0) {
        fail_told(self, stage_text(self->lottery->stage, "its seal was %s before, and is %s",
                                   record->seal, seal));
    }
    (void)snprintf(record->seal, sizeof record->seal, "%s", seal);
}

/* The current draw is the one that was, or the next one where that was asked for. */
static void note_draw(struct chaos_operator *self, const char *draw)
{
    uint32_t next = self->current + 1;
    if (strcmp(draw, self->records[self->current].name) == 0) {
        return;
    }
    if (self->asked_for != next || strcmp(draw, self->records[next].name) != 0) {
        fail_told(self, "another draw is the current one");
    }
    self->current = next;
    self->steps = 0;
    self->next_look = 0;
}

/* Returns true when the draw was not known to be drawn. */
static bool take_status(struct chaos_operator *self, bool agencies_have_ended)
{
    struct status status;
    struct stage *stage = self->lottery->stage;
    bool well = WIFEXITED(self->admin->status) && WEXITSTATUS(self->admin->status) == 0;
    if (!well) {
        if (!self->killed) {
            fail_told(self, "its status is not told");
        }
        return false;
    }
    if (!read_status(stage, program_log(self->admin), &status)) {
        fail_told(self, "its status can't be understood");
    }
    note_draw(self, status.draw);
    struct operator_record *record = &self->records[self->current];
    if (record->seal[0] != '\0' || status.seal[0] != '\0') {
        note_seal(self, status.seal);
    }
    bool drawn = strcmp(status.state, "drawn") == 0;
    bool is_news = drawn && !record->drawn;
    if (record->drawn && !drawn) {
        fail_told(self, "it was drawn, and is no more");
    }
    record->drawn = drawn;
    if (!is_news) { /* the test judges it first */
        decide(self, &status, agencies_have_ended || plan_of(self)->hasty);
    }
    return is_news;
}

/* Why the server may refuse a command that was right by the status before it. */
static bool is_reason(const char *name, const char *said)
{
    static const struct {
        const char *command, *reason;
    } reasons[] = {
        {"", "ended before it answered"},
        {"", "no server listens"},
        {"", "the storer is still at the order before this one"},
        {"close", "is done: leave it out"},
        {"close", "agencies that are not done:"},
        {"close", "nothing is left to be closed"},
        {"open", "the current draw goes on"},
        {"open", "is over"},                      /* its closing time */
        {"open", "can't be given a second time"}, /* the answer to the first time was lost */
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if ((reasons[i].command[0] == '\0' || strcmp(reasons[i].command, name) == 0) &&
            strstr(said, reasons[i].reason) != NULL) {
            return true;
        }
    }
    return false;
}

static void take_answer(struct chaos_operator *self)
{
    const char *name = self->command;
    struct program *admin = self->admin;
    bool exited = WIFEXITED(admin->status);
    if (exited && WEXITSTATUS(admin->status) == EXIT_SUCCESS) {
        const char *text = program_log(admin);
        const char *last = strrchr(text, ' ');
        if (strcmp(name, "close") == 0 && last != NULL) {
            note_seal(self, stage_text(self->lottery->stage, "%.*s", (int)strcspn(last + 1, "\n"),
                                       last + 1));
        }
        if (strcmp(name, "draw") == 0 &&
            strstr(text, stage_text(self->lottery->stage, "is drawn: number %u,",
                                    plan_of(self)->number)) == NULL) {
            fail_told(self, "it was drawn by another number");
        }
    } else if (!self->killed && !(exited && is_reason(name, program_errors(admin)))) {
        fail_told(self, "the command was refused");
    }
}

bool operator_look(struct chaos_operator *self, bool agencies_have_ended)
{
    struct program *admin = self->admin;
    bool is_news = false;
    self->steps++;
    if (admin != NULL) {
        if (!program_has_ended(admin)) {
            return false;
        }
        if (self->command != NULL) {
            take_answer(self);
            self->command = NULL;
            self->admin = NULL;
        } else {
            is_news = take_status(self, agencies_have_ended);
            self->admin = self->admin == admin ? NULL : self->admin;
            self->next_look = self->steps + STEPS_BETWEEN_LOOKS;
        }
    }
    if (self->admin == NULL && self->steps >= self->next_look) {
        run(self, ARGUMENTS("status"));
    }
    return is_news;
}
