/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft get */
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "cmd/cli.h"
#include "cmd/fail.h"
#include "kern/load.h"
#include "watch/list.h"

static const struct column service_columns[] = {
	{ "NAMESPACE", "namespace", CELL_TEXT, false },
	{ "NAME", "name", CELL_TEXT, false },
	{ "ADDRESS", "address", CELL_TEXT, false },
	{ "PORT", "port", CELL_NUMBER, false },
	{ "PROTOCOL", "protocol", CELL_TEXT, false },
	{ "ALGORITHM", "algorithm", CELL_TEXT, false },
	{ "ENDPOINTS", "endpoints", CELL_NUMBER, false },
	{ "AFFINITY", "affinity_seconds", CELL_NUMBER, true },
	{ "ID", "id", CELL_NUMBER, true },
	{ "GENERATION", "generation", CELL_NUMBER, true },
	{ "SLOTS", "slots", CELL_NUMBER, true },
};

static const struct column endpoint_columns[] = {
	{ "NAMESPACE", "namespace", CELL_TEXT, false },
	{ "SERVICE", "service", CELL_TEXT, false },
	{ "ADDRESS", "address", CELL_TEXT, false },
	{ "PORT", "port", CELL_NUMBER, false },
	{ "PROTOCOL", "protocol", CELL_TEXT, false },
	{ "NODE", "node", CELL_TEXT, false },
	{ "ZONE", "zone", CELL_TEXT, false },
	{ "WEIGHT", "weight", CELL_NUMBER, false },
	{ "STATE", "state", CELL_TEXT, false },
	{ "CHOSEN", "chosen", CELL_BOOL, true },
	{ "SERVICE ADDRESS", "service_address", CELL_TEXT, true },
	{ "SERVICE PORT", "service_port", CELL_NUMBER, true },
	{ "ID", "id", CELL_NUMBER, true },
};

static const struct column stat_columns[] = {
	{ "NAME", "name", CELL_TEXT, false },
	{ "VALUE", "value", CELL_NUMBER, false },
};

/* A name in `names`, cut at its slash. */
struct full_name {
	char namespace[NAME_SIZE];
	const char *name;
};

static struct full_name full_name(const char *text)
{
	struct full_name full;
	const char *slash = strchr(text, '/');

	full.name = slash ? slash + 1 : text;
	snprintf(full.namespace, sizeof(full.namespace), "%.*s", (int)(slash ? slash - text : 0), text);
	return full;
}

static bool is_asked_for(const struct cli *cli, const char *text, const struct full_name *full)
{
	const char *name = cli->n_words > 1 ? cli->words[1] : NULL;

	if (cli->namespace && strcmp(cli->namespace, full->namespace))
		return false;
	return !name || !strcmp(name, full->name) || !strcmp(name, text);
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
}

static void add_endpoint(struct sheet *sheet, const struct listed_endpoint *endpoint,
			 const struct full_name *full)
{
	char address[ADDR_TEXT];

	sheet_text(sheet, full->namespace);
	sheet_text(sheet, full->name);
	sheet_text(sheet, addr_print(&endpoint->row->address, address));
	sheet_number(sheet, endpoint->row->port);
	sheet_text(sheet, protocol_name(endpoint->row->protocol));
	sheet_text(sheet, endpoint->node);
	sheet_text(sheet, endpoint->zone);
	sheet_number(sheet, endpoint->member->weight);
	sheet_text(sheet, member_state_name(endpoint->member->state));
	sheet_bool(sheet, endpoint->member->flags & MEMBER_CHOSEN);
	sheet_text(sheet, addr_print(&endpoint->service->address, address));
	sheet_number(sheet, endpoint->service->port);
	sheet_number(sheet, endpoint->id);
}

static int fill_services(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why)
{
	_cleanup_(listing_done) struct listing listing = { 0 };
	int error = listing_read(kern, &listing, why);

	for (size_t i = 0; i < listing.n_services; i++) {
		struct full_name full = full_name(listing.services[i].name);

		if (is_asked_for(cli, listing.services[i].name, &full))
			add_service(sheet, &listing.services[i], &full);
	}
	return error;
}

static int fill_endpoints(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why)
{
	_cleanup_(listing_done) struct listing listing = { 0 };
	int error = listing_read(kern, &listing, why);

	for (size_t i = 0; i < listing.n_endpoints; i++) {
		struct full_name full = full_name(listing.endpoints[i].name);

		if (is_asked_for(cli, listing.endpoints[i].name, &full))
			add_endpoint(sheet, &listing.endpoints[i], &full);
	}
	return error;
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
	for (size_t i = 0; i < REASON_COUNT; i++) {
		if (cli->n_words > 1 && strcmp(cli->words[1], names.items[i]))
			continue;
		sheet_text(sheet, names.items[i]);
		sheet_number(sheet, ((uint64_t *)&row)[i]);
	}
	return 0;
}

static const struct {
	const char *name;
	const struct column *columns;
	size_t n_columns;
	int (*fill)(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why);
} kinds[] = {
	{ "services", service_columns, ARRAY_LEN(service_columns), fill_services },
	{ "endpoints", endpoint_columns, ARRAY_LEN(endpoint_columns), fill_endpoints },
	{ "stats", stat_columns, ARRAY_LEN(stat_columns), fill_stats },
};

static int get(const struct cli *cli, size_t kind)
{
	_cleanup_(sheet_freep) struct sheet *sheet = sheet_new(kinds[kind].columns, kinds[kind].n_columns);
	struct why why = { "" };
	struct kern kern;
	int error;

	if (!sheet)
		return 1;
	error = kern_open(cli->bpffs, &why, &kern);
	if (error)
		return fail("get", error, &why);
	error = kinds[kind].fill(cli, &kern, sheet, &why);
	kern_close(&kern);
	if (!error)
		error = sheet_print(sheet, cli->output, !cli->no_headers, stdout);
	return error ? fail("get", error, &why) : 0;
}

int cmd_get(const struct cli *cli)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!strcmp(cli->words[0], kinds[i].name))
			return get(cli, i);
	}
	fprintf(stderr, "weft get: there is no '%s' to get; there are services, endpoints and stats\n",
		cli->words[0]);
	return 2;
}
