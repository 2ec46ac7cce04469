/*
 * test_stat_outputs.c - the declarations of lottery-stat's figures, and what
 * the outputs make of them and of a snapshot that was made by hand.
 */
#include "stat/counters.h"
#include "stat/explain.h"
#include "stat/json.h"
#include "stat/prometheus.h"
#include "stat/table.h"
#include "stat/verdict.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { AGENCIES = 12, HANDLERS = 2, OUTPUT_BYTES = 256 * 1024, SECOND_NS = 1000000000 };

/* ------------------------------------------------------------- snapshots ---- */

static struct snapshot_agency agencies[AGENCIES];
static struct snapshot_handler handlers[HANDLERS];

static struct snapshot make_snapshot(void)
{
    for (size_t i = 0; i < AGENCIES; i++) {
        agencies[i] = (struct snapshot_agency){
            .id = i + 1, .phase = "open", .bets = 100 * i, .bytes = 5000 * i, .seen_at_ms = 9000};
    }
    agencies[0].seen_at_ms = SNAPSHOT_UNKNOWN;
    handlers[0] = (struct snapshot_handler){.pid = 71,
                                            .peer = "10.0.0.1:4242",
                                            .agency = 1,
                                            .activity = "waiting at gate",
                                            .since_ms = 8000,
                                            .bets = 3,
                                            .messages = 2,
                                            .bytes = 512,
                                            .connected_at_ms = 4000};
    handlers[1] = (struct snapshot_handler){.pid = 72,
                                            .peer = "a\"b\\c",
                                            .agency = SNAPSHOT_UNKNOWN,
                                            .activity = "starting",
                                            .since_ms = SNAPSHOT_UNKNOWN,
                                            .connected_at_ms = 4000};
    return (struct snapshot){
        .taken_ns = UINT64_C(5) * SECOND_NS,
        .taken_at_ms = 10000,
        .centres = {.number = SNAPSHOT_UNKNOWN},
        .server = {.pid = 70, .phase = "ready", .uptime_ms = 133000, .bets = 6600, .ready = 1},
        .ring = {.head = 5000000,
                 .written = 4000000,
                 .durable = 3000000,
                 .size = 8000000,
                 .used = 1000000,
                 .fill = 0.125,
                 .unsynced = 2000000},
        .storer = {.pid = SNAPSHOT_UNKNOWN,
                   .activity = "no room",
                   .no_room = 1,
                   .no_room_reason = "ENOSPC",
                   .flushes = 10,
                   .bytes_a_flush = 3400000,
                   .bets_a_flush = NAN,
                   .sync_last_ns = 1200000,
                   .sync_total_ns = 12345678901},
        .acks = {.counts = {[0] = 2, [2] = 1, [SHARED_HISTOGRAM_BOUNDS] = 1},
                 .sum_ns = 12300000000},
        .disk = {SNAPSHOT_UNKNOWN, SNAPSHOT_UNKNOWN, SNAPSHOT_UNKNOWN},
        .draw = {.expected = 5, .winners = SNAPSHOT_UNKNOWN, .took_ns = SNAPSHOT_UNKNOWN},
        .gate = {.id = 4, .missing = 5, .waiting = 1, .connected = 2},
        .deaths = {.handlers_killed = 3},
        .replica = {.lag = SNAPSHOT_UNKNOWN,
                    .replicated = SNAPSHOT_UNKNOWN,
                    .epoch = SNAPSHOT_UNKNOWN,
                    .sequence = SNAPSHOT_UNKNOWN,
                    .append_last_ns = SNAPSHOT_UNKNOWN,
                    .append_mean_ns = SNAPSHOT_UNKNOWN,
                    .append_worst_ns = SNAPSHOT_UNKNOWN},
        .agencies = agencies,
        .agency_count = AGENCIES,
        .handlers = handlers,
        .handler_count = HANDLERS,
    };
}

static char output[OUTPUT_BYTES];

