/*
 * table.c - see table.h.
 */
#include "stat/table.h"

#include "lib/text.h"
#include "stat/counters.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum {
    MARGIN_COLUMNS = 9, /* the section's name and a space */
    CELL_COLUMNS = COUNTER_LABEL_MAX + 1 + COUNTER_VALUE_MAX,
    CELL_GAP = 2,
    LIST_GAP = 2,
    RATE_WIDTH = 9,
    LISTS = 2,
    LIST_FIXED_LINES = 2,  /* an empty one and the heads of the columns */
    LIST_ROWS_WANTED = 5,  /* of each list, before the grid takes lines for less important things */
    BRIEF_CELLS_LEAST = 3, /* of a section in a brief grid */
    LINE_BYTES = 512,
    VALUE_BYTES = SNAPSHOT_HASH_BYTES
};

/* What is being printed on: it knows where it ends. */
struct page {
    FILE *file; /* NULL: lines are only counted */
    const struct snapshot *snapshot;
    const struct snapshot *older;
    double elapsed_s;
    unsigned columns, lines_left;
    bool windowed;
    bool brief; /* the window is too low: of each section only the first cells */
    bool only_missing;
    bool colored;
    const struct roster_filter *filter;
};

struct line {
    char text[LINE_BYTES];
    size_t used;
    const char *colour; /* an escape sequence; NULL: none */
};

#define COLOUR_OFF      "\x1b[0m"
#define COLOUR_CRITICAL "\x1b[1;31m"
#define COLOUR_WARNING  "\x1b[1;33m"

/* -------------------------------------------------------------------- lines ---- */

static void line_add(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void line_add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(line->text + line->used, LINE_BYTES - line->used, format, arguments);
    va_end(arguments);
    if (wanted > 0) {
        size_t room = LINE_BYTES - 1 - line->used;
        line->used += (size_t)wanted < room ? (size_t)wanted : room;
    }
}

/* Adds a text at the left, or at the right, of `columns` columns. */
static void line_add_padded(struct line *line, const char *text, size_t columns, bool at_right)
{
    size_t wanted = text_columns(text);
    int padding = wanted < columns ? (int)(columns - wanted) : 0;
    line_add(line, "%*s%s%*s", at_right ? padding : 0, "", text, at_right ? 0 : padding, "");
}

static void end_line(struct page *page, struct line *line)
{
    size_t length = line->used;
    if (page->lines_left > 0) {
        if (page->windowed) {
            length = text_prefix_bytes(line->text, page->columns);
        }
        while (length > 0 && line->text[length - 1] == ' ') {
            length--;
        }
        if (page->file != NULL) {
            bool colored = page->colored && line->colour != NULL;
            fprintf(page->file, "%s%.*s%s\n", colored ? line->colour : "", (int)length, line->text,
                    colored ? COLOUR_OFF : "");
        }
        page->lines_left--;
    }
    *line = (struct line){.used = 0};
}

/* ----------------------------------------------------------------- verdicts ---- */

/* "! LT-3006  agency 17 never connected", and what does not fit in lines below. */
static void print_verdict(struct page *page, const struct verdict *verdict)
{
    static const struct {
        const char *mark, *colour;
    } styles[VERDICT_SEVERITIES] = {[VERDICT_NOTE] = {"-", NULL},
                                    [VERDICT_WARNING] = {"!", COLOUR_WARNING},
                                    [VERDICT_CRITICAL] = {"!!", COLOUR_CRITICAL},
                                    [VERDICT_UNKNOWN] = {"?", COLOUR_WARNING}};
    char id[VERDICT_ID_BYTES];
    char head[2 * VERDICT_ID_BYTES];
    verdict_write_id(verdict, id);
    (void)snprintf(head, sizeof head, "%-2s %s  ", styles[verdict->severity].mark, id);
    size_t indent = strlen(head);
    size_t room =
        page->windowed && page->columns > 2 * indent ? page->columns - indent : VERDICT_TEXT_BYTES;
    for (const char *text = verdict->text; *text != '\0';) {
        struct line line = {.colour = styles[verdict->severity].colour};
        size_t piece = text_line_bytes(text, room);
        line_add(&line, "%*s%.*s", -(int)indent, text == verdict->text ? head : "", (int)piece,
                 text);
        end_line(page, &line);
        text += piece;
        text += *text == ' ' ? 1 : 0;
    }
}

