/*
 * test_server_config.c - the server's keys, and the rules that join several of them.
 */
#include "tests/unit/config_fixture.h"

#include "server/server_config.h"

static const char shipped_file[] = "server/config.yaml";

static struct server_config config;
static struct failure failure;

static bool load(const char *file)
{
    return server_config_load(&(struct config_request){.file = file}, &config, &failure);
}

static const struct config_subject tested = {.table = &server_config_table,
                                             .config = &config,
                                             .failure = &failure,
                                             .least = "",
                                             .load = load};

static int open_fixture(void **state)
{
    return fixture_open(state, &tested);
}

static void assert_defaults(void)
{
    assert_string_equal(config.address, "localhost");
    assert_string_equal(config.user, "");
    assert_int_equal(config.confinement, CONFINEMENT_ENFORCE);
    assert_int_equal(config.port, 12345);
    assert_int_equal(config.balancers.count, 0);
    assert_int_equal(config.listen_backlog, 128);
    assert_int_equal(config.log_level, LOG_LEVEL_INFO);
    assert_int_equal(config.agencies_expected, 5);
    assert_string_equal(config.agencies_allowed, "");
    assert_int_equal(config.winning_number, 7574);
    assert_string_equal(config.data_directory, "data");
    assert_int_equal(config.ring_bytes, 8 << 20);
    assert_int_equal(config.limit_message_bytes, 64 << 10);
    assert_int_equal(config.limit_connections, 4096);
    assert_int_equal(config.limit_connections_per_address, 0);
    assert_int_equal(config.limit_unidentified, 1024);
    assert_int_equal(config.limit_connection_rate, 0);
    assert_int_equal(config.limit_stranger_rate, 50);
    assert_int_equal(config.limit_bet_rate, 0);
    assert_int_equal(config.limit_refused_rate, 100);
    assert_int_equal(config.limit_agencies, 4096);
    assert_int_equal(config.timeout_message_ms, 10000);
    assert_int_equal(config.timeout_idle_ms, 600000);
    assert_int_equal(config.timeout_answer_ms, 10000);
    assert_int_equal(config.timeout_shutdown_ms, 5000);
    assert_int_equal(config.winners_wait_ms, 1000);
    assert_int_equal(config.untyped_messages, UNTYPED_BATCH);
    assert_int_equal(config.log_personal, LOG_PERSONAL_PLAIN);
    assert_int_equal(config.ack_after, ACK_AFTER_SYNCED);
    assert_int_equal(config.start_verify, START_VERIFY_ALL);
    assert_false(server_config_replicates(&config));
    assert_string_equal(config.replication_centre, "");
    assert_string_equal(config.replication_node, "");
    assert_int_equal(config.replication_replicas, 3);
    assert_int_equal(config.replication_lag_bytes, 64 << 20);
    assert_int_equal(config.replication_takeover_after_ms, 5000);
    assert_string_equal(config.centres_expected, "");
    assert_false(config.allowed.any);
    assert_int_equal(config.allowed.count, 1);
    assert_int_equal(config.allowed.ranges[0].first, 1);
    assert_int_equal(config.allowed.ranges[0].last, 5);
}

static void an_empty_file_leaves_the_defaults(void **state)
{
    assert_loads(state, "");
    assert_defaults();
}

static void the_shipped_file_names_every_key_with_its_default(void **state)
{
    struct config_origin *origins = calloc(server_config_table.count, sizeof *origins);
    (void)state;
    assert_non_null(origins);
    assert_true(
        server_config_load(&(struct config_request){.file = shipped_file}, &config, &failure));
    assert_defaults();
    assert_true(config_load(&server_config_table, &(struct config_request){.file = shipped_file},
                            &config, origins, &failure));
    for (size_t i = 0; i < server_config_table.count; i++) {
        if (origins[i].source != CONFIG_FROM_FILE) {
            fail_msg("%s does not name %s", shipped_file, server_config_table.keys[i].path[0]);
        }
    }
    free(origins);
}

static void the_shipped_file_names_every_variable(void **state)
{
    (void)state;
    fixture_assert_names_variables(shipped_file, &server_config_table);
}

static void every_key_has_path_variable_default_and_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < server_config_table.count; i++) {
        const struct config_key *key = &server_config_table.keys[i];
        assert_non_null(key->path[0]);
        assert_non_null(key->environment[0]);
        assert_non_null(key->default_value);
        assert_non_null(key->meaning);
        assert_null(strchr(key->meaning, '\n'));
    }
}