static FILE *open_output(void)
{
    memset(output, 0, sizeof output);
    FILE *file = fmemopen(output, sizeof output - 1, "w");
    assert_non_null(file);
    return file;
}

static const char *table_of(const struct snapshot *snapshot, struct table_view view)
{
    FILE *file = open_output();
    table_print(file, snapshot, &view);
    assert_int_equal(fclose(file), 0);
    return output;
}

static const char *printed(void (*print)(FILE *, const struct snapshot *),
                           const struct snapshot *snapshot)
{
    FILE *file = open_output();
    print(file, snapshot);
    assert_int_equal(fclose(file), 0);
    return output;
}

/* What main prints of a snapshot. */
static void print_json(FILE *file, const struct snapshot *snapshot)
{
    struct verdicts verdicts;
    verdicts_of_server(snapshot, NULL, &verdict_default_limits, &verdicts);
    json_print(file, snapshot, &verdicts);
}

static void print_metrics(FILE *file, const struct snapshot *snapshot)
{
    prometheus_print_up(file, true);
    prometheus_print(file, snapshot, PROMETHEUS_BOUNDED);
}

static void print_metrics_of_handlers(FILE *file, const struct snapshot *snapshot)
{
    prometheus_print(file, snapshot, PROMETHEUS_HANDLERS);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

/* ---------------------------------------------------------- declarations ---- */

static void every_figure_is_declared_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < counter_count; i++) {
        const struct counter *counter = &counters[i];
        assert_non_null(counter->name);
        assert_non_null(counter->explanation);
        size_t length = strlen(counter->explanation);
        assert_true(length >= 20 && counter->explanation[length - 1] == '.');
        assert_true((counter->metric != NULL) == (counter->type != METRIC_NONE));
        assert_true(counter->label == NULL || strlen(counter->label) <= COUNTER_LABEL_MAX);
        assert_true(counter->label == NULL || !section_is_list(counter->section) ||
                    counter->width >= (int)strlen(counter->label));
        assert_true(counter->unit != UNIT_TEXT || counter->rate == NULL);
    }
}

static void no_two_figures_share_a_name_or_a_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < counter_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (counters[i].section == counters[j].section) {
                assert_string_not_equal(counters[i].name, counters[j].name);
                assert_int_not_equal(counters[i].offset, counters[j].offset);
            }
            if (counters[i].metric != NULL && counters[j].metric != NULL) {
                assert_string_not_equal(counters[i].metric, counters[j].metric);
            }
        }
    }
}

/* Bytes of a text in its section's struct. */
static size_t room_of(const char *name)
{
    return strcmp(name, "peer") == 0          ? SHARED_PEER_BYTES
           : strcmp(name, "via") == 0         ? SHARED_PEER_BYTES
           : strcmp(name, "certificate") == 0 ? SNAPSHOT_SERIAL_BYTES
           : strcmp(name, "name") == 0        ? SNAPSHOT_DRAW_BYTES
           : strcmp(name, "centre") == 0      ? SNAPSHOT_DRAW_BYTES
           : strcmp(name, "waits_for") == 0   ? SNAPSHOT_REASON_BYTES
           : strcmp(name, "seal_sha256") == 0 ? SNAPSHOT_HASH_BYTES
           : strcmp(name, "node") == 0        ? SHARED_NODE_BYTES
           : strcmp(name, "engine") == 0      ? SHARED_ENGINE_BYTES
           : strcmp(name, "error") == 0       ? SHARED_ERROR_BYTES
                                              : SNAPSHOT_WORD_BYTES;
}

