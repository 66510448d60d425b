/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft get */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "cmd/cli.h"
#include "cmd/fail.h"
#include "cmd/full_name.h"
#include "cmd/get_interfaces.h"
#include "cmd/get_routes.h"
#include "cmd/get_splices.h"
#include "cmd/get_status.h"
#include "kern/load.h"
#include "kern/splice.h"
#include "watch/health.h"
#include "watch/list.h"

static const struct column service_columns[] = {
	{ "NAMESPACE", "namespace", CELL_TEXT, COLUMN_ALWAYS },
	{ "NAME", "name", CELL_TEXT, COLUMN_ALWAYS },
	{ "ADDRESS", "address", CELL_TEXT, COLUMN_ALWAYS },
	{ "PORT", "port", CELL_NUMBER, COLUMN_ALWAYS },
	{ "PROTOCOL", "protocol", CELL_TEXT, COLUMN_ALWAYS },
	{ "ALGORITHM", "algorithm", CELL_TEXT, COLUMN_ALWAYS },
	{ "ENDPOINTS", "endpoints", CELL_NUMBER, COLUMN_ALWAYS },
	{ "AFFINITY", "affinity_seconds", CELL_NUMBER, COLUMN_WIDE },
	{ "ID", "id", CELL_NUMBER, COLUMN_WIDE },
	{ "GENERATION", "generation", CELL_NUMBER, COLUMN_WIDE },
	{ "SLOTS", "slots", CELL_NUMBER, COLUMN_WIDE },
	{ "MEASURED", "measured", CELL_BOOL, COLUMN_WIDE },
	{ "DECAY", "ewma_decay_ms", CELL_NUMBER, COLUMN_DATA },
	{ "FAILURES", "consecutive_failures", CELL_NUMBER, COLUMN_DATA },
	{ "BASE", "base_ejection_ms", CELL_NUMBER, COLUMN_DATA },
	{ "MOST", "max_ejection_ms", CELL_NUMBER, COLUMN_DATA },
	{ "PERCENT", "max_ejection_percent", CELL_NUMBER, COLUMN_DATA },
	{ "PANIC", "panic_threshold", CELL_NUMBER, COLUMN_DATA },
	{ "SYN", "syn_retransmits", CELL_NUMBER, COLUMN_DATA },
	{ "DATA", "data_retransmits", CELL_NUMBER, COLUMN_DATA },
	{ "CONNECT", "connect_timeout_ms", CELL_NUMBER, COLUMN_DATA },
};

static const struct column endpoint_columns[] = {
	{ "NAMESPACE", "namespace", CELL_TEXT, COLUMN_ALWAYS },
	{ "SERVICE", "service", CELL_TEXT, COLUMN_ALWAYS },
	{ "ADDRESS", "address", CELL_TEXT, COLUMN_ALWAYS },
	{ "PORT", "port", CELL_NUMBER, COLUMN_ALWAYS },
	{ "PROTOCOL", "protocol", CELL_TEXT, COLUMN_ALWAYS },
	{ "NODE", "node", CELL_TEXT, COLUMN_ALWAYS },
	{ "ZONE", "zone", CELL_TEXT, COLUMN_ALWAYS },
	{ "WEIGHT", "weight", CELL_NUMBER, COLUMN_ALWAYS },
	{ "STATE", "health", CELL_STATE, COLUMN_ALWAYS },
	{ "WHY", "why", CELL_TEXT, COLUMN_WIDE },
	{ "EJECTED UNTIL", "ejected_until", CELL_TEXT, COLUMN_WIDE },
	{ "CONNECTIONS", "connections", CELL_NUMBER, COLUMN_WIDE },
	{ "RESPONSE US", "response_us", CELL_NUMBER, COLUMN_WIDE },
	{ "CONDITION", "state", CELL_TEXT, COLUMN_DATA },
	{ "CHOSEN", "chosen", CELL_BOOL, COLUMN_WIDE },
	{ "SERVICE ADDRESS", "service_address", CELL_TEXT, COLUMN_WIDE },
	{ "SERVICE PORT", "service_port", CELL_NUMBER, COLUMN_WIDE },
	{ "ID", "id", CELL_NUMBER, COLUMN_WIDE },
	{ "FAILURES", "failures", CELL_NUMBER, COLUMN_DATA },
	{ "EJECTIONS", "ejections", CELL_NUMBER, COLUMN_DATA },
	{ "STARTED", "started", CELL_NUMBER, COLUMN_DATA },
	{ "ESTABLISHED", "established", CELL_NUMBER, COLUMN_DATA },
	{ "REFUSED", "refused", CELL_NUMBER, COLUMN_DATA },
	{ "TIMED OUT", "timed_out", CELL_NUMBER, COLUMN_DATA },
	{ "RESET", "reset", CELL_NUMBER, COLUMN_DATA },
	{ "STALLED", "stalled", CELL_NUMBER, COLUMN_DATA },
	{ "RETRANSMITS", "retransmits", CELL_NUMBER, COLUMN_DATA },
	{ "SENT", "sent_bytes", CELL_NUMBER, COLUMN_DATA },
	{ "RECEIVED", "received_bytes", CELL_NUMBER, COLUMN_DATA },
	{ "CONNECT US", "connect_us", CELL_NUMBER, COLUMN_DATA },
	{ "RTT US", "rtt_us", CELL_NUMBER, COLUMN_DATA },
	{ "EXCHANGES", "exchanges", CELL_NUMBER, COLUMN_DATA },
	{ "MEAN US", "mean_us", CELL_NUMBER, COLUMN_DATA },
	{ "HISTOGRAM", "histogram", CELL_JSON, COLUMN_DATA },
};