/* What every key can be set to, in the file's and in the environment's name. */
static const struct config_setting settable[] = {
    {"server: {port: 0}", "SERVER_PORT", "0", " | server.port: 0 |"},
    {"server: {listen_backlog: 9}", "SERVER_LISTEN_BACKLOG", "9", " | server.listen_backlog: 9 |"},
    {"server: {address: \"::1\"}", "SERVER_ADDRESS", "::1", " | server.address: ::1 |"},
    {"server: {user: lottery}", "SERVER_USER", "lottery", " | server.user: lottery |"},
    {"confinement: log", "CONFINEMENT", "log", " | confinement: log |"},
    {"server: {address: \"::1\"}", "SERVER_IP", "::1", " | server.address: ::1 |"},
    {"server: {proxy_from: \"::1\"}", "SERVER_PROXY_FROM", "::1", " | server.proxy_from: ::1 |"},
    {"log: {level: debug}", "LOGGING_LEVEL", "debug", " | log.level: DEBUG |"},
    {"log: {level: debug}", "LOG_LEVEL", "debug", " | log.level: DEBUG |"},
    {"log: {personal: masked}", "LOG_PERSONAL", "masked", " | log.personal: masked |"},
    {"agencies: {expected: 3}", "NUMBER_OF_AGENCIES", "3", " | agencies.expected: 3 |"},
    {"agencies: {expected: 3}", "NUMBER_OF_CLIENTS", "3", " | agencies.expected: 3 |"},
    {"agencies: {expected: 3}", "AGENCY_QUORUM_MIN", "3", " | agencies.expected: 3 |"},
    {"agencies: {allowed: 7}", "AGENCIES_ALLOWED", "7", " | agencies.allowed: 7 |"},
    {"lottery: {winning_number: 4294967295}", "WINNING_NUMBER", "4294967295",
     " | lottery.winning_number: 4294967295 |"},
    {"data: {directory: /x y}", "DATA_DIRECTORY", "/x y", " | data.directory: /x y |"},
    {"ring: {bytes: 1G}", "RING_BYTES", "1G", " | ring.bytes: 1G |"},
    {"limits: {message_bytes: 1k}", "LIMITS_MESSAGE_BYTES", "1k", " | limits.message_bytes: 1k |"},
    {"limits: {max_connections: 30000}", "LIMITS_MAX_CONNECTIONS", "30000",
     " | limits.max_connections: 30000 |"},
    {"limits: {connections_per_address: 8}", "LIMITS_CONNECTIONS_PER_ADDRESS", "8",
     " | limits.connections_per_address: 8 |"},
    {"limits: {connections_per_handler: 8}", "LIMITS_CONNECTIONS_PER_HANDLER", "8",
     " | limits.connections_per_handler: 8 |"},
    {"limits: {handlers_ahead: 64}", "LIMITS_HANDLERS_AHEAD", "64",
     " | limits.handlers_ahead: 64 |"},
    {"limits: {unidentified_connections: 8}", "LIMITS_UNIDENTIFIED_CONNECTIONS", "8",
     " | limits.unidentified_connections: 8 |"},
    {"limits: {connections_per_second: 8}", "LIMITS_CONNECTIONS_PER_SECOND", "8",
     " | limits.connections_per_second: 8 |"},
    {"limits: {strangers_per_second: 8}", "LIMITS_STRANGERS_PER_SECOND", "8",
     " | limits.strangers_per_second: 8 |"},
    {"limits: {bets_per_second: 8}", "LIMITS_BETS_PER_SECOND", "8",
     " | limits.bets_per_second: 8 |"},
    {"limits: {refused_per_second: 8}", "LIMITS_REFUSED_PER_SECOND", "8",
     " | limits.refused_per_second: 8 |"},
    {"limits: {agencies: 32767}", "LIMITS_AGENCIES", "32767", " | limits.agencies: 32767 |"},
    {"timeouts: {message: 1s}", "TIMEOUTS_MESSAGE", "1s", " | timeouts.message: 1s |"},
    {"timeouts: {idle: 0}", "TIMEOUTS_IDLE", "0", " | timeouts.idle: 0 |"},
    {"timeouts: {answer: 1s}", "TIMEOUTS_ANSWER", "1s", " | timeouts.answer: 1s |"},
    {"timeouts: {shutdown: 1s}", "TIMEOUTS_SHUTDOWN", "1s", " | timeouts.shutdown: 1s |"},
    {"winners: {wait: 0}", "WINNERS_WAIT", "0", " | winners.wait: 0 |"},
    {"untyped_messages: single", "UNTYPED_MESSAGES", "single", " | untyped_messages: single |"},
    {"ack_after: written", "ACK_AFTER", "written", " | ack_after: written |"},
    {"replication: {node: n.1}", "REPLICATION_NODE", "n.1", " | replication.node: n.1 |"},
    {"replication: {centre: C-1}", "REPLICATION_CENTRE", "C-1", " | replication.centre: C-1 |"},
    {"replication: {replicas: 5}", "REPLICATION_REPLICAS", "5", " | replication.replicas: 5 |"},
    {"replication: {credentials: /c}", "REPLICATION_CREDENTIALS", "/c",
     " | replication.credentials: /c |"},
    {"replication: {ca: /c}", "REPLICATION_CA", "/c", " | replication.ca: /c |"},
    {"replication: {certificate: /c}", "REPLICATION_CERTIFICATE", "/c",
     " | replication.certificate: /c |"},
    {"replication: {key: /k}", "REPLICATION_KEY", "/k", " | replication.key: /k |"},
    {"replication: {lag_bytes: 1G}", "REPLICATION_LAG_BYTES", "1G",
     " | replication.lag_bytes: 1G |"},
    {"replication: {takeover_after: 1s}", "REPLICATION_TAKEOVER_AFTER", "1s",
     " | replication.takeover_after: 1s |"},
    {"start: {verify: end}", "START_VERIFY", "end", " | start.verify: end |"},
};