/* "draw 2026-W48 open, closes in 2h 14m: 3 things need a look" */
static void print_headline(struct page *page, const struct verdicts *verdicts)
{
    const struct snapshot_draw *draw = &page->snapshot->draw;
    struct line line = {.used = 0};
    line_add(&line, "draw %s %s", draw->name, draw->state);
    if (draw->closes_at_ms != SNAPSHOT_UNKNOWN &&
        draw->closes_at_ms > page->snapshot->taken_at_ms) {
        char left[UNITS_TEXT_BYTES];
        units_duration_ms(draw->closes_at_ms - page->snapshot->taken_at_ms, left);
        line_add(&line, ", closes in %s", left);
    }
    if (verdicts->count == 0) {
        line_add(&line, ": nothing needs a look");
    } else {
        line_add(&line,
                 verdicts->count == 1 ? ": %zu thing needs a look" : ": %zu things need a look",
                 verdicts->count);
    }
    end_line(page, &line);
}

/*
 * In a low window the worst ones alone: they take a quarter of it. In a very low one, a line: of the
 * worst.
 */
static void print_verdicts(struct page *page, const struct verdicts *verdicts)
{
    enum { SHARE = 4, VERY_LOW_LINES = 8 };
    unsigned lines = page->lines_left;
    size_t shown = 0;
    if (lines < VERY_LOW_LINES && verdicts->count > 0) {
        page->lines_left = 1;
        print_verdict(page, &verdicts->items[0]);
        page->lines_left = lines - 1;
        return;
    }
    print_headline(page, verdicts);
    while (shown < verdicts->count && (shown == 0 || lines - page->lines_left < lines / SHARE)) {
        print_verdict(page, &verdicts->items[shown++]);
    }
    struct line line = {.used = 0};
    if (shown < verdicts->count) {
        line_add(&line, "   ... %zu more", verdicts->count - shown);
    }
    end_line(page, &line);
}

/* --------------------------------------------------------------------- grid ---- */

/* Prints the cells of one section, as many in a line as there is room for. */
struct grid {
    struct page *page;
    struct line line;
    const char *title;
    unsigned cells, cells_a_line, cells_left;
};

static unsigned cells_a_line(const struct page *page)
{
    unsigned room = page->columns > MARGIN_COLUMNS ? page->columns - MARGIN_COLUMNS : 0;
    unsigned cells = (room + CELL_GAP) / (CELL_COLUMNS + CELL_GAP);
    return cells > 0 ? cells : 1;
}

static struct grid grid_begin(struct page *page, const char *title)
{
    unsigned cells = cells_a_line(page);
    unsigned brief = cells > BRIEF_CELLS_LEAST ? cells : BRIEF_CELLS_LEAST;
    return (struct grid){.page = page,
                         .title = title,
                         .cells_a_line = cells,
                         .cells_left = page->brief ? brief : UINT_MAX};
}

/* How many cells a value takes. One that has more than one stands close to its label. */
static unsigned span_of(const struct grid *grid, const char *label, const char *value)
{
    size_t width = strlen(label) + 1 + text_columns(value);
    unsigned span = text_columns(value) <= COUNTER_VALUE_MAX
                        ? 1
                        : (unsigned)((width + CELL_GAP - 1) / (CELL_COLUMNS + CELL_GAP)) + 1;
    return span < grid->cells_a_line ? span : grid->cells_a_line;
}

