/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For sheet*.c alone: cells, and one row of them in each format. */
#pragma once

#include <yaml.h>
#include <yyjson.h>

#include "cmd/sheet.h"

struct sheet {
	const struct column *columns;
	size_t n_columns;
	char **cells; /* row by row */
	size_t count;
	size_t room;
	bool failed; /* memory ran out on the way */
};

size_t sheet_rows(const struct sheet *sheet);
/* NULL: not known. */
const char *sheet_cell(const struct sheet *sheet, size_t row, size_t column);

/* As tables show it, and whether they do. */
const char *sheet_shown(const struct column *column, const char *text);
bool sheet_is_shown(const struct column *column, bool wide);

/* NULL without memory. */
yyjson_mut_val *sheet_json_row(yyjson_mut_doc *doc, const struct sheet *sheet, size_t row);
bool sheet_emit_row(yaml_emitter_t *emitter, const struct sheet *sheet, size_t row);
bool sheet_emit_text(yaml_emitter_t *emitter, const char *text, yaml_scalar_style_t style);