static void every_key_is_set_by_the_file_and_by_its_variables(void **state)
{
    assert_settable(state, settable, sizeof settable / sizeof settable[0]);
}

static void values_outside_their_bounds_are_refused(void **state)
{
    static const struct config_bad_value cases[] = {
        {"SERVER_PORT", "65536", "\"65536\" is not a whole number from 0 to 65535"},
        {"SERVER_LISTEN_BACKLOG", "0", "\"0\" is not a whole number from 1 to 65535"},
        {"NUMBER_OF_CLIENTS", "32768", "\"32768\" is not a whole number from 1 to 32767"},
        {"NUMBER_OF_AGENCIES", "0", "\"0\" is not a whole number from 1 to 32767"},
        {"START_VERIFY", "x", "\"x\" is not one of all, end"},
        {"WINNING_NUMBER", "4294967296",
         "\"4294967296\" is not a whole number from 0 to 4294967295"},
        {"RING_BYTES", "63k",
         "\"63k\" is not a size in bytes from 64k to 1G (write it like 8192, 64k, 8M or 1G)"},
        {"LIMITS_MESSAGE_BYTES", "17M",
         "\"17M\" is not a size in bytes from 1k to 16M (write it like 8192, 64k, 8M or 1G)"},
        {"LIMITS_MAX_CONNECTIONS", "30001", "\"30001\" is not a whole number from 1 to 30000"},
        {"LIMITS_AGENCIES", "0", "\"0\" is not a whole number from 1 to 32767"},
        {"TIMEOUTS_ANSWER", "0",
         "\"0\" is not a duration from 1ms to 24h (write it like 100ms, 5s, 1m30s or 1h)"},
        {"UNTYPED_MESSAGES", "x", "\"x\" is not one of batch, single"},
        {"ACK_AFTER", "x", "\"x\" is not one of synced, written, replicated"},
    };
    assert_values_refused(state, cases, sizeof cases / sizeof cases[0]);
}

/* ---- replication ----------------------------------------------------------- */

#define ENGINE "replication: {servers: \"nats://a:4222\", centre: A"

static void replication_is_on_where_servers_are_named(void **state)
{
    assert_loads(state, ENGINE "}\nack_after: replicated\ncentres: {expected: \"B,A\"}");
    assert_true(server_config_replicates(&config));
    assert_int_equal(config.ack_after, ACK_AFTER_REPLICATED);
    assert_string_equal(config.replication_servers, "nats://a:4222");
    assert_string_equal(config.centres_expected, "B,A");
}

