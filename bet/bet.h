/*
 * bet.h - what a bet is, on the wire and in bets.csv, and how one becomes the other.
 *
 * On the wire a bet is a row `first,last,document,birthdate,number LF`: plain
 * text, no quoting. In bets.csv it is `agency,first,last,document,birthdate,
 * number CRLF`, quoted as RFC 4180 asks, as Python's csv module reads and
 * writes it. A valid bet has exactly five fields; names that are not empty, a
 * document of digits, a birthdate that is a date of the calendar (YYYY-MM-DD,
 * years 0001 to 9999), and a number of digits with a value below 2^32; all of it UTF-8
 * without control characters (Unicode category Cc).
 *
 * Pure functions; any process may call them.
 */
#ifndef BET_BET_H
#define BET_BET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bet_fault {
    BET_VALID,
    BET_NOT_FIVE_FIELDS,
    BET_EMPTY_NAME,
    BET_BAD_DOCUMENT,
    BET_BAD_BIRTHDATE,
    BET_BAD_NUMBER,
    BET_BAD_TEXT,
    BET_NUMBER_TOO_HIGH, /* these two are a lottery's own rules: bet_rules.h */
    BET_BORN_TOO_LATE,
    BET_FAULTS
};

/* The fault in words, "the birthdate is not a date YYYY-MM-DD" for example. */
const char *bet_fault_text(enum bet_fault fault);

/* One bet of the wire, as slices of somebody else's buffer. */
struct bet_field {
    const char *text; /* not terminated */
    size_t bytes;
};

enum bet_field_index {
    BET_FIRST_NAME,
    BET_LAST_NAME,
    BET_DOCUMENT,
    BET_BIRTHDATE,
    BET_NUMBER,
    BET_FIELDS
};

struct bet {
    struct bet_field fields[BET_FIELDS];
};

/* Reads one row of `bytes` bytes, without its LF, and says what is wrong with it. */
enum bet_fault bet_parse(const char *row, size_t bytes, struct bet *bet);

/*
 * Does the same for the rest of a row that begins with field number `first`. The
 * fields before it are left alone.
 */
enum bet_fault bet_parse_from(enum bet_field_index first, const char *row, size_t bytes,
                              struct bet *bet);

/* The longest prefix of a row in bets.csv is "4294967295,". */
enum { BET_AGENCY_PREFIX_BYTES_MAX = 11 };

/* Rows are copied in pieces of this size. The last piece may be longer than what it copies. */
enum { BET_COPY_BYTES = 32 };

/* `row_bytes` bytes of valid rows need at most this much room as CSV (bet_convert.c shows why). */
#define BET_CSV_BYTES_MAX(row_bytes) (2 * (size_t)(row_bytes) + BET_COPY_BYTES)

/* What bet_rows_to_csv did. */
struct bet_conversion {
    size_t rows;          /* rows converted, all of them valid */
    size_t csv_bytes;     /* bytes written to `csv` */
    enum bet_fault fault; /* of row number `rows`, counted from 0; BET_VALID when all are */
};

/*
 * Converts `bytes` bytes of rows, each ended by LF (the last one's LF may be
 * missing), into rows of bets.csv for this agency.
 * `csv` needs room for BET_CSV_BYTES_MAX(bytes + 1) bytes.
 * Stops at the first row that is not valid; the content of `csv` is undefined then.
 */
struct bet_conversion bet_rows_to_csv(uint32_t agency, const char *rows, size_t bytes, char *csv);

/*
 * Reads one row of bets.csv, `bytes` bytes without its CRLF, and says which
 * agency it is from. The row is valid exactly when bet_rows_to_csv could have
 * written it.
 */
enum bet_fault bet_csv_parse(const char *row, size_t bytes, uint32_t *agency);

/*
 * Goes through whole rows of bets.csv, each ended by CRLF, and calls `run` for
 * each run of rows of the same agency: how many they are and their bytes. Stops at
 * the first row that bet_csv_parse would refuse. Returns the bytes before it.
 */
size_t bet_csv_scan(const char *rows, size_t bytes,
                    void (*run)(void *context, uint32_t agency, uint64_t rows, uint64_t bytes),
                    void *context);

/*
 * Converts one row of `bytes` bytes, without its CRLF, back into the wire's form, without
 * agency and LF. `row_out` needs room for `bytes` bytes. Returns the bytes written. The row
 * has to be valid.
 */
size_t bet_csv_to_row(const char *row, size_t bytes, char *row_out);

/*
 * Reads all `bytes` bytes as a decimal that fits 32 bits; leading zeros are
 * allowed. Returns false for anything else.
 */
bool bet_parse_uint32(const char *digits, size_t bytes, uint32_t *value);

/*
 * Returns the days of a month, 1 to 12, of the Gregorian calendar. Like Python's datetime
 * it applies that calendar to all years from 1 on.
 */
unsigned bet_days_of_month(unsigned year, unsigned month);

#endif
