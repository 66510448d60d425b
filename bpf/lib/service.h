/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading the rows of user space, safely while they change. */
#pragma once

#include "lib/addr.h"
#include "maps.h"

/* What a choice needs of a service's row; small, as it lies on the stack of every hook. */
struct service_view {
	uint32_t id;
	uint32_t generation;
	uint32_t slot_count;
	uint32_t endpoint_count;
	uint32_t flags;
	uint32_t affinity_s;
	uint32_t decay_ms;
	uint32_t connect_timeout_ms;
	uint8_t algorithm; /* enum algorithm */
	uint8_t panic_percent;
	uint16_t reserved;
	uint32_t refuse;
};

/*
 * Copies from the row under its lock; the pointer is not used again. A row that is read where it lies can turn into
 * another service's between two fields, as the kernel reuses freed elements at once.
 */
static inline bool service_find(const struct service_key *key, struct service_view *ret)
{
	struct service_row *row = bpf_map_lookup_elem(&services, key);

	if (!row)
		return false;
	bpf_spin_lock(&row->lock);
	ret->id = row->id;
	ret->generation = row->generation;
	ret->slot_count = row->slot_count;
	ret->endpoint_count = row->endpoint_count;
	ret->flags = row->flags;
	ret->affinity_s = row->affinity_s;
	ret->decay_ms = row->decay_ms;
	ret->connect_timeout_ms = row->connect_timeout_ms;
	ret->algorithm = row->algorithm;
	ret->panic_percent = row->panic_percent;
	ret->refuse = row->refuse;
	bpf_spin_unlock(&row->lock);
	return true;
}

/* The same for what ejection goes by. */
static inline bool service_find_knobs(const struct service_key *key, struct service_row *ret)
{
	struct service_row *row = bpf_map_lookup_elem(&services, key);

	if (!row)
		return false;
	bpf_spin_lock(&row->lock);
	ret->id = row->id;
	ret->generation = row->generation;
	ret->endpoint_count = row->endpoint_count;
	ret->algorithm = row->algorithm;
	ret->eject_failures = row->eject_failures;
	ret->eject_base_ms = row->eject_base_ms;
	ret->eject_max_ms = row->eject_max_ms;
	ret->eject_percent = row->eject_percent;
	ret->syn_retransmits = row->syn_retransmits;
	ret->data_retransmits = row->data_retransmits;
	bpf_spin_unlock(&row->lock);
	return true;
}

/* The flags of an endpoint in a service; zero if it is none of its. */
static inline uint32_t member_flags(uint32_t service, uint64_t endpoint)
{
	struct member_key key = { .endpoint = endpoint, .service = service };
	struct member_row *row = bpf_map_lookup_elem(&members, &key);

	return row ? row->flags : 0;
}

/* Where an endpoint is, and what its connection must know. */
struct target {
	struct addr address;
	uint64_t endpoint;
	uint32_t service;
	uint32_t decay_ms;
	uint32_t connect_timeout_ms;
	uint32_t sock_flags; /* enum sock_flag */
	uint16_t port;	     /* host order */
};

static inline bool endpoint_find(uint64_t id, struct target *ret)
{
	struct endpoint_row *row = bpf_map_lookup_elem(&endpoints, &id);

	if (!row)
		return false;
	ret->address = row->address;
	ret->port = row->port;
	ret->endpoint = id;
	return true;
}