static const struct column stat_columns[] = {
	{ "NAME", "name", CELL_TEXT, COLUMN_ALWAYS },
	{ "VALUE", "value", CELL_NUMBER, COLUMN_ALWAYS },
};

/* A number that zero stands for "not known" in. */
static void add_known(struct sheet *sheet, bool known, uint64_t number)
{
	if (known)
		sheet_number(sheet, number);
	else
		sheet_null(sheet);
}

static void add_service(struct sheet *sheet, const struct listed_service *service,
			const struct full_name *full)
{
	char address[ADDR_TEXT];

	sheet_text(sheet, full->namespace);
	sheet_text(sheet, full->name);
	sheet_text(sheet, addr_print(&service->key->address, address));
	sheet_number(sheet, service->key->port);
	sheet_text(sheet, protocol_name(service->key->protocol));
	sheet_text(sheet, algorithm_name(service->row->algorithm));
	sheet_number(sheet, service->row->endpoint_count);
	sheet_number(sheet, service->row->affinity_s);
	sheet_number(sheet, service->row->id);
	sheet_number(sheet, service->row->generation);
	sheet_number(sheet, service->row->slot_count);
	sheet_bool(sheet, service->row->flags & SERVICE_MEASURED);
	sheet_number(sheet, service->row->decay_ms);
	sheet_number(sheet, service->row->eject_failures);
	sheet_number(sheet, service->row->eject_base_ms);
	sheet_number(sheet, service->row->eject_max_ms);
	sheet_number(sheet, service->row->eject_percent);
	sheet_number(sheet, service->row->panic_percent);
	sheet_number(sheet, service->row->syn_retransmits);
	sheet_number(sheet, service->row->data_retransmits);
	add_known(sheet, service->row->connect_timeout_ms, service->row->connect_timeout_ms);
}

static void add_until(struct sheet *sheet, uint64_t until_ns)
{
	char text[CLOCK_TEXT];

	if (until_ns)
		sheet_text(sheet, clock_print(clock_wall_ms(until_ns), text));
	else
		sheet_null(sheet);
}

/* Pairs of a bucket's upper bound in us and its count, without the empty ones. */
static void add_histogram(struct sheet *sheet, const struct response_state *response)
{
	char text[RESPONSE_BUCKETS * 48] = "[";
	size_t length = 1;

	for (unsigned i = 0; i < RESPONSE_BUCKETS; i++) {
		if (response->histogram[i])
			length += snprintf(text + length, sizeof(text) - length, "%s[%llu,%llu]",
					   length > 1 ? "," : "", 1ull << i,
					   (unsigned long long)response->histogram[i]);
	}
	snprintf(text + length, sizeof(text) - length, "]");
	sheet_text(sheet, text);
}

