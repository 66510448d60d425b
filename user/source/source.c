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

const char *source_error_name(enum source_error error)
{
	static const char *const names[SOURCE_ERRORS] = {
		[SOURCE_ERROR_READ] = "read",		[SOURCE_ERROR_PARSE] = "parse",
		[SOURCE_ERROR_DUPLICATE] = "duplicate", [SOURCE_ERROR_CONNECT] = "connect",
		[SOURCE_ERROR_TIMEOUT] = "timeout",	[SOURCE_ERROR_UNAUTHORIZED] = "unauthorized",
		[SOURCE_ERROR_FORBIDDEN] = "forbidden", [SOURCE_ERROR_GONE] = "gone",
		[SOURCE_ERROR_THROTTLED] = "throttled", [SOURCE_ERROR_HTTP] = "http",
		[SOURCE_ERROR_MEMORY] = "memory",
	};

	return names[error];
}

void source_status(const struct source *source, struct source_status *ret)
{
	*ret = (struct source_status){ .complete = source->ops->complete(source) };
	source->ops->status(source, ret);
}

bool source_complete(const struct source *source)
{
	return source->ops->complete(source);
}
