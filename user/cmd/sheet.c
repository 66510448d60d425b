/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libsmartcols for tables, yyjson for JSON; YAML is the same tree, written otherwise. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libsmartcols.h>
#include <yyjson.h>

#include "base/attr.h"
#include "cmd/colour.h"
#include "cmd/sheet_impl.h"
#include "cmd/yaml_tree.h"

struct sheet *sheet_new(const struct column *columns, size_t n_columns)
{
	struct sheet *sheet = calloc(1, sizeof(*sheet));

	if (!sheet)
		return NULL;
	sheet->columns = columns;
	sheet->n_columns = n_columns;
	return sheet;
}

void sheet_free(struct sheet *sheet)
{
	if (!sheet)
		return;
	for (size_t i = 0; i < sheet->count; i++)
		free(sheet->cells[i]);
	free(sheet->cells);
	free(sheet);
}

void sheet_freep(struct sheet **sheet)
{
	sheet_free(*sheet);
	*sheet = NULL;
}

/* Takes the text over; NULL is a cell of which nothing is known. */
static void add_cell(struct sheet *sheet, char *text)
{
	if (sheet->count == sheet->room) {
		size_t room = sheet->room ? sheet->room * 2 : 64;
		char **grown = realloc(sheet->cells, room * sizeof(*grown));

		if (!grown) {
			sheet->failed = true;
			free(text);
			return;
		}
		sheet->cells = grown;
		sheet->room = room;
	}
	sheet->cells[sheet->count++] = text;
}

void sheet_text(struct sheet *sheet, const char *text)
{
	char *copy = strdup(text);

	if (copy)
		add_cell(sheet, copy);
	else
		sheet->failed = true;
}

void sheet_null(struct sheet *sheet)
{
	add_cell(sheet, NULL);
}

void sheet_number(struct sheet *sheet, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	sheet_text(sheet, text);
}

void sheet_real(struct sheet *sheet, double number)
{
	char text[512];

	snprintf(text, sizeof(text), "%.1f", number);
	sheet_text(sheet, text);
}

void sheet_bool(struct sheet *sheet, bool value)
{
	sheet_text(sheet, value ? "true" : "false");
}

static const char *shown(const struct column *column, const char *text)
{
	if (!text)
		return "-";
	if (column->kind == CELL_BOOL)
		return !strcmp(text, "true") ? "yes" : "no";
	return *text ? text : "-";
}

static void unref_table(struct libscols_table **table)
{
	scols_unref_table(*table);
}

/* libsmartcols prints nothing at all for a table without lines. */
static int print_headings(const struct sheet *sheet, bool wide, FILE *to)
{
	const char *separator = "";

	for (size_t i = 0; i < sheet->n_columns; i++) {
		if (!is_shown(&sheet->columns[i], wide))
			continue;
		fprintf(to, "%s%s", separator, sheet->columns[i].title);
		separator = "  ";
	}
	return fputc('\n', to) == EOF ? -EIO : 0;
}

static int add_line(struct libscols_table *table, const struct sheet *sheet, size_t row, bool wide)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	size_t place = 0;
	int error = line ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < sheet->n_columns; i++) {
		const struct column *column = &sheet->columns[i];
		const char *text = cell(sheet, row, i);

		if (!is_shown(column, wide))
			continue;
		error = scols_line_set_data(line, place, shown(column, text));
		if (!error && text && column->kind == CELL_STATE)
			error = scols_cell_set_color(scols_line_get_cell(line, place), colour_of_state(text));
		place++;
	}
	return error;
}

static int print_table(const struct sheet *sheet, bool wide, bool headers, FILE *to)
{
	_cleanup_(unref_table) struct libscols_table *table = scols_new_table();

	if (!table)
		return -ENOMEM;
	if (!n_rows(sheet))
		return headers ? print_headings(sheet, wide, to) : 0;
	scols_table_enable_noheadings(table, !headers);
	scols_table_set_stream(table, to);
	scols_table_set_column_separator(table, "  ");
	/* A pipe has no width to fit into. */
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	scols_table_enable_maxout(table, 0);
	scols_table_enable_colors(table, colours_are_wanted(to));
	for (size_t i = 0; i < sheet->n_columns; i++) {
		const struct column *column = &sheet->columns[i];
		int flags = column->kind == CELL_NUMBER ? SCOLS_FL_RIGHT : 0;
		struct libscols_column *made;

		if (!is_shown(column, wide))
			continue;
		made = scols_table_new_column(table, column->title, 0, flags);
		if (!made || scols_cell_set_color(scols_column_get_header(made), "bold"))
			return -ENOMEM;
	}
	for (size_t row = 0; row < n_rows(sheet); row++) {
		if (add_line(table, sheet, row, wide))
			return -ENOMEM;
	}
	return scols_print_table(table) < 0 ? -EIO : 0;
}