static void add_counters(struct sheet *sheet, const struct listed_endpoint *endpoint)
{
	const struct response_state *response = &endpoint->response;
	const struct endpoint_state *state = &endpoint->state;

	sheet_number(sheet, state->failures);
	sheet_number(sheet, state->ejections);
	sheet_number(sheet, state->started);
	sheet_number(sheet, state->established);
	sheet_number(sheet, state->refused);
	sheet_number(sheet, state->timed_out);
	sheet_number(sheet, state->reset);
	sheet_number(sheet, state->stalled);
	sheet_number(sheet, state->retransmits);
	sheet_number(sheet, state->sent_bytes);
	sheet_number(sheet, state->received_bytes);
	add_known(sheet, state->connect_ns, state->connect_ns / NS_PER_US);
	add_known(sheet, state->established, state->rtt_us);
	add_known(sheet, endpoint->measured, response->exchanges);
	add_known(sheet, response->exchanges,
		  response->exchanges ? response->total_ns / response->exchanges / NS_PER_US : 0);
	if (endpoint->measured)
		add_histogram(sheet, response);
	else
		sheet_null(sheet);
}

static void add_endpoint(struct sheet *sheet, const struct listed_endpoint *endpoint,
			 const struct full_name *full)
{
	enum health health =
		health_of(&endpoint->state, endpoint->member->state, endpoint->drained, clock_now_ns());
	char address[ADDR_TEXT];

	sheet_text(sheet, full->namespace);
	sheet_text(sheet, full->name);
	sheet_text(sheet, addr_print(&endpoint->row->address, address));
	sheet_number(sheet, endpoint->row->port);
	sheet_text(sheet, protocol_name(endpoint->row->protocol));
	sheet_text(sheet, endpoint->node);
	sheet_text(sheet, endpoint->zone);
	sheet_number(sheet, endpoint->member->weight);
	sheet_text(sheet, health_name(health));
	sheet_text(sheet, health_why(health, &endpoint->state, endpoint->drained));
	add_until(sheet, health == HEALTH_EJECTED ? endpoint->state.ejected_until_ns : 0);
	sheet_number(sheet, endpoint->state.live);
	add_known(sheet, endpoint->response.response_ns, endpoint->response.response_ns / NS_PER_US);
	sheet_text(sheet, member_state_name(endpoint->member->state));
	sheet_bool(sheet, endpoint->member->flags & MEMBER_CHOSEN);
	sheet_text(sheet, addr_print(&endpoint->service->address, address));
	sheet_number(sheet, endpoint->service->port);
	sheet_number(sheet, endpoint->id);
	add_counters(sheet, endpoint);
}

static int fill_services(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why)
{
	_cleanup_(listing_done) struct listing listing = { 0 };
	int error = listing_read(kern, &listing, why);

	for (size_t i = 0; i < listing.n_services; i++) {
		struct full_name full = full_name(listing.services[i].name);

		if (full_name_is_asked_for(cli, listing.services[i].name, &full))
			add_service(sheet, &listing.services[i], &full);
	}
	return error;
}

static int fill_endpoints(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why)
{
	_cleanup_(listing_done) struct listing listing = { 0 };
	int error = listing_read(kern, &listing, why);

	if (!error)
		listing_observe(&listing, kern);
	for (size_t i = 0; i < listing.n_endpoints; i++) {
		struct full_name full = full_name(listing.endpoints[i].name);

		if (full_name_is_asked_for(cli, listing.endpoints[i].name, &full))
			add_endpoint(sheet, &listing.endpoints[i], &full);
	}
	return error;
}

static void add_stat(const struct cli *cli, struct sheet *sheet, const char *name, uint64_t value)
{
	if (cli->n_words > 1 && strcmp(cli->words[1], name))
		return;
	sheet_text(sheet, name);
	sheet_number(sheet, value);
}

/* What came of the self-test: 1 for each thing that the kernel does not do as TCP does. */
static int add_splice_test(const struct cli *cli, struct kern *kern, struct sheet *sheet)
{
	char name[64];
	uint64_t test;
	int error = kern_splicing_read(kern, SPLICING_TEST, &test);

	if (error)
		return error;
	add_stat(cli, sheet, "splice_selftest_passed", test == SPLICE_TESTED);
	for (int i = 0; i < SPLICE_FAILURES; i++) {
		snprintf(name, sizeof(name), "splice_selftest_failed_%s", splice_failure_names[i]);
		add_stat(cli, sheet, name, test >> (i + 1) & 1);
	}
	return 0;
}