static void replication_without_what_it_needs_is_refused(void **state)
{
    assert_refused(state, "ack_after: replicated",
                   ":1: ack_after: is \"replicated\", but replication.servers is not set");
    assert_refused(state, "centres: {expected: \"A,B\"}",
                   ":1: centres.expected: \"A,B\" needs replication.servers, which is not set: the "
                   "centres tell each other of their draws over the engine");
    assert_refused(state, "replication: {servers: a}",
                   ":1: replication.servers: \"\" is no name of a centre: 1 to 32 letters, digits "
                   "and '-'");
    assert_refused(
        state, "replication: {servers: a, centre: a.b}",
        ":1: replication.centre: \"a.b\" is no name of a centre: 1 to 32 letters, digits "
        "and '-'");
    assert_refused(state, "replication: {servers: a, centre: a12345678901234567890123456789012}",
                   ":1: replication.centre: \"a12345678901234567890123456789012\" is no name of a "
                   "centre: 1 to 32 letters, digits and '-'");
    assert_refused(state, ENGINE ", node: a b}",
                   ":1: replication.node: \"a b\" is no name of a node: 1 to 64 letters, digits, "
                   "'-', '.' and '_'");
    assert_refused(state, ENGINE ", certificate: c}",
                   ":1: replication.certificate: is set, but replication.key is not");
    assert_refused(state, ENGINE ", key: c}",
                   ":1: replication.key: is set, but replication.certificate is not");
    assert_refused(state, ENGINE ", lag_bytes: 4M}",
                   ":1: replication.lag_bytes: replication.lag_bytes (4M) is less than ring.bytes "
                   "(8M)");
}

static void centres_that_draw_together_are_named_once_each(void **state)
{
    assert_loads(state, ENGINE "}\ncentres: {expected: \"A\"}");
    assert_refused(state, ENGINE "}\ncentres: {expected: \"B,C\"}",
                   ":2: centres.expected: \"B,C\" does not name this centre (replication.centre: "
                   "A)");
    assert_refused(state, ENGINE "}\ncentres: {expected: \"A,B,A\"}",
                   ":2: centres.expected: centre A is named twice");
    assert_refused(state, ENGINE "}\ncentres: {expected: \"B,B,A\"}",
                   ":2: centres.expected: centre B is named twice");
    assert_refused(state, ENGINE "}\ncentres: {expected: \"A,\"}",
                   ":2: centres.expected: \"A,\" is not like A,B,C: \"\" is no centre's name: 1 to "
                   "32 letters, digits and \"-\"");
    assert_refused(
        state, ENGINE "}\ncentres: {expected: \"A,,B\"}",
        ":2: centres.expected: \"A,,B\" is not like A,B,C: \"\" is no centre's name: 1 to "
        "32 letters, digits and \"-\"");
    assert_refused(state, ENGINE "}\ncentres: {expected: \"-,A\"}",
                   ":2: centres.expected: \"-,A\" is not like A,B,C: \"-\" is no centre's name: "
                   "1 to 32 letters, digits and \"-\"");
    assert_refused(state, ENGINE "}\ncentres: {expected: \"A, B\"}",
                   ":2: centres.expected: \"A, B\" is not like A,B,C");
    assert_refused(state,
                   ENGINE
                   "}\ncentres: {expected: \"A,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,"
                   "21,22,23,24,25,26,27,28,29,30,31,32\"}",
                   ":2: centres.expected: more than 32 centres");
}

static void the_number_of_agencies_wins_over_its_other_names(void **state)
{
    fixture_set("AGENCY_QUORUM_MIN", "3");
    assert_loads(state, "agencies: {expected: 2}");
    assert_int_equal(config.agencies_expected, 3);
    fixture_set("NUMBER_OF_CLIENTS", "4");
    assert_loads(state, "");
    assert_int_equal(config.agencies_expected, 4);
    fixture_set("NUMBER_OF_AGENCIES", "6");
    assert_loads(state, "");
    assert_int_equal(config.agencies_expected, 6);
}

static void the_log_line_has_the_course_s_names_as_well(void **state)
{
    assert_loads(state, "server: {port: 7, listen_backlog: 9}\nlog: {level: debug}");
    assert_described(state, " | port: 7 | listen_backlog: 9 | logging_level: DEBUG |");
}

