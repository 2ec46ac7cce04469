/*
 * test_client_config.c - an agency's keys, the server's address out of several
 * variables, and the single bet of the environment.
 */
#include "tests/unit/config_fixture.h"

#include "client/client_config.h"
#include "tls/tls_context.h"

static const char shipped_file[] = "client/config.yaml";

static struct client_config config;
static struct failure failure;

static bool load(const char *file)
{
    return client_config_load(file, &config, &failure);
}

static const struct config_subject tested = {.table = &client_config_table,
                                             .config = &config,
                                             .failure = &failure,
                                             .least = "id: 1\n",
                                             .load = load};

/* These are no keys of the table. */
static int clear_server_variables(void)
{
    return unsetenv("SERVER_HOST") == 0 && unsetenv("SERVER_PORT") == 0 ? 0 : -1;
}

static int open_fixture(void **state)
{
    return clear_server_variables() == 0 ? fixture_open(state, &tested) : -1;
}

static int close_fixture(void **state)
{
    return clear_server_variables() == 0 ? fixture_close(state) : -1;
}

static void assert_defaults(void)
{
    assert_string_equal(config.server_address, "server:12345");
    assert_int_equal(config.loop_lapse_ms, 20000);
    assert_int_equal(config.loop_period_ms, 5000);
    assert_int_equal(config.loop_amount, 0);
    assert_int_equal(config.log_level, LOG_LEVEL_INFO);
    assert_int_equal(config.batch_max_amount, 150);
    assert_int_equal(config.batch_in_flight, 1024);
    assert_int_equal(config.batch_window, BATCH_WINDOW_AUTO);
    assert_string_equal(config.bets_file, "");
    assert_string_equal(config.winners_file, "");
    assert_int_equal(config.resume, RESUME_AUTO);
    assert_string_equal(config.lottery_name, "");
    assert_int_equal(config.tls_mode, CLIENT_TLS_OFF);
    assert_string_equal(config.tls_certificate, "");
    assert_string_equal(config.tls_key, "");
    assert_string_equal(config.tls_ca, "");
    assert_string_equal(config.tls_crl, "");
    assert_string_equal(config.tls_server_name, "");
    assert_int_equal(config.tls_minimum, TLS_MINIMUM_1_3);
    assert_string_equal(config.first_name, "");
    assert_string_equal(config.last_name, "");
    assert_string_equal(config.document, "");
    assert_string_equal(config.birthdate, "");
    assert_string_equal(config.number, "");
    assert_false(config.single_bet);
}

static void all_but_the_id_has_a_default(void **state)
{
    assert_loads(state, "id: 3\n");
    assert_int_equal(config.id, 3);
    assert_defaults();
}

static void the_shipped_file_names_every_key_but_the_id_with_its_default(void **state)
{
    struct config_origin *origins = calloc(client_config_table.count, sizeof *origins);
    (void)state;
    assert_non_null(origins);
    fixture_set("CLI_ID", "1");
    assert_true(client_config_load(shipped_file, &config, &failure));
    assert_defaults();
    assert_true(config_load(&client_config_table, &(struct config_request){.file = shipped_file},
                            &config, origins, &failure));
    for (size_t i = 0; i < client_config_table.count; i++) {
        const struct config_key *key = &client_config_table.keys[i];
        if (key->path[0] != NULL && key->default_value != NULL &&
            origins[i].source != CONFIG_FROM_FILE) {
            fail_msg("%s does not name %s", shipped_file, key->path[0]);
        }
    }
    free(origins);
}

static void the_shipped_file_names_every_variable(void **state)
{
    (void)state;
    fixture_assert_names_variables(shipped_file, &client_config_table);
}

static void the_id_has_to_be_set(void **state)
{
    assert_false(load_text(state, ""));
    assert_string_equal(failure.text, "id: is not set and has no default; set it in the file or "
                                      "the environment (CLI_ID, AGENCY_ID)");
    assert_refused(state, "id:\n", ":1: id: \"\" is not a whole number from 0 to 4294967295");
}

