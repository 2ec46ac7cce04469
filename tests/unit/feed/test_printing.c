/*
 * test_printing.c - what a feed prints: CSV, JSON lines, the export; and what it says to COPY.
 */
#include "tests/harness/feed_fixture.h"

#include "feed/copy_text.h"
#include "feed/export.h"
#include "feed/feeding.h"
#include "feed/json_text.h"
#include "feed/print_sink.h"

#include <stdlib.h>
#include <unistd.h>

struct case_of {
    struct fixture log;
    struct stop stop;
    struct failure failure;
    char position[POSITION_BYTES];
    char *printed;
    size_t printed_bytes;
};

#define ROWS_1 "1,Ana,Núñez,0123,1990-01-31,0074\r\n"
#define ROWS_2 "2,\"Juan \"\"El\"\" Pérez\",\\,3,2000-02-29,4294967295\r\n"

static int set_up(void **state)
{
    struct case_of *it = calloc(1, sizeof *it);
    assert_non_null(it);
    assert_true(stop_block(&it->failure));
    fixture_open(&it->log);
    fixture_claim(&it->log);
    fixture_file(&it->log, "control", "a\tb\n");
    fixture_bets(&it->log, ROWS_1 ROWS_2, 2);
    fixture_done(&it->log, "1,1,x\n");
    *state = it;
    return 0;
}

static int tear_down(void **state)
{
    struct case_of *it = *state;
    fixture_close(&it->log);
    free(it->printed);
    free(it);
    return 0;
}

/* Prints from the position, or by the file. The text is the case's. */
static const char *print(struct case_of *it, bool json, const char *from, const char *file)
{
    struct print_sink sink;
    free(it->printed);
    FILE *output = open_memstream(&it->printed, &it->printed_bytes);
    assert_non_null(output);
    if (!print_sink_open(&sink, output, json, from, file, &it->failure)) {
        fail_msg("%s", it->failure.text);
    }
    const struct feeding_plan plan = {
        .engine = it->log.reader, .stream = "BETS_north", .sink = &sink.base, .stop = &it->stop};
    assert_int_equal(feeding_run(&plan, it->position, &it->failure), FEEDING_DONE);
    (void)fclose(output);
    return it->printed;
}

static void csv_is_what_stands_in_bets_csv(void **state)
{
    struct case_of *it = *state;
    assert_string_equal(print(it, false, "0", NULL), ROWS_1 ROWS_2);
    assert_string_equal(print(it, false, "3", NULL), "");
}

static void json_has_a_line_a_bet_and_the_position_behind_them(void **state)
{
    static const char rows[] =
        "{\"sequence\":3,\"lottery\":\"" FIXTURE_IDENTITY "\",\"offset\":0,\"agency\":1,"
        "\"first_name\":\"Ana\",\"last_name\":\"Núñez\",\"document\":\"0123\","
        "\"birthdate\":\"1990-01-31\",\"number\":74}\n"
        "{\"sequence\":3,\"lottery\":\"" FIXTURE_IDENTITY "\",\"offset\":36,\"agency\":2,"
        "\"first_name\":\"Juan \\\"El\\\" Pérez\",\"last_name\":\"\\\\\",\"document\":\"3\","
        "\"birthdate\":\"2000-02-29\",\"number\":4294967295}\n"
        "{\"position\":\"4/1/1/";
    struct case_of *it = *state;
    const char *printed = print(it, true, "0", NULL);
    assert_memory_equal(printed, rows, sizeof rows - 1);
    const char *position = strstr(printed, "{\"position\":\"") + strlen("{\"position\":\"");
    assert_memory_equal(position, it->position, strlen(it->position));
    assert_string_equal(position + strlen(it->position), "\"}\n");
    char from[POSITION_BYTES];
    memcpy(from, it->position, sizeof from);
    assert_string_equal(print(it, true, from, NULL), "");
}

