/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft top: reading, and one frame for programs. */
#include "cmd/top.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "cmd/fail.h"
#include "cmd/full_name.h"

enum {
	PLAIN_WIDTH = 80, /* where nobody says how wide it is */
};

int top_read(struct top *top, struct why *why)
{
	struct listing listing = { 0 };
	int error;

	if (!kern_is_pinned(&top->kern))
		return why_set(why, -ENOENT, "weft was unloaded from %s: there is nothing to show any more",
			       top->kern.dir);
	error = listing_read(&top->kern, &listing, why);
	if (error)
		return error;
	listing_observe(&listing, &top->kern);
	listing_done(&top->before);
	top->before = top->now;
	top->before_ns = top->now_ns;
	top->now = listing;
	top->now_ns = clock_now_ns();
	return 0;
}

int top_rows(const struct top *top, bool all_times, struct rate_table *ret)
{
	struct rate_span span = {
		.before = top->before_ns ? &top->before : NULL,
		.now = &top->now,
		.before_ns = top->before_ns,
		.now_ns = top->now_ns,
		.all_times = all_times,
	};
	int error = top->view.endpoints ? rates_of_endpoints(&span, top->service, ret)
					: rates_of_services(&span, ret);

	if (!error)
		top_arrange(&top->view, ret);
	return error;
}

void top_title(const struct top *top, size_t width, char ret[FIT_TEXT])
{
	struct top_view all = { .filter = "" };
	struct top copy = *top;
	_cleanup_(rate_table_done) struct rate_table table = { 0 };
	uint64_t endpoints = 0, ejected = 0, active = 0;
	char text[FIT_TEXT], when[16];
	time_t now = time(NULL);
	struct tm parts = { 0 };

	copy.view = all;
	copy.view.namespace = top->view.namespace;
	localtime_r(&now, &parts);
	strftime(when, sizeof(when), "%H:%M:%S", &parts);
	if (top_rows(&copy, false, &table))
		return;
	for (size_t i = 0; i < table.count; i++) {
		if (top->view.endpoints && strcmp(table.rows[i].name, top->service))
			continue;
		endpoints += table.rows[i].endpoints;
		active += table.rows[i].active;
		ejected += table.rows[i].ejected;
	}
	if (top->view.endpoints)
		snprintf(text, sizeof(text), "weft top  %s  %s: %llu endpoints, %llu active, %llu out", when,
			 top->service, (unsigned long long)endpoints, (unsigned long long)active,
			 (unsigned long long)ejected);
	else
		snprintf(text, sizeof(text),
			 "weft top  %s  %zu services, %llu endpoints, %llu active, %llu out", when,
			 table.count, (unsigned long long)endpoints, (unsigned long long)active,
			 (unsigned long long)ejected);
	figure_fit(text, width, CUT_END, top->view.mark, ret);
}

/* ---- one frame ---- */

static const struct column service_columns[] = {
	{ "NAMESPACE", "namespace", CELL_TEXT, COLUMN_ALWAYS },
	{ "NAME", "name", CELL_TEXT, COLUMN_ALWAYS },
	{ "ENDPOINTS", "endpoints", CELL_NUMBER, COLUMN_ALWAYS },
	{ "ACTIVE", "active", CELL_NUMBER, COLUMN_ALWAYS },
	{ "OUT", "ejected", CELL_NUMBER, COLUMN_ALWAYS },
	{ "NEW/S", "new_per_second", CELL_NUMBER, COLUMN_ALWAYS },
	{ "LIVE", "connections", CELL_NUMBER, COLUMN_ALWAYS },
	{ "P50", "p50_us", CELL_NUMBER, COLUMN_ALWAYS },
	{ "P99", "p99_us", CELL_NUMBER, COLUMN_ALWAYS },
	{ "FAIL/S", "failed_per_second", CELL_NUMBER, COLUMN_ALWAYS },
	{ "FAILED", "failed", CELL_NUMBER, COLUMN_ALWAYS },
};

static const struct column endpoint_columns[] = {
	{ "NAMESPACE", "namespace", CELL_TEXT, COLUMN_ALWAYS },
	{ "SERVICE", "service", CELL_TEXT, COLUMN_ALWAYS },
	{ "ADDRESS", "address", CELL_TEXT, COLUMN_ALWAYS },
	{ "PORT", "port", CELL_NUMBER, COLUMN_ALWAYS },
	{ "PROTOCOL", "protocol", CELL_TEXT, COLUMN_ALWAYS },
	{ "STATE", "health", CELL_TEXT, COLUMN_ALWAYS },
	{ "EJECT", "ejections", CELL_NUMBER, COLUMN_ALWAYS },
	{ "NEW/S", "new_per_second", CELL_NUMBER, COLUMN_ALWAYS },
	{ "LIVE", "connections", CELL_NUMBER, COLUMN_ALWAYS },
	{ "P50", "p50_us", CELL_NUMBER, COLUMN_ALWAYS },
	{ "P99", "p99_us", CELL_NUMBER, COLUMN_ALWAYS },
	{ "FAIL/S", "failed_per_second", CELL_NUMBER, COLUMN_ALWAYS },
	{ "FAILED", "failed", CELL_NUMBER, COLUMN_ALWAYS },
};