static void grid_add(struct grid *grid, const char *label, const char *value)
{
    unsigned span = span_of(grid, label, value);
    if (grid->cells_left < span) {
        grid->cells_left = 0;
        return;
    }
    grid->cells_left -= span;
    if (grid->cells + span > grid->cells_a_line) {
        end_line(grid->page, &grid->line);
        grid->cells = 0;
    }
    if (grid->cells == 0) {
        line_add(&grid->line, "%-*s", MARGIN_COLUMNS, grid->title);
        grid->title = "";
    } else {
        line_add(&grid->line, "%*s", CELL_GAP, "");
    }
    if (text_columns(value) <= COUNTER_VALUE_MAX) {
        line_add(&grid->line, "%-*s ", COUNTER_LABEL_MAX, label);
        line_add_padded(&grid->line, value, COUNTER_VALUE_MAX, true);
    } else {
        size_t taken = CELL_GAP + strlen(label) + 1;
        size_t room = (size_t)span * (CELL_COLUMNS + CELL_GAP);
        line_add(&grid->line, "%s ", label);
        line_add_padded(&grid->line, value, room > taken ? room - taken : 0, true);
    }
    grid->cells += span;
}

static void grid_end(struct grid *grid)
{
    if (grid->cells > 0) {
        end_line(grid->page, &grid->line);
    }
}

static void print_section(struct page *page, enum section section)
{
    struct grid grid = grid_begin(page, section_name(section));
    const void *row = section_row(page->snapshot, section, 0);
    for (size_t i = 0; i < counter_count; i++) {
        if (counters[i].section == section && counter_is_shown(&counters[i], row)) {
            char value[VALUE_BYTES];
            counter_format(&counters[i], row, page->snapshot->taken_at_ms, value, sizeof value);
            grid_add(&grid, counters[i].label, value);
        }
    }
    grid_end(&grid);
}

static void print_rates(struct page *page)
{
    struct grid grid = grid_begin(page, "rates");
    for (size_t i = 0; i < counter_count; i++) {
        const struct counter *counter = &counters[i];
        if (counter->rate != NULL && !section_is_list(counter->section)) {
            char value[UNITS_TEXT_BYTES];
            counter_format_rate(counter, section_row(page->older, counter->section, 0),
                                section_row(page->snapshot, counter->section, 0), page->elapsed_s,
                                value);
            grid_add(&grid, counter->rate, value);
        }
    }
    grid_end(&grid);
}

/* A cell for each reason that has refused something. */
static void print_refusals(struct page *page)
{
    struct grid grid = grid_begin(page, section_name(SECTION_REFUSALS));
    for (size_t i = 0; i < REFUSAL_REASONS; i++) {
        const struct snapshot_refusal *refusal = &page->snapshot->refusals[i];
        if (refusal->total > 0) {
            char value[UNITS_TEXT_BYTES];
            units_count(refusal->total, value);
            grid_add(&grid, refusal->reason, value);
        }
    }
    grid_end(&grid);
}

/* A cell for each centre. */
static void print_centres(struct page *page)
{
    struct grid grid = grid_begin(page, section_name(SECTION_CENTRE));
    for (size_t i = 0; i < section_rows(page->snapshot, SECTION_CENTRE); i++) {
        const struct snapshot_centre *centre = &page->snapshot->centre_list[i];
        grid_add(&grid, centre->name, centre->standing);
    }
    grid_end(&grid);
}

static void print_grid(struct page *page)
{
    print_section(page, SECTION_SERVER);
    if (page->older != NULL) {
        print_rates(page);
    }
    for (enum section section = SECTION_RING; section < SECTION_AGENCIES; section++) {
        if (!page->brief || (section != SECTION_TIMES && section != SECTION_DISK)) {
            print_section(page, section);
        }
    }
    print_centres(page);
    print_refusals(page);
}

/* How many lines print_grid would print if it were not brief. */
static unsigned grid_lines(const struct page *page)
{
    struct page counted = *page;
    counted.file = NULL;
    counted.brief = false;
    counted.lines_left = UINT_MAX;
    print_grid(&counted);
    return UINT_MAX - counted.lines_left;
}

/* -------------------------------------------------------------------- lists ---- */

/* A column is as wide as declared; of texts, as the longest one. */
static int column_width(const struct page *page, const struct counter *counter)
{
    int width = counter->width;
    if (counter->unit == UNIT_TEXT) {
        for (size_t i = 0; i < section_rows(page->snapshot, counter->section); i++) {
            const void *row = section_row(page->snapshot, counter->section, i);
            int length = (int)text_columns(counter_text(counter, row));
            width = length > width ? length : width;
        }
    }
    return width;
}

