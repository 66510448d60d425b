/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who exists: a source tells a model what its origins say now. It watches on the agent's loop and calls back
 * when something changed; it never reaches past the model.
 */
#pragma once

#include <uv.h>

#include "base/why.h"
#include "model/model.h"

struct source;

struct source_events {
	void *arg;
	/* The model changed, or may have: plan again. */
	void (*changed)(void *arg);
	/* One line for the operator: a file that is wrong ("dir/web.yaml:12: spec.ports[0].port: 70000 is not a
	 * port (1 to 65535)"), an object that is ignored and why. `bad` tells an error from a notice. */
	void (*say)(void *arg, bool bad, const char *line);
};

/*
 * Opens what `spec` names ("file:DIR"), reads everything once into the model and begins to watch. Returns 0, or
 * -EINVAL for a spec it does not know, or the error of the directory, with `why` filled. A file that is wrong
 * is said through events and is no failure.
 */
int source_open(const char *spec, uv_loop_t *loop, struct model *model, const struct source_events *events,
		struct why *why, struct source **ret);

/* Stops watching. The uv handles close on the next turn of the loop; memory goes with the last of them. */
void source_close(struct source *source);

/*
 * Was every origin readable at least once? While this is false, part of the wanted state is not known, and
 * rows that nobody wants may belong to it: they must stay.
 */
bool source_complete(const struct source *source);
