/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One sheet in every format. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/attr.h"
#include "cmd/sheet.h"

static const struct column columns[] = {
	{ "NAME", "name", CELL_TEXT, COLUMN_ALWAYS },
	{ "PORT", "port", CELL_NUMBER, COLUMN_ALWAYS },
	{ "OPEN", "open", CELL_BOOL, COLUMN_WIDE },
};

static char *print(enum sheet_format format, bool headers, bool filled)
{
	_cleanup_(sheet_freep) struct sheet *sheet = sheet_new(columns, ARRAY_LEN(columns));
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (filled) {
		sheet_text(sheet, "web");
		sheet_number(sheet, 8080);
		sheet_bool(sheet, true);
		sheet_text(sheet, "");
		sheet_number(sheet, 18446744073709551615ull);
		sheet_bool(sheet, false);
	}
	cr_assert(!sheet_print(sheet, format, headers, to));
	fclose(to);
	return text;
}

static void assert_print(enum sheet_format format, bool headers, bool filled, const char *expected)
{
	_cleanup_(freep) char *text = print(format, headers, filled);

	cr_assert_str_eq(text, expected, "prints\n%s\nnot\n%s", text, expected);
}

Test(sheet, table_hides_wide_columns_and_marks_empty_cells)
{
	assert_print(SHEET_TABLE, true, true,
		     "NAME                  PORT\n"
		     "web                   8080\n"
		     "-     18446744073709551615\n");
}

Test(sheet, wide_shows_them)
{
	assert_print(SHEET_WIDE, true, true,
		     "NAME                  PORT  OPEN\n"
		     "web                   8080  yes\n"
		     "-     18446744073709551615  no\n");
}

Test(sheet, table_without_headers)
{
	assert_print(SHEET_TABLE, false, true,
		     "web                   8080\n"
		     "-     18446744073709551615\n");
}

Test(sheet, table_without_rows_still_has_its_headings)
{
	assert_print(SHEET_TABLE, true, false, "NAME  PORT\n");
	assert_print(SHEET_TABLE, false, false, "");
}

Test(sheet, json_is_an_array_of_flat_objects)
{
	assert_print(
		SHEET_JSON, true, true,
		"[\n"
		"  {\n    \"name\": \"web\",\n    \"port\": 8080,\n    \"open\": true\n  },\n"
		"  {\n    \"name\": \"\",\n    \"port\": 18446744073709551615,\n    \"open\": false\n  }\n"
		"]\n");
}

Test(sheet, json_without_rows_is_an_empty_array)
{
	assert_print(SHEET_JSON, true, false, "[]\n");
}

Test(sheet, yaml)
{
	assert_print(SHEET_YAML, true, true,
		     "- name: \"web\"\n  port: 8080\n  open: true\n"
		     "- name: \"\"\n  port: 18446744073709551615\n  open: false\n");
	assert_print(SHEET_YAML, true, false, "[]\n");
}

Test(sheet, a_rate_keeps_its_digit)
{
	static const struct column columns[] = { { "NEW/S", "rate", CELL_NUMBER, COLUMN_ALWAYS } };
	_cleanup_(sheet_freep) struct sheet *sheet = sheet_new(columns, ARRAY_LEN(columns));
	_cleanup_(freep) char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	sheet_real(sheet, 1.5);
	cr_assert(!sheet_print(sheet, SHEET_JSON, true, to));
	cr_assert(!sheet_print(sheet, SHEET_YAML, true, to));
	fclose(to);
	cr_assert_str_eq(text, "[\n  {\n    \"rate\": 1.5\n  }\n]\n- rate: 1.5\n");
}

static const struct column data_columns[] = {
	{ "PORT", "port", CELL_NUMBER, COLUMN_ALWAYS },
	{ "HELD", "held", CELL_TEXT, COLUMN_WIDE },
	{ "BUCKETS", "buckets", CELL_JSON, COLUMN_DATA },
};

static char *print_data(enum sheet_format format)
{
	_cleanup_(sheet_freep) struct sheet *sheet = sheet_new(data_columns, ARRAY_LEN(data_columns));
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	sheet_number(sheet, 80);
	sheet_text(sheet, "null");
	sheet_text(sheet, "[[8,1]]");
	sheet_null(sheet);
	sheet_null(sheet);
	sheet_null(sheet);
	cr_assert(!sheet_print(sheet, format, true, to));
	fclose(to);
	return text;
}

Test(sheet, what_is_not_known_is_null)
{
	_cleanup_(freep) char *json = print_data(SHEET_JSON);
	_cleanup_(freep) char *yaml = print_data(SHEET_YAML);

	cr_assert(strstr(json, "\"port\": null,\n    \"held\": null,\n    \"buckets\": null"), "%s", json);
	cr_assert(strstr(json, "\"held\": \"null\",\n    \"buckets\": [[8,1]]"), "%s", json);
	cr_assert(strstr(yaml, "- port: null\n  held: null\n  buckets: null\n"), "%s", yaml);
	cr_assert(strstr(yaml, "held: \"null\"\n  buckets:\n  - - 8\n    - 1\n"), "%s", yaml);
}