static void a_quorum_in_an_ini_file_is_a_quorum(void **state)
{
    const struct config_fixture *fixture = *state;
    char path[FIXTURE_PATH_BYTES + sizeof ".ini"];
    (void)fixture_write(state, "[DEFAULT]\nAGENCY_QUORUM_MIN = 2\n");
    (void)snprintf(path, sizeof path, "%s.ini", fixture->path);
    assert_int_equal(symlink(fixture->path, path), 0);
    bool loaded = server_config_load(&(struct config_request){.file = path}, &config, &failure);
    assert_int_equal(unlink(path), 0);
    assert_true(loaded);
    assert_int_equal(config.agencies_expected, 2);
    assert_true(config.allowed.any);
}

static void logging_level_wins_over_log_level(void **state)
{
    fixture_set("LOG_LEVEL", "ERROR");
    fixture_set("LOGGING_LEVEL", "DEBUG");
    assert_loads(state, "");
    assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
}

/* ---- who may speak --------------------------------------------------------- */

static void as_many_agencies_as_are_expected_may_speak(void **state)
{
    assert_loads(state, "agencies: {expected: 3}");
    assert_false(server_config_allows(&config, 0));
    assert_true(server_config_allows(&config, 1));
    assert_true(server_config_allows(&config, 3));
    assert_false(server_config_allows(&config, 4));
    assert_false(server_config_allows(&config, UINT32_MAX));
}

/* A draw among nobody would be held, for good, at the first start. */
static void a_lottery_of_no_agency_is_refused(void **state)
{
    assert_refused(state, "agencies: {expected: 0}",
                   ":1: agencies.expected: \"0\" is not a whole number from 1 to 32767");
}

static void the_allowed_agencies_are_ranges_and_single_ids(void **state)
{
    assert_loads(state, "agencies:\n  allowed: 1-3,7 , 10-12\n");
    assert_int_equal(config.allowed.count, 3);
    assert_false(config.allowed.any);
    static const uint32_t allowed[] = {1, 2, 3, 7, 10, 11, 12};
    static const uint32_t others[] = {0, 4, 6, 8, 9, 13, UINT32_MAX};
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        assert_true(server_config_allows(&config, allowed[i]));
        assert_false(server_config_allows(&config, others[i]));
    }
}

static void any_lets_every_agency_speak(void **state)
{
    assert_loads(state, "agencies: {allowed: Any}");
    assert_true(config.allowed.any);
    assert_true(server_config_allows(&config, 0));
    assert_true(server_config_allows(&config, UINT32_MAX));
}

static void a_quorum_lets_every_agency_speak_unless_some_are_named(void **state)
{
    fixture_set("AGENCY_QUORUM_MIN", "2");
    assert_loads(state, "");
    assert_true(config.allowed.any);
    assert_int_equal(config.allowed.count, 0);
    assert_loads(state, "agencies: {allowed: 1-4}");
    assert_false(config.allowed.any);
    assert_false(server_config_allows(&config, 5));
    fixture_set("AGENCY_QUORUM_MIN", "");
    assert_loads(state, "");
    assert_false(config.allowed.any);
}

static void a_list_of_agencies_that_makes_no_sense_is_refused(void **state)
{
    static const char *const wrong[] = {"all",  "1-",         "-1",    "1--2", "5-1",
                                        "1,,2", ",",          "1,",    "1;2",  "1 2",
                                        "0x1",  "4294967296", "any,1", "1-2-3"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[FIXTURE_MESSAGE_BYTES];
        char message[FIXTURE_MESSAGE_BYTES];
        (void)snprintf(text, sizeof text, "agencies:\n  allowed: \"%s\"\n", wrong[i]);
        (void)snprintf(message, sizeof message,
                       ":2: agencies.allowed: \"%s\" is not like 1-5, or 1-3,7, or any", wrong[i]);
        assert_refused(state, text, message);
    }
    assert_refused(state, "agencies:\n  allowed: [1, 2]\n",
                   ":2: agencies.allowed: is a list; it has to be a single value");
}