/* What every key can be set to, in the file's and in the environment's name. */
static const struct config_setting settable[] = {
    {"id: 4294967295", "CLI_ID", "4294967295", " | id: 4294967295 |"},
    {"id: 8", "AGENCY_ID", "8", " | id: 8 |"},
    {"id: 1\nserver: {address: \"h:1\"}", "CLI_SERVER_ADDRESS", "h:1", " | server.address: h:1 |"},
    {"id: 1\nloop: {lapse: 0m30s}", "CLI_LOOP_LAPSE", "0m30s", " | loop.lapse: 30s |"},
    {"id: 1\nloop: {period: 100ms}", "CLI_LOOP_PERIOD", "100ms", " | loop.period: 100ms |"},
    {"id: 1\nloop: {amount: 7}", "CLI_LOOP_AMOUNT", "7", " | loop.amount: 7 |"},
    {"id: 1\nlog: {level: error}", "CLI_LOG_LEVEL", "error", " | log.level: ERROR |"},
    {"id: 1\nbatch: {maxAmount: 9}", "CLI_BATCH_MAXAMOUNT", "9", " | batch.maxAmount: 9 |"},
    {"id: 1\nbatch: {batch_size: 9}", "BATCH_SIZE", "9", " | batch.maxAmount: 9 |"},
    {"id: 1\nbatch: {inFlight: 9}", "CLI_BATCH_INFLIGHT", "9", " | batch.inFlight: 9 |"},
    {"id: 1\nbatch: {window: fixed}", "CLI_BATCH_WINDOW", "fixed", " | batch.window: fixed |"},
    {"id: 1\nbets: {file: a b.csv}", "CLI_BETS_FILE", "a b.csv", " | bets.file: a b.csv |"},
    {"id: 1\nbets: {file: a.csv}", "INPUT_FILE", "a.csv", " | bets.file: a.csv |"},
    {"id: 1\nwinners: {file: w.csv}", "CLI_WINNERS_FILE", "w.csv", " | winners.file: w.csv |"},
    {"id: 1\nwinners: {file: w.csv}", "OUTPUT_FILE", "w.csv", " | winners.file: w.csv |"},
    {"id: 1\nresume: off", "CLI_RESUME", "off", " | resume: off |"},
    {"id: 1\nlottery: {name: 2026-W48}", "CLI_LOTTERY_NAME", "2026-W48",
     " | lottery.name: 2026-W48"},
    {"id: 1\nlottery: {name: w}", "LOTTERY_NAME", "w", " | lottery.name: w"},
    {"id: 1\ntls: {mode: required, ca: x}\n", "CLI_TLS_CA", "x", " | tls.ca: x |"},
    {"id: 1\ntls: {ca: x}", "TLS_CA", "x", " | tls.ca: x |"},
    {"id: 1\ntls: {mode: off}", "CLI_TLS_MODE", "Off", " | tls.mode: off |"},
    {"id: 1\ntls: {mode: off}", "TLS_MODE", "off", " | tls.mode: off |"},
    {"id: 1\ntls: {certificate: x}", "CLI_TLS_CERTIFICATE", "x", " | tls.certificate: x |"},
    {"id: 1\ntls: {certificate: x}", "TLS_CERTIFICATE", "x", " | tls.certificate: x |"},
    {"id: 1\ntls: {key: x}", "CLI_TLS_KEY", "x", " | tls.key: x |"},
    {"id: 1\ntls: {key: x}", "TLS_KEY", "x", " | tls.key: x |"},
    {"id: 1\ntls: {crl: x}", "CLI_TLS_CRL", "x", " | tls.crl: x |"},
    {"id: 1\ntls: {crl: x}", "TLS_CRL", "x", " | tls.crl: x |"},
    {"id: 1\ntls: {server_name: x}", "CLI_TLS_SERVER_NAME", "x", " | tls.server_name: x |"},
    {"id: 1\ntls: {server_name: x}", "TLS_SERVER_NAME", "x", " | tls.server_name: x |"},
    {"id: 1\ntls: {minimum: 1.2}", "CLI_TLS_MINIMUM", "1.2", " | tls.minimum: 1.2"},
    {"id: 1\ntls: {minimum: \"1.3\"}", "TLS_MINIMUM", "1.3", " | tls.minimum: 1.3"},
    {"id: 1\nresume: required", "CLI_RESUME", "Required", " | resume: required |"},
};

static void every_key_is_set_by_the_file_and_by_its_variables(void **state)
{
    assert_settable(state, settable, sizeof settable / sizeof settable[0]);
}

static void the_log_line_has_the_course_s_names_as_well(void **state)
{
    assert_loads(state, "id: 3\nloop: {amount: 2, period: 7s}\nserver: {address: \"centre:80\"}");
    assert_described(state, " | client_id: 3 | server_address: centre:80 | loop_period: 7s | "
                            "loop_amount: 2 | log_level: INFO");
}