/* One column of a list, in order from the left: a counter's value or its rate. */
struct column {
    const struct counter *counter;
    bool is_rate;
    int width;
};

enum { COLUMNS_MAX = 24 };

struct list {
    struct column columns[COLUMNS_MAX];
    size_t count;
    unsigned width;
};

static bool list_add(const struct page *page, struct list *list, struct column column)
{
    unsigned width = list->width + LIST_GAP + (unsigned)column.width;
    if (list->count == COLUMNS_MAX || (page->windowed && width > page->columns)) {
        return false;
    }
    list->columns[list->count++] = column;
    list->width = width;
    return true;
}

/* How many columns, from the left, the window has room for. */
static struct list choose_columns(const struct page *page, enum section section)
{
    struct list list = {.count = 0};
    bool room = true;
    for (size_t i = 0; i < counter_count && room; i++) {
        const struct counter *counter = &counters[i];
        if (counter->section == section && counter->label != NULL) {
            room = list_add(page, &list,
                            (struct column){counter, false, column_width(page, counter)}) &&
                   (counter->rate == NULL || page->older == NULL ||
                    list_add(page, &list, (struct column){counter, true, RATE_WIDTH}));
        }
    }
    return list;
}

static void add_cell(struct line *line, const struct column *column, const char *text)
{
    line_add(line, "%*s", LIST_GAP, "");
    line_add_padded(line, text, (size_t)column->width, column->counter->unit != UNIT_TEXT);
}

static void print_row(struct page *page, const struct list *list, const void *row,
                      const void *older)
{
    struct line line = {.used = 0};
    for (size_t i = 0; i < list->count; i++) {
        const struct column *column = &list->columns[i];
        char text[VALUE_BYTES];
        if (column->is_rate) {
            counter_format_rate(column->counter, older, row, page->elapsed_s, text);
        } else {
            counter_format(column->counter, row, page->snapshot->taken_at_ms, text, sizeof text);
        }
        add_cell(&line, column, text);
    }
    end_line(page, &line);
}

static bool is_filtered(const struct page *page)
{
    return page->filter != NULL && page->filter->text[0] != '\0';
}

static bool is_agency_wanted(const struct page *page, const struct snapshot_agency *agency)
{
    return (!page->only_missing || agency->missing != 0) &&
           (page->filter == NULL || roster_shows_agency(page->filter, agency));
}

/* How many rows of the list of agencies, or of handlers, are wanted: they are the first ones. */
static size_t list_rows(const struct page *page, enum section section)
{
    const struct snapshot *snapshot = page->snapshot;
    size_t rows = section_rows(snapshot, section);
    size_t wanted = 0;
    if (section == SECTION_AGENCIES) {
        while (wanted < rows && is_agency_wanted(page, &snapshot->agencies[wanted])) {
            wanted++;
        }
    } else {
        while (wanted < rows && (page->filter == NULL ||
                                 roster_shows_handler(page->filter, &snapshot->handlers[wanted]))) {
            wanted++;
        }
    }
    return wanted;
}

/* The lines of a list that are no row of the section. */
static void print_heads(struct page *page, const struct list *list)
{
    struct line line = {.used = 0};
    end_line(page, &line);
    for (size_t i = 0; i < list->count; i++) {
        const struct column *column = &list->columns[i];
        add_cell(&line, column, column->is_rate ? column->counter->rate : column->counter->label);
    }
    end_line(page, &line);
}

/* Of a list that has more rows than lines: how many are before and after those that are shown. */
static void print_rest(struct page *page, size_t before, size_t after)
{
    struct line line = {.used = 0};
    if (before > 0) {
        line_add(&line, "%*s... %zu before, %zu more", LIST_GAP, "", before, after);
    } else {
        line_add(&line, "%*s... %zu more", LIST_GAP, "", after);
    }
    end_line(page, &line);
}

static void print_note(struct page *page, const char *note)
{
    struct line line = {.used = 0};
    line_add(&line, "%*s%s", LIST_GAP, "", note);
    end_line(page, &line);
}

/* Says, in a line of its own, how many missing agencies no row stands for. */
static void print_unnamed(struct page *page)
{
    struct line line = {.used = 0};
    line_add(&line, "%*s%" PRIu64 " not known by name", LIST_GAP, "", page->snapshot->draw.unnamed);
    end_line(page, &line);
}