/* Bytes of the sections' structs that no counter is declared for: there must be none. */
static void every_field_of_a_snapshot_is_declared(void **state)
{
    (void)state;
    static const size_t sizes[SECTIONS] = {
        [SECTION_SERVER] = sizeof(struct snapshot_server),
        [SECTION_RING] = sizeof(struct snapshot_ring),
        [SECTION_STORER] = sizeof(struct snapshot_storer),
        [SECTION_TIMES] = sizeof(struct snapshot_times),
        [SECTION_DISK] = sizeof(struct snapshot_disk),
        [SECTION_DRAW] = sizeof(struct snapshot_draw),
        [SECTION_GATE] = sizeof(struct snapshot_gate),
        [SECTION_DEATHS] = sizeof(struct snapshot_deaths),
        [SECTION_KEYHOLDER] = sizeof(struct snapshot_keyholder),
        [SECTION_REPLICA] = sizeof(struct snapshot_replica),
        [SECTION_TLS] = sizeof(struct snapshot_tls),
        [SECTION_CONFINEMENT] = sizeof(struct snapshot_confinement),
        [SECTION_CENTRES] = sizeof(struct snapshot_centres),
        [SECTION_CENTRE] = sizeof(struct snapshot_centre),
        /* what the roster notes of an agency is no figure of the server */
        [SECTION_AGENCIES] = offsetof(struct snapshot_agency, is_shown_by_peer),
        [SECTION_HANDLERS] = sizeof(struct snapshot_handler),
        [SECTION_REFUSALS] = sizeof(struct snapshot_refusal),
    };
    for (enum section section = 0; section < SECTIONS; section++) {
        size_t declared = 0;
        for (size_t i = 0; i < counter_count; i++) {
            if (counters[i].section == section) {
                declared +=
                    counters[i].unit != UNIT_TEXT ? sizeof(uint64_t) : room_of(counters[i].name);
            }
        }
        assert_int_equal(declared, sizes[section]);
    }
}

static void every_figure_is_explained(void **state)
{
    (void)state;
    FILE *file = open_output();
    explain_print(file);
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < counter_count; i++) {
        char heading[128];
        (void)snprintf(heading, sizeof heading, "\n  %s  (%s", counters[i].name,
                       counter_unit_name(counters[i].unit));
        assert_has(output, heading);
        char first_words[24];
        (void)snprintf(first_words, sizeof first_words, "%s", counters[i].explanation);
        assert_has(output, first_words);
    }
}

/* ------------------------------------------------------------------ json ---- */

