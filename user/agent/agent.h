/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The wiring: owns one of each stage and is the only one that knows their order. */
#pragma once

#include "kern/kern.h"
#include "link/pod_link.h"
#include "serve/place.h"
#include "source/source.h"

struct agent_options {
	struct kern_options kern;
	struct pod_link_options links;
	const char *source; /* "file:DIR", "kubernetes[:KUBECONFIG]" */
	struct source_options source_options;
	const char *node;		  /* our name among the nodes; "" if not known */
	const struct serve_place *listen; /* where it answers by HTTP */
	bool listen_if_free;		  /* if another has that place, the agent does without */
};

/*
 * Loads or adopts, then keeps the maps equal to the source until SIGTERM or SIGINT; logs as it goes, `ready`
 * once the first full state is in the kernel. Everything stays in the kernel when it returns. Returns 0, or a
 * negative errno with `why` if it could not begin.
 */
int agent_run(const struct agent_options *options, struct why *why);
