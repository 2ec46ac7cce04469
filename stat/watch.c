/*
 * watch.c - see watch.h. Signals arrive through a descriptor, so one poll waits for
 * signals, keys and the time.
 */
#include "stat/watch.h"

#include "lib/clock.h"
#include "lib/text.h"
#include "stat/keys.h"
#include "stat/roster.h"
#include "stat/screen.h"
#include "stat/snapshot.h"
#include "stat/table.h"
#include "stat/target.h"
#include "stat/verdict.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
    MS_PER_SECOND = 1000,
    TITLE_LINES = 2, /* and what the keys do, or an empty one */
    CLOCK_BYTES = 16,
    KEYS_BYTES = 32,
    KEYS_TEXT_BYTES = 64,
    TITLE_BYTES = 512
};

#define TITLE "lottery-stat  "

struct watch {
    const char *directory;
    uint64_t interval_ms;
    int signals; /* signalfd */
    struct screen screen;
    bool found;              /* the latest look found a server: `latest` is it */
    struct snapshot latest;  /* of zeros where there is none */
    struct snapshot older;   /* the one before, of the same server, or zeros */
    struct failure obstacle; /* what the latest look found instead */
    struct verdict_rate rate;
    struct keys keys;
    enum roster_sort sort;
    bool only_missing;
    bool scrolls_handlers; /* and not the agencies */
    bool helps;            /* the keys are explained instead of the table */
    bool types;            /* keys go into the filter */
    struct roster_filter filter;
    struct table_scroll agencies, handlers;
};

/* ------------------------------------------------------------------ looking ---- */

static bool take(struct watch *watch, struct snapshot *snapshot)
{
    struct target target;
    *snapshot = (struct snapshot){0};
    if (target_attach(watch->directory, &target, &watch->obstacle) != TARGET_FOUND) {
        return false;
    }
    bool taken = target_take_snapshot(&target, snapshot, &watch->obstacle);
    target_leave(&target);
    return taken;
}

static void look(struct watch *watch)
{
    snapshot_free(&watch->older);
    watch->older = watch->latest;
    watch->found = take(watch, &watch->latest);
    if (!watch->found) {
        snapshot_free(&watch->latest);
    }
    const struct snapshot_server *before = &watch->older.server;
    const struct snapshot_server *now = &watch->latest.server;
    bool is_same_server = before->pid == now->pid && before->started_at_ms == now->started_at_ms;
    if (!watch->found || !is_same_server) {
        snapshot_free(&watch->older);
    }
    if (watch->found) {
        verdict_rate_note(&watch->rate, &watch->latest);
    }
}

/* ------------------------------------------------------------------ drawing ---- */

/* "lottery-stat  data, every 1 s"; of a long path in few columns the end: "...2026/data". */
static void write_title(const struct watch *watch, size_t room, char title[TITLE_BYTES])
{
    static const char elided[] = "...";
    (void)snprintf(title, TITLE_BYTES, TITLE "%s, every %g s", watch->directory,
                   (double)watch->interval_ms / MS_PER_SECOND);
    if (text_columns(title) <= room) {
        return;
    }
    const char *end = watch->directory;
    size_t columns = text_columns(end);
    size_t left = room > strlen(TITLE) ? room - strlen(TITLE) : 0;
    bool is_cut = columns > left;
    if (is_cut) {
        size_t kept = left > strlen(elided) ? left - strlen(elided) : 0;
        end += text_prefix_bytes(end, columns - kept);
    }
    (void)snprintf(title, TITLE_BYTES, TITLE "%s%s", is_cut ? elided : "", end);
    title[text_prefix_bytes(title, room)] = '\0';
}

/* "lottery-stat  data, every 1 s ... 14:03:22", the clock at the right. */
static void print_title(const struct watch *watch, FILE *file, unsigned columns)
{
    char title[TITLE_BYTES];
    char clock[CLOCK_BYTES] = "";
    struct tm broken_down;
    time_t now = time(NULL);
    if (localtime_r(&now, &broken_down) != NULL) {
        strftime(clock, sizeof clock, "%H:%M:%S", &broken_down);
    }
    int width = (int)(columns > 0 ? columns : TABLE_COLUMNS_DEFAULT);
    int room = width - (int)strlen(clock) - 1;
    write_title(watch, (size_t)(room > 0 ? room : width), title);
    if (room > 0) {
        fprintf(file, "%s%*s%s\n", title, room + 1 - (int)text_columns(title), "", clock);
    } else {
        fprintf(file, "%s\n", title);
    }
}

