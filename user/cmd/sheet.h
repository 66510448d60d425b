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
	CELL_STATE, /* a text that a terminal shows in its colour: cmd/colour.h */
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
void sheet_real(struct sheet *sheet, double number); /* with one digit behind the point */
void sheet_bool(struct sheet *sheet, bool value);
void sheet_null(struct sheet *sheet); /* not known, of any kind */

/*
 * What became of `before` (NULL: nothing was), of the same columns: rows that came, changed or went, with one column
 * more in front. Of a row the first `n_keys` cells say which it is; only what the format shows counts. JSON is an object
 * a line. Returns as sheet_print().
 */
int sheet_print_changes(const struct sheet *before, const struct sheet *now, size_t n_keys,
			enum sheet_format format, bool headers, FILE *to);

/* Returns 0, -ENOMEM, or -EIO if it could not be written. */
int sheet_print(const struct sheet *sheet, enum sheet_format format, bool headers, FILE *to);
