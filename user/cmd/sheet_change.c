/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What became of a sheet: rows that came, changed or went. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "cmd/sheet_impl.h"

/* The rows of a sheet in the order of their keys, and of what is shown of them. */
struct order {
	const struct sheet *sheet;
	size_t *rows;
	size_t count;
	size_t n_keys;
	enum sheet_format format;
};

static int compare_cells(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

/* Rows of two sheets, or of one. */
static int compare_keys(const struct order *a, size_t row, const struct order *b, size_t other)
{
	int order = 0;

	for (size_t column = 0; !order && column < a->n_keys; column++)
		order = compare_cells(cell(a->sheet, row, column), cell(b->sheet, other, column));
	return order;
}

static bool counts(const struct order *order, size_t column)
{
	return order->format == SHEET_JSON || order->format == SHEET_YAML ||
	       is_shown(&order->sheet->columns[column], order->format == SHEET_WIDE);
}

static int compare_rest(const struct order *a, size_t row, const struct order *b, size_t other)
{
	int order = 0;

	for (size_t column = a->n_keys; !order && column < a->sheet->n_columns; column++) {
		if (counts(a, column))
			order = compare_cells(cell(a->sheet, row, column), cell(b->sheet, other, column));
	}
	return order;
}

static int compare_rows(const void *left, const void *right, void *arg)
{
	size_t row = *(const size_t *)left, other = *(const size_t *)right;
	int result = compare_keys(arg, row, arg, other);

	return result ? result : compare_rest(arg, row, arg, other);
}

static int order_make(const struct sheet *sheet, size_t n_keys, enum sheet_format format, struct order *ret)
{
	*ret = (struct order){ .sheet = sheet, .n_keys = n_keys, .format = format };
	if (!sheet || !n_rows(sheet))
		return 0;
	ret->rows = calloc(n_rows(sheet), sizeof(*ret->rows));
	if (!ret->rows)
		return -ENOMEM;
	ret->count = n_rows(sheet);
	for (size_t i = 0; i < ret->count; i++)
		ret->rows[i] = i;
	qsort_r(ret->rows, ret->count, sizeof(*ret->rows), compare_rows, ret);
	return 0;
}

static void order_done(struct order *order)
{
	free(order->rows);
}

static void add_row(struct sheet *changes, const char *event, const struct order *order, size_t i)
{
	sheet_text(changes, event);
	for (size_t column = 0; column < order->sheet->n_columns; column++) {
		const char *text = cell(order->sheet, order->rows[i], column);

		if (text)
			sheet_text(changes, text);
		else
			sheet_null(changes);
	}
}

/* Two lists in the same order. Rows of one key may be several: of an endpoint in two ports of a service, say. */
static void collect(struct sheet *changes, const struct order *before, const struct order *now)
{
	size_t i = 0, j = 0;

	while (i < before->count || j < now->count) {
		int order = i == before->count ? 1
			    : j == now->count  ? -1
					       : compare_keys(before, before->rows[i], now, now->rows[j]);

		if (!order && compare_rest(before, before->rows[i], now, now->rows[j]))
			add_row(changes, "MODIFIED", now, j);
		else if (order > 0)
			add_row(changes, "ADDED", now, j);
		else if (order < 0)
			add_row(changes, "DELETED", before, i);
		i += order <= 0;
		j += order >= 0;
	}
}

static int print(const struct sheet *changes, enum sheet_format format, bool headers, FILE *to)
{
	int error = changes->failed ? -ENOMEM : 0;

	if (format == SHEET_JSON) {
		for (size_t row = 0; !error && row < n_rows(changes); row++)
			error = sheet_print_json_line(changes, row, to);
		return fflush(to) ? -EIO : error;
	}
	if (error || (!n_rows(changes) && !headers))
		return error;
	/* One stream of several documents. */
	if (format == SHEET_YAML && fputs("---\n", to) < 0)
		return -EIO;
	return sheet_print(changes, format, headers, to);
}

int sheet_print_changes(const struct sheet *before, const struct sheet *now, size_t n_keys,
			enum sheet_format format, bool headers, FILE *to)
{
	_cleanup_(freep) struct column *columns = calloc(now->n_columns + 1, sizeof(*columns));
	_cleanup_(order_done) struct order old = { 0 }, new = { 0 };
	_cleanup_(sheet_freep) struct sheet *changes = NULL;

	if (!columns || now->failed)
		return -ENOMEM;
	columns[0] = (struct column){ "EVENT", "event", CELL_TEXT, COLUMN_ALWAYS };
	memcpy(columns + 1, now->columns, now->n_columns * sizeof(*columns));
	changes = sheet_new(columns, now->n_columns + 1);
	if (!changes || order_make(before, n_keys, format, &old) || order_make(now, n_keys, format, &new))
		return -ENOMEM;
	collect(changes, &old, &new);
	return print(changes, format, headers, to);
}
