/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Room for what does not fit on the stack, whose 512 bytes a chain of calls shares. A row of its own for each CPU:
 * programs at tc do not interrupt each other there.
 */
#pragma once

#include "lib/packet.h"
#include "lib/service.h"
#include "weft/state.h"

struct scratch {
	struct packet packet; /* the one at hand */
	struct packet quoted; /* the one that an ICMP error quotes */
	struct bpf_sock_tuple tuple;
	int32_t netns; /* the pod's; negative: not known */
	struct move_key key;
	struct move_key old;
	struct move_row row;
	struct move_row bar;
	struct fragment_key fragment;
	struct syn_copy syn;
	uint8_t gateway[MAC_SIZE];
	struct service_key dialled;
	struct service_view service;
	struct target target;

	/* For weft_other(). */
	uint32_t tries;
	uint64_t tried[MAX_TRIES];
};

struct scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct scratch);
};

extern struct scratch_map scratch SEC(".maps");

static inline struct scratch *scratch_get(void)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}
