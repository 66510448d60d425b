/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which source a spec names. */
#include "source/source.h"

#include <errno.h>
#include <string.h>

#include "source/file.h"
#include "source/impl.h"

static const struct {
	const char *prefix;
	source_open_fn *open;
} kinds[] = {
	{ "file:", file_source_open },
};

int source_open(const char *spec, uv_loop_t *loop, struct model *model, const struct source_events *events,
		struct why *why, struct source **ret)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t length = strlen(kinds[i].prefix);

		if (!strncmp(spec, kinds[i].prefix, length) && spec[length])
			return kinds[i].open(spec + length, loop, model, events, why, ret);
	}
	return why_set(why, -EINVAL, "\"%s\" is not a source; known are: file:DIR", spec);
}

void source_close(struct source *source)
{
	source->ops->close(source);
}

bool source_complete(const struct source *source)
{
	return source->ops->complete(source);
}
