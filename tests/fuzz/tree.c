/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text to trees, as YAML and as JSON: whatever is refused is refused with a reason, and every value has a line of the text. */
#include <errno.h>

#include "base/attr.h"
#include "fuzz.h"
#include "source/tree.h"

static void walk(const struct tree_document *document, yyjson_val *value, uint32_t lines, int depth)
{
	yyjson_val *key, *child;
	size_t i, count;

	HOLDS(depth <= TREE_MAX_DEPTH);
	/* Nothing behind the last line stands on the one after it. */
	HOLDS(tree_line(document, value) >= 1 && tree_line(document, value) <= lines + 1);
	if (yyjson_is_arr(value)) {
		yyjson_arr_foreach(value, i, count, child) walk(document, child, lines, depth + 1);
	} else if (yyjson_is_obj(value)) {
		yyjson_obj_foreach(value, i, count, key, child) walk(document, child, lines, depth + 1);
	}
}

static void parse(enum tree_format format, const char *text, size_t size, uint32_t lines)
{
	_cleanup_(tree_done) struct tree tree = { 0 };
	struct why why = { "" };
	int error = tree_parse("input", format, text, size, &why, &tree);

	HOLDS(!error || error == -EINVAL || error == -ENOMEM);
	HOLDS(error != -EINVAL || *why.text);
	if (error)
		return;
	for (size_t i = 0; i < tree.count; i++)
		walk(&tree.documents[i], yyjson_doc_get_root(tree.documents[i].json), lines, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t lines = 1;

	/* Unicode has more line breaks than one; these are the last bytes of all of them. */
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n' || data[i] == '\r' || data[i] == 0x85 || data[i] == 0xa8 ||
			 data[i] == 0xa9;
	parse(TREE_YAML, (const char *)data, size, lines);
	parse(TREE_JSON, (const char *)data, size, lines);
	return 0;
}