static void balancers_are_addresses_and_networks(void **state)
{
    assert_loads(state, "server:\n  proxy_from: 10.0.0.5, 10.1.0.0/16, fd00::/8\n");
    assert_int_equal(config.balancers.count, 3);
    assert_true(address_set_has(&config.balancers, "10.1.2.3"));
    assert_true(address_set_has(&config.balancers, "fd00::7"));
    assert_false(address_set_has(&config.balancers, "10.0.0.6"));
    assert_refused(state, "server:\n  proxy_from: 10.0.0.5, balancer\n",
                   ":2: server.proxy_from: \"balancer\" is no address, like 10.0.0.5 or fd00::1");
    assert_refused(state, "server:\n  proxy_from: 10.1.2.0/16\n",
                   ":2: server.proxy_from: \"10.1.2.0/16\" has bits after its prefix; a network "
                   "is like 10.1.0.0/16");
}

static void an_agency_that_is_allowed_twice_is_refused(void **state)
{
    assert_refused(state, "agencies:\n  allowed: 1-5,3\n",
                   ":2: agencies.allowed: agency 3 is named twice");
    assert_refused(state, "agencies:\n  allowed: 7,1-7\n",
                   ":2: agencies.allowed: agency 7 is named twice");
    assert_variable_refused(state, "AGENCIES_ALLOWED", "4-9,1-5",
                            "AGENCIES_ALLOWED: agency 4 is named twice");
}

static void more_ranges_than_there_is_room_for_are_refused(void **state)
{
    char list[CONFIG_TEXT_BYTES] = "1";
    for (int i = 1; i < AGENCY_RANGES_MAX; i++) {
        size_t used = strlen(list);
        (void)snprintf(list + used, sizeof list - used, ",%d", i + 1);
    }
    fixture_set("AGENCIES_ALLOWED", list);
    assert_loads(state, "");
    assert_int_equal(config.allowed.count, AGENCY_RANGES_MAX);
    size_t used = strlen(list);
    (void)snprintf(list + used, sizeof list - used, ",99");
    assert_variable_refused(state, "AGENCIES_ALLOWED", list,
                            "AGENCIES_ALLOWED: more than 64 ranges; join some");
}

static void more_agencies_than_the_table_has_room_for_are_refused(void **state)
{
    assert_refused(state, "agencies:\n  allowed: 0-4294967295\n",
                   ":2: agencies.allowed: 4294967296 agencies are more than limits.agencies "
                   "(4096)");
    assert_refused(state, "agencies:\n  expected: 4097\n",
                   ":2: agencies.expected: 4097 agencies are more than limits.agencies (4096)");
    assert_refused(state, "agencies:\n  expected: 9\n  allowed: any\nlimits:\n  agencies: 8\n",
                   ":2: agencies.expected: 9 agencies are more than limits.agencies (8)");
    assert_variable_refused(state, "LIMITS_AGENCIES", "4",
                            "LIMITS_AGENCIES: 5 agencies are more than limits.agencies (4)");
    assert_loads(state, "agencies: {allowed: 4294963200-4294967295}");
    assert_loads(state, "agencies: {expected: 32767}\nlimits: {agencies: 32767}");
}

/* ---- what the lottery is --------------------------------------------------- */

static void assert_terms(void **state, const char *text, const char *allowed)
{
    struct lottery_terms terms;
    assert_loads(state, text);
    server_config_terms(&config, &terms);
    assert_int_equal(terms.agencies_expected, config.agencies_expected);
    assert_int_equal(terms.winning_number, config.winning_number);
    assert_string_equal(terms.agencies_allowed, allowed);
}

static void adopt(struct lottery_terms *terms, const char *centres, const char *refused)
{
    struct failure why = {.text = ""};
    (void)snprintf(terms->centres_expected, sizeof terms->centres_expected, "%s", centres);
    if (server_config_adopt_terms(&config, terms, &why) != (refused == NULL) ||
        (refused != NULL && strstr(why.text, refused) == NULL)) {
        fail_msg("%s: %s", centres, why.text);
    }
}

static void centres_are_a_term_and_those_of_the_draw_win(void **state)
{
    struct lottery_terms terms;
    assert_loads(state, ENGINE "}\ncentres: {expected: \"C,A,B\"}");
    server_config_terms(&config, &terms);
    assert_string_equal(terms.centres_expected, "A,B,C");
    adopt(&terms, "A,D", NULL);
    assert_string_equal(config.centres_expected, "A,D");
    adopt(&terms, CONTROL_CENTRES_UNSAID, NULL);
    assert_string_equal(config.centres_expected, "A,D");
    adopt(&terms, "B,C", "its centres: \"B,C\" does not name this centre (replication.centre: A)");
    adopt(&terms, "", NULL);
    assert_string_equal(config.centres_expected, "");
    assert_loads(state, "agencies: {expected: 3}");
    adopt(&terms, "A,B", "its centres: \"A,B\" needs replication.servers, which is not set");
}

