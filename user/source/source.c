/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which source a spec names. */
#include "source/source.h"

#include <errno.h>
#include <string.h>

#include "source/file.h"
#include "source/impl.h"
#include "source/kubernetes.h"

static const struct {
	const char *name;
	bool needs_where;
	source_open_fn *open;
} kinds[] = {
	{ "file", true, file_source_open },
	{ "kubernetes", false, kubernetes_source_open },
};

int source_open(const char *spec, const struct source_options *options, uv_loop_t *loop, struct model *model,
		const struct source_events *events, struct why *why, struct source **ret)
{
	const char *colon = strchr(spec, ':'), *where = colon && colon[1] ? colon + 1 : NULL;
	size_t length = colon ? (size_t)(colon - spec) : strlen(spec);

	for (size_t i = 0; i < ARRAY_LEN(kinds) && (where || !colon); i++) {
		if (strlen(kinds[i].name) == length && !strncmp(spec, kinds[i].name, length) &&
		    (where || !kinds[i].needs_where))
			return kinds[i].open(where, options, loop, model, events, why, ret);
	}
	return why_set(why, -EINVAL,
		       "\"%s\" is not a source; known are: file:DIR, kubernetes, kubernetes:KUBECONFIG",
		       spec);
}

bool source_has_begun(const struct source *source)
{
	return !source->ops->has_begun || source->ops->has_begun(source);
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
