/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft explain */
#include "watch/explain.h"

#include <errno.h>

#include "base/addr.h"
#include "cmd/cli.h"
#include "cmd/explain_json.h"
#include "cmd/explain_steps.h"
#include "cmd/explain_words.h"
#include "cmd/fail.h"

/* JSON and YAML are not made of this: they have numbers. */
static const struct column columns[] = {
	{ "ENDPOINT", "endpoint", CELL_TEXT, COLUMN_ALWAYS },
	{ "NODE", "node", CELL_TEXT, COLUMN_ALWAYS },
	{ "ZONE", "zone", CELL_TEXT, COLUMN_WIDE },
	{ "STATE", "state", CELL_STATE, COLUMN_ALWAYS },
	{ "WEIGHT", "weight", CELL_NUMBER, COLUMN_ALWAYS },
	{ "CONNECTIONS", "connections", CELL_NUMBER, COLUMN_ALWAYS },
	{ "COST", "cost", CELL_NUMBER, COLUMN_ALWAYS },
	{ "NEXT", "next", CELL_NUMBER, COLUMN_ALWAYS },
	{ "OF MANY", "share", CELL_NUMBER, COLUMN_ALWAYS },
	{ "WHY", "why", CELL_TEXT, COLUMN_ALWAYS },
	{ "ID", "id", CELL_NUMBER, COLUMN_WIDE },
};

static void add_percent(struct sheet *sheet, double share)
{
	char text[32];

	snprintf(text, sizeof(text), "%.1f %%", 100 * share);
	sheet_text(sheet, text);
}

static void add_endpoint(struct sheet *sheet, const struct explained *e,
			 const struct explained_endpoint *endpoint)
{
	const struct listed_endpoint *listed = endpoint->listed;
	char text[STEP_TEXT], place[PLACE_TEXT];

	sheet_text(sheet, place_print(&listed->row->address, listed->row->port, place));
	sheet_text(sheet, listed->node);
	sheet_text(sheet, listed->zone);
	sheet_text(sheet, health_name(endpoint->health));
	sheet_number(sheet, listed->member->weight);
	sheet_number(sheet, listed->state.live);
	if (endpoint->cost < 0) {
		sheet_null(sheet);
	} else {
		snprintf(text, sizeof(text), "%.2f", endpoint->cost);
		sheet_text(sheet, text);
	}
	add_percent(sheet, endpoint->next);
	add_percent(sheet, endpoint->share);
	sheet_text(sheet, explain_endpoint(e, endpoint, text));
	sheet_number(sheet, listed->id);
}

static int print_text(const struct cli *cli, const struct explained *e)
{
	_cleanup_(sheet_freep) struct sheet *sheet = sheet_new(columns, ARRAY_LEN(columns));
	struct steps steps;

	if (!sheet)
		return -ENOMEM;
	explain_steps(e, &steps);
	for (size_t i = 0; i < steps.count; i++)
		printf("%-10s %s\n", steps.items[i].name, steps.items[i].text);
	if (!e->n_endpoints)
		return fflush(stdout) ? -EIO : 0;
	putchar('\n');
	for (size_t i = 0; i < e->n_endpoints; i++)
		add_endpoint(sheet, e, &e->endpoints[i]);
	return sheet_print(sheet, cli->output, !cli->no_headers, stdout);
}

static int explain_open(const struct cli *cli, struct kern *kern, const struct asked_client *who,
			const struct asked_service *what)
{
	_cleanup_(explained_done) struct explained explained = { 0 };
	struct why why = { "" };
	struct service_key key;
	struct client client;
	int error = asked_client_find(cli, kern, who, &client, &why);

	if (error == -ENOENT || error == -ENOTUNIQ) {
		fail("explain", error, &why);
		return 2;
	}
	if (!error)
		error = asked_service_find(kern, what, who, &key, &why);
	if (!error)
		error = explain(kern, &client, &key, &explained, &why);
	if (!error)
		error = cli->output == SHEET_JSON || cli->output == SHEET_YAML
				? explain_print(&explained, who->text, cli->output, stdout)
				: print_text(cli, &explained);
	if (error)
		return fail("explain", error, &why);
	return explain_is_reachable(&explained) ? 0 : 1;
}

int cmd_explain(const struct cli *cli)
{
	struct asked_service what;
	struct asked_client who;
	struct why why = { "" };
	struct kern kern;
	int status;

	if (asked_client_parse(cli->words[0], &who, &why) ||
	    asked_service_parse(cli->words[1], &what, &why)) {
		fail("explain", -EINVAL, &why);
		return 2;
	}
	status = kern_open(cli->bpffs, &why, &kern);
	if (status)
		return fail("explain", status, &why);
	status = explain_open(cli, &kern, &who, &what);
	kern_close(&kern);
	return status;
}
