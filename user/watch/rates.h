/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happened between two readings of the rows, per service and per endpoint. Pure. */
#pragma once

#include "watch/health.h"
#include "watch/list.h"

/* Two readings, both observed (listing_observe()). */
struct rate_span {
	const struct listing *before; /* NULL: there is none yet, and no rates */
	const struct listing *now;
	uint64_t before_ns, now_ns; /* CLOCK_MONOTONIC */
	bool all_times;		    /* response times since each endpoint began, not those between the two */
};

struct rate_row {
	const char *name;			/* of the service, borrowed from the reading */
	const struct listed_endpoint *endpoint; /* borrowed; NULL: the row is of a service */
	bool known;				/* there are rates */
	double started_s;			/* new connections and UDP flows a second */
	double failed_s;
	uint64_t live;
	uint64_t failed; /* since the endpoints began */
	uint64_t p50_us; /* of response times; zero: none was measured */
	uint64_t p99_us;

	uint32_t endpoints; /* of a service */
	uint32_t active;    /* of them */
	uint32_t ejected;   /* of them; of an endpoint: ejections in the count that the back-off grows by */
	enum health health; /* of an endpoint */
};

struct rate_table {
	struct rate_row *rows;
	size_t count;
	size_t room;
};

void rate_table_done(struct rate_table *table);

/* A row for each name of a service, whatever addresses and ports it has. Both return 0 or -ENOMEM. */
int rates_of_services(const struct rate_span *span, struct rate_table *ret);

/* A row for each endpoint of the service of that name, once for each address and port of the service. */
int rates_of_endpoints(const struct rate_span *span, const char *service, struct rate_table *ret);
