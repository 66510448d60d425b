/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A path with its query, escaped. */
#include "cluster/query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include <curl/curl.h>

#include "base/text.h"

static void set(struct query *query, char *text)
{
	if (!text)
		query->error = -ENOMEM;
	free(query->text);
	query->text = text;
}

void query_path(struct query *query, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(query, text_vformat(format, args));
	va_end(args);
}

void query_text(struct query *query, const char *key, const char *value)
{
	char *escaped = value && *value ? curl_easy_escape(NULL, value, 0) : NULL;

	if (!value || !*value || query->error)
		return;
	set(query,
	    escaped ? text_format("%s%c%s=%s", query->text, query->parameters++ ? '&' : '?', key, escaped)
		    : NULL);
	curl_free(escaped);
}

void query_number(struct query *query, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	query_text(query, key, text);
}

int query_end(const struct query *query)
{
	return query->error;
}

void query_done(struct query *query)
{
	free(query->text);
}
