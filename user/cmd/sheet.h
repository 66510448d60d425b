/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows for people and for programs: one definition of the columns prints a table, JSON and YAML. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum sheet_format {
	SHEET_TABLE,
	SHEET_WIDE,
	SHEET_JSON,
	SHEET_YAML,
};

enum cell_kind {
	CELL_TEXT,
	CELL_NUMBER,
	CELL_BOOL,
	CELL_JSON, /* already JSON */
	CELL_LIST, /* texts, separated by commas */
};

/* Where a column is shown; JSON and YAML have all. */
enum column_place {
	COLUMN_ALWAYS = 0,
	COLUMN_WIDE = 1, /* tables show it only with -o wide */
	COLUMN_DATA = 2, /* tables never show it */
	/* Beside the others: these columns together tell which row it is, when rows are watched. */
	COLUMN_KEY = 4,
};

struct column {
	const char *title; /* in tables */
	const char *key;   /* in JSON and YAML */
	enum cell_kind kind;
	enum column_place place;
};

struct sheet;

/* `columns` is borrowed. Returns NULL without memory. */
struct sheet *sheet_new(const struct column *columns, size_t n_columns);
void sheet_free(struct sheet *sheet);
void sheet_freep(struct sheet **sheet); /* for _cleanup_ */

/* Fill cells from left to right; a full row begins the next. Memory that runs out shows in sheet_print(). */
void sheet_text(struct sheet *sheet, const char *text);
void sheet_number(struct sheet *sheet, uint64_t number);
void sheet_bool(struct sheet *sheet, bool value);
void sheet_null(struct sheet *sheet); /* not known, of any kind */

/* Returns 0, -ENOMEM, or -EIO if it could not be written. */
int sheet_print(const struct sheet *sheet, enum sheet_format format, bool headers, FILE *to);

enum sheet_event {
	SHEET_ADDED,
	SHEET_MODIFIED,
	SHEET_DELETED,
};

/* Calls for each row that differs: those of `before` (may be NULL) that went, then the others in the order of `now`. */
typedef int sheet_event_fn(void *arg, enum sheet_event event, const struct sheet *sheet, size_t row);

/*
 * Compares the rows by what `format` shows of them. Until a call returns non-zero, which is returned; -ENOMEM; or 0.
 */
int sheet_compare(const struct sheet *before, const struct sheet *now, enum sheet_format format,
		  sheet_event_fn *call, void *arg);

/* How wide the columns of a table that is watched are so far. */
enum {
	SHEET_MAX_COLUMNS = 64,
};
struct sheet_widths {
	size_t columns[SHEET_MAX_COLUMNS];
};

/* Makes room for the sheet, and prints the headings of a table if `headers`. Returns 0, or -EIO. */
int sheet_print_begin(const struct sheet *sheet, enum sheet_format format, bool headers,
		      struct sheet_widths *widths, FILE *to);

/* A row with what happened to it: a line of a table, a line of JSON, a document of YAML. Returns 0 or as sheet_print(). */
int sheet_print_event(enum sheet_event event, const struct sheet *sheet, size_t row, enum sheet_format format,
		      struct sheet_widths *widths, FILE *to);
