/*
 * test_log.c - lines as they arrive in a pipe: whole, one write each, unforgeable;
 * and those that do not arrive: counted, and told of once.
 *
 * A pipe opened with O_DIRECT keeps writes apart (pipe(2)): a read gives one,
 * so a line that took two would be seen.
 */
#include "lib/log.h"

#include "tests/harness/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    PREFIX_BYTES = sizeof "2026-11-23 10:00:00.123-03:00 CRITICAL action: reload | " - 1,
    SECOND_BYTES = sizeof "2026-11-23 10:00:00" - 1,
    TIME_BYTES = sizeof "2026-11-23 10:00:00.123-03:00" - 1,
    TAIL_BYTES = 64,
    LEVEL_COLUMN = TIME_BYTES + 1,
    WRITERS = 8,
    LINES_OF_A_WRITER = 150,
    PADDING_MAX = LOG_LINE_BYTES - PREFIX_BYTES - TAIL_BYTES - 32,
    READ_BYTES = 4 * LOG_LINE_BYTES
};

struct fixture {
    struct processes processes;
    struct log_losses losses;
    int pipe[2];
    char tail[TAIL_BYTES]; /* of every line of this process */
    int standard_output;   /* while it is not the pipe */
    char line[READ_BYTES];
    size_t bytes;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.pipe = {-1, -1}, .standard_output = -1};
    *state = &fixture;
    (void)snprintf(fixture.tail, sizeof fixture.tail, " | pid: %d | id: LT-2609\n", (int)getpid());
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    assert_int_equal(pipe2(fixture.pipe, O_CLOEXEC | O_DIRECT | O_NONBLOCK), 0);
    log_set_threshold(LOG_LEVEL_DEBUG);
    log_count_losses_in(&fixture.losses);
    fixture.losses = (struct log_losses){0}; /* what an earlier test lost is not told in this one */
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    for (size_t i = 0; i < 2; i++) {
        if (fixture->pipe[i] >= 0) {
            (void)close(fixture->pipe[i]);
        }
    }
    log_set_threshold(LOG_LEVEL_INFO);
    log_count_losses_in(NULL);
    return 0;
}

/* From here to give_back nothing may fail: cmocka speaks on standard output too. */
static void take_standard_output(struct fixture *fixture, int instead)
{
    (void)fflush(stdout);
    fixture->standard_output = dup(STDOUT_FILENO);
    (void)dup2(instead, STDOUT_FILENO);
}

static void give_back_standard_output(struct fixture *fixture)
{
    (void)dup2(fixture->standard_output, STDOUT_FILENO);
    (void)close(fixture->standard_output);
}

/* Reads what one write has written; false when there is none: the last one stays. */
static bool next_write(struct fixture *fixture)
{
    ssize_t got = read(fixture->pipe[0], fixture->line, sizeof fixture->line - 1);
    assert_true(got > 0 || (got < 0 && errno == EAGAIN));
    if (got > 0) {
        fixture->bytes = (size_t)got;
        fixture->line[got] = '\0';
    }
    return got > 0;
}

#define LOG(fixture, ...)                                                                          \
    do {                                                                                           \
        take_standard_output(fixture, (fixture)->pipe[1]);                                         \
        log_write(__VA_ARGS__);                                                                    \
        give_back_standard_output(fixture);                                                        \
    } while (0)

/* Expects exactly one line, and that this is what stands behind date, time, level and action. */
static void expect_text(struct fixture *fixture, const char *text)
{
    assert_true(next_write(fixture));
    assert_true(fixture->bytes > PREFIX_BYTES);
    assert_int_equal(fixture->bytes, PREFIX_BYTES + strlen(text) + strlen(fixture->tail));
    assert_memory_equal(fixture->line + PREFIX_BYTES, text, strlen(text));
    assert_string_equal(fixture->line + PREFIX_BYTES + strlen(text), fixture->tail);
    assert_false(next_write(fixture));
}

/* ------------------------------------------------------------ threshold ---- */

/* The first test: later ones set it. */
static void the_threshold_is_info_until_it_is_set(void **state)
{
    (void)state;
    assert_false(log_enabled(LOG_LEVEL_DEBUG));
    assert_true(log_enabled(LOG_LEVEL_INFO));
    assert_true(log_enabled(LOG_LEVEL_CRITICAL));
}

