/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libsmartcols for tables, yyjson for JSON, libyaml for YAML. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libsmartcols.h>
#include <yaml.h>
#include <yyjson.h>

#include "base/attr.h"
#include "cmd/sheet_impl.h"

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
	for (size_t i = 0; i < sheet->n_columns; i++) {
		const struct column *column = &sheet->columns[i];
		int flags = column->kind == CELL_NUMBER ? SCOLS_FL_RIGHT : 0;

		if (!is_shown(column, wide))
			continue;
		if (!scols_table_new_column(table, column->title, 0, flags))
			return -ENOMEM;
	}
	for (size_t row = 0; row < n_rows(sheet); row++) {
		struct libscols_line *line = scols_table_new_line(table, NULL);
		size_t place = 0;

		for (size_t i = 0; line && i < sheet->n_columns; i++) {
			if (!is_shown(&sheet->columns[i], wide))
				continue;
			if (scols_line_set_data(line, place++,
						shown(&sheet->columns[i], cell(sheet, row, i))))
				line = NULL;
		}
		if (!line)
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
		return yyjson_mut_uint(doc, strtoull(text, NULL, 10));
	case CELL_BOOL:
		return yyjson_mut_bool(doc, !strcmp(text, "true"));
	case CELL_LIST:
		return json_list(doc, text);
	case CELL_TEXT:
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

static int print_json(const struct sheet *sheet, FILE *to)
{
	_cleanup_(free_doc) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	_cleanup_(freep) char *text = NULL;
	yyjson_mut_val *array = yyjson_mut_arr(doc);

	for (size_t row = 0; row < n_rows(sheet); row++) {
		if (fill_json_row(doc, yyjson_mut_arr_add_obj(doc, array), sheet, row))
			return -ENOMEM;
	}
	yyjson_mut_doc_set_root(doc, array);
	text = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL);
	if (!text)
		return -ENOMEM;
	return fprintf(to, "%s\n", text) < 0 ? -EIO : 0;
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, size_t length, yaml_scalar_style_t style)
{
	yaml_event_t event;

	return yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)text, (int)length, 1, 1,
					    style) &&
	       yaml_emitter_emit(emitter, &event);
}

static bool emit_list(yaml_emitter_t *emitter, const char *text)
{
	yaml_event_t event;
	bool fine = yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_FLOW_SEQUENCE_STYLE) &&
		    yaml_emitter_emit(emitter, &event);

	while (fine && *text) {
		size_t length = strcspn(text, ",");

		fine = emit_scalar(emitter, text, length, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
		text += length;
		text += *text == ',';
	}
	return fine && yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_cell(yaml_emitter_t *emitter, const char *text, enum cell_kind kind)
{
	/* Text in quotes, so that no reader takes a name for a number or a truth. */
	yaml_scalar_style_t style = text && (kind == CELL_TEXT || kind == CELL_JSON)
					    ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
					    : YAML_PLAIN_SCALAR_STYLE;

	if (text && kind == CELL_LIST)
		return emit_list(emitter, text);
	if (!text)
		text = "null";
	return emit_scalar(emitter, text, strlen(text), style);
}

static bool emit_row(yaml_emitter_t *emitter, const struct sheet *sheet, size_t row)
{
	yaml_event_t event;
	bool fine = yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) &&
		    yaml_emitter_emit(emitter, &event);

	for (size_t i = 0; fine && i < sheet->n_columns; i++) {
		const struct column *column = &sheet->columns[i];

		fine = emit_scalar(emitter, column->key, strlen(column->key), YAML_PLAIN_SCALAR_STYLE) &&
		       emit_cell(emitter, cell(sheet, row, i), column->kind);
	}
	return fine && yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static int print_yaml(const struct sheet *sheet, FILE *to)
{
	_cleanup_(yaml_emitter_delete) yaml_emitter_t emitter;
	yaml_sequence_style_t style = n_rows(sheet) ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;
	yaml_event_t event;
	bool fine;

	if (!yaml_emitter_initialize(&emitter))
		return -ENOMEM;
	yaml_emitter_set_output_file(&emitter, to);
	yaml_emitter_set_unicode(&emitter, 1);
	fine = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
	       yaml_emitter_emit(&emitter, &event) &&
	       yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
	       yaml_emitter_emit(&emitter, &event) &&
	       yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style) &&
	       yaml_emitter_emit(&emitter, &event);
	for (size_t row = 0; fine && row < n_rows(sheet); row++)
		fine = emit_row(&emitter, sheet, row);
	fine = fine && yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(&emitter, &event) &&
	       yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&emitter, &event) &&
	       yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(&emitter, &event);
	return fine ? 0 : -EIO;
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