static void add_figures(struct sheet *sheet, const struct rate_row *row)
{
	sheet_real(sheet, row->started_s);
	sheet_number(sheet, row->live);
	if (row->p50_us) {
		sheet_number(sheet, row->p50_us);
		sheet_number(sheet, row->p99_us);
	} else {
		sheet_null(sheet);
		sheet_null(sheet);
	}
	sheet_real(sheet, row->failed_s);
	sheet_number(sheet, row->failed);
}

static void add_row(struct sheet *sheet, const struct rate_row *row)
{
	const struct listed_endpoint *endpoint = row->endpoint;
	struct full_name full = full_name(row->name);
	char address[ADDR_TEXT];

	sheet_text(sheet, full.namespace);
	sheet_text(sheet, full.name);
	if (endpoint) {
		sheet_text(sheet, addr_print(&endpoint->row->address, address));
		sheet_number(sheet, endpoint->row->port);
		sheet_text(sheet, protocol_name(endpoint->row->protocol));
		sheet_text(sheet, health_name(row->health));
		sheet_number(sheet, row->ejected);
	} else {
		sheet_number(sheet, row->endpoints);
		sheet_number(sheet, row->active);
		sheet_number(sheet, row->ejected);
	}
	add_figures(sheet, row);
}

static int print_sheet(const struct top *top, const struct rate_table *table)
{
	bool endpoints = top->view.endpoints;
	_cleanup_(sheet_freep) struct sheet *sheet =
		sheet_new(endpoints ? endpoint_columns : service_columns,
			  endpoints ? ARRAY_LEN(endpoint_columns) : ARRAY_LEN(service_columns));

	if (!sheet)
		return -ENOMEM;
	for (size_t i = 0; i < table->count; i++)
		add_row(sheet, &table->rows[i]);
	return sheet_print(sheet, top->cli->output, !top->cli->no_headers, stdout);
}

static size_t plain_width(void)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return PLAIN_WIDTH;
	return size.ws_col;
}

int top_print(const struct top *top, struct why *why)
{
	_cleanup_(rate_table_done) struct rate_table table = { 0 };
	size_t width = plain_width();
	char line[FIT_TEXT];
	int error = top_rows(top, true, &table);

	if (error)
		return why_set(why, error, "%s", strerror(-error));
	if (top->cli->output != SHEET_TABLE)
		return print_sheet(top, &table);
	if (!top->cli->no_headers) {
		top_title(top, width, line);
		printf("%s\n", line);
		top_heading(&top->view, width, line);
		printf("%s\n", line);
	}
	for (size_t i = 0; i < table.count; i++) {
		top_line(&top->view, &table.rows[i], width, line);
		printf("%s\n", line);
	}
	return fflush(stdout) ? -EIO : 0;
}

/* ---- from the command line ---- */

/* The one service that is meant. */
static int find_service(struct top *top, struct why *why)
{
	const char *found = NULL;

	for (size_t i = 0; i < top->now.n_services; i++) {
		const char *name = top->now.services[i].name;
		struct full_name full = full_name(name);

		if ((top->cli->namespace && strcmp(top->cli->namespace, full.namespace)) ||
		    (strcmp(top->cli->service, full.name) && strcmp(top->cli->service, name)))
			continue;
		if (found && strcmp(found, name))
			return why_set(why, -EINVAL, "there are %s and %s; give the namespace as well", found,
				       name);
		found = name;
	}
	if (!found)
		return why_set(why, -ENOENT, "there is no service %s; 'weft get services' lists them",
			       top->cli->service);
	snprintf(top->service, sizeof(top->service), "%s", found);
	top->view.endpoints = true;
	return 0;
}

static int run(struct top *top, struct why *why)
{
	const struct cli *cli = top->cli;
	const struct timespec interval = { cli->interval_ms / 1000,
					   cli->interval_ms % 1000 * (long)NS_PER_MS };
	int error = kern_open(cli->bpffs, why, &top->kern);

	if (!error)
		error = top_read(top, why);
	if (!error && cli->service)
		error = find_service(top, why);
	if (error)
		return error;
	if (!cli->once)
		return top_show(top, why);
	nanosleep(&interval, NULL);
	error = top_read(top, why);
	return error ? error : top_print(top, why);
}

static void top_done(struct top *top)
{
	listing_done(&top->before);
	listing_done(&top->now);
	kern_close(&top->kern);
}

int cmd_top(const struct cli *cli)
{
	_cleanup_(top_done) struct top top = { .cli = cli };
	struct why why = { "" };
	int error;

	kern_init(&top.kern, cli->bpffs);
	setlocale(LC_ALL, "");
	top.view = (struct top_view){
		.filter = top.filter,
		.namespace = cli->namespace,
		.mark = strcmp(nl_langinfo(CODESET), "UTF-8") ? "~" : "…",
	};
	if (cli->sort && top_sort_by_name(cli->sort, &top.view.sort)) {
		fprintf(stderr,
			"weft top: there is no column '%s'; there are new, live, p50, p99, failing, failed, "
			"ejected and name\n",
			cli->sort);
		return 2;
	}
	if (cli->output != SHEET_TABLE && !cli->once) {
		fprintf(stderr, "weft top: --output is for --once\n");
		return 2;
	}
	error = run(&top, &why);
	return error ? fail("top", error, &why) : 0;
}