static void terms_are_the_same_however_they_are_spelled(void **state)
{
    static const char *const same[] = {"3,1-2",   "1-3",       "1,2,3", "3,2,1",
                                       "2-3,1-1", " 1-2 , 3 ", "01-003"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        char text[FIXTURE_MESSAGE_BYTES];
        (void)snprintf(text, sizeof text, "agencies: {expected: 3, allowed: '%s'}", same[i]);
        assert_terms(state, text, "1-3");
    }
    assert_terms(state, "agencies: {expected: 3}", "1-3"); /* what that means */
    assert_terms(state, "agencies: {expected: 1}", "1");
    assert_terms(state, "agencies: {allowed: Any}", "any");
    assert_terms(state, "agencies: {allowed: any}", "any");
}

static void ranges_of_terms_ascend_and_those_that_touch_are_one(void **state)
{
    assert_terms(state, "agencies: {allowed: '7,1-3'}", "1-3,7");
    assert_terms(state, "agencies: {allowed: '10,7-9,1-3'}", "1-3,7-10");
    assert_terms(state, "agencies: {allowed: '0,2'}", "0,2");
    assert_terms(state, "agencies: {allowed: '4294967295,0'}", "0,4294967295");
    assert_terms(state, "agencies: {allowed: '4294967294-4294967295,1'}",
                 "1,4294967294-4294967295");
}

/* All the room that the key has, and as many ranges as there can be. */
static void terms_of_the_longest_list_are_whole(void **state)
{
    char allowed[CONFIG_TEXT_BYTES] = "";
    char expected[CONFIG_TEXT_BYTES] = "";
    char text[2 * CONFIG_TEXT_BYTES];
    size_t used = 0;
    size_t written = 0;
    for (int i = AGENCY_RANGES_MAX - 1; i >= 0; i--) {
        used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%d", used > 0 ? "," : "",
                                 2 * i);
    }
    for (int i = 0; i < AGENCY_RANGES_MAX; i++) {
        written += (size_t)snprintf(expected + written, sizeof expected - written, "%s%d",
                                    written > 0 ? "," : "", 2 * i);
    }
    (void)snprintf(text, sizeof text, "agencies: {allowed: '%s'}", allowed);
    assert_terms(state, text, expected);
    used = 0;
    for (uint32_t i = 0; used + 12 < sizeof allowed; i++) {
        used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%u", used > 0 ? "," : "",
                                 1000000000U + 2 * i);
    }
    (void)snprintf(text, sizeof text, "agencies: {allowed: '%s'}", allowed);
    assert_terms(state, text, allowed);
}

/* ---- the ring -------------------------------------------------------------- */

static void fewer_agencies_than_the_draw_needs_are_doubted(void **state)
{
    assert_loads(state, "agencies: {expected: 3, allowed: '1-2,7'}");
    assert_true(server_config_can_draw(&config, &failure));
    assert_loads(state, "agencies: {expected: 3, allowed: any}");
    assert_true(server_config_can_draw(&config, &failure));
    assert_loads(state, "agencies: {expected: 1}");
    assert_true(server_config_can_draw(&config, &failure));
    assert_loads(state, "agencies: {expected: 4, allowed: '1-2,7'}");
    assert_false(server_config_can_draw(&config, &failure));
    assert_non_null(strstr(failure.text, "agencies.allowed: 1-2,7 | agencies.expected: 4 | "));
}

static void the_ring_is_rounded_up_to_whole_pages(void **state)
{
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    assert_loads(state, "ring: {bytes: 1048577}");
    assert_int_equal(config.ring_bytes % page_bytes, 0);
    assert_true(config.ring_bytes >= 1048577);
    assert_true(config.ring_bytes < 1048577 + page_bytes);
    assert_loads(state, "ring: {bytes: 1M}");
    assert_int_equal(config.ring_bytes, 1048576);
}

