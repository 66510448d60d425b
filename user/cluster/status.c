/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* meta/v1 Status, as api-conventions.md of Kubernetes describes it. */
#include "cluster/status.h"

#include <string.h>

#include <yyjson.h>

enum {
	/* Of a body that is none; it may be a page of somebody else. */
	MAX_QUOTED = 160,
};

void status_words(long status, const char *body, size_t length, struct why *ret)
{
	yyjson_doc *doc = yyjson_read(body, length, 0);
	const char *message = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "message"));
	char quoted[MAX_QUOTED + 1] = "";
	size_t kept = 0;

	/* A terminal must not obey what a stranger writes. */
	for (size_t i = 0; !message && i < length && kept < MAX_QUOTED; i++)
		quoted[kept++] = body[i] >= ' ' && body[i] < 127 ? body[i] : ' ';
	if (!message)
		message = quoted;
	why_set(ret, 0, "HTTP status %ld%s%s", status, *message ? ": " : "", message);
	yyjson_doc_free(doc);
}