static void lines_below_the_threshold_are_not_written(void **state)
{
    struct fixture *fixture = *state;
    for (int threshold = 0; threshold < LOG_LEVELS; threshold++) {
        log_set_threshold((enum log_level)threshold);
        for (int level = 0; level < LOG_LEVELS; level++) {
            LOG(fixture, (enum log_level)level, LOG_RELOADED, "x");
            assert_int_equal(next_write(fixture), level >= threshold);
            assert_int_equal(log_enabled((enum log_level)level), level >= threshold);
        }
    }
}

static void levels_are_known_by_name_in_any_case(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum log_level level;
    } names[] = {
        {"DEBUG", LOG_LEVEL_DEBUG},       {"Info", LOG_LEVEL_INFO},
        {"warning", LOG_LEVEL_WARNING},   {"WARN", LOG_LEVEL_WARNING},
        {"wArN", LOG_LEVEL_WARNING},      {"error", LOG_LEVEL_ERROR},
        {"critical", LOG_LEVEL_CRITICAL}, {"FATAL", LOG_LEVEL_CRITICAL},
        {"fatal", LOG_LEVEL_CRITICAL},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        enum log_level level = LOG_LEVELS;
        assert_true(log_level_from_name(names[i].name, &level));
        assert_int_equal(level, names[i].level);
    }
    for (int i = 0; i < LOG_LEVELS; i++) {
        enum log_level level = LOG_LEVELS;
        assert_true(log_level_from_name(log_level_name((enum log_level)i), &level));
        assert_int_equal(level, i);
    }
}

static void an_unknown_name_leaves_the_level_alone(void **state)
{
    (void)state;
    static const char *const unknown[] = {"", "INF", "INFOS", "INFO ", " INFO", "0", "warnin"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        enum log_level level = LOG_LEVEL_ERROR;
        assert_false(log_level_from_name(unknown[i], &level));
        assert_int_equal(level, LOG_LEVEL_ERROR);
    }
}

/* ---------------------------------------------------------------- lines ---- */

static void a_line_has_the_local_time_its_level_and_its_text(void **state)
{
    struct fixture *fixture = *state;
    for (int level = 0; level < LOG_LEVELS; level++) {
        struct tm broken_down = {.tm_isdst = -1};
        char padded[16];
        time_t before = time(NULL);
        LOG(fixture, (enum log_level)level, LOG_RELOADED, "result: %s | n: %d", "success", 7);
        time_t after = time(NULL);
        expect_text(fixture, "result: success | n: 7");
        const char *rest = strptime(fixture->line, "%Y-%m-%d %H:%M:%S", &broken_down);
        assert_ptr_equal(rest, fixture->line + SECOND_BYTES);
        rest = fixture->line + TIME_BYTES;
        time_t told = mktime(&broken_down);
        assert_true(before <= told && told <= after);
        (void)snprintf(padded, sizeof padded, " %-8s ", log_level_name((enum log_level)level));
        assert_memory_equal(rest, padded, strlen(padded));
    }
}

static void a_signal_handlers_line_is_like_any_other(void **state)
{
    struct fixture *fixture = *state;
    struct tm broken_down = {.tm_isdst = -1};
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "x"); /* the zone is looked up */
    expect_text(fixture, "x");
    time_t before = time(NULL);
    take_standard_output(fixture, fixture->pipe[1]);
    log_write_in_signal(LOG_LEVEL_CRITICAL, LOG_RELOADED, "result: %s | n: %d", "fail", 7);
    give_back_standard_output(fixture);
    time_t after = time(NULL);
    expect_text(fixture, "result: fail | n: 7");
    assert_ptr_equal(strptime(fixture->line, "%Y-%m-%d %H:%M:%S", &broken_down),
                     fixture->line + SECOND_BYTES);
    time_t told = mktime(&broken_down);
    assert_true(before <= told && told <= after);
    assert_memory_equal(fixture->line + TIME_BYTES, " CRITICAL action: reload | ",
                        strlen(" CRITICAL action: reload | "));
}