static const char *json_string_of(const char *text)
{
    FILE *file = open_output();
    json_print_string(file, text);
    assert_int_equal(fclose(file), 0);
    return output;
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    assert_string_equal(json_string_of("plain"), "\"plain\"");
    assert_string_equal(json_string_of("a\"b\\c"), "\"a\\\"b\\\\c\"");
    assert_string_equal(json_string_of("\n\x01\x7f"), "\"\\u000a\\u0001\\u007f\"");
    assert_string_equal(json_string_of("\xc3\xb1\xe2\x82\xac"), "\"\xc3\xb1\xe2\x82\xac\"");
    assert_string_equal(json_string_of("a\xff"
                                       "b\xc3"),
                        "\"a\\ufffdb\\ufffd\"");
    assert_string_equal(json_string_of("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
    assert_string_equal(json_string_of(""), "\"\"");
}

static void json_has_every_figure_and_null_for_the_unknown(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    snapshot.centres.count = 1;
    const char *json = printed(print_json, &snapshot);
    for (size_t i = 0; i < counter_count; i++) {
        char member[64];
        (void)snprintf(member, sizeof member, "\"%s\": ", counters[i].name);
        assert_has(json, member);
    }
    assert_has(json, "\"winners\": null");
    assert_has(json, "\"bets_per_flush\": null");
    assert_has(json, "\"fill\": 0.125");
    assert_has(json, "\"ready\": true");
    assert_has(json, "\"peer\": \"a\\\"b\\\\c\"");
    assert_has(json, "\"no_room_reason\": \"ENOSPC\"");
    snapshot.storer.no_room_reason[0] = '\0';
    assert_has(printed(print_json, &snapshot), "\"no_room_reason\": null");
    assert_null(strstr(json, "nan"));
    assert_null(strstr(json, "18446744073709551615"));
}

static void json_of_empty_lists_is_empty_arrays(void **state)
{
    (void)state;
    struct snapshot snapshot = {.taken_at_ms = 1};
    const char *json = printed(print_json, &snapshot);
    assert_has(json, "\"agencies\": [],\n");
    assert_has(json, "\"handlers\": [],\n");
}

/* ------------------------------------------------------------ prometheus ---- */

static bool is_metric_name(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (isalnum((unsigned char)text[i]) == 0 && text[i] != '_' && text[i] != ':') {
            return false;
        }
    }
    return length > 0 && isdigit((unsigned char)text[0]) == 0;
}

/* Behind the name: labels in braces, quotes escaped; then one number. */
static void check_sample(const char *line)
{
    size_t name = strcspn(line, "{ ");
    assert_true(is_metric_name(line, name));
    const char *at = line + name;
    if (*at == '{') {
        bool quoted = false;
        for (at++; *at != '\0' && (quoted || *at != '}'); at++) {
            if (quoted && *at == '\\') {
                at++;
            } else if (*at == '"') {
                quoted = !quoted;
            }
        }
        assert_int_equal(*at, '}');
        at++;
    }
    assert_int_equal(*at, ' ');
    char *end = NULL;
    (void)strtod(at + 1, &end);
    assert_true(end > at + 1 && *end == '\0');
}

static void prometheus_lines_are_help_then_type_then_samples(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    char *text = strdup(printed(print_metrics, &snapshot));
    char metric[128] = "";
    char *rest = NULL;
    assert_non_null(text);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            (void)snprintf(metric, sizeof metric, "%.*s", (int)strcspn(line + 7, " "), line + 7);
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_int_equal(strncmp(line + 7, metric, strlen(metric)), 0);
            const char *type = line + 7 + strlen(metric);
            assert_true(strcmp(type, " gauge") == 0 || strcmp(type, " counter") == 0 ||
                        strcmp(type, " histogram") == 0);
            assert_int_equal(strcmp(type, " counter") == 0,
                             strcmp(metric + strlen(metric) - 6, "_total") == 0);
        } else {
            assert_int_equal(strncmp(line, metric, strlen(metric)), 0);
            check_sample(line);
        }
    }
    free(text);
}

static void prometheus_has_base_units_and_labels(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    const char *text = printed(print_metrics, &snapshot);
    assert_has(text, "\nlottery_ring_head_bytes_total 5000000\n");
    assert_has(text, "\nlottery_storer_sync_last_seconds 0.001200000\n");
    assert_has(text, "\nlottery_storer_sync_seconds_total 12.345678901\n");
    assert_has(text, "\nlottery_server_uptime_seconds 133.000\n");
    assert_has(text, "\nlottery_server_phase{phase=\"ready\"} 1\n");
    assert_has(text, "\nlottery_agency_bets_total{agency=\"3\"} 200\n");
    assert_has(text, "\nlottery_server_phase{phase=\"stopping\"} 0\n");
    assert_has(text, "\nlottery_agency_phase{agency=\"3\",phase=\"open\"} 1\n");
    assert_has(text, "\nlottery_agency_phase{agency=\"3\",phase=\"done\"} 0\n");
    assert_has(text, "\nlottery_handlers{activity=\"waiting at gate\"} 1\n");
    assert_null(strstr(text, "lottery_draw_winners 1"));
    assert_null(strstr(text, "lottery_agency_last_seen_timestamp_seconds{agency=\"1\"}"));
}

/* A process lives as long as its connection, and a series of it in Prometheus for weeks. */
static void series_of_handlers_are_printed_on_demand(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    assert_null(strstr(printed(print_metrics, &snapshot), "pid=\""));
    assert_has(printed(print_metrics_of_handlers, &snapshot),
               "\nlottery_handler_bets_total{pid=\"72\",peer=\"a\\\"b\\\\c\"} 0\n");
}