static void print_list(struct page *page, enum section section, unsigned lines,
                       struct table_scroll *scroll, const char *nobody)
{
    struct list list = choose_columns(page, section);
    size_t rows = list_rows(page, section);
    size_t shown = rows <= lines ? rows : lines > 0 ? lines - 1 : 0;
    scroll->first = scroll->first < rows - shown ? scroll->first : rows - shown;
    scroll->page = shown;
    print_heads(page, &list);
    for (size_t i = 0; i < shown; i++) {
        const void *row = section_row(page->snapshot, section, scroll->first + i);
        const void *older =
            page->older == NULL ? NULL : section_find_row(page->older, section, row);
        print_row(page, &list, row, older);
    }
    if (shown < rows) {
        print_rest(page, scroll->first, rows - shown - scroll->first);
    } else if (rows == 0) {
        print_note(page, nobody);
    }
}

static bool has_unnamed(const struct page *page)
{
    return page->snapshot->draw.unnamed > 0 && page->snapshot->draw.unnamed != SNAPSHOT_UNKNOWN;
}

/* An empty list has one line, which says that it is empty. */
static unsigned list_lines(const struct page *page, enum section section)
{
    size_t rows = list_rows(page, section);
    return rows == 0 ? 1 : (unsigned)rows;
}

/* Each list gets half of the lines that are left, and those that the other does not need. */
static void print_lists(struct page *page, struct table_view *view)
{
    unsigned agencies = list_lines(page, SECTION_AGENCIES);
    unsigned handlers = list_lines(page, SECTION_HANDLERS);
    unsigned fixed = LISTS * LIST_FIXED_LINES + (has_unnamed(page) ? 1U : 0U);
    unsigned lines = page->lines_left > fixed ? page->lines_left - fixed : 0;
    unsigned half = lines / LISTS;
    unsigned for_agencies = handlers < lines - half ? lines - handlers : half;
    for_agencies = agencies < for_agencies ? agencies : for_agencies;
    print_list(page, SECTION_AGENCIES, for_agencies, &view->agencies,
               is_filtered(page)    ? "no agency like that"
               : page->only_missing ? "no agency is missing"
                                    : "no agency has spoken yet");
    if (has_unnamed(page)) {
        print_unnamed(page);
    }
    print_list(page, SECTION_HANDLERS, lines - for_agencies, &view->handlers,
               is_filtered(page) ? "no connection like that" : "nobody is connected");
}

/* -------------------------------------------------------------------- whole ---- */

static unsigned smaller(unsigned first, unsigned second)
{
    return first < second ? first : second;
}

void table_print(FILE *file, const struct snapshot *snapshot, struct table_view *view)
{
    static const double ns_per_second = 1e9;
    struct page page = {
        .file = file,
        .snapshot = snapshot,
        .older = view->older,
        .columns = view->columns > 0 ? view->columns : TABLE_COLUMNS_DEFAULT,
        .lines_left = view->rows > 0 ? view->rows : UINT_MAX,
        .windowed = view->columns > 0,
        .only_missing = view->only_missing,
        .colored = view->colored,
        .filter = view->filter,
    };
    if (page.older != NULL) {
        page.elapsed_s = (double)(snapshot->taken_ns - page.older->taken_ns) / ns_per_second;
    }
    if (view->verdicts != NULL) {
        print_verdicts(&page, view->verdicts);
    }
    /* The grid is brief where the whole one would leave too few lines for the lists. */
    unsigned wanted = LISTS * LIST_FIXED_LINES + (has_unnamed(&page) ? 1U : 0U) +
                      smaller(list_lines(&page, SECTION_AGENCIES), LIST_ROWS_WANTED) +
                      smaller(list_lines(&page, SECTION_HANDLERS), LIST_ROWS_WANTED);
    page.brief = page.lines_left < grid_lines(&page) + wanted;
    /* Who filters, or asks who is missing, looks for rows: they get the whole window. */
    if (!is_filtered(&page) && !page.only_missing) {
        print_grid(&page);
    }
    print_lists(&page, view);
}