static void a_position_is_kept_in_a_file_and_read_from_it(void **state)
{
    struct case_of *it = *state;
    char directory[] = "/tmp/test-printing-XXXXXX";
    char path[sizeof directory + sizeof "/position"];
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/position", directory);
    assert_string_equal(print(it, false, "0", path), ROWS_1 ROWS_2);
    fixture_bets(&it->log, ROWS_1, 1);
    assert_string_equal(print(it, false, "0", path), ROWS_1);
    assert_string_equal(print(it, false, "0", path), "");
    struct print_sink sink;
    assert_int_equal(truncate(path, 10), 0);
    assert_false(print_sink_open(&sink, stdout, false, "0", path, &it->failure));
    assert_non_null(strstr(it->failure.text, "is no position"));
    assert_int_equal(truncate(path, 0), 0);
    assert_false(print_sink_open(&sink, stdout, false, "0", path, &it->failure));
    assert_non_null(strstr(it->failure.text, "it is empty"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0); /* nothing else stays there */
}

static void a_full_output_ends_the_feed_and_keeps_no_position(void **state)
{
    struct case_of *it = *state;
    struct print_sink sink;
    FILE *full = fopen("/dev/full", "we");
    assert_non_null(full);
    assert_true(print_sink_open(&sink, full, false, "0", NULL, &it->failure));
    const struct feeding_plan plan = {
        .engine = it->log.reader, .stream = "BETS_north", .sink = &sink.base, .stop = &it->stop};
    assert_int_equal(feeding_run(&plan, it->position, &it->failure), FEEDING_FAILED);
    (void)fclose(full);
    assert_string_equal(it->position, "0");
    assert_string_equal(it->failure.text, "write to standard output: No space left on device");
}

/* ------------------------------------------------------------------- the export ---- */

static enum feeding_end export(struct case_of *it) {
    free(it->printed); FILE *output = open_memstream(&it->printed, &it->printed_bytes);
    assert_non_null(output);
    enum feeding_end end = export_run(it->log.reader, "BETS_north", &it->stop, 50, output,
                                      &it->failure);
    (void)fclose(output);
    return end;
}

static void the_export_has_every_message_with_its_headers(void **state)
{
    struct case_of *it = *state;
    assert_int_equal(export(it), FEEDING_DONE);
    assert_non_null(strstr(it->printed, "{\"sequence\":1,\"stored_at_ms\":"));
    assert_non_null(strstr(it->printed, ",\"stream\":\"BETS_north\",\"subject\":\"lottery.north."
                                        "claim\",\"headers\":{\"Lottery-Identity\":\""));
    assert_non_null(strstr(it->printed, "\"Lottery-Done-End\":\"0\"},\"text\":\"\"}\n"));
    assert_non_null(strstr(it->printed, "\"Lottery-Name\":\"control\"},\"text\":\"a\\tb\\n\"}\n"));
    assert_non_null(strstr(it->printed, "\"text\":\"1,Ana,Núñez,0123,1990-01-31,0074\\r\\n2,"));
    assert_int_equal(it->printed[it->printed_bytes - 1], '\n');
}

/* Whoever may write the log may write any header, and what an auditor gets is JSON nevertheless. */
static void a_header_that_is_no_text_is_printed_as_json(void **state)
{
    struct case_of *it = *state;
    it->log.node = "a\x01\xff\"\\ñ\xc3";
    fixture_claim(&it->log);
    assert_int_equal(export(it), FEEDING_DONE);
    assert_non_null(strstr(it->printed, "\"a\\ufffd\\ufffd\\\"\\\\ñ\\ufffd\""));
}

static void a_missing_message_ends_the_export_behind_what_is_there(void **state)
{
    struct case_of *it = *state;
    engine_memory_lose_one(it->log.memory, "BETS_north", 2);
    assert_int_equal(export(it), FEEDING_BROKEN);
    assert_non_null(strstr(it->printed, "\"sequence\":1,"));
    assert_null(strstr(it->printed, "\"sequence\":3,"));
    engine_memory_set_away(it->log.reader, true);
    assert_int_equal(export(it), FEEDING_AWAY);
}

static void bytes_that_are_no_text_are_base64(void **state)
{
    static const struct {
        const char *bytes;
        size_t count;
        const char *printed;
    } cases[] = {{"", 0, "\"\""},
                 {"f", 1, "\"Zg==\""},
                 {"fo", 2, "\"Zm8=\""},
                 {"foo", 3, "\"Zm9v\""},
                 {"\xff\xfe\xfb\xbf", 4, "\"//77vw==\""},
                 {"\0\0\0", 3, "\"AAAA\""}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *printed = NULL;
        size_t bytes = 0;
        FILE *output = open_memstream(&printed, &bytes);
        assert_non_null(output);
        json_text_print_base64(output, cases[i].bytes, cases[i].count);
        (void)fclose(output);
        assert_string_equal(printed, cases[i].printed);
        free(printed);
    }
    assert_false(json_text_is_printable("a\0b", 3));
    assert_false(json_text_is_printable("\xff", 1));
    assert_false(json_text_is_printable("\x1b", 1));
    assert_true(json_text_is_printable("\r\n\tñ", 5));
}

/* ---------------------------------------------------------------------- COPY ---- */

static void copy_gets_rows_that_say_where_they_come_from(void **state)
{
    static const char expected_bets[] = "north,3,1," ROWS_1 "north,3,2," ROWS_2;
    struct case_of *it = *state;
    struct copy_text bets = {0};
    struct copy_text records = {0};
    for (uint64_t sequence = 1; sequence <= 4; sequence++) {
        struct engine_message message;
        struct record record;
        assert_int_equal(
            engine_read(it->log.reader, "BETS_north", sequence, 0, &message, &it->failure),
            ENGINE_READ);
        assert_true(record_read(&message, &record, &it->failure));
        message.stored_at_ms = 1764288000123;
        assert_true(copy_text_add_record(&records, "north", &message, &record));
        if (record.kind == RECORD_BETS) {
            assert_true(copy_text_add_bets(&bets, "north", &message, &record));
        }
    }
    fixture_open_draw(&it->log, "ffeeddccbbaa99887766554433221100", "next");
    struct engine_message message;
    struct record record;
    assert_int_equal(engine_read(it->log.reader, "BETS_north", 5, 0, &message, &it->failure),
                     ENGINE_READ);
    assert_true(record_read(&message, &record, &it->failure));
    message.stored_at_ms = 1764288000123;
    assert_true(copy_text_add_record(&records, "north", &message, &record));
    assert_int_equal(bets.used, sizeof expected_bets - 1);
    assert_memory_equal(bets.bytes, expected_bets, bets.used);
    static const char expected_records[] =
        "north,1,claim,1,\"one-01234567\"," FIXTURE_IDENTITY ",,0,,,,2025-11-28 00:00:00.123+00\r\n"
        "north,2,file,1,\"one-01234567\"," FIXTURE_IDENTITY
        ",,4,,\"control\",\\x6109620a,2025-11-28 00:00:00.123+00\r\n"
        "north,3,bets,1,\"one-01234567\"," FIXTURE_IDENTITY
        ",0,86,2,,,2025-11-28 00:00:00.123+00\r\n"
        "north,4,done,1,\"one-01234567\"," FIXTURE_IDENTITY
        ",0,6,1,,\\x312c312c780a,2025-11-28 00:00:00.123+00\r\n"
        "north,5,claim,2,\"one-01234567\",ffeeddccbbaa99887766554433221100"
        ",,4,,,\\x6e657874,2025-11-28 00:00:00.123+00\r\n";
    assert_int_equal(records.used, sizeof expected_records - 1);
    assert_memory_equal(records.bytes, expected_records, records.used);
    copy_text_free(&bets);
    copy_text_free(&records);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(csv_is_what_stands_in_bets_csv),
        TEST(json_has_a_line_a_bet_and_the_position_behind_them),
        TEST(a_position_is_kept_in_a_file_and_read_from_it),
        TEST(a_full_output_ends_the_feed_and_keeps_no_position),
        TEST(the_export_has_every_message_with_its_headers),
        TEST(a_header_that_is_no_text_is_printed_as_json),
        TEST(a_missing_message_ends_the_export_behind_what_is_there),
        TEST(bytes_that_are_no_text_are_base64),
        TEST(copy_gets_rows_that_say_where_they_come_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