static void a_bucket_of_a_histogram_has_those_of_the_smaller_ones(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    const char *text = printed(print_metrics, &snapshot);
    assert_has(text, "# TYPE lottery_ack_seconds histogram\n"
                     "lottery_ack_seconds_bucket{le=\"0.0001\"} 2\n"
                     "lottery_ack_seconds_bucket{le=\"0.00025\"} 2\n"
                     "lottery_ack_seconds_bucket{le=\"0.0005\"} 3\n");
    assert_has(text, "lottery_ack_seconds_bucket{le=\"10\"} 3\n"
                     "lottery_ack_seconds_bucket{le=\"+Inf\"} 4\n"
                     "lottery_ack_seconds_sum 12.300000000\n"
                     "lottery_ack_seconds_count 4\n");
    assert_has(text, "\nlottery_storer_sync_duration_seconds_count 0\n");
}

static void every_state_of_a_set_is_a_word_that_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < counter_count; i++) {
        size_t words = 0;
        while (counters[i].state_at != NULL && counters[i].state_at(words) != NULL) {
            assert_true(strlen(counters[i].state_at(words)) < SNAPSHOT_WORD_BYTES);
            words++;
        }
        assert_true(counters[i].state_at == NULL || (counters[i].unit == UNIT_TEXT && words > 1));
    }
}

static void refusals_are_told_by_reason(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    snapshot.refusals[REFUSAL_EVICTED] =
        (struct snapshot_refusal){.reason = "evicted", .total = 12};
    snapshot.refusals[REFUSAL_BETS] = (struct snapshot_refusal){.reason = "bets"};
    const char *text = printed(print_metrics, &snapshot);
    assert_has(text, "# TYPE lottery_refused_total counter\n");
    assert_has(text, "lottery_refused_total{reason=\"evicted\"} 12\n");
    assert_has(text, "lottery_refused_total{reason=\"bets\"} 0\n");
    assert_has(printed(print_json, &snapshot), "{\"reason\": \"evicted\", \"total\": 12}");
    const char *table = table_of(&snapshot, (struct table_view){.columns = 0});
    assert_has(table, "refused  evicted             12\n");
    assert_null(strstr(table, "bets               "));
}

static void centres_are_told_by_name(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    snapshot.centres = (struct snapshot_centres){.state = "awaits",
                                                 .count = 2,
                                                 .awaited = 1,
                                                 .number = SNAPSHOT_UNKNOWN,
                                                 .reason = "draw 1 waits for B"};
    snapshot.centre_list[0] =
        (struct snapshot_centre){.name = "A", .standing = "closed", .bets = 12};
    snapshot.centre_list[1] = (struct snapshot_centre){.name = "B", .standing = "awaited"};
    const char *text = printed(print_metrics, &snapshot);
    assert_has(text, "lottery_centres_awaited 1\n");
    assert_has(text, "lottery_centre_standing{centre=\"A\",standing=\"closed\"} 1\n");
    assert_has(text, "lottery_centre_bets{centre=\"A\"} 12\n");
    assert_has(printed(print_json, &snapshot),
               "{\"centre\": \"B\", \"standing\": \"awaited\", \"bets\": 0}");
    const char *table = table_of(&snapshot, (struct table_view){.columns = 0});
    assert_has(table, "draw 1 waits for B\n");
    assert_has(table, "centres  A               closed");
}

static void prometheus_label_values_are_escaped(void **state)
{
    (void)state;
    FILE *file = open_output();
    prometheus_print_label_value(file, "a\"b\\c\nd");
    assert_int_equal(fclose(file), 0);
    assert_string_equal(output, "a\\\"b\\\\c\\nd");
}

/* ----------------------------------------------------------------- table ---- */

