/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who connects, as the programs tell clients apart: by the network namespace, in the cgroup of the pods. */
#pragma once

#include <stddef.h>

#include "kern/kern.h"

struct client {
	uint64_t netns;	 /* its number */
	uint64_t cookie; /* by which affinity knows it; zero: this kernel does not tell (before 5.14) */
	/* Processes: in the cgroup that weft is attached to, where alone connects are balanced, and others. */
	size_t n_inside, n_outside;
};

/*
 * All find the network namespace, if it is on this machine. Return 0, or a negative errno with `why`; -ENOENT: there is
 * none, -ENOTUNIQ: there are several.
 */
int client_of_process(const struct kern *kern, long process, struct client *ret, struct why *why);
int client_of_address(const struct kern *kern, const struct addr *address, struct client *ret,
		      struct why *why);
/*
 * By what the kubelet leaves on its node: a directory NAMESPACE_NAME_UID in `logs`, and a cgroup that bears the uid in
 * its name.
 */
int client_of_pod(const struct kern *kern, const char *logs, const char *namespace, const char *name,
		  struct client *ret, struct why *why);