/* Prints as many of the pieces as fit, from the left; a piece is never cut. */
static void print_pieces(FILE *file, const char *const *pieces, size_t count, unsigned columns)
{
    size_t room = columns > 0 ? columns : TABLE_COLUMNS_DEFAULT;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t gap = i == 0 ? 0 : 2;
        size_t wanted = strlen(pieces[i]) + gap;
        if (used + wanted > room) {
            break;
        }
        fprintf(file, "%*s%s", (int)gap, "", pieces[i]);
        used += wanted;
    }
    fputc('\n', file);
}

/* What the keys do, and what they are set to; an empty line where nobody can press any. */
static void print_keys(const struct watch *watch, FILE *file, unsigned columns)
{
    char filter[KEYS_TEXT_BYTES];
    char sort[KEYS_TEXT_BYTES];
    char missing[KEYS_TEXT_BYTES];
    char scrolled[KEYS_TEXT_BYTES];
    if (!watch->screen.takes_keys) {
        fputc('\n', file);
        return;
    }
    if (watch->types) {
        (void)snprintf(filter, sizeof filter, "/%s_", watch->filter.text);
        print_pieces(file, (const char *const[]){filter, "Enter: keep it", "Esc: show all"}, 3,
                     columns);
        return;
    }
    (void)snprintf(filter, sizeof filter, watch->filter.text[0] == '\0' ? "/ filter" : "/%s (Esc)",
                   watch->filter.text);
    (void)snprintf(sort, sizeof sort, "s sort: %s", roster_sort_name(watch->sort));
    (void)snprintf(missing, sizeof missing, "m missing only: %s",
                   watch->only_missing ? "yes" : "no");
    (void)snprintf(scrolled, sizeof scrolled, "Tab scroll: %s",
                   watch->scrolls_handlers ? "handlers" : "agencies");
    const char *const pieces[] = {"? help", "q quit", filter, sort, missing, scrolled};
    print_pieces(file, pieces, sizeof pieces / sizeof pieces[0], columns);
}

/* Writes the explanation of all keys, in lines of at most `width` columns. */
static void write_help(FILE *file, unsigned width)
{
    enum { KEY_COLUMNS = 14, KEY_COLUMNS_NARROW = 9, NARROW_COLUMNS = 60 };
    static const struct {
        const char *key, *meaning;
    } keys[] = {
        {"?", "these keys"},
        {"q", "quit"},
        {"/ TEXT", "show what has TEXT: an agency's number, a state, or a peer, and its agencies"},
        {"Esc", "show all again"},
        {"m", "show only the agencies that are missing, or all"},
        {"s i b l", "sort agencies by state, id, bets, how long silent"},
        {"Tab", "scroll the other list"},
        {"arrows, page", "and home, end: scroll"},
        {"other keys", "look at the server now"},
    };
    static const char *const notes[] = {
        "First comes what needs a look: !! critical, ! warning, - note.",
        "docs/runbook.md explains each LT number.",
        "lottery-stat --explain explains each figure.",
    };
    size_t indent = width < NARROW_COLUMNS ? KEY_COLUMNS_NARROW : KEY_COLUMNS;
    fputc('\n', file);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        bool is_beside = strlen(keys[i].key) + 1 < indent;
        fprintf(file, "%-*s", is_beside ? (int)indent : 0, keys[i].key);
        if (!is_beside) {
            fprintf(file, "\n%*s", (int)indent, "");
        }
        text_print_wrapped(file, keys[i].meaning, indent, width);
    }
    fputc('\n', file);
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        text_print_wrapped(file, notes[i], 0, width);
    }
}

/* Prints as many lines of the help as there are rows; all where `rows` is 0. */
static void print_help(FILE *file, unsigned columns, unsigned rows)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *composed = open_memstream(&text, &bytes);
    if (composed == NULL) {
        return;
    }
    write_help(composed, columns > 0 ? columns : TABLE_COLUMNS_DEFAULT);
    if (fclose(composed) == 0) {
        const char *end = text;
        for (unsigned line = 0; *end != '\0' && (rows == 0 || line < rows); line++) {
            end += strcspn(end, "\n") + 1;
        }
        fprintf(file, "%.*s", (int)(end - text), text);
    }
    free(text);
}

static void print_obstacle(const struct watch *watch, FILE *file, unsigned columns)
{
    char text[sizeof watch->obstacle.text];
    (void)snprintf(text, sizeof text, "%s", watch->obstacle.text);
    text_make_clean(text, strlen(text));
    text_print_wrapped(file, text, 0, columns > 0 ? columns : sizeof text);
}

