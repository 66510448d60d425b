/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Services that ask for the splice, and the pairs of sockets that have it. */
#include "cmd/get_splices.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "cmd/full_name.h"
#include "kern/splice.h"
#include "watch/list.h"

const struct column splice_columns[SPLICE_COLUMNS] = {
	{ "NAMESPACE", "namespace", CELL_TEXT, COLUMN_ALWAYS },
	{ "NAME", "name", CELL_TEXT, COLUMN_ALWAYS },
	{ "ADDRESS", "address", CELL_TEXT, COLUMN_ALWAYS },
	{ "PORT", "port", CELL_NUMBER, COLUMN_ALWAYS },
	{ "ASKED", "asked", CELL_TEXT, COLUMN_ALWAYS },
	{ "SPLICED", "spliced", CELL_BOOL, COLUMN_ALWAYS },
	{ "PAIRS", "admitted", CELL_NUMBER, COLUMN_ALWAYS },
	{ "REDIRECTED", "redirect_msgs", CELL_NUMBER, COLUMN_ALWAYS },
	{ "BYTES", "redirect_bytes", CELL_NUMBER, COLUMN_ALWAYS },
	{ "PASSED", "pass_msgs", CELL_NUMBER, COLUMN_ALWAYS },
	{ "BYTES", "pass_bytes", CELL_NUMBER, COLUMN_ALWAYS },
	{ "WHY", "why", CELL_TEXT, COLUMN_ALWAYS },
	/* In the order of enum splice_pass. */
	{ "OFF", "off", CELL_NUMBER, COLUMN_WIDE },
	{ "POLICY", "policy", CELL_NUMBER, COLUMN_WIDE },
	{ "ALONE", "alone", CELL_NUMBER, COLUMN_WIDE },
	{ "OPTION", "option", CELL_NUMBER, COLUMN_WIDE },
	{ "BLOCKING", "blocking", CELL_NUMBER, COLUMN_WIDE },
	{ "STATE", "state", CELL_NUMBER, COLUMN_WIDE },
	{ "ORDER", "order", CELL_NUMBER, COLUMN_WIDE },
	{ "IDENTITY", "identity", CELL_NUMBER, COLUMN_WIDE },
	{ "LIMIT", "limit", CELL_NUMBER, COLUMN_WIDE },
	{ "OWNED", "owned", CELL_NUMBER, COLUMN_WIDE },
	{ "FAILED", "failed", CELL_NUMBER, COLUMN_WIDE },
	{ "STREAM", "stream", CELL_NUMBER, COLUMN_WIDE },
};

_Static_assert(SPLICE_COLUMNS == 12 + SPLICE_PASSES, "a column for each reason");

const struct column pair_columns[PAIR_COLUMNS] = {
	{ "NAMESPACE", "namespace", CELL_TEXT, COLUMN_ALWAYS },
	{ "SERVICE", "service", CELL_TEXT, COLUMN_ALWAYS },
	{ "CLIENT", "client", CELL_TEXT, COLUMN_ALWAYS },
	{ "PORT", "client_port", CELL_NUMBER, COLUMN_ALWAYS },
	{ "SERVER", "server", CELL_TEXT, COLUMN_ALWAYS },
	{ "PORT", "server_port", CELL_NUMBER, COLUMN_ALWAYS },
	{ "SENT", "sent_bytes", CELL_NUMBER, COLUMN_ALWAYS },
	{ "RECEIVED", "received_bytes", CELL_NUMBER, COLUMN_ALWAYS },
	{ "MESSAGES SENT", "sent_msgs", CELL_NUMBER, COLUMN_WIDE },
	{ "MESSAGES RECEIVED", "received_msgs", CELL_NUMBER, COLUMN_WIDE },
	{ "SENT BY TCP", "sent_pass_bytes", CELL_NUMBER, COLUMN_WIDE },
	{ "RECEIVED BY TCP", "received_pass_bytes", CELL_NUMBER, COLUMN_WIDE },
};

/* The numbers that hold for the whole node. */
struct node {
	uint64_t test, off;
};

