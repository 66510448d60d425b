/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Service to endpoint: the one road that connect() and datagrams take. */
#pragma once

#include "lib/affinity.h"
#include "lib/count.h"
#include "lib/pick.h"
#include "lib/service.h"

enum verdict {
	VERDICT_LEAVE,	/* not ours, or weft could not: the traffic goes where it was going */
	VERDICT_SEND,	/* to the target */
	VERDICT_REFUSE, /* ECONNREFUSED */
};

static inline uint32_t route_column(const struct service_row *service)
{
	struct service_state *state;
	uint32_t cursor;

	if (service->algorithm == ALGORITHM_ROUND_ROBIN) {
		state = bpf_map_lookup_elem(&service_state, &service->id);
		if (state) {
			bpf_spin_lock(&state->lock);
			cursor = state->cursor++;
			bpf_spin_unlock(&state->lock);
			return cursor % service->slot_count;
		}
		count(REASON_CURSOR_MISSING);
	}
	return pick_column(service->slot_count, bpf_get_prandom_u32());
}

/* An endpoint by the service's algorithm; zero if the slots of this generation are gone. */
static inline uint64_t route_pick(const struct service_row *service)
{
	struct slot_key key = {
		.service = service->id,
		.generation = service->generation,
		.slot = route_column(service),
	};
	struct slot_row *slot = bpf_map_lookup_elem(&slots, &key);

	if (!slot)
		return 0;
	/* With equal weights, and in round robin, a slot is wholly one endpoint's: no second number is drawn. */
	if (slot->endpoint == slot->alias)
		return slot->endpoint;
	return pick_alias(slot, bpf_get_prandom_u32());
}

static inline enum verdict route_refuse(const struct service_row *service)
{
	count(service->flags & SERVICE_NO_LOCAL ? REASON_REFUSED_NO_LOCAL : REASON_REFUSED_EMPTY);
	return VERDICT_REFUSE;
}

/*
 * Chooses an endpoint of `service`, which was found under `key`. A reader can lose its generation to an update
 * only if it slept longer than the grace period; it reads the row once more then.
 */
static inline enum verdict route_service(const struct service_key *key, struct service_row *service,
					 uint64_t client, struct target *ret)
{
	uint64_t now_ns = 0, endpoint = 0;

	if (!service->slot_count)
		return route_refuse(service);
	if (service->flags & SERVICE_AFFINITY) {
		now_ns = bpf_ktime_get_ns();
		endpoint = affinity_find(service, client, now_ns);
	}
	if (!endpoint) {
		endpoint = route_pick(service);
		if (!endpoint) {
			count(REASON_SLOT_RETRY);
			if (!service_find(key, service))
				return VERDICT_LEAVE;
			if (!service->slot_count)
				return route_refuse(service);
			endpoint = route_pick(service);
		}
		if (!endpoint) {
			count(REASON_SLOT_MISSING);
			return VERDICT_LEAVE;
		}
		if (service->flags & SERVICE_AFFINITY)
			affinity_keep(service, client, endpoint, now_ns);
	}
	if (!endpoint_find(endpoint, ret)) {
		count(REASON_ENDPOINT_MISSING);
		return VERDICT_LEAVE;
	}
	if (addr_is_v4(&key->address) != addr_is_v4(&ret->address)) {
		count(REASON_FAMILY_MISMATCH);
		return VERDICT_LEAVE;
	}
	ret->service = service->id;
	return VERDICT_SEND;
}