static void a_line_without_text_is_a_line(void **state)
{
    struct fixture *fixture = *state;
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "%s", "");
    assert_true(next_write(fixture));
    assert_string_equal(fixture->line + PREFIX_BYTES, fixture->tail);
}

static void each_short_form_writes_its_own_level(void **state)
{
    struct fixture *fixture = *state;
    take_standard_output(fixture, fixture->pipe[1]);
    log_debug(LOG_RELOADED, "%d", LOG_LEVEL_DEBUG);
    log_info(LOG_RELOADED, "%d", LOG_LEVEL_INFO);
    log_warning(LOG_RELOADED, "%d", LOG_LEVEL_WARNING);
    log_error(LOG_RELOADED, "%d", LOG_LEVEL_ERROR);
    log_critical(LOG_RELOADED, "%d", LOG_LEVEL_CRITICAL);
    give_back_standard_output(fixture);
    for (int level = 0; level < LOG_LEVELS; level++) {
        assert_true(next_write(fixture));
        const char *name = log_level_name((enum log_level)level);
        assert_memory_equal(fixture->line + LEVEL_COLUMN, name, strlen(name));
        assert_int_equal(fixture->line[PREFIX_BYTES], '0' + level);
    }
    assert_false(next_write(fixture));
}

static void control_characters_are_blanked_and_text_is_not(void **state)
{
    struct fixture *fixture = *state;
    for (int c = 0; c < ' '; c++) {
        LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "a%cb", c);
        expect_text(fixture, "a?b");
    }
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "%s", "x\n2026-11-23 10:00:00 CRITICAL forged\r\n");
    expect_text(fixture, "x?2026-11-23 10:00:00 CRITICAL forged??");
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "%s", "Peñé ~ 日本");
    expect_text(fixture, "Peñé ~ 日本");
}

static void a_line_is_valid_utf_8_whatever_is_logged(void **state)
{
    struct fixture *fixture = *state;
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "%s",
        "\x7f.\xc2\x85.\xff.\xc3.\xc0\x80.\xed\xa0\x80.\xf0\x9f\x98");
    expect_text(fixture, "?.??.?.?.??.???.???");
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "%s", "\xc3\x91 \xc3\xc3\x91 \xf0\x9f\x98\x80");
    expect_text(fixture, "\xc3\x91 ?\xc3\x91 \xf0\x9f\x98\x80");
}

static void a_character_that_is_cut_in_two_is_left_out(void **state)
{
    struct fixture *fixture = *state;
    char text[LOG_LINE_BYTES];
    const size_t room = LOG_LINE_BYTES - PREFIX_BYTES - strlen(fixture->tail);
    /* INFO takes as many columns as CRITICAL */
    memset(text, '.', sizeof text);
    text[room - 1] = '\xc3';
    text[room] = '\x91';
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "%.*s", (int)room + 1, text);
    assert_true(next_write(fixture));
    assert_int_equal(fixture->bytes, LOG_LINE_BYTES - 1);
    assert_int_equal(fixture->line[PREFIX_BYTES + room - 2], '.');
    assert_string_equal(fixture->line + PREFIX_BYTES + room - 1, fixture->tail);
    assert_false(next_write(fixture));
}

static void a_line_that_is_too_long_is_cut_and_keeps_its_end(void **state)
{
    struct fixture *fixture = *state;
    static char text[3 * LOG_LINE_BYTES];
    const size_t room = LOG_LINE_BYTES - PREFIX_BYTES - strlen(fixture->tail);
    memset(text, '.', sizeof text);
    const size_t lengths[] = {room - 1, room, room + 1, room + 2, LOG_LINE_BYTES, sizeof text};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t kept = lengths[i] < room ? lengths[i] : room;
        text[kept - 1] = '\t'; /* the last one that is kept is looked at as well */
        LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "%.*s", (int)lengths[i], text);
        text[kept - 1] = '.';
        assert_true(next_write(fixture));
        assert_int_equal(fixture->bytes, PREFIX_BYTES + kept + strlen(fixture->tail));
        assert_memory_equal(fixture->line + PREFIX_BYTES, text, kept - 1);
        assert_int_equal(fixture->line[PREFIX_BYTES + kept - 1], '?');
        assert_string_equal(fixture->line + PREFIX_BYTES + kept, fixture->tail);
        assert_false(next_write(fixture));
    }
}