static int node_read(const struct kern *kern, struct node *ret, struct why *why)
{
	int error = kern_splicing_read(kern, SPLICING_TEST, &ret->test);

	if (!error)
		error = kern_splicing_read(kern, SPLICING_OFF, &ret->off);
	return error ? why_set(why, error, "cannot read map splicing: %s", strerror(-error)) : 0;
}

static const char *explain(const struct node *node, bool forced)
{
	if (!node->test)
		return "this kernel has no splice";
	if (node->off)
		return "switched off on this node (weft splice on)";
	if (node->test == SPLICE_TESTED)
		return "";
	return forced ? "asked for, though this kernel failed the self-test (weft check)"
		      : "this kernel failed the self-test (weft check)";
}

static void add_service(struct sheet *sheet, const struct kern *kern, const struct node *node,
			const struct listed_service *service, const struct full_name *full)
{
	bool forced = service->row->flags & SERVICE_SPLICE_FORCED;
	char address[ADDR_TEXT];
	struct splice_state state;

	kern_splice_state(kern, service->row->id, &state);
	sheet_text(sheet, full->namespace);
	sheet_text(sheet, full->name);
	sheet_text(sheet, addr_print(&service->key->address, address));
	sheet_number(sheet, service->key->port);
	sheet_text(sheet, forced ? "on" : "auto");
	sheet_bool(sheet, node->test && !node->off && (forced || node->test == SPLICE_TESTED));
	sheet_number(sheet, state.admitted);
	sheet_number(sheet, state.redirect_msgs);
	sheet_number(sheet, state.redirect_bytes);
	sheet_number(sheet, state.pass_msgs);
	sheet_number(sheet, state.pass_bytes);
	sheet_text(sheet, explain(node, forced));
	for (int i = 0; i < SPLICE_PASSES; i++)
		sheet_number(sheet, state.passed[i]);
}

int fill_splices(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why)
{
	_cleanup_(listing_done) struct listing listing = { 0 };
	struct node node;
	int error = node_read(kern, &node, why);

	if (!error)
		error = listing_read(kern, &listing, why);
	for (size_t i = 0; i < listing.n_services; i++) {
		const struct listed_service *service = &listing.services[i];
		struct full_name full = full_name(service->name);

		if (service->row->flags & (SERVICE_SPLICE | SERVICE_SPLICE_FORCED) &&
		    full_name_is_asked_for(cli, service->name, &full))
			add_service(sheet, kern, &node, service, &full);
	}
	return error;
}

/* What a pair is shown with. */
struct filling {
	const struct cli *cli;
	struct sheet *sheet;
	const struct listing *listing;
};

static const char *service_name(const struct listing *listing, uint32_t id)
{
	for (size_t i = 0; i < listing->n_services; i++) {
		if (listing->services[i].row->id == id)
			return listing->services[i].name;
	}
	return "";
}

static void add_pair(void *arg, const struct splice_pair *pair)
{
	const struct filling *filling = arg;
	const struct splice_half *client = &pair->halves[SPLICE_CLIENT];
	const struct splice_half *server = &pair->halves[SPLICE_SERVER];
	const char *name = service_name(filling->listing, pair->service);
	struct sheet *sheet = filling->sheet;
	struct full_name full = full_name(name);
	char address[ADDR_TEXT];

	if (!server->cookie || pair->parted || !full_name_is_asked_for(filling->cli, name, &full))
		return;
	sheet_text(sheet, full.namespace);
	sheet_text(sheet, full.name);
	sheet_text(sheet, addr_print(&pair->call.client, address));
	sheet_number(sheet, pair->call.client_port);
	sheet_text(sheet, addr_print(&pair->call.server, address));
	sheet_number(sheet, pair->call.server_port);
	sheet_number(sheet, client->bytes);
	sheet_number(sheet, server->bytes);
	sheet_number(sheet, client->messages);
	sheet_number(sheet, server->messages);
	sheet_number(sheet, client->passed_bytes);
	sheet_number(sheet, server->passed_bytes);
}

int fill_pairs(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why)
{
	_cleanup_(listing_done) struct listing listing = { 0 };
	struct filling filling = { cli, sheet, &listing };
	int error = listing_read(kern, &listing, why);

	return error ? error : kern_splice_pairs(kern, add_pair, &filling, why);
}