static void values_outside_their_bounds_are_refused(void **state)
{
    static const struct config_bad_value cases[] = {
        {"AGENCY_ID", "4294967296", "\"4294967296\" is not a whole number from 0 to 4294967295"},
        {"CLI_BATCH_MAXAMOUNT", "0", "\"0\" is not a whole number from 1 to 10000"},
        {"BATCH_SIZE", "10001", "\"10001\" is not a whole number from 1 to 10000"},
        {"CLI_BATCH_INFLIGHT", "1025", "\"1025\" is not a whole number from 1 to 1024"},
        {"CLI_LOOP_PERIOD", "5",
         "\"5\" is not a duration from 1ms to 24h (write it like 100ms, 5s, 1m30s or 1h)"},
        {"CLI_RESUME", "never", "\"never\" is not one of auto, required, off"},
        {"CLI_LOG_LEVEL", "x", "\"x\" is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL"},
    };
    assert_values_refused(state, cases, sizeof cases / sizeof cases[0]);
}

static void the_variables_with_cli_in_front_win_over_the_others(void **state)
{
    fixture_set("AGENCY_ID", "2");
    fixture_set("CLI_ID", "1");
    fixture_set("BATCH_SIZE", "20");
    fixture_set("CLI_BATCH_MAXAMOUNT", "10");
    fixture_set("INPUT_FILE", "in");
    fixture_set("CLI_BETS_FILE", "bets");
    assert_loads(state, "id: 3\n");
    assert_int_equal(config.id, 1);
    assert_int_equal(config.batch_max_amount, 10);
    assert_string_equal(config.bets_file, "bets");
}

static void both_names_of_the_batch_size_are_one_too_many(void **state)
{
    assert_refused(state, "id: 1\nbatch:\n  maxAmount: 9\n  batch_size: 9\n",
                   ":4: batch.batch_size: given twice; the first time is in line 3");
}

static void the_fields_of_a_bet_are_no_keys_of_the_file(void **state)
{
    assert_refused(
        state, "id: 1\nNOMBRE: x\n",
        ":2: NOMBRE: unknown key; known here are id, server, loop, log, exit, batch, bets, "
        "winners, resume, lottery, tls");
}

static void the_draws_name_has_to_be_one_and_the_server_to_be_asked(void **state)
{
    assert_refused(state, "id: 1\nlottery: {name: ../x}\n",
                   ":2: lottery.name: \"../x\" is no name of a draw: 1 to 32 letters, digits, '.', "
                   "'_' and '-', the first one a letter or a digit");
    assert_refused(state, "id: 1\nresume: off\nlottery: {name: 2026-W48}\n",
                   ":3: lottery.name: is \"2026-W48\", but resume: off never asks the server which "
                   "draw it holds");
}

static void tls_needs_an_authority_a_key_with_its_certificate_and_a_name(void **state)
{
    assert_refused(state, "id: 1\ntls: {mode: required}\n",
                   ":2: tls.mode: is required, but tls.ca is not set: name the file with the "
                   "certificate of the authority that signs the server's");
    assert_refused(state, "id: 1\ntls:\n  mode: required\n  ca: x\n  certificate: x\n",
                   ":5: tls.certificate: is set, but tls.key is not: they go together");
    assert_refused(state, "id: 1\ntls:\n  mode: required\n  ca: x\n  key: x\n",
                   ":5: tls.key: is set, but tls.certificate is not: they go together");
    assert_refused(state, "id: 1\ntls: {mode: required, ca: x, server_name: \"h:1\"}\n",
                   ":2: tls.server_name: \"h:1\" is no name that a certificate can be for: a "
                   "host's name or an address, without port and brackets");
    assert_refused(state, "id: 1\nserver: {address: \"*.h:1\"}\ntls: {mode: required, ca: x}\n",
                   ":2: server.address: no certificate can be for \"*.h\": set tls.server_name to "
                   "the name that the server's certificate is for");
    assert_refused(state, "id: 1\ntls: {mode: optional}\n",
                   ":2: tls.mode: \"optional\" is not one of off, required");
    assert_loads(state, "id: 1\ntls: {server_name: \"h:1\", key: x}\n"); /* it is off */
    assert_loads(state, "id: 1\nserver: {address: \"[fe80::1%eth0]:1\"}\n"
                        "tls: {mode: required, ca: x}\n");
}

/* ---- the server's address -------------------------------------------------- */

static const char with_address[] = "id: 1\nserver: {address: \"file:1\"}\n";