Test(sheet, data_is_in_no_table)
{
	_cleanup_(freep) char *table = print_data(SHEET_TABLE);
	_cleanup_(freep) char *wide = print_data(SHEET_WIDE);

	cr_assert_str_eq(table, "PORT\n  80\n   -\n");
	cr_assert_str_eq(wide, "PORT  HELD\n  80  null\n   -  -\n");
}

static const struct column list_columns[] = {
	{ "NAME", "name", CELL_TEXT, COLUMN_ALWAYS },
	{ "TAGS", "tags", CELL_LIST, COLUMN_ALWAYS },
};

Test(sheet, lists)
{
	static const struct {
		enum sheet_format format;
		const char *expected;
	} cases[] = {
		{ SHEET_TABLE, "NAME  TAGS\na     x,fd00::1\nb     -\n" },
		{ SHEET_JSON, "[\n  {\n    \"name\": \"a\",\n    \"tags\": [\n      \"x\",\n      "
			      "\"fd00::1\"\n    ]\n  },\n"
			      "  {\n    \"name\": \"b\",\n    \"tags\": []\n  }\n]\n" },
		{ SHEET_YAML,
		  "- name: \"a\"\n  tags:\n  - \"x\"\n  - \"fd00::1\"\n- name: \"b\"\n  tags: []\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(sheet_freep) struct sheet *sheet = sheet_new(list_columns, ARRAY_LEN(list_columns));
		_cleanup_(freep) char *text = NULL;
		size_t size = 0;
		FILE *to = open_memstream(&text, &size);

		sheet_text(sheet, "a");
		sheet_text(sheet, "x,fd00::1");
		sheet_text(sheet, "b");
		sheet_text(sheet, "");
		cr_assert(!sheet_print(sheet, cases[i].format, true, to));
		fclose(to);
		cr_assert_str_eq(text, cases[i].expected, "prints\n%s\nnot\n%s", text, cases[i].expected);
	}
}

static struct sheet *ports(const char *const (*rows)[3])
{
	struct sheet *sheet = sheet_new(columns, ARRAY_LEN(columns));

	for (size_t i = 0; rows[i][0]; i++) {
		sheet_text(sheet, rows[i][0]);
		sheet_number(sheet, strtoull(rows[i][1], NULL, 10));
		sheet_bool(sheet, *rows[i][2] == 'y');
	}
	return sheet;
}

static const char *const nothing[][3] = { { NULL } };
static const char *const some[][3] = {
	{ "web", "80", "y" }, { "api", "1", "y" }, { "db", "5", "y" }, { NULL }
};
static const char *const others[][3] = {
	{ "db", "5", "n" }, { "new", "7", "y" }, { "web", "81", "y" }, { NULL }
};
static const char *const twice[][3] = { { "a", "1", "y" }, { "a", "2", "y" }, { NULL } };
static const char *const once[][3] = { { "a", "2", "y" }, { NULL } };

static void assert_changes(const char *const (*before)[3], const char *const (*now)[3],
			   enum sheet_format format, bool headers, const char *expected)
{
	_cleanup_(sheet_freep) struct sheet *old = before ? ports(before) : NULL, *new = ports(now);
	_cleanup_(freep) char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	cr_assert(!sheet_print_changes(old, new, 1, format, headers, to));
	fclose(to);
	cr_assert_str_eq(text, expected, "prints\n%s\nnot\n%s", text, expected);
}

Test(sheet, changes_begin_with_all)
{
	assert_changes(NULL, some, SHEET_TABLE, true,
		       "EVENT  NAME  PORT\nADDED  api      1\nADDED  db       5\nADDED  web     80\n");
	assert_changes(NULL, nothing, SHEET_TABLE, true, "EVENT  NAME  PORT\n");
}

Test(sheet, changes_of_what_is_shown)
{
	assert_changes(some, some, SHEET_TABLE, false, "");
	assert_changes(some, others, SHEET_TABLE, false,
		       "DELETED   api      1\nADDED     new      7\nMODIFIED  web     81\n");
	/* This column is not shown above. */
	assert_changes(some, others, SHEET_WIDE, false,
		       "DELETED   api      1  yes\nMODIFIED  db       5  no\nADDED     new      7  yes\n"
		       "MODIFIED  web     81  yes\n");
}

Test(sheet, changes_as_json_lines)
{
	assert_changes(some, others, SHEET_JSON, false,
		       "{\"event\":\"DELETED\",\"name\":\"api\",\"port\":1,\"open\":true}\n"
		       "{\"event\":\"MODIFIED\",\"name\":\"db\",\"port\":5,\"open\":false}\n"
		       "{\"event\":\"ADDED\",\"name\":\"new\",\"port\":7,\"open\":true}\n"
		       "{\"event\":\"MODIFIED\",\"name\":\"web\",\"port\":81,\"open\":true}\n");
	assert_changes(some, nothing, SHEET_YAML, false,
		       "---\n- event: \"DELETED\"\n  name: \"api\"\n  port: 1\n  open: true\n"
		       "- event: \"DELETED\"\n  name: \"db\"\n  port: 5\n  open: true\n"
		       "- event: \"DELETED\"\n  name: \"web\"\n  port: 80\n  open: true\n");
}

/* One of two of the same key went: it is said of one of them. */
Test(sheet, changes_of_rows_with_the_same_key)
{
	assert_changes(once, twice, SHEET_TABLE, false, "MODIFIED  a        1\nADDED     a        2\n");
}
