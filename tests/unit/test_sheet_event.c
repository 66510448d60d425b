/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sheets that follow each other: what is told of the difference, and how. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/attr.h"
#include "cmd/sheet.h"

static const struct column columns[] = {
	{ "NAME", "name", CELL_TEXT, COLUMN_ALWAYS | COLUMN_KEY },
	{ "PORT", "port", CELL_NUMBER, COLUMN_ALWAYS | COLUMN_KEY },
	{ "COUNT", "count", CELL_NUMBER, COLUMN_ALWAYS },
	{ "NOTE", "note", CELL_TEXT, COLUMN_WIDE },
	{ "HIDDEN", "hidden", CELL_NUMBER, COLUMN_DATA },
};

struct line {
	const char *name;
	unsigned port, count;
	const char *note;
	unsigned hidden;
};

static struct sheet *make(const struct line *lines)
{
	struct sheet *sheet = sheet_new(columns, ARRAY_LEN(columns));

	for (; lines->name; lines++) {
		sheet_text(sheet, lines->name);
		sheet_number(sheet, lines->port);
		sheet_number(sheet, lines->count);
		sheet_text(sheet, lines->note);
		sheet_number(sheet, lines->hidden);
	}
	return sheet;
}

struct printing {
	enum sheet_format format;
	struct sheet_widths widths;
	FILE *to;
};

static int print(void *arg, enum sheet_event event, const struct sheet *sheet, size_t row)
{
	struct printing *p = arg;

	return sheet_print_event(event, sheet, row, p->format, &p->widths, p->to);
}

#define LINES(...) ((const struct line[]){ __VA_ARGS__, { 0 } })
#define NO_LINES ((const struct line[]){ { 0 } })

/* What is printed of the first sheet, and what of the second. */
static void expect(enum sheet_format format, const struct line *first, const struct line *second,
		   const char *expected_first, const char *expected_second)
{
	_cleanup_(sheet_freep) struct sheet *before = make(first);
	_cleanup_(sheet_freep) struct sheet *now = make(second);
	struct printing p = { .format = format };
	char *text = NULL;
	size_t length, begin;

	p.to = open_memstream(&text, &length);
	cr_assert(!sheet_print_begin(before, format, true, &p.widths, p.to));
	cr_assert(!sheet_compare(NULL, before, format, print, &p));
	fflush(p.to);
	begin = length;
	cr_expect_str_eq(text, expected_first, "prints\n%s\nnot\n%s", text, expected_first);
	cr_assert(!sheet_compare(before, now, format, print, &p));
	fclose(p.to);
	cr_expect_str_eq(text + begin, expected_second, "prints\n%s\nnot\n%s", text + begin, expected_second);
	free(text);
}

Test(sheet_event, table)
{
	expect(SHEET_TABLE,
	       LINES({ "web", 80, 1, "", 0 }, { "web", 443, 22, "", 0 }, { "dns", 53, 1, "", 0 }),
	       LINES({ "web", 80, 1, "", 0 }, { "web", 443, 23, "", 0 }, { "longer", 1, 1, "", 0 },
		     { "b", 2, 1, "", 0 }),
	       "EVENT     NAME  PORT  COUNT\n"
	       "ADDED     web     80      1\n"
	       "ADDED     web    443     22\n"
	       "ADDED     dns     53      1\n",
	       "DELETED   dns     53      1\n"
	       "MODIFIED  web    443     23\n"
	       "ADDED     longer     1      1\n"
	       "ADDED     b          2      1\n");
}

Test(sheet_event, nothing_changed_nothing_said)
{
	expect(SHEET_TABLE, LINES({ "a", 1, 1, "", 0 }), LINES({ "a", 1, 1, "", 0 }),
	       "EVENT     NAME  PORT  COUNT\nADDED     a        1      1\n", "");
	expect(SHEET_TABLE, NO_LINES, LINES({ "a", 1, 1, "", 0 }), "EVENT     NAME  PORT  COUNT\n",
	       "ADDED     a        1      1\n");
}

/* A change of what a table does not show is none to it. */
Test(sheet_event, only_what_is_shown_counts)
{
	expect(SHEET_TABLE, LINES({ "a", 1, 1, "x", 0 }), LINES({ "a", 1, 1, "y", 5 }),
	       "EVENT     NAME  PORT  COUNT\nADDED     a        1      1\n", "");
	expect(SHEET_WIDE, LINES({ "a", 1, 1, "x", 0 }), LINES({ "a", 1, 1, "y", 5 }),
	       "EVENT     NAME  PORT  COUNT  NOTE\nADDED     a        1      1  x\n",
	       "MODIFIED  a        1      1  y\n");
}

Test(sheet_event, json_is_a_document_a_line)
{
	expect(SHEET_JSON, LINES({ "a", 1, 1, "x", 0 }), LINES({ "a", 1, 1, "x", 5 }),
	       "{\"type\":\"ADDED\",\"object\":{\"name\":\"a\",\"port\":1,\"count\":1,\"note\":\"x\","
	       "\"hidden\":0}}\n",
	       "{\"type\":\"MODIFIED\",\"object\":{\"name\":\"a\",\"port\":1,\"count\":1,\"note\":\"x\","
	       "\"hidden\":5}}\n");
	expect(SHEET_JSON, NO_LINES, NO_LINES, "", "");
}

Test(sheet_event, yaml_is_a_document_each)
{
	expect(SHEET_YAML, LINES({ "a", 1, 1, "x", 0 }), NO_LINES,
	       "---\ntype: ADDED\nobject:\n  name: \"a\"\n  port: 1\n  count: 1\n  note: \"x\"\n  hidden: "
	       "0\n",
	       "---\ntype: DELETED\nobject:\n  name: \"a\"\n  port: 1\n  count: 1\n  note: \"x\"\n  hidden: "
	       "0\n");
}
