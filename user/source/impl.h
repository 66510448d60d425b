/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For source/ alone: what a kind of source has to do. Each embeds a struct source as its first member. */
#pragma once

#include "source/source.h"

struct source_ops {
	void (*close)(struct source *source);
	bool (*complete)(const struct source *source);
	/* Fills what is not zero; `complete` is filled already. */
	void (*status)(const struct source *source, struct source_status *ret);
	bool (*has_begun)(const struct source *source); /* NULL: when it was opened */
};

struct source {
	const struct source_ops *ops;
};

/* `where` is what follows "file:" in the spec, NULL if nothing does; the rest is as in source_open(). */
typedef int source_open_fn(const char *where, const struct source_options *options, uv_loop_t *loop,
			   struct model *model, const struct source_events *events, struct why *why,
			   struct source **ret);