static void host_and_port_win_over_the_file(void **state)
{
    assert_loads(state, with_address);
    assert_string_equal(config.server_address, "file:1");
    fixture_set("SERVER_HOST", "host");
    fixture_set("SERVER_PORT", "2");
    assert_loads(state, with_address);
    assert_string_equal(config.server_address, "host:2");
}

static void a_host_without_port_gets_the_usual_one(void **state)
{
    fixture_set("SERVER_HOST", "host");
    assert_loads(state, with_address);
    assert_string_equal(config.server_address, "host:12345");
    fixture_set("SERVER_PORT", "");
    assert_loads(state, with_address);
    assert_string_equal(config.server_address, "host:12345");
}

static void a_port_without_host_changes_nothing(void **state)
{
    fixture_set("SERVER_PORT", "2");
    assert_loads(state, with_address);
    assert_string_equal(config.server_address, "file:1");
    fixture_set("SERVER_HOST", "");
    assert_loads(state, with_address);
    assert_string_equal(config.server_address, "file:1");
}

static void the_address_wins_over_host_and_port(void **state)
{
    fixture_set("SERVER_HOST", "host");
    fixture_set("SERVER_PORT", "wrong, but nobody asks");
    fixture_set("CLI_SERVER_ADDRESS", "both:3");
    assert_loads(state, with_address);
    assert_string_equal(config.server_address, "both:3");
}

static void the_host_of_an_ipv6_address_gets_brackets(void **state)
{
    fixture_set("SERVER_HOST", "::1");
    assert_loads(state, "id: 1\n");
    assert_string_equal(config.server_address, "[::1]:12345");
    fixture_set("SERVER_HOST", "[::1]");
    assert_loads(state, "id: 1\n");
    assert_string_equal(config.server_address, "[::1]:12345");
}

static void several_servers_are_a_list_each_of_which_is_checked(void **state)
{
    assert_loads(state, "id: 1\nserver: {address: \"a:1,[::1]:2, b:3\"}\n");
    assert_string_equal(config.server_address, "a:1,[::1]:2, b:3");
    assert_refused(state, "id: 1\nserver: {address: \"a:1,b\"}\n",
                   ":2: server.address: \"b\" is not host:port, like localhost:12345");
    assert_refused(state, "id: 1\nserver: {address: \"a:1,*.h:1\"}\ntls: {mode: required, ca: x}\n",
                   ":2: server.address: no certificate can be for \"*.h\": set tls.server_name to "
                   "the name that the server's certificate is for");
    assert_refused(state, "id: 1\nserver: {address: \"a:1,b:1\"}\nresume: off\n",
                   ":2: server.address: names several servers, but resume: off never asks a "
                   "server what it has stored, and so can't go on with another one");
}

static void a_port_that_is_a_url_counts_as_not_set(void **state)
{
    fixture_set("SERVER_HOST", "host");
    fixture_set("SERVER_PORT", "tcp://10.96.0.12:12345");
    assert_loads(state, "id: 1\n");
    assert_string_equal(config.server_address, "host:12345");
}

static void a_wrong_port_variable_is_refused(void **state)
{
    fixture_set("SERVER_HOST", "host");
    assert_variable_refused(state, "SERVER_PORT", "0",
                            "SERVER_PORT: \"0\" is not a whole number from 1 to 65535");
    assert_variable_refused(state, "SERVER_PORT", "x",
                            "SERVER_PORT: \"x\" is not a whole number from 1 to 65535");
}

static void a_host_that_is_too_long_is_refused_and_not_cut(void **state)
{
    char host[CONFIG_TEXT_BYTES] = "";
    memset(host, 'h', CONFIG_TEXT_BYTES - sizeof ":12345");
    fixture_set("SERVER_HOST", host);
    assert_loads(state, "id: 1\n");
    assert_int_equal(strlen(config.server_address), CONFIG_TEXT_BYTES - 1);
    memset(host, 'h', CONFIG_TEXT_BYTES - sizeof ":1234");
    assert_variable_refused(
        state, "SERVER_HOST", host,
        "SERVER_HOST: is 250 bytes long; with its port, at most 255 are allowed");
}

