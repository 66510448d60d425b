/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sheets that follow each other: what differs, a row at a time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/attr.h"
#include "cmd/sheet_impl.h"

static const char *const event_names[] = {
	[SHEET_ADDED] = "ADDED",
	[SHEET_MODIFIED] = "MODIFIED",
	[SHEET_DELETED] = "DELETED",
};
static const char event_title[] = "EVENT";

/* ---- what differs ---- */

struct place {
	char *identity;
	size_t row;
	UT_hash_handle hh;
};

struct places {
	struct place *by_identity;
};

static void places_done(struct places *places)
{
	struct place *place, *next;

	HASH_ITER (hh, places->by_identity, place, next) {
		HASH_DELETE(hh, places->by_identity, place);
		free(place->identity);
		free(place);
	}
}

static char *identity_of(const struct sheet *sheet, size_t row)
{
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	for (size_t i = 0; to && i < sheet->n_columns; i++) {
		const char *cell = sheet_cell(sheet, row, i);

		if (sheet->columns[i].place & COLUMN_KEY)
			fprintf(to, "%s\n", cell ? cell : "");
	}
	if (!to || fclose(to)) {
		free(text);
		return NULL;
	}
	return text;
}

static int places_fill(struct places *places, const struct sheet *sheet)
{
	for (size_t row = 0; sheet && row < sheet_rows(sheet); row++) {
		struct place *place = calloc(1, sizeof(*place));

		if (!place)
			return -ENOMEM;
		place->row = row;
		place->identity = identity_of(sheet, row);
		if (!place->identity) {
			free(place);
			return -ENOMEM;
		}
		HASH_ADD_KEYPTR(hh, places->by_identity, place->identity, strlen(place->identity), place);
	}
	return 0;
}

