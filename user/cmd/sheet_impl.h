/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For sheet*.c alone. */
#pragma once

#include "cmd/sheet.h"

struct sheet {
	const struct column *columns;
	size_t n_columns;
	char **cells; /* row by row */
	size_t count;
	size_t room;
	bool failed; /* memory ran out on the way */
};

static inline size_t n_rows(const struct sheet *sheet)
{
	return sheet->count / sheet->n_columns;
}

/* NULL: not known. */
static inline const char *cell(const struct sheet *sheet, size_t row, size_t column)
{
	return sheet->cells[row * sheet->n_columns + column];
}

static inline bool is_shown(const struct column *column, bool wide)
{
	return column->place == COLUMN_ALWAYS || (wide && column->place == COLUMN_WIDE);
}

/* One row as an object on a line. */
int sheet_print_json_line(const struct sheet *sheet, size_t row, FILE *to);