static void an_address_without_host_or_port_is_refused(void **state)
{
    assert_refused(state, "id: 1\nserver:\n  address: server\n",
                   ":3: server.address: \"server\" is not host:port, like localhost:12345");
    assert_refused(state, "id: 1\nserver:\n  address: \":12345\"\n",
                   ":3: server.address: \":12345\" is not host:port, like localhost:12345");
    assert_refused(state, "id: 1\nserver:\n  address: \"server:\"\n",
                   ":3: server.address: its port: \"\" is not a whole number from 1 to 65535");
    assert_refused(
        state, "id: 1\nserver:\n  address: \"http://server:80\"\n",
        ":3: server.address: \"http://server:80\" is not host:port, like localhost:12345");
    assert_refused(state, "id: 1\nserver:\n  address: \"[::1:80\"\n",
                   ":3: server.address: \"[::1:80\" is not host:port, like localhost:12345");
    assert_variable_refused(state, "SERVER_HOST", "a host",
                            "SERVER_HOST: \"a host:12345\" is not host:port, like localhost:12345");
    assert_refused(state, "id: 1\nserver:\n  address:\n",
                   ":3: server.address: is 0 bytes long; at least 1 are needed");
    assert_variable_refused(
        state, "CLI_SERVER_ADDRESS", "server:65536",
        "CLI_SERVER_ADDRESS: its port: \"65536\" is not a whole number from 1 to 65535");
}

/* ---- the single bet -------------------------------------------------------- */

static void five_fields_are_a_single_bet(void **state)
{
    fixture_set("CLI_NOMBRE", "Santiago Lionel");
    fixture_set("CLI_APELLIDO", "Lorca");
    fixture_set("CLI_DOCUMENTO", "30904465");
    fixture_set("CLI_NACIMIENTO", "1999-03-17");
    fixture_set("CLI_NUMERO", "7574");
    assert_loads(state, "id: 1\n");
    assert_true(config.single_bet);
    assert_string_equal(config.first_name, "Santiago Lionel");
    assert_string_equal(config.last_name, "Lorca");
    assert_string_equal(config.document, "30904465");
    assert_string_equal(config.birthdate, "1999-03-17");
    assert_string_equal(config.number, "7574");
}

static void a_single_bet_needs_no_cli_in_front(void **state)
{
    fixture_set("NOMBRE", "Santiago");
    fixture_set("APELLIDO", "Lorca");
    fixture_set("DOCUMENTO", "30904465");
    fixture_set("NACIMIENTO", "1999-03-17");
    fixture_set("NUMERO", "2201");
    fixture_set("CLI_NUMERO", "7574");
    assert_loads(state, "id: 1\n");
    assert_true(config.single_bet);
    assert_string_equal(config.first_name, "Santiago");
    assert_string_equal(config.number, "7574");
}

static void a_part_of_a_single_bet_names_what_is_missing(void **state)
{
    fixture_set("NOMBRE", "Santiago");
    fixture_set("CLI_DOCUMENTO", "30904465");
    fixture_set("CLI_NACIMIENTO", "");
    assert_false(load_text(state, "id: 1\n"));
    assert_string_equal(failure.text,
                        "CLI_APELLIDO, CLI_NACIMIENTO, CLI_NUMERO: not set, but CLI_DOCUMENTO is; "
                        "a bet from the environment needs all five");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_but_the_id_has_a_default),
        TEST(the_shipped_file_names_every_key_but_the_id_with_its_default),
        TEST(the_shipped_file_names_every_variable),
        TEST(the_id_has_to_be_set),
        TEST(every_key_is_set_by_the_file_and_by_its_variables),
        TEST(the_log_line_has_the_course_s_names_as_well),
        TEST(values_outside_their_bounds_are_refused),
        TEST(the_variables_with_cli_in_front_win_over_the_others),
        TEST(both_names_of_the_batch_size_are_one_too_many),
        TEST(the_fields_of_a_bet_are_no_keys_of_the_file),
        TEST(the_draws_name_has_to_be_one_and_the_server_to_be_asked),
        TEST(tls_needs_an_authority_a_key_with_its_certificate_and_a_name),
        TEST(host_and_port_win_over_the_file),
        TEST(a_host_without_port_gets_the_usual_one),
        TEST(a_port_without_host_changes_nothing),
        TEST(the_address_wins_over_host_and_port),
        TEST(the_host_of_an_ipv6_address_gets_brackets),
        TEST(several_servers_are_a_list_each_of_which_is_checked),
        TEST(a_port_that_is_a_url_counts_as_not_set),
        TEST(a_wrong_port_variable_is_refused),
        TEST(a_host_that_is_too_long_is_refused_and_not_cut),
        TEST(an_address_without_host_or_port_is_refused),
        TEST(five_fields_are_a_single_bet),
        TEST(a_single_bet_needs_no_cli_in_front),
        TEST(a_part_of_a_single_bet_names_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