static void print_frame(struct watch *watch, FILE *file)
{
    struct verdicts verdicts;
    struct table_view view = {.older = &watch->older,
                              .verdicts = &verdicts,
                              .colored = watch->screen.takes_colours,
                              .only_missing = watch->only_missing,
                              .filter = &watch->filter,
                              .agencies = watch->agencies,
                              .handlers = watch->handlers};
    screen_size(&watch->screen, &view.columns, &view.rows);
    print_title(watch, file, view.columns);
    print_keys(watch, file, view.columns);
    if (view.rows > 0) {
        view.rows = view.rows > TITLE_LINES ? view.rows - TITLE_LINES : 1;
    }
    if (watch->helps) {
        print_help(file, view.columns, view.rows);
        return;
    }
    if (!watch->found) {
        print_obstacle(watch, file, view.columns);
        return;
    }
    if (watch->older.taken_ns == 0) {
        view.older = &watch->latest; /* its rates are not known, but they have their place */
    }
    verdicts_of_server(&watch->latest, &watch->rate, &verdict_default_limits, &verdicts);
    roster_arrange(&watch->latest, &(struct roster_order){.sort = watch->sort,
                                                          .missing_first = watch->only_missing,
                                                          .filter = &watch->filter});
    table_print(file, &watch->latest, &view);
    watch->agencies = view.agencies;
    watch->handlers = view.handlers;
}

static bool draw(struct watch *watch, struct failure *failure)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (file == NULL) {
        return failure_set_errno(failure, "compose a table");
    }
    print_frame(watch, file);
    if (fclose(file) != 0) {
        free(text);
        return failure_set_errno(failure, "compose a table");
    }
    bool drawn = screen_draw(&watch->screen, text, failure);
    free(text);
    return drawn;
}

/* ------------------------------------------------------------------ waiting ---- */

enum event { EVENT_TIME, EVENT_REDRAW, EVENT_END };

static enum event take_signal(struct watch *watch)
{
    struct signalfd_siginfo information;
    if (read(watch->signals, &information, sizeof information) != sizeof information) {
        return EVENT_REDRAW;
    }
    switch (information.ssi_signo) {
    case SIGTSTP:
        screen_leave(&watch->screen);
        kill(getpid(), SIGSTOP); /* SIGCONT, which ends that, is read next */
        return EVENT_REDRAW;
    case SIGCONT: /* after SIGSTOP, too: whoever had the terminal meanwhile may have changed it */
        screen_enter(&watch->screen);
        return EVENT_REDRAW;
    case SIGWINCH:
        return EVENT_REDRAW;
    default:
        return EVENT_END;
    }
}

/* Moves the list. A row beyond its ends is brought back when it is drawn. */
static void scroll(struct watch *watch, int key)
{
    struct table_scroll *list = watch->scrolls_handlers ? &watch->handlers : &watch->agencies;
    size_t page = list->page > 0 ? list->page : 1;
    switch (key) {
    case KEY_UP:
        list->first -= list->first > 0 ? 1 : 0;
        break;
    case KEY_DOWN:
        list->first++;
        break;
    case KEY_PAGE_UP:
        list->first -= list->first > page ? page : list->first;
        break;
    case KEY_PAGE_DOWN:
        list->first += page;
        break;
    case KEY_HOME:
        list->first = 0;
        break;
    default: /* KEY_END */
        list->first = SIZE_MAX;
        break;
    }
}

static void sort_by(struct watch *watch, enum roster_sort sort)
{
    watch->sort = sort;
    watch->agencies.first = 0;
}

static void filter_by(struct watch *watch, const char *text)
{
    (void)snprintf(watch->filter.text, sizeof watch->filter.text, "%s", text);
    watch->agencies.first = 0;
    watch->handlers.first = 0;
}

/* Takes a key while the filter is being typed. The lists follow as it grows. */
static void type_key(struct watch *watch, int key)
{
    enum { DELETE = 0x7f };
    char text[ROSTER_FILTER_BYTES + 1];
    size_t used = strlen(watch->filter.text);
    memcpy(text, watch->filter.text, used + 1);
    if (key == '\r' || key == '\n') {
        watch->types = false;
    } else if ((key == DELETE || key == '\b') && used > 0) {
        text[used - 1] = '\0';
        filter_by(watch, text);
    } else if (key >= ' ' && key < DELETE) {
        text[used] = (char)key;
        text[used + 1] = '\0';
        filter_by(watch, text);
    }
}

