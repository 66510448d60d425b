/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Texts to trees: what scalars mean, where values stand, what is refused. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <criterion/criterion.h>

#include "source/tree.h"

static struct tree parsed(enum tree_format format, const char *text)
{
	struct tree tree = { 0 };
	struct why why = { "" };

	cr_assert_eq(tree_parse("f", format, text, strlen(text), &why, &tree), 0, "%s", why.text);
	return tree;
}

/* The value of `key` in a YAML document that has nothing else, as JSON. */
static char *scalar(const char *text)
{
	char *document = NULL, *json;
	struct tree tree;

	document = calloc(1, strlen(text) + 8);
	sprintf(document, "key: %s\n", text);
	tree = parsed(TREE_YAML, document);
	json = yyjson_val_write(yyjson_obj_get(yyjson_doc_get_root(tree.documents[0].json), "key"),
				YYJSON_WRITE_ALLOW_INF_AND_NAN, NULL);
	tree_done(&tree);
	free(document);
	return json;
}

Test(tree, scalars_of_the_core_schema)
{
	static const struct {
		const char *yaml, *json;
	} rows[] = {
		{ "", "null" },
		{ "~", "null" },
		{ "NULL", "null" },
		{ "nULL", "\"nULL\"" },
		{ "\"\"", "\"\"" },
		{ "true", "true" },
		{ "FALSE", "false" },
		{ "yes", "\"yes\"" },
		{ "off", "\"off\"" },
		{ "'true'", "\"true\"" },
		{ "0", "0" },
		{ "-7", "-7" },
		{ "+7", "7" },
		{ "010", "10" },
		{ "0o17", "15" },
		{ "0x1F", "31" },
		{ "0o8", "\"0o8\"" },
		{ "0x", "\"0x\"" },
		{ "1_000", "\"1_000\"" },
		{ "1:30", "\"1:30\"" },
		{ "18446744073709551615", "18446744073709551615" },
		{ "-9223372036854775807", "-9223372036854775807" },
		{ "18446744073709551616", "18446744073709552000.0" },
		{ "1.5", "1.5" },
		{ "1.", "1.0" },
		{ ".5", "0.5" },
		{ "1e3", "1000.0" },
		{ "1e", "\"1e\"" },
		{ ".", "\".\"" },
		{ "-", NULL },
		{ "+", "\"+\"" },
		{ "-.inf", "-Infinity" },
		{ ".NaN", "NaN" },
		{ "1.2.3", "\"1.2.3\"" },
		{ "2024-01-01", "\"2024-01-01\"" },
		{ "\"5\"", "\"5\"" },
		{ "!!str 5", "\"5\"" },
		{ "! 5", "\"5\"" },
		{ "!!int \"5\"", "5" },
		{ "!!float 5", "5.0" },
		{ "!!null ''", "null" },
		{ "|\n  a\n  b", "\"a\\nb\\n\"" },
		{ ">\n  a\n  b", "\"a b\\n\"" },
		{ "\"a\\u00e9\\t\"", "\"a\xc3\xa9\\t\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(freep) char *json = NULL;

		if (!rows[i].json)
			continue;
		json = scalar(rows[i].yaml);
		cr_expect_str_eq(json, rows[i].json, "%s: %s", rows[i].yaml, json);
	}
}

Test(tree, keys_are_strings)
{
	struct tree tree = parsed(TREE_YAML, "1: a\ntrue: b\nnull: c\n");
	yyjson_val *root = yyjson_doc_get_root(tree.documents[0].json);

	cr_expect_str_eq(yyjson_get_str(yyjson_obj_get(root, "1")), "a");
	cr_expect_str_eq(yyjson_get_str(yyjson_obj_get(root, "true")), "b");
	cr_expect_str_eq(yyjson_get_str(yyjson_obj_get(root, "null")), "c");
	tree_done(&tree);
}

static void expect_line(const struct tree *tree, size_t document, const char *pointer, uint32_t line)
{
	yyjson_val *value = yyjson_doc_ptr_get(tree->documents[document].json, pointer);

	cr_assert_not_null(value, "%s", pointer);
	cr_expect_eq(tree_line(&tree->documents[document], value), line, "%s stands in line %u", pointer,
		     tree_line(&tree->documents[document], value));
}

Test(tree, lines_of_yaml)
{
	struct tree tree = parsed(TREE_YAML, "# comment\n"
					     "a: &x\n"
					     "  b: |\n"
					     "    text\n"
					     "  c: [1, 2,\n"
					     "      3]\n"
					     "d:\n"
					     "- *x\n"
					     "- e: \"two\n"
					     "    lines\"\n"
					     "  f: 5\n"
					     "---\n"
					     "g: 6\n");

	cr_assert_eq(tree.count, 2);
	expect_line(&tree, 0, "", 2);
	/* An anchor is part of what it names. */
	expect_line(&tree, 0, "/a", 2);
	expect_line(&tree, 0, "/a/b", 3);
	expect_line(&tree, 0, "/a/c/0", 5);
	expect_line(&tree, 0, "/a/c/2", 6);
	expect_line(&tree, 0, "/d", 8);
	expect_line(&tree, 0, "/d/0", 8);
	expect_line(&tree, 0, "/d/0/c/2", 8);
	expect_line(&tree, 0, "/d/1", 9);
	expect_line(&tree, 0, "/d/1/f", 11);
	expect_line(&tree, 1, "/g", 13);
	tree_done(&tree);
}

Test(tree, lines_of_json)
{
	struct tree tree = parsed(TREE_JSON, "\xef\xbb\xbf\n"
					     "{\"a\": [1, -2.5e3,\n"
					     "  true],\n"
					     " \"b\\\"]\": null, \"c\":\n"
					     "  {\"d\": \"x\\\\\",\n"
					     "   \"e\": {}, \"f\": [], \"g\": false}}\n");

	cr_assert_eq(tree.count, 1);
	expect_line(&tree, 0, "", 2);
	expect_line(&tree, 0, "/a/0", 2);
	expect_line(&tree, 0, "/a/1", 2);
	expect_line(&tree, 0, "/a/2", 3);
	expect_line(&tree, 0, "/b\"]", 4);
	expect_line(&tree, 0, "/c", 5);
	expect_line(&tree, 0, "/c/d", 5);
	expect_line(&tree, 0, "/c/e", 6);
	expect_line(&tree, 0, "/c/g", 6);
	tree_done(&tree);
}

Test(tree, number_of_documents)
{
	static const struct {
		enum tree_format format;
		const char *text;
		size_t count;
	} rows[] = {
		{ TREE_YAML, "", 0 },
		{ TREE_YAML, "# a\n\n", 0 },
		{ TREE_YAML, "---\n", 1 },
		{ TREE_YAML, "a: 1\n...\n", 1 },
		{ TREE_YAML, "---\na: 1\n---\nb: 1\n---\n", 3 },
		{ TREE_JSON, "", 0 },
		{ TREE_JSON, " \r\n\t", 0 },
		{ TREE_JSON, "{}", 1 },
		{ TREE_JSON, "\xef\xbb\xbf", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tree tree = parsed(rows[i].format, rows[i].text);

		cr_expect_eq(tree.count, rows[i].count, "\"%s\": %zu", rows[i].text, tree.count);
		tree_done(&tree);
	}
}

/* An alias may repeat; what it may not is to grow without bound. */
Test(tree, aliases_within_bounds)
{
	struct tree tree = parsed(TREE_YAML, "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n&k key: 1\n"
					     "d: &a 5\ne: *a\n"
					     "f: {*k : 3}\n");

	tree_done(&tree);
}
