/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text to objects, and what they would make of an empty kernel. */
#include <errno.h>

#include "plan.h"
#include "source/parse.h"

static void parse(enum tree_format format, const uint8_t *data, size_t size)
{
	_cleanup_(parsed_done) struct parsed parsed = { 0 };
	struct why why = { "" };
	int error = parse_text("input", format, (const char *)data, size, &why, &parsed);

	HOLDS(!error || error == -EINVAL || error == -ENOMEM);
	HOLDS(error != -EINVAL || *why.text);
	if (!error)
		plan_objects(&parsed.objects);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse(TREE_YAML, data, size);
	parse(TREE_JSON, data, size);
	return 0;
}