static void a_line_that_cannot_be_written_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    take_standard_output(fixture, fixture->pipe[0]); /* can't be written to */
    errno = ERANGE;
    log_info(LOG_RELOADED, "x");
    int error = errno;
    give_back_standard_output(fixture);
    assert_int_equal(error, ERANGE);
    assert_false(next_write(fixture));
}

/* ---------------------------------------------------------------- losses ---- */

/* So many lines to where nothing can be written. */
static void lose(struct fixture *fixture, int lines)
{
    take_standard_output(fixture, fixture->pipe[0]);
    for (int i = 0; i < lines; i++) {
        log_info(LOG_RELOADED, "lost");
    }
    give_back_standard_output(fixture);
}

/* The line that tells of so many lost ones, as the next write. */
static void expect_told(struct fixture *fixture, int lines)
{
    char text[LOG_LINE_BYTES];
    (void)snprintf(text, sizeof text,
                   " WARNING  action: log | result: fail | lost_lines: %d | reason: %s | pid: %d | "
                   "id: LT-0001 | hint: %s\n",
                   lines, strerror(EBADF), (int)getpid(), log_message_text(LOG_LINES_LOST)->hint);
    assert_true(next_write(fixture));
    assert_string_equal(fixture->line + TIME_BYTES, text);
}

static void lost_lines_are_counted_and_told_before_the_next_one(void **state)
{
    struct fixture *fixture = *state;
    lose(fixture, 3);
    assert_int_equal(fixture->losses.lines, 3);
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "x");
    expect_told(fixture, 3);
    expect_text(fixture, "x");
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "y");
    expect_text(fixture, "y");
    assert_int_equal(fixture->losses.lines, 3);
    assert_int_equal(fixture->losses.untold, 0);
}

static void losses_are_told_once_a_second_and_none_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    lose(fixture, 1);
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "x");
    expect_told(fixture, 1);
    expect_text(fixture, "x");
    lose(fixture, 2);
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "y");
    expect_text(fixture, "y");
    fixture->losses.told_at_ms -= 1000; /* a second has gone by */
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "z");
    expect_told(fixture, 2);
    expect_text(fixture, "z");
    assert_int_equal(fixture->losses.lines, 3);
}

static void what_was_not_told_is_told_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    lose(fixture, 1);
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "x");
    expect_told(fixture, 1);
    expect_text(fixture, "x");
    lose(fixture, 2);
    take_standard_output(fixture, fixture->pipe[1]);
    log_close();
    log_close();
    give_back_standard_output(fixture);
    expect_told(fixture, 2);
    assert_false(next_write(fixture));
}

static void nothing_is_told_at_the_end_where_nothing_was_lost(void **state)
{
    struct fixture *fixture = *state;
    take_standard_output(fixture, fixture->pipe[1]);
    log_info(LOG_RELOADED, "x");
    log_close();
    give_back_standard_output(fixture);
    expect_text(fixture, "x");
}

static void whoever_counts_next_takes_along_what_was_not_told(void **state)
{
    struct fixture *fixture = *state;
    struct log_losses shared = {0};
    lose(fixture, 2);
    log_count_losses_in(&shared);
    assert_int_equal(shared.lines, 2);
    assert_int_equal(fixture->losses.untold, 0);
    lose(fixture, 1);
    log_count_losses_in(&fixture->losses);
    assert_int_equal(fixture->losses.lines, 3);
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "x");
    expect_told(fixture, 3);
    expect_text(fixture, "x");
}

static void warnings_that_are_not_wanted_do_not_tell(void **state)
{
    struct fixture *fixture = *state;
    lose(fixture, 1);
    log_set_threshold(LOG_LEVEL_ERROR);
    LOG(fixture, LOG_LEVEL_ERROR, LOG_RELOADED, "x");
    expect_text(fixture, "x");
    assert_int_equal(fixture->losses.lines, 1);
}