static bool same_cell(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_row(const struct sheet *a, size_t row_a, const struct sheet *b, size_t row_b,
		     enum sheet_format format)
{
	bool table = format == SHEET_TABLE || format == SHEET_WIDE;

	for (size_t i = 0; i < a->n_columns; i++) {
		if (table && !sheet_is_shown(&a->columns[i], format == SHEET_WIDE))
			continue;
		if (!same_cell(sheet_cell(a, row_a, i), sheet_cell(b, row_b, i)))
			return false;
	}
	return true;
}

/* The row of the same identity; NULL if there is none. */
static int find_place(const struct places *places, const struct sheet *sheet, size_t row, struct place **ret)
{
	_cleanup_(freep) char *identity = identity_of(sheet, row);

	if (!identity)
		return -ENOMEM;
	HASH_FIND_STR(places->by_identity, identity, *ret);
	return 0;
}

static int tell_deleted(const struct sheet *before, const struct places *now, sheet_event_fn *call, void *arg)
{
	struct place *place;
	int result = 0;

	for (size_t row = 0; !result && before && row < sheet_rows(before); row++) {
		result = find_place(now, before, row, &place);
		if (!result && !place)
			result = call(arg, SHEET_DELETED, before, row);
	}
	return result;
}

int sheet_compare(const struct sheet *before, const struct sheet *now, enum sheet_format format,
		  sheet_event_fn *call, void *arg)
{
	_cleanup_(places_done) struct places old = { 0 };
	_cleanup_(places_done) struct places new = { 0 };
	struct place *place;
	int result;

	if (now->failed || places_fill(&old, before) || places_fill(&new, now))
		return -ENOMEM;
	result = tell_deleted(before, &new, call, arg);
	for (size_t row = 0; !result && row < sheet_rows(now); row++) {
		result = find_place(&old, now, row, &place);
		if (!result && !place)
			result = call(arg, SHEET_ADDED, now, row);
		else if (!result && !same_row(before, place->row, now, row, format))
			result = call(arg, SHEET_MODIFIED, now, row);
	}
	return result;
}

/* ---- printing ---- */

static void widen(size_t *width, const char *text)
{
	if (strlen(text) > *width)
		*width = strlen(text);
}

static void widen_row(const struct sheet *sheet, size_t row, struct sheet_widths *widths)
{
	for (size_t i = 0; i < sheet->n_columns && i < SHEET_MAX_COLUMNS; i++)
		widen(&widths->columns[i], sheet_shown(&sheet->columns[i], sheet_cell(sheet, row, i)));
}

static bool is_last(const struct sheet *sheet, size_t column, bool wide)
{
	for (size_t i = column + 1; i < sheet->n_columns; i++) {
		if (sheet_is_shown(&sheet->columns[i], wide))
			return false;
	}
	return true;
}

/* `row` beyond the last: the headings. */
static int print_line(const char *first, const struct sheet *sheet, size_t row, bool wide,
		      const struct sheet_widths *widths, FILE *to)
{
	fprintf(to, "%-*s", (int)strlen(event_names[SHEET_MODIFIED]), first);
	for (size_t i = 0; i < sheet->n_columns && i < SHEET_MAX_COLUMNS; i++) {
		const struct column *column = &sheet->columns[i];
		bool heading = row >= sheet_rows(sheet);
		const char *text = heading ? column->title : sheet_shown(column, sheet_cell(sheet, row, i));
		int width = (int)widths->columns[i];

		if (!sheet_is_shown(column, wide))
			continue;
		if (column->kind != CELL_NUMBER)
			width = is_last(sheet, i, wide) ? 0 : -width;
		fprintf(to, "  %*s", width, text);
	}
	return fputc('\n', to) == EOF ? -EIO : 0;
}

int sheet_print_begin(const struct sheet *sheet, enum sheet_format format, bool headers,
		      struct sheet_widths *widths, FILE *to)
{
	*widths = (struct sheet_widths){ 0 };
	for (size_t i = 0; i < sheet->n_columns && i < SHEET_MAX_COLUMNS; i++)
		widen(&widths->columns[i], sheet->columns[i].title);
	for (size_t row = 0; row < sheet_rows(sheet); row++)
		widen_row(sheet, row, widths);
	if (!headers || format == SHEET_JSON || format == SHEET_YAML)
		return 0;
	return print_line(event_title, sheet, SIZE_MAX, format == SHEET_WIDE, widths, to);
}

static void free_doc(yyjson_mut_doc **doc)
{
	yyjson_mut_doc_free(*doc);
}

static int print_json_event(const char *event, const struct sheet *sheet, size_t row, FILE *to)
{
	_cleanup_(free_doc) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	_cleanup_(freep) char *text = NULL;
	yyjson_mut_val *root = yyjson_mut_obj(doc);

	if (!yyjson_mut_obj_add_str(doc, root, "type", event) ||
	    !yyjson_mut_obj_add_val(doc, root, "object", sheet_json_row(doc, sheet, row)))
		return -ENOMEM;
	yyjson_mut_doc_set_root(doc, root);
	text = yyjson_mut_write(doc, 0, NULL);
	if (!text)
		return -ENOMEM;
	return fprintf(to, "%s\n", text) < 0 ? -EIO : 0;
}

static int print_yaml_event(const char *event, const struct sheet *sheet, size_t row, FILE *to)
{
	_cleanup_(yaml_emitter_delete) yaml_emitter_t emitter;
	yaml_event_t step;
	bool fine;

	if (!yaml_emitter_initialize(&emitter))
		return -ENOMEM;
	yaml_emitter_set_output_file(&emitter, to);
	yaml_emitter_set_unicode(&emitter, 1);
	fine = yaml_stream_start_event_initialize(&step, YAML_UTF8_ENCODING) &&
	       yaml_emitter_emit(&emitter, &step) &&
	       yaml_document_start_event_initialize(&step, NULL, NULL, NULL, 0) &&
	       yaml_emitter_emit(&emitter, &step) &&
	       yaml_mapping_start_event_initialize(&step, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) &&
	       yaml_emitter_emit(&emitter, &step) &&
	       sheet_emit_text(&emitter, "type", YAML_PLAIN_SCALAR_STYLE) &&
	       sheet_emit_text(&emitter, event, YAML_PLAIN_SCALAR_STYLE) &&
	       sheet_emit_text(&emitter, "object", YAML_PLAIN_SCALAR_STYLE) &&
	       sheet_emit_row(&emitter, sheet, row) && yaml_mapping_end_event_initialize(&step) &&
	       yaml_emitter_emit(&emitter, &step) && yaml_document_end_event_initialize(&step, 1) &&
	       yaml_emitter_emit(&emitter, &step) && yaml_stream_end_event_initialize(&step) &&
	       yaml_emitter_emit(&emitter, &step);
	return fine ? 0 : -EIO;
}

int sheet_print_event(enum sheet_event event, const struct sheet *sheet, size_t row, enum sheet_format format,
		      struct sheet_widths *widths, FILE *to)
{
	switch (format) {
	case SHEET_TABLE:
	case SHEET_WIDE:
		widen_row(sheet, row, widths);
		return print_line(event_names[event], sheet, row, format == SHEET_WIDE, widths, to);
	case SHEET_JSON:
		return print_json_event(event_names[event], sheet, row, to);
	case SHEET_YAML:
		return print_yaml_event(event_names[event], sheet, row, to);
	}
	return 0;
}
