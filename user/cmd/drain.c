/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft drain, weft undrain */
#include "kern/drain.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "cmd/cli.h"
#include "cmd/fail.h"
#include "cmd/place.h"
#include "kern/state.h"
#include "watch/list.h"

enum {
	POLL_MS = 200,
	EXIT_INTERRUPTED = 130,
};

static const struct column columns[] = {
	{ "ADDRESS", "address", CELL_TEXT, COLUMN_ALWAYS },
	{ "PORT", "port", CELL_NUMBER, COLUMN_ALWAYS },
	{ "PROTOCOL", "protocol", CELL_TEXT, COLUMN_ALWAYS },
	{ "DRAINING", "draining", CELL_BOOL, COLUMN_ALWAYS },
	{ "CONNECTIONS", "connections", CELL_NUMBER, COLUMN_ALWAYS },
	{ "ID", "id", CELL_NUMBER, COLUMN_WIDE },
};

/* The endpoints that the word means: one entry each, however many services they are in. */
struct chosen {
	struct listing listing; /* owns what is pointed to */
	const struct listed_endpoint **items;
	size_t count;
};

static void chosen_done(struct chosen *chosen)
{
	free(chosen->items);
	listing_done(&chosen->listing);
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	interrupted = number;
}

static bool has(const struct chosen *chosen, uint64_t id)
{
	for (size_t i = 0; i < chosen->count; i++) {
		if (chosen->items[i]->id == id)
			return true;
	}
	return false;
}

static int choose(struct kern *kern, const struct place *place, struct chosen *ret, struct why *why)
{
	int error = listing_read(kern, &ret->listing, why);

	if (error)
		return error;
	ret->items = calloc(ret->listing.n_endpoints + 1, sizeof(struct listed_endpoint *));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < ret->listing.n_endpoints; i++) {
		const struct listed_endpoint *endpoint = &ret->listing.endpoints[i];

		if (addr_compare(&endpoint->row->address, &place->address) ||
		    (place->port && place->port != endpoint->row->port) || has(ret, endpoint->id))
			continue;
		ret->items[ret->count++] = endpoint;
	}
	return 0;
}

static uint64_t connections(const struct kern *kern, uint64_t endpoint)
{
	struct endpoint_state state = { 0 };

	kern_endpoint_state(kern, endpoint, &state);
	return state.live;
}

static uint64_t connections_left(const struct kern *kern, const struct chosen *chosen)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < chosen->count; i++)
		sum += connections(kern, chosen->items[i]->id);
	return sum;
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void print_words(const struct kern *kern, const struct chosen *chosen, bool drain)
{
	char address[ADDR_TEXT];

	for (size_t i = 0; i < chosen->count; i++) {
		const struct listed_endpoint *endpoint = chosen->items[i];
		uint64_t left = connections(kern, endpoint->id);

		addr_print(&endpoint->row->address, address);
		printf(addr_is_v4(&endpoint->row->address) ? "%s:%u/%s: " : "[%s]:%u/%s: ", address,
		       endpoint->row->port, protocol_name(endpoint->row->protocol));
		if (drain)
			printf("draining, %llu connection%s left\n", (unsigned long long)left, plural(left));
		else
			printf("takes connections again\n");
	}
}

static int print(const struct cli *cli, const struct kern *kern, const struct chosen *chosen, bool drain)
{
	_cleanup_(sheet_freep) struct sheet *sheet = NULL;
	char address[ADDR_TEXT];

	if (cli->output == SHEET_TABLE) {
		print_words(kern, chosen, drain);
		return fflush(stdout) ? -EIO : 0;
	}
	sheet = sheet_new(columns, ARRAY_LEN(columns));
	if (!sheet)
		return -ENOMEM;
	for (size_t i = 0; i < chosen->count; i++) {
		const struct listed_endpoint *endpoint = chosen->items[i];

		sheet_text(sheet, addr_print(&endpoint->row->address, address));
		sheet_number(sheet, endpoint->row->port);
		sheet_text(sheet, protocol_name(endpoint->row->protocol));
		sheet_bool(sheet, drain);
		sheet_number(sheet, connections(kern, endpoint->id));
		sheet_number(sheet, endpoint->id);
	}
	return sheet_print(sheet, cli->output, !cli->no_headers, stdout);
}

/* Says how many are left whenever that changes; on a terminal always in the same line. */
static int wait_for_none(const struct cli *cli, const struct kern *kern, const struct chosen *chosen)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000 };
	const bool terminal = isatty(STDERR_FILENO);
	const struct sigaction action = { .sa_handler = on_interrupt };
	time_t begin = time(NULL);
	uint64_t left, told = UINT64_MAX;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while ((left = connections_left(kern, chosen)) && !interrupted) {
		if (left != told)
			fprintf(stderr, terminal ? "\r%llu connection%s left  " : "%llu connection%s left\n",
				(unsigned long long)left, plural(left));
		told = left;
		if (cli->timeout_s && time(NULL) - begin >= cli->timeout_s)
			break;
		nanosleep(&pause, NULL);
	}
	if (terminal && told != UINT64_MAX)
		fputc('\n', stderr);
	if (!left)
		return 0;
	fprintf(stderr, "weft drain: %llu connection%s left after %ld s; it stays drained\n",
		(unsigned long long)left, plural(left), (long)(time(NULL) - begin));
	return interrupted ? EXIT_INTERRUPTED : 1;
}

static int set_all(const struct kern *kern, const struct chosen *chosen, bool drain, struct why *why)
{
	int error = 0;

	for (size_t i = 0; !error && i < chosen->count; i++)
		error = drain ? kern_drain(kern, chosen->items[i]->id, why)
			      : kern_undrain(kern, chosen->items[i]->id, why);
	return error;
}

static int run_open(const struct cli *cli, struct kern *kern, const struct place *place, bool drain)
{
	const char *name = drain ? "drain" : "undrain";
	_cleanup_(chosen_done) struct chosen chosen = { 0 };
	struct why why = { "" };
	int error = choose(kern, place, &chosen, &why);

	if (!error && !chosen.count)
		error = why_set(&why, -ENOENT, "there is no endpoint %s; 'weft get endpoints' lists them",
				cli->words[0]);
	if (!error)
		error = set_all(kern, &chosen, drain, &why);
	if (error)
		return fail(name, error, &why);
	if (drain && cli->wait) {
		int status = wait_for_none(cli, kern, &chosen);

		if (status)
			return status;
	}
	error = print(cli, kern, &chosen, drain);
	return error ? fail(name, error, &why) : 0;
}

static int run(const struct cli *cli, bool drain)
{
	const char *name = drain ? "drain" : "undrain";
	struct why why = { "" };
	struct place place;
	struct kern kern;
	int status;

	if (place_parse(cli->words[0], &place)) {
		fprintf(stderr,
			"weft %s: '%s' is no endpoint; give ADDRESS:PORT, [ADDRESS]:PORT or ADDRESS\n", name,
			cli->words[0]);
		return 2;
	}
	if (cli->timeout_s && !cli->wait) {
		fprintf(stderr, "weft %s: --timeout is for --wait\n", name);
		return 2;
	}
	status = kern_open(cli->bpffs, &why, &kern);
	if (status)
		return fail(name, status, &why);
	status = run_open(cli, &kern, &place, drain);
	kern_close(&kern);
	return status;
}

int cmd_drain(const struct cli *cli)
{
	return run(cli, true);
}

int cmd_undrain(const struct cli *cli)
{
	return run(cli, false);
}