static enum event take_key(struct watch *watch, int key)
{
    if (key == KEY_ESCAPE) {
        watch->types = false;
        watch->helps = false;
        filter_by(watch, "");
        return EVENT_REDRAW;
    }
    if (watch->types) {
        type_key(watch, key);
        return EVENT_REDRAW;
    }
    if (watch->helps && key != 'q') {
        watch->helps = false;
        return EVENT_REDRAW;
    }
    switch (key) {
    case '?':
        watch->helps = true;
        return EVENT_REDRAW;
    case '/':
        watch->types = true;
        return EVENT_REDRAW;
    case 'q':
        return EVENT_END;
    case 's':
        sort_by(watch, ROSTER_BY_STATE);
        return EVENT_REDRAW;
    case 'i':
        sort_by(watch, ROSTER_BY_ID);
        return EVENT_REDRAW;
    case 'b':
        sort_by(watch, ROSTER_BY_BETS);
        return EVENT_REDRAW;
    case 'l':
        sort_by(watch, ROSTER_BY_SILENCE);
        return EVENT_REDRAW;
    case 'm':
        watch->only_missing = !watch->only_missing;
        watch->agencies.first = 0;
        return EVENT_REDRAW;
    case '\t':
        watch->scrolls_handlers = !watch->scrolls_handlers;
        return EVENT_REDRAW;
    case KEY_UP:
    case KEY_DOWN:
    case KEY_PAGE_UP:
    case KEY_PAGE_DOWN:
    case KEY_HOME:
    case KEY_END:
        scroll(watch, key);
        return EVENT_REDRAW;
    default:
        return EVENT_TIME; /* look now */
    }
}

static enum event take_keys(struct watch *watch)
{
    char bytes[KEYS_BYTES];
    enum event event = EVENT_REDRAW;
    ssize_t got = read(watch->screen.input, bytes, sizeof bytes);
    if (got <= 0) {
        watch->screen.takes_keys = false;
        return EVENT_REDRAW;
    }
    for (ssize_t i = 0; i < got && event != EVENT_END; i++) {
        int key = 0;
        if (keys_take(&watch->keys, bytes[i], &key)) {
            event = take_key(watch, key);
        }
    }
    struct pollfd more = {.fd = watch->screen.input, .events = POLLIN};
    if (keys_are_open(&watch->keys) && poll(&more, 1, KEYS_PATIENCE_MS) == 0) {
        keys_give_up(&watch->keys);
        event = take_key(watch, KEY_ESCAPE);
    }
    return event;
}

static enum event wait_for_event(struct watch *watch, int64_t deadline_ms)
{
    int64_t now_ms = clock_monotonic_ms();
    int timeout_ms = now_ms < deadline_ms ? (int)(deadline_ms - now_ms) : 0;
    struct pollfd watched[] = {
        {.fd = watch->signals, .events = POLLIN},
        {.fd = watch->screen.takes_keys ? watch->screen.input : -1, .events = POLLIN},
    };
    int ready = poll(watched, sizeof watched / sizeof watched[0], timeout_ms);
    if (ready > 0 && watched[0].revents != 0) {
        return take_signal(watch);
    }
    return ready > 0 ? take_keys(watch) : ready == 0 ? EVENT_TIME : EVENT_REDRAW;
}

static bool watch_until_end(struct watch *watch, struct failure *failure)
{
    enum event event = EVENT_TIME;
    int64_t deadline_ms = 0;
    while (event != EVENT_END) {
        if (event == EVENT_TIME) {
            deadline_ms = clock_monotonic_ms() + (int64_t)watch->interval_ms;
            look(watch);
        }
        if (!draw(watch, failure)) {
            return false;
        }
        event = wait_for_event(watch, deadline_ms);
    }
    return true;
}

/* ------------------------------------------------------------------- whole ---- */

/*
 * Every signal that ends a program politely is read, so that the terminal is given back before.
 * SIGPIPE and SIGTTOU are only blocked: writing fails then, and a program in the background may
 * give the terminal its mode back.
 */
static int open_signals(struct failure *failure)
{
    static const int taken[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGALRM, SIGUSR1,
                                SIGUSR2, SIGXCPU, SIGTSTP, SIGCONT, SIGWINCH};
    sigset_t set;
    sigset_t blocked;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        sigaddset(&set, taken[i]);
    }
    blocked = set;
    sigaddset(&blocked, SIGPIPE);
    sigaddset(&blocked, SIGTTOU);
    int signals = -1;
    if (sigprocmask(SIG_BLOCK, &blocked, NULL) != 0 ||
        (signals = signalfd(-1, &set, SFD_CLOEXEC)) < 0) {
        failure_set_errno(failure, "open a descriptor for signals");
    }
    return signals;
}

bool watch_run(const char *directory, uint64_t interval_ms, struct failure *failure)
{
    struct watch watch = {.directory = directory, .interval_ms = interval_ms};
    watch.signals = open_signals(failure);
    if (watch.signals < 0) {
        return false;
    }
    screen_open(&watch.screen, STDIN_FILENO, STDOUT_FILENO);
    screen_enter(&watch.screen);
    bool watched = watch_until_end(&watch, failure);
    screen_leave(&watch.screen);
    snapshot_free(&watch.latest);
    snapshot_free(&watch.older);
    close(watch.signals);
    return watched;
}