static void the_table_shows_figures_with_units(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    const char *table = table_of(&snapshot, (struct table_view){.columns = 0});
    assert_has(table, "server   phase            ready  uptime          2m 13s");
    assert_has(table, "head            5.0 MB");
    assert_has(table, "fill            12.5 %");
    assert_has(table, "sync last       1.2 ms");
    assert_has(table, "no room         ENOSPC");
    assert_has(table, "winners              -");
    assert_has(table, "handler  peer");
    assert_has(table, "waiting at gate       2.0 s");
}

/* Each second it beats; only what is wrong takes the room. */
static void a_heartbeat_is_shown_only_when_it_is_late(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    snapshot.server.beat_age_ms = 2999;
    snapshot.storer.beat_age_ms = SNAPSHOT_UNKNOWN;
    assert_null(strstr(table_of(&snapshot, (struct table_view){.columns = 0}), "beat late"));
    snapshot.server.beat_age_ms = 61000;
    assert_has(table_of(&snapshot, (struct table_view){.columns = 0}), "beat late       1m 01s");
    snapshot.server.beat_age_ms = 0;
    snapshot.storer.beat_age_ms = 3000;
    assert_has(table_of(&snapshot, (struct table_view){.columns = 0}), "beat late        3.0 s");
}

static void an_idle_server_is_said_to_be_idle(void **state)
{
    (void)state;
    struct snapshot snapshot = {.taken_at_ms = 1};
    const char *table = table_of(&snapshot, (struct table_view){.columns = 80});
    assert_has(table, "no agency has spoken yet");
    assert_has(table, "nobody is connected");
}

static unsigned count_lines(const char *text)
{
    unsigned lines = 0;
    for (; *text != '\0'; text++) {
        lines += *text == '\n' ? 1 : 0;
    }
    return lines;
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        longest = length > longest ? length : longest;
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    return longest;
}

static void the_table_fits_every_window(void **state)
{
    (void)state;
    struct snapshot older = make_snapshot();
    struct snapshot snapshot = older;
    snapshot.taken_ns += SECOND_NS;
    for (unsigned columns = 1; columns < 200; columns += 7) {
        for (unsigned rows = 1; rows < 70; rows++) {
            const char *table = table_of(
                &snapshot, (struct table_view){.columns = columns, .rows = rows, .older = &older});
            assert_true(longest_line(table) <= columns);
            assert_true(count_lines(table) <= rows);
        }
    }
}

static void a_low_window_says_how_many_rows_it_leaves_out(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    const char *table = table_of(&snapshot, (struct table_view){.columns = 80, .rows = 24});
    assert_int_equal(count_lines(table), 24);
    assert_has(table, "  ... 3 more\n");
    assert_has(table, "10.0.0.1:4242");
}

static void a_copy_is_shown_where_there_is_one(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    assert_null(strstr(table_of(&snapshot, (struct table_view){.columns = 80}), "replica"));
    snapshot.replica = (struct snapshot_replica){.role = "primary",
                                                 .state = "shipping",
                                                 .node = "host-0011aabb",
                                                 .engine = "nats://10.0.0.1:4222 2.10.27",
                                                 .replicated = 2000000,
                                                 .lag = 3000000,
                                                 .epoch = 4,
                                                 .sequence = 90,
                                                 .append_last_ns = 2000000};
    const char *table = table_of(&snapshot, (struct table_view){.columns = 80});
    assert_has(table, "replica  role           primary  state         shipping");
    assert_has(table, "lag             3.0 MB");
    assert_has(table, "nats://10.0.0.1:4222 2.10.27");
}

static void a_list_that_is_too_long_is_scrolled(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    struct table_view view = {.columns = 80, .rows = 18, .agencies = {.first = 3}};
    FILE *file = open_output();
    table_print(file, &snapshot, &view);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(view.agencies.first, 3);
    assert_true(view.agencies.page > 0 && view.agencies.page < AGENCIES - 3);
    char rest[64];
    (void)snprintf(rest, sizeof rest, "  ... 3 before, %zu more\n",
                   AGENCIES - 3 - view.agencies.page);
    assert_has(output, rest);
    assert_null(strstr(output, "\n           3  open"));
    assert_has(output, "\n           4  open");
    view.agencies.first = SIZE_MAX;
    file = open_output();
    table_print(file, &snapshot, &view);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(view.agencies.first, AGENCIES - view.agencies.page);
    assert_has(output, " before, 0 more\n");
    assert_has(output, "\n          12  open");
}

