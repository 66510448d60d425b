/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows to lines. */
#include "watch/top_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/attr.h"

static const struct {
	const char *name;
	char key;
} sorts[TOP_SORTS] = {
	[TOP_NEW] = { "new", 'c' },	    [TOP_LIVE] = { "live", 'l' },
	[TOP_P50] = { "p50", '5' },	    [TOP_P99] = { "p99", '9' },
	[TOP_FAILING] = { "failing", 'f' }, [TOP_FAILED] = { "failed", 'F' },
	[TOP_EJECTED] = { "ejected", 'e' }, [TOP_NAME] = { "name", 'n' },
};

const char *top_sort_name(enum top_sort sort)
{
	return sorts[sort].name;
}

char top_sort_key(enum top_sort sort)
{
	return sorts[sort].key;
}

int top_sort_by_name(const char *name, enum top_sort *ret)
{
	for (int sort = 0; sort < TOP_SORTS; sort++) {
		if (strcmp(sorts[sort].name, name))
			continue;
		*ret = sort;
		return 0;
	}
	return -EINVAL;
}

int top_sort_by_key(int key, enum top_sort *ret)
{
	for (int sort = 0; sort < TOP_SORTS; sort++) {
		if (sorts[sort].key != key)
			continue;
		*ret = sort;
		return 0;
	}
	return -EINVAL;
}

const char *top_label(const struct rate_row *row, char text[TOP_LABEL])
{
	char address[ADDR_PORT_TEXT];

	if (row->endpoint)
		snprintf(text, TOP_LABEL, "%s/%s",
			 addr_print_port(&row->endpoint->row->address, row->endpoint->row->port, address),
			 protocol_name(row->endpoint->row->protocol));
	else
		snprintf(text, TOP_LABEL, "%s", row->name);
	return text;
}

/* ---- order and choice ---- */

static double measure(const struct rate_row *row, enum top_sort sort)
{
	switch (sort) {
	case TOP_NEW:
		return row->started_s;
	case TOP_LIVE:
		return row->live;
	case TOP_P50:
		return row->p50_us;
	case TOP_P99:
		return row->p99_us;
	case TOP_FAILING:
		return row->failed_s;
	case TOP_FAILED:
		return row->failed;
	case TOP_EJECTED:
		return row->ejected;
	case TOP_NAME:
	case TOP_SORTS:
		break;
	}
	return 0;
}

static int compare_names(const struct rate_row *a, const struct rate_row *b)
{
	return a->endpoint ? listed_endpoint_compare(a->endpoint, b->endpoint) : strcmp(a->name, b->name);
}

static int compare_rows(const void *left, const void *right, void *arg)
{
	const struct rate_row *a = left, *b = right;
	const struct top_view *view = arg;
	double x = measure(a, view->sort), y = measure(b, view->sort);
	int order = (y > x) - (y < x);

	if (order || view->sort == TOP_NAME) {
		order = order ? order : compare_names(a, b);
		return view->reverse ? -order : order;
	}
	return compare_names(a, b);
}

static bool is_seen(const struct top_view *view, const struct rate_row *row)
{
	size_t length = view->namespace ? strlen(view->namespace) : 0;
	char label[TOP_LABEL];

	if (view->namespace && (strncmp(row->name, view->namespace, length) || row->name[length] != '/'))
		return false;
	return strcasestr(top_label(row, label), view->filter);
}

void top_arrange(const struct top_view *view, struct rate_table *table)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->count; i++) {
		if (is_seen(view, &table->rows[i]))
			table->rows[kept++] = table->rows[i];
	}
	table->count = kept;
	if (kept)
		qsort_r(table->rows, kept, sizeof(*table->rows), compare_rows, (void *)view);
}

/* ---- columns ---- */

enum {
	MORE = 9,	 /* STATE of an endpoint, READY of a service */
	LEAST_NAME = 16, /* rather than a shorter one, there are fewer columns */
	CELLS = 128,	 /* what all but the name takes, with blanks between */
};

/* Where the columns behind the name end, the blank before each included. */
static const size_t column_ends[] = { 1 + MORE, 16, 22, 28, 34, 41, 48, 54 };

/* How much of the cells there is room for: whole columns. */
static size_t cells_width(size_t width)
{
	size_t cells = 0;

	for (size_t i = 0; i < ARRAY_LEN(column_ends); i++) {
		if (column_ends[i] + LEAST_NAME <= width)
			cells = column_ends[i];
	}
	return cells;
}

/* The name, then the cells. */
static void join(const char *name, const char *cells, const struct top_view *view, size_t width,
		 char ret[FIT_TEXT])
{
	char fitted[FIT_TEXT];
	size_t kept;
	int length;

	if (width > FIT_WIDTH)
		width = FIT_WIDTH;
	kept = cells_width(width);
	figure_fit(name, width - kept, view->endpoints ? CUT_MIDDLE : CUT_NAME, view->mark, fitted);
	length = snprintf(ret, FIT_TEXT, "%s", fitted);
	snprintf(ret + length, FIT_TEXT - length, "%.*s", (int)kept, cells);
}

/* "3/4", "12k/12k": never wider than its column, as there are not a million endpoints (MAX_ENDPOINTS). */
static void ready_text(const struct rate_row *row, char text[2 * FIGURE_TEXT])
{
	const uint32_t most = 999999;
	uint32_t active = row->active < most ? row->active : most;
	uint32_t all = row->endpoints < most ? row->endpoints : most;

	if (all < 10000)
		snprintf(text, 2 * FIGURE_TEXT, "%u/%u", active, all);
	else
		snprintf(text, 2 * FIGURE_TEXT, "%uk/%uk", active / 1000, all / 1000);
}

void top_heading(const struct top_view *view, size_t width, char ret[FIT_TEXT])
{
	char cells[CELLS];

	snprintf(cells, sizeof(cells), " %*s %5s %5s %5s %5s %6s %6s %5s", view->endpoints ? -MORE : MORE,
		 view->endpoints ? "STATE" : "READY", "NEW/S", "LIVE", "P50", "P99", "FAIL/S", "FAILED",
		 view->endpoints ? "EJECT" : "OUT");
	join(view->endpoints ? "ENDPOINT" : "SERVICE", cells, view, width, ret);
}

void top_line(const struct top_view *view, const struct rate_row *row, size_t width, char ret[FIT_TEXT])
{
	char started[FIGURE_TEXT] = "-", live[FIGURE_TEXT], p50[FIGURE_TEXT] = "-", p99[FIGURE_TEXT] = "-",
	     failing[FIGURE_TEXT] = "-", failed[FIGURE_TEXT], ejected[FIGURE_TEXT];
	char label[TOP_LABEL], cells[CELLS], ready[2 * FIGURE_TEXT];

	if (row->known) {
		figure_rate(row->started_s, started);
		figure_rate(row->failed_s, failing);
	}
	if (row->p50_us) {
		figure_time(row->p50_us, p50);
		figure_time(row->p99_us, p99);
	}
	ready_text(row, ready);
	snprintf(cells, sizeof(cells), " %*s %5s %5s %5s %5s %6s %6s %5s", view->endpoints ? -MORE : MORE,
		 view->endpoints ? health_name(row->health) : ready, started, figure_count(row->live, live),
		 p50, p99, failing, figure_count(row->failed, failed), figure_count(row->ejected, ejected));
	join(top_label(row, label), cells, view, width, ret);
}
