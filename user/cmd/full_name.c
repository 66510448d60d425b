/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of services. */
#include "cmd/full_name.h"

#include <string.h>

struct full_name full_name(const char *text)
{
	struct full_name full;
	const char *slash = strchr(text, '/');

	full.name = slash ? slash + 1 : text;
	snprintf(full.namespace, sizeof(full.namespace), "%.*s", (int)(slash ? slash - text : 0), text);
	return full;
}

bool full_name_is_asked_for(const struct cli *cli, const char *text, const struct full_name *full)
{
	const char *name = cli->n_words > 1 ? cli->words[1] : NULL;

	if (cli->namespace && strcmp(cli->namespace, full->namespace))
		return false;
	return !name || !strcmp(name, full->name) || !strcmp(name, text);
}