static void only_the_missing_agencies_are_shown_on_demand(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    assert_has(table_of(&snapshot, (struct table_view){.columns = 80, .only_missing = true}),
               "no agency is missing");
    agencies[0].missing = 1;
    const char *table =
        table_of(&snapshot, (struct table_view){.columns = 80, .only_missing = true});
    assert_has(table, "\n           1  open");
    assert_null(strstr(table, "\n           2  open"));
    assert_null(strstr(table, "\nring "));
}

static void the_draw_is_told_with_its_seal_and_who_has_no_name(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    assert_null(strstr(table_of(&snapshot, (struct table_view){.columns = 80}), "  seal "));
    (void)snprintf(snapshot.draw.name, sizeof snapshot.draw.name,
                   "a-name-of-thirty-two-characters-");
    (void)snprintf(snapshot.draw.state, sizeof snapshot.draw.state, "sealed");
    (void)snprintf(snapshot.draw.seal_sha256, sizeof snapshot.draw.seal_sha256, "%064d", 7);
    snapshot.draw.closes_at_ms = 10000 + 90000;
    snapshot.draw.unnamed = 3;
    const char *table = table_of(&snapshot, (struct table_view){.columns = 80});
    assert_true(longest_line(table) <= 80);
    assert_has(table, "a-name-of-thirty-two-characters-");
    assert_has(table, "state           sealed");
    assert_has(table, "closes in       1m 30s");
    assert_has(table, snapshot.draw.seal_sha256);
    assert_has(table, "\n  3 not known by name\n");
    const char *json = printed(print_json, &snapshot);
    assert_has(json, "\"closes_at_ms\": 100000");
    const char *text = printed(print_metrics, &snapshot);
    assert_has(text, "\nlottery_draw_closes_timestamp_seconds 100.000\n");
    assert_has(text, "\nlottery_draw_state{state=\"sealed\"} 1\n");
}

/* What needs a look comes first, whole, and within every window. */
static void verdicts_come_first_and_fit_every_window(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    struct verdicts verdicts;
    snapshot.deaths.storer_deaths = 2;
    (void)snprintf(snapshot.draw.name, sizeof snapshot.draw.name, "W48");
    (void)snprintf(snapshot.draw.state, sizeof snapshot.draw.state, "open");
    verdicts_of_server(&snapshot, NULL, &verdict_default_limits, &verdicts);
    struct table_view view = {.columns = 100, .rows = 60, .verdicts = &verdicts};
    const char *table = table_of(&snapshot, view);
    char headline[64];
    (void)snprintf(headline, sizeof headline, "draw W48 open: %zu things need a look\n",
                   verdicts.count);
    assert_int_equal(strncmp(table, headline, strlen(headline)), 0);
    assert_has(table, "\n!! LT-3003  no room on the disk (ENOSPC): nothing is acknowledged\n");
    assert_has(table, "\n!  LT-3009  storers that died: 2 in 2m 13s\n");
    view.columns = 41;
    assert_has(table_of(&snapshot, view), "\n!! LT-3003  no room on the disk (ENOSPC):\n"
                                          "            nothing is acknowledged\n");
    view.colored = true;
    assert_has(table_of(&snapshot, view), "\n\x1b[1;31m!! LT-3003  no room on the disk (ENOSPC):"
                                          "\x1b[0m\n");
    view.colored = false;
    for (unsigned columns = 1; columns < 200; columns += 7) {
        for (unsigned rows = 1; rows < 40; rows++) {
            view.columns = columns;
            view.rows = rows;
            table = table_of(&snapshot, view);
            assert_true(longest_line(table) <= columns);
            assert_true(count_lines(table) <= rows);
        }
    }
}