static void a_line_behind_half_a_line_stands_alone(void **state)
{
    struct fixture *fixture = *state;
    fixture->losses.torn = 1;
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "x");
    assert_true(next_write(fixture));
    assert_int_equal(fixture->line[0], '\n');
    assert_memory_equal(fixture->line + 1 + PREFIX_BYTES, "x | ", 4);
    LOG(fixture, LOG_LEVEL_INFO, LOG_RELOADED, "y");
    expect_text(fixture, "y");
}

enum { TELLERS = 8 }; /* a pipe that keeps writes apart has room for 16 */

static int log_a_line(void *context)
{
    const struct fixture *fixture = context;
    if (dup2(fixture->pipe[1], STDOUT_FILENO) < 0) {
        return 1;
    }
    log_info(LOG_RELOADED, "x");
    return 0;
}

static void of_many_processes_exactly_one_tells(void **state)
{
    struct fixture *fixture = *state;
    pid_t pids[TELLERS];
    struct log_losses *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    log_count_losses_in(shared);
    lose(fixture, 5);
    for (int i = 0; i < TELLERS; i++) {
        pids[i] = processes_start(&fixture->processes, log_a_line, fixture);
    }
    for (int i = 0; i < TELLERS; i++) {
        processes_expect_exit(&fixture->processes, pids[i], 0);
    }
    log_count_losses_in(&fixture->losses);
    assert_int_equal(munmap(shared, sizeof *shared), 0);
    int told = 0;
    int lines = 0;
    while (next_write(fixture)) {
        told += strstr(fixture->line, "lost_lines: 5 ") != NULL ? 1 : 0;
        lines++;
    }
    assert_int_equal(told, 1);
    assert_int_equal(lines, TELLERS + 1);
}

/* -------------------------------------------------------- many processes ---- */

struct writer {
    int output;
    int number;
};

static int write_many_lines(void *context)
{
    const struct writer *writer = context;
    char padding[PADDING_MAX];
    memset(padding, 'a' + writer->number, sizeof padding);
    if (dup2(writer->output, STDOUT_FILENO) < 0) {
        return 1;
    }
    for (int i = 0; i < LINES_OF_A_WRITER; i++) {
        int length = 1 + (i * 131 + writer->number * 17) % PADDING_MAX;
        log_info(LOG_RELOADED, "%d %d %d %.*s", writer->number, i, length, length, padding);
    }
    return 0;
}

/* Expects a whole line of one writer, the next one that it has written. */
static void expect_next_line(const char *line, size_t bytes, int *seen)
{
    int number = -1;
    int count = -1;
    int length = -1;
    int used = 0;
    assert_true(bytes > PREFIX_BYTES);
    /* NOLINTNEXTLINE(cert-err34-c): a wrong line fails by what is compared below */
    int fields = sscanf(line + PREFIX_BYTES, "%d %d %d %n", &number, &count, &length, &used);
    if (fields != 3 || number < 0 || number >= WRITERS || count != seen[number] ||
        strstr(line, " | pid: ") != line + PREFIX_BYTES + used + length) {
        fail_msg("mixed, lost or cut: '%.*s'", (int)bytes, line);
    }
    for (int i = PREFIX_BYTES + used; i < PREFIX_BYTES + used + length; i++) {
        assert_int_equal(line[i], 'a' + number);
    }
    seen[number]++;
}

static void processes_that_share_a_pipe_never_mix_within_a_line(void **state)
{
    struct fixture *fixture = *state;
    struct writer writers[WRITERS];
    int ends[2];
    int seen[WRITERS] = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.output = ends[1], .number = i};
        (void)processes_start(&fixture->processes, write_many_lines, &writers[i]);
    }
    (void)close(ends[1]);
    FILE *lines = fdopen(ends[0], "r");
    assert_non_null(lines);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t bytes = 0;
    while ((bytes = getline(&line, &capacity, lines)) > 0) {
        assert_int_equal(line[bytes - 1], '\n');
        line[bytes - 1] = '\0';
        expect_next_line(line, (size_t)bytes - 1, seen);
    }
    free(line);
    (void)fclose(lines);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(seen[i], LINES_OF_A_WRITER);
    }
}

/* ------------------------------------------------------------ invariants ---- */

