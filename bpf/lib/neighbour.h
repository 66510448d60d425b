/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An endpoint on the pod's own link that is gone does not even answer the question for its hardware address, and the
 * SYN never leaves the pod. For an address that connects of the mesh wait for like this the node answers in its
 * stead: then the SYN comes out, and can be moved.
 */
#pragma once

#include "lib/count.h"
#include "lib/decay.h"

/* The question is asked once a second (the sysctl retrans_time_ms), three times. */
#define UNRESOLVED_NS (3000 * NS_PER_MS)

/* A SYN to this address was due to be sent again, and has not left the pod once. */
static inline void unresolved_note(const struct addr *address)
{
	struct unresolved_row row = { .noticed_ns = bpf_ktime_get_ns() };

	bpf_map_update_elem(&unresolved, address, &row, BPF_ANY);
}

static inline bool is_unresolved(const struct addr *address)
{
	struct unresolved_row *row = bpf_map_lookup_elem(&unresolved, address);

	return row && bpf_ktime_get_ns() - row->noticed_ns < UNRESOLVED_NS;
}