static void rows_are_filtered_by_what_was_typed(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    struct roster_filter filter = {.text = "1"};
    struct roster_order order = {.sort = ROSTER_BY_ID, .filter = &filter};
    struct table_view view = {.columns = 80, .filter = &filter};
    roster_arrange(&snapshot, &order);
    const char *table = table_of(&snapshot, view);
    assert_has(table, "\n           1  open");
    assert_has(table, "\n          12  open");
    assert_null(strstr(table, "\n           2  open"));
    assert_has(table, "10.0.0.1:4242");
    assert_null(strstr(table, "a\"b\\c"));
    (void)snprintf(filter.text, sizeof filter.text, "a\"b");
    roster_arrange(&snapshot, &order);
    table = table_of(&snapshot, view);
    assert_has(table, "no agency like that");
    assert_has(table, "a\"b\\c");
    assert_null(strstr(table, "10.0.0.1:4242"));
    filter.text[0] = '\0';
    roster_arrange(&snapshot, &order);
    assert_has(table_of(&snapshot, view), "\n           2  open");
}

static void rates_are_growth_by_time(void **state)
{
    (void)state;
    struct snapshot older = make_snapshot();
    struct snapshot_agency later_agencies[AGENCIES];
    memcpy(later_agencies, agencies, sizeof later_agencies);
    struct snapshot snapshot = older;
    snapshot.agencies = later_agencies;
    snapshot.taken_ns += UINT64_C(2) * SECOND_NS;
    snapshot.server.bets += 25000;
    snapshot.ring.head += 6800000;
    later_agencies[2].bets += 4;
    const char *table = table_of(&snapshot, (struct table_view){.columns = 120, .older = &older});
    assert_has(table,
               "rates    bets           12.5k/s  appended      3.4 MB/s  flushes            0/s");
    assert_has(table, "           3  open         204      2.0/s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_figure_is_declared_whole),
        cmocka_unit_test(no_two_figures_share_a_name_or_a_value),
        cmocka_unit_test(every_field_of_a_snapshot_is_declared),
        cmocka_unit_test(every_figure_is_explained),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(json_has_every_figure_and_null_for_the_unknown),
        cmocka_unit_test(json_of_empty_lists_is_empty_arrays),
        cmocka_unit_test(prometheus_lines_are_help_then_type_then_samples),
        cmocka_unit_test(prometheus_has_base_units_and_labels),
        cmocka_unit_test(series_of_handlers_are_printed_on_demand),
        cmocka_unit_test(a_bucket_of_a_histogram_has_those_of_the_smaller_ones),
        cmocka_unit_test(every_state_of_a_set_is_a_word_that_stays),
        cmocka_unit_test(refusals_are_told_by_reason),
        cmocka_unit_test(centres_are_told_by_name),
        cmocka_unit_test(prometheus_label_values_are_escaped),
        cmocka_unit_test(the_table_shows_figures_with_units),
        cmocka_unit_test(a_heartbeat_is_shown_only_when_it_is_late),
        cmocka_unit_test(an_idle_server_is_said_to_be_idle),
        cmocka_unit_test(the_table_fits_every_window),
        cmocka_unit_test(a_low_window_says_how_many_rows_it_leaves_out),
        cmocka_unit_test(a_copy_is_shown_where_there_is_one),
        cmocka_unit_test(a_list_that_is_too_long_is_scrolled),
        cmocka_unit_test(only_the_missing_agencies_are_shown_on_demand),
        cmocka_unit_test(the_draw_is_told_with_its_seal_and_who_has_no_name),
        cmocka_unit_test(verdicts_come_first_and_fit_every_window),
        cmocka_unit_test(rows_are_filtered_by_what_was_typed),
        cmocka_unit_test(rates_are_growth_by_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
