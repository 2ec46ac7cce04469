/*
 * postgres_sink.h - a feed's bets in PostgreSQL, each exactly once.
 *
 * Rows and the feed's position change in one transaction, which compares the position with what the
 * feed takes it to be (UPDATE ... WHERE stands_at = ...). So it does not matter who is killed, and when:
 * the transaction is there or not, and whoever comes next asks where the position stands. Two feeds of
 * one centre exclude each other.
 *
 * The tables are made where they are missing: lottery_feed, lottery_records, lottery_bets, and the views
 * lottery_sales and lottery_draws. docs/feed.md has them, and queries.
 *
 * The one file that includes libpq's header. Called by the one thread of lottery-feed-postgres.
 */
#ifndef POSTGRES_POSTGRES_SINK_H
#define POSTGRES_POSTGRES_SINK_H

#include "feed/sink.h"
#include "lib/failure.h"

/*
 * Prepares to connect by a connection string of libpq ("host=... dbname=...", "postgresql://..."), which
 * outlives the sink. Connects later, and again whenever the connection is lost. NULL with the failure,
 * where it is no such string. The caller calls postgres_sink_close.
 */
struct sink *postgres_sink_open(const char *dsn, const char *centre, struct failure *failure);

/* Closes it; what was not committed is gone. NULL is allowed. */
void postgres_sink_close(struct sink *base);

#endif