static int fill_stats(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why)
{
	_cleanup_(stat_names_done) struct stat_names names = { 0 };
	struct stats_row row;
	int error = stat_names_read(&names);

	if (!error)
		error = kern_stats(kern, &row);
	if (error)
		return why_set(why, error, "cannot read the counters: %s", strerror(-error));
	for (size_t i = 0; i < REASON_COUNT; i++)
		add_stat(cli, sheet, names.items[i], ((uint64_t *)&row)[i]);
	error = add_splice_test(cli, kern, sheet);
	return error ? why_set(why, error, "cannot read map splicing: %s", strerror(-error)) : 0;
}

static const struct {
	const char *name;
	const struct column *columns;
	size_t n_columns;
	size_t n_keys; /* of these, which say which row it is */
	int (*fill)(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why);
} kinds[] = {
	{ "services", service_columns, ARRAY_LEN(service_columns), 5, fill_services },
	{ "endpoints", endpoint_columns, ARRAY_LEN(endpoint_columns), 5, fill_endpoints },
	{ "routes", route_columns, ROUTE_COLUMNS, 4, fill_routes },
	{ "interfaces", interface_columns, INTERFACE_COLUMNS, 1, fill_interfaces },
	{ "splices", splice_columns, SPLICE_COLUMNS, 4, fill_splices },
	{ "pairs", pair_columns, PAIR_COLUMNS, 6, fill_pairs },
	{ "stats", stat_columns, ARRAY_LEN(stat_columns), 1, fill_stats },
	{ "status", status_columns, STATUS_COLUMNS, 1, fill_status },
};

static int read_sheet(const struct cli *cli, size_t kind, struct sheet **ret, struct why *why)
{
	_cleanup_(sheet_freep) struct sheet *sheet = sheet_new(kinds[kind].columns, kinds[kind].n_columns);
	struct kern kern;
	int error;

	if (!sheet)
		return -ENOMEM;
	error = kern_open(cli->bpffs, why, &kern);
	if (error)
		return error;
	error = kinds[kind].fill(cli, &kern, sheet, why);
	kern_close(&kern);
	if (error)
		return error;
	*ret = sheet;
	sheet = NULL;
	return 0;
}

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* Waits for the next look; false: nobody reads any more what is printed. */
static bool wait_for_turn(int interval_ms)
{
	struct pollfd reader = { .fd = STDOUT_FILENO };

	return poll(&reader, 1, interval_ms) <= 0;
}

/* Ends when it is told to, or when there is nothing to read any more, or nobody who does. */
static int watch(const struct cli *cli, size_t kind, struct why *why)
{
	const struct sigaction action = { .sa_handler = on_signal };
	_cleanup_(sheet_freep) struct sheet *before = NULL;
	int error = 0;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	do {
		struct sheet *now = NULL;

		error = read_sheet(cli, kind, &now, why);
		if (!error)
			error = sheet_print_changes(before, now, kinds[kind].n_keys, cli->output,
						    !before && !cli->no_headers, stdout);
		sheet_free(before);
		before = now;
	} while (!error && !interrupted && wait_for_turn(cli->interval_ms) && !interrupted);
	return error;
}

static int get(const struct cli *cli, size_t kind)
{
	_cleanup_(sheet_freep) struct sheet *sheet = NULL;
	struct why why = { "" };
	int error;

	if (cli->watch) {
		error = watch(cli, kind, &why);
	} else {
		error = read_sheet(cli, kind, &sheet, &why);
		if (!error)
			error = sheet_print(sheet, cli->output, !cli->no_headers, stdout);
	}
	return error ? fail("get", error, &why) : 0;
}

int cmd_get(const struct cli *cli)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!strcmp(cli->words[0], kinds[i].name))
			return get(cli, i);
	}
	fprintf(stderr,
		"weft get: there is no '%s' to get; there are services, endpoints, routes, interfaces, "
		"splices, pairs, stats and status\n",
		cli->words[0]);
	return 2;
}