static int break_an_invariant(void *context)
{
    struct fixture *fixture = context;
    processes_die_quietly();
    log_set_threshold(LOG_LEVEL_CRITICAL);
    if (dup2(fixture->pipe[1], STDOUT_FILENO) < 0) {
        return 1;
    }
    int two = 2;
    invariant(two + 1 == 3, "never said: %d", two);
    invariant(two == 3, "two %d, name '%s'", two, "a\nb");
    return 0;
}

static void a_broken_invariant_aborts_with_its_place_and_values(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = processes_start(&fixture->processes, break_an_invariant, fixture);
    int status = processes_wait(&fixture->processes, pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_true(next_write(fixture));
    assert_non_null(strstr(fixture->line, " CRITICAL action: invariant | result: fail | place: "));
    assert_non_null(strstr(fixture->line, "tests/unit/lib/test_log.c:"));
    assert_non_null(strstr(fixture->line, " | broken: two == 3 | "));
    assert_non_null(strstr(fixture->line, " | values: two 2, name 'a?b' | pid: "));
    assert_false(next_write(fixture));
}

static int panic_at_length(void *context)
{
    struct fixture *fixture = context;
    static char values[3 * LOG_LINE_BYTES];
    processes_die_quietly();
    memset(values, 'v', sizeof values - 1);
    if (dup2(fixture->pipe[1], STDOUT_FILENO) < 0) {
        return 1;
    }
    log_panic("file.c", 4711, "broken", "%s", values);
}

static void values_that_are_too_long_do_not_hide_the_place(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = processes_start(&fixture->processes, panic_at_length, fixture);
    int status = processes_wait(&fixture->processes, pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(next_write(fixture));
    assert_true(fixture->bytes <= LOG_LINE_BYTES);
    assert_non_null(strstr(fixture->line, "place: file.c:4711 | broken: broken | values: vvv"));
    assert_int_equal(fixture->line[fixture->bytes - 1], '\n');
}

static void fill(int pipe)
{
    static const char bytes[LOG_LINE_BYTES];
    while (write(pipe, bytes, sizeof bytes) > 0) {
    }
}

/* Its log is a pipe that nobody reads, so that its last words go to standard error. */
static int panic_unheard(void *context)
{
    int *errors = context;
    int unheard[2];
    processes_die_quietly();
    if (pipe2(unheard, O_CLOEXEC | O_NONBLOCK) != 0 || dup2(unheard[1], STDOUT_FILENO) < 0 ||
        dup2(errors[1], STDERR_FILENO) < 0) {
        return 1;
    }
    fill(unheard[1]);
    log_open();
    log_panic("file.c", 4711, "broken", "%s", "nobody reads");
}

static void last_words_that_the_log_does_not_take_go_to_standard_error(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = processes_start(&fixture->processes, panic_unheard, fixture->pipe);
    int status = processes_wait(&fixture->processes, pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(next_write(fixture));
    assert_non_null(strstr(fixture->line, "place: file.c:4711 | broken: broken | values: nobody"));
}

static int count_call(int *calls)
{
    return ++*calls;
}

static void an_invariant_that_holds_costs_nothing_but_the_look(void **state)
{
    struct fixture *fixture = *state;
    int looks = 0;
    int values = 0;
    take_standard_output(fixture, fixture->pipe[1]);
    invariant(count_call(&looks) == 1, "%d", count_call(&values));
    give_back_standard_output(fixture);
    assert_int_equal(looks, 1);
    assert_int_equal(values, 0);
    assert_false(next_write(fixture));
}

/* --------------------------------------------------------------- colours ---- */

/* What a log writes on a terminal of this kind, or on the pipe, with and without NO_COLOR. */
static void log_as(struct fixture *fixture, bool on_terminal, const char *kind,
                   const char *no_color)
{
    int terminal = fixture->pipe[0];
    int program = fixture->pipe[1];
    if (on_terminal) {
        assert_int_equal(openpty(&terminal, &program, NULL, NULL, NULL), 0);
    }
    assert_int_equal(setenv("TERM", kind, 1), 0);
    assert_int_equal(no_color == NULL ? unsetenv("NO_COLOR") : setenv("NO_COLOR", no_color, 1), 0);
    take_standard_output(fixture, program);
    log_open();
    log_info(LOG_RELOADED, "a");
    log_error(LOG_RELOADED, "b");
    log_write_in_signal(LOG_LEVEL_CRITICAL, LOG_RELOADED, "c");
    give_back_standard_output(fixture);
    log_open();
    fixture->bytes = 0;
    fixture->line[0] = '\0';
    while (strstr(fixture->line, " | c") == NULL) { /* the last thing that is written */
        ssize_t got = read(terminal, fixture->line + fixture->bytes,
                           sizeof fixture->line - 1 - fixture->bytes);
        assert_true(got > 0);
        fixture->bytes += (size_t)got;
        fixture->line[fixture->bytes] = '\0';
    }
    if (on_terminal) {
        (void)close(terminal);
        (void)close(program);
    }
}

static void levels_are_coloured_on_a_terminal_only(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        bool on_terminal;
        const char *kind, *no_color;
        bool coloured;
    } cases[] = {{true, "xterm", NULL, true},
                 {true, "xterm", "", true},
                 {true, "xterm", "1", false},
                 {true, "dumb", NULL, false},
                 {false, "xterm", NULL, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        log_as(fixture, cases[i].on_terminal, cases[i].kind, cases[i].no_color);
        assert_non_null(strstr(fixture->line, " INFO     action: reload | a"));
        assert_non_null(strstr(fixture->line, cases[i].coloured ? " \x1b[31mERROR\x1b[0m    action"
                                                                : " ERROR    action"));
        assert_non_null(strstr(fixture->line, cases[i].coloured
                                                  ? " \x1b[1;31mCRITICAL\x1b[0m action"
                                                  : " CRITICAL action"));
    }
}

/* --------------------------------------------------------------- the journal ---- */

/* A socket as the journal has one, at a path of its own; the log goes there. */
static int open_journal(char path[64])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(path, 64, "/tmp/lottery-test-journal-%d", (int)getpid());
    memcpy(address.sun_path, path, strlen(path));
    int journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(journal >= 0);
    (void)unlink(path);
    assert_int_equal(bind(journal, (struct sockaddr *)&address, sizeof address), 0);
    log_set_journal(path);
    log_set_format(LOG_FORMAT_JOURNALD);
    log_open();
    return journal;
}

static void close_journal(int journal, const char *path)
{
    (void)close(journal);
    (void)unlink(path);
    log_set_format(LOG_FORMAT_TEXT);
    log_set_journal(NULL);
    log_open();
}

static bool next_datagram(struct fixture *fixture, int journal)
{
    ssize_t got = recv(journal, fixture->line, sizeof fixture->line - 1, 0);
    fixture->line[got > 0 ? got : 0] = '\0';
    return got > 0;
}

static void the_journal_gets_datagrams_and_is_never_waited_for(void **state)
{
    enum { LINES = 2000, PATIENCE_S = 30 };
    struct fixture *fixture = *state;
    char path[64];
    int journal = open_journal(path);
    time_t before = time(NULL);
    for (int i = 0; i < LINES; i++) {
        log_info(LOG_RELOADED, "result: success | n: %d", i); /* nobody reads */
    }
    assert_true(time(NULL) - before < PATIENCE_S);
    uint64_t lost = fixture->losses.lines;
    assert_in_range(lost, 1, LINES - 1);
    uint64_t came = 0;
    while (next_datagram(fixture, journal)) {
        assert_non_null(strstr(fixture->line, "\nLOTTERY_ID=LT-"));
        came += strstr(fixture->line, "LT-2609\n") != NULL ? 1 : 0;
    }
    assert_int_equal(came + lost, LINES);
    fixture->losses.told_at_ms = 0;
    log_info(LOG_RELOADED, "result: success");
    assert_true(next_datagram(fixture, journal)); /* it is told first */
    assert_non_null(strstr(fixture->line, "\nLOTTERY_ID=LT-0001\n"));
    assert_non_null(strstr(fixture->line, "\nPRIORITY=4\n"));
    assert_true(next_datagram(fixture, journal));
    close_journal(journal, path);
}

static void a_journal_that_is_gone_costs_lines_alone(void **state)
{
    struct fixture *fixture = *state;
    char path[64];
    int journal = open_journal(path);
    (void)close(journal);
    log_info(LOG_RELOADED, "result: success");
    log_write_in_signal(LOG_LEVEL_CRITICAL, LOG_RELOADED, "result: success");
    assert_int_equal(fixture->losses.lines, 2);
    fixture->losses = (struct log_losses){0};
    close_journal(-1, path);
}

static void where_there_is_no_journal_the_log_is_text_and_says_so(void **state)
{
    struct fixture *fixture = *state;
    log_set_journal("/tmp/lottery-test-no-journal");
    log_set_format(LOG_FORMAT_JOURNALD);
    take_standard_output(fixture, fixture->pipe[1]);
    log_open();
    give_back_standard_output(fixture);
    assert_true(next_write(fixture));
    assert_non_null(
        strstr(fixture->line, " WARNING  action: log | result: in_progress | socket: "));
    assert_non_null(strstr(fixture->line, " | id: LT-0003 | hint: "));
    log_set_format(LOG_FORMAT_TEXT);
    log_set_journal(NULL);
    log_open();
}

static void lines_of_json_are_told_as_lost_in_json(void **state)
{
    struct fixture *fixture = *state;
    lose(fixture, 3);
    log_set_format(LOG_FORMAT_JSON);
    take_standard_output(fixture, fixture->pipe[1]);
    log_open();
    log_info(LOG_RELOADED, "result: success");
    give_back_standard_output(fixture);
    assert_true(next_write(fixture));
    assert_non_null(strstr(fixture->line,
                           "\"id\":\"LT-0001\",\"action\":\"log\",\"result\":\"fail\","
                           "\"lost_lines\":3,"));
    assert_non_null(
        strstr(fixture->line, "}\n{\"time\":\"")); /* the log's own opening keeps no writes apart */
    log_set_format(LOG_FORMAT_TEXT);
    log_open();
}

#define LOG_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_threshold_is_info_until_it_is_set),
        LOG_TEST(lines_below_the_threshold_are_not_written),
        cmocka_unit_test(levels_are_known_by_name_in_any_case),
        cmocka_unit_test(an_unknown_name_leaves_the_level_alone),
        LOG_TEST(a_line_has_the_local_time_its_level_and_its_text),
        LOG_TEST(a_signal_handlers_line_is_like_any_other),
        LOG_TEST(a_line_without_text_is_a_line),
        LOG_TEST(each_short_form_writes_its_own_level),
        LOG_TEST(control_characters_are_blanked_and_text_is_not),
        LOG_TEST(a_line_is_valid_utf_8_whatever_is_logged),
        LOG_TEST(a_character_that_is_cut_in_two_is_left_out),
        LOG_TEST(a_line_that_is_too_long_is_cut_and_keeps_its_end),
        LOG_TEST(a_line_that_cannot_be_written_changes_nothing),
        LOG_TEST(lost_lines_are_counted_and_told_before_the_next_one),
        LOG_TEST(losses_are_told_once_a_second_and_none_is_forgotten),
        LOG_TEST(what_was_not_told_is_told_at_the_end),
        LOG_TEST(nothing_is_told_at_the_end_where_nothing_was_lost),
        LOG_TEST(whoever_counts_next_takes_along_what_was_not_told),
        LOG_TEST(warnings_that_are_not_wanted_do_not_tell),
        LOG_TEST(a_line_behind_half_a_line_stands_alone),
        LOG_TEST(of_many_processes_exactly_one_tells),
        LOG_TEST(processes_that_share_a_pipe_never_mix_within_a_line),
        LOG_TEST(a_broken_invariant_aborts_with_its_place_and_values),
        LOG_TEST(values_that_are_too_long_do_not_hide_the_place),
        LOG_TEST(last_words_that_the_log_does_not_take_go_to_standard_error),
        LOG_TEST(an_invariant_that_holds_costs_nothing_but_the_look),
        LOG_TEST(levels_are_coloured_on_a_terminal_only),
        LOG_TEST(the_journal_gets_datagrams_and_is_never_waited_for),
        LOG_TEST(a_journal_that_is_gone_costs_lines_alone),
        LOG_TEST(where_there_is_no_journal_the_log_is_text_and_says_so),
        LOG_TEST(lines_of_json_are_told_as_lost_in_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