static void a_ring_holds_four_of_the_longest_messages(void **state)
{
    assert_loads(state, "ring: {bytes: 256k}");
    assert_refused(state, "ring:\n  bytes: 255k\n",
                   ":2: ring.bytes: ring.bytes (255k) has to hold 4 messages of "
                   "limits.message_bytes (64k), so at least 256k");
    assert_variable_refused(state, "LIMITS_MESSAGE_BYTES", "16M",
                            "LIMITS_MESSAGE_BYTES: ring.bytes (8M) has to hold 4 messages of "
                            "limits.message_bytes (16M), so at least 64M");
    assert_loads(state, "ring: {bytes: 64k}\nlimits: {message_bytes: 16k}");
}

/* ---- errors of the file reach the caller ----------------------------------- */

static void strangers_never_have_all_connections(void **state)
{
    assert_loads(state, "limits: {max_connections: 8}");
    assert_int_equal(config.limit_unidentified, 2);
    assert_loads(state, "limits: {max_connections: 3}");
    assert_int_equal(config.limit_unidentified, 1);
    assert_loads(state, "limits: {max_connections: 1}"); /* an agency's and a stranger's */
    assert_int_equal(config.limit_unidentified, 1);
    assert_loads(state, "limits: {max_connections: 8, unidentified_connections: 7}");
    assert_refused(state, "limits:\n  max_connections: 8\n  unidentified_connections: 8\n",
                   ":3: limits.unidentified_connections: limits.unidentified_connections (8) has "
                   "to be less than limits.max_connections (8)");
}

static void handlers_that_come_back_have_to_be_forked_ahead(void **state)
{
    assert_loads(state, "limits: {handlers_ahead: 0, connections_per_handler: 1}");
    assert_loads(state, "limits: {handlers_ahead: 1, connections_per_handler: 2}");
    assert_refused(
        state, "limits:\n  handlers_ahead: 0\n  connections_per_handler: 2\n",
        ":3: limits.connections_per_handler: limits.connections_per_handler is 2, but with "
        "limits.handlers_ahead 0 no handler serves a second connection");
}

static void an_unknown_key_is_refused(void **state)
{
    assert_refused(state, "server:\n  prot: 1\n",
                   ":2: server.prot: unknown key; did you mean port? Known here are port, "
                   "listen_backlog, address, "
                   "proxy_from, user");
}

static void an_empty_data_directory_is_refused(void **state)
{
    assert_refused(state, "data:\n  directory: \"\"\n",
                   ":2: data.directory: is 0 bytes long; at least 1 are needed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_file_leaves_the_defaults),
        TEST(the_shipped_file_names_every_key_with_its_default),
        TEST(the_shipped_file_names_every_variable),
        TEST(every_key_has_path_variable_default_and_meaning),
        TEST(every_key_is_set_by_the_file_and_by_its_variables),
        TEST(values_outside_their_bounds_are_refused),
        TEST(replication_is_on_where_servers_are_named),
        TEST(replication_without_what_it_needs_is_refused),
        TEST(centres_that_draw_together_are_named_once_each),
        TEST(the_number_of_agencies_wins_over_its_other_names),
        TEST(logging_level_wins_over_log_level),
        TEST(the_log_line_has_the_course_s_names_as_well),
        TEST(a_quorum_in_an_ini_file_is_a_quorum),
        TEST(as_many_agencies_as_are_expected_may_speak),
        TEST(a_lottery_of_no_agency_is_refused),
        TEST(the_allowed_agencies_are_ranges_and_single_ids),
        TEST(any_lets_every_agency_speak),
        TEST(a_quorum_lets_every_agency_speak_unless_some_are_named),
        TEST(a_list_of_agencies_that_makes_no_sense_is_refused),
        TEST(balancers_are_addresses_and_networks),
        TEST(an_agency_that_is_allowed_twice_is_refused),
        TEST(more_ranges_than_there_is_room_for_are_refused),
        TEST(more_agencies_than_the_table_has_room_for_are_refused),
        TEST(fewer_agencies_than_the_draw_needs_are_doubted),
        TEST(centres_are_a_term_and_those_of_the_draw_win),
        TEST(terms_are_the_same_however_they_are_spelled),
        TEST(ranges_of_terms_ascend_and_those_that_touch_are_one),
        TEST(terms_of_the_longest_list_are_whole),
        TEST(the_ring_is_rounded_up_to_whole_pages),
        TEST(a_ring_holds_four_of_the_longest_messages),
        TEST(strangers_never_have_all_connections),
        TEST(handlers_that_come_back_have_to_be_forked_ahead),
        TEST(an_unknown_key_is_refused),
        TEST(an_empty_data_directory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