static void free_doc(yyjson_mut_doc **doc)
{
	yyjson_mut_doc_free(*doc);
}

static yyjson_mut_val *json_list(yyjson_mut_doc *doc, const char *text)
{
	yyjson_mut_val *array = yyjson_mut_arr(doc);

	while (*text) {
		size_t length = strcspn(text, ",");

		if (!yyjson_mut_arr_add_strn(doc, array, text, length))
			return NULL;
		text += length;
		text += *text == ',';
	}
	return array;
}

static yyjson_mut_val *json_cell(yyjson_mut_doc *doc, enum cell_kind kind, const char *text)
{
	if (!text)
		return yyjson_mut_null(doc);
	switch (kind) {
	case CELL_JSON:
		return yyjson_mut_raw(doc, text);
	case CELL_NUMBER:
		return strchr(text, '.') ? yyjson_mut_real(doc, strtod(text, NULL))
					 : yyjson_mut_uint(doc, strtoull(text, NULL, 10));
	case CELL_BOOL:
		return yyjson_mut_bool(doc, !strcmp(text, "true"));
	case CELL_LIST:
		return json_list(doc, text);
	case CELL_TEXT:
	case CELL_STATE:
		break;
	}
	return yyjson_mut_str(doc, text);
}

static int fill_json_row(yyjson_mut_doc *doc, yyjson_mut_val *object, const struct sheet *sheet, size_t row)
{
	for (size_t i = 0; i < sheet->n_columns; i++) {
		yyjson_mut_val *key = yyjson_mut_str(doc, sheet->columns[i].key);

		if (!yyjson_mut_obj_add(object, key,
					json_cell(doc, sheet->columns[i].kind, cell(sheet, row, i))))
			return -ENOMEM;
	}
	return 0;
}

int sheet_print_json_line(const struct sheet *sheet, size_t row, FILE *to)
{
	_cleanup_(free_doc) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	_cleanup_(freep) char *text = NULL;
	yyjson_mut_val *object = yyjson_mut_obj(doc);

	if (fill_json_row(doc, object, sheet, row))
		return -ENOMEM;
	yyjson_mut_doc_set_root(doc, object);
	text = yyjson_mut_write(doc, 0, NULL);
	if (!text)
		return -ENOMEM;
	return fprintf(to, "%s\n", text) < 0 ? -EIO : 0;
}

static int fill_json(yyjson_mut_doc *doc, const struct sheet *sheet)
{
	yyjson_mut_val *array = yyjson_mut_arr(doc);

	for (size_t row = 0; row < n_rows(sheet); row++) {
		if (fill_json_row(doc, yyjson_mut_arr_add_obj(doc, array), sheet, row))
			return -ENOMEM;
	}
	yyjson_mut_doc_set_root(doc, array);
	return array ? 0 : -ENOMEM;
}

static int print_json(const struct sheet *sheet, FILE *to)
{
	_cleanup_(free_doc) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	_cleanup_(freep) char *text = NULL;

	if (fill_json(doc, sheet))
		return -ENOMEM;
	text = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL);
	if (!text)
		return -ENOMEM;
	return fprintf(to, "%s\n", text) < 0 ? -EIO : 0;
}

static int print_yaml(const struct sheet *sheet, FILE *to)
{
	_cleanup_(free_doc) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	int error = fill_json(doc, sheet);

	return error ? error : yaml_tree_print(yyjson_mut_doc_get_root(doc), to);
}

int sheet_print(const struct sheet *sheet, enum sheet_format format, bool headers, FILE *to)
{
	int error = 0;

	if (sheet->failed)
		return -ENOMEM;
	switch (format) {
	case SHEET_TABLE:
	case SHEET_WIDE:
		error = print_table(sheet, format == SHEET_WIDE, headers, to);
		break;
	case SHEET_JSON:
		error = print_json(sheet, to);
		break;
	case SHEET_YAML:
		error = print_yaml(sheet, to);
		break;
	}
	return fflush(to) ? -EIO : error;
}
