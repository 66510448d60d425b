/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ClientIP affinity: a client stays with the endpoint that it had, until it has not used the service for the
 * timeout or the endpoint takes no connections any more. At the socket hooks the client's address is not known
 * yet; its network namespace is, and a pod is one.
 */
#pragma once

#include "lib/balance.h"
#include "lib/count.h"
#include "lib/service.h"

/* The endpoint this client has; left alone: choose one. */
static inline void affinity_find(const struct service_view *service, uint64_t client, uint64_t now_ns,
				 struct pick *ret)
{
	struct affinity_key key = { .client = client, .service = service->id };
	struct affinity_row *row = bpf_map_lookup_elem(&affinity, &key);
	struct pick pick = {};

	if (!row) {
		count(REASON_AFFINITY_NEW);
		return;
	}
	pick.endpoint = row->endpoint;
	if (now_ns - row->used_ns > service->affinity_s * 1000000000ull) {
		count(REASON_AFFINITY_EXPIRED);
		return;
	}
	/* Also what guards against a row that was recycled for another client while it was read. */
	if (member_flags(service->id, pick.endpoint) & MEMBER_CHOSEN)
		pick.fitness = weft_fitness(pick.endpoint);
	else
		pick.fitness = UNFIT_DRAINED;
	if (!is_fit(pick.fitness)) {
		count(REASON_AFFINITY_MOVED);
		return;
	}
	if (pick.fitness == FIT_PROBE)
		count(REASON_PROBED);
	row->used_ns = now_ns;
	count(REASON_AFFINITY_KEPT);
	*ret = pick;
}

static inline void affinity_keep(const struct service_view *service, uint64_t client, uint64_t endpoint,
				 uint64_t now_ns)
{
	struct affinity_key key = { .client = client, .service = service->id };
	struct affinity_row row = { .endpoint = endpoint, .used_ns = now_ns };

	if (bpf_map_update_elem(&affinity, &key, &row, BPF_ANY))
		count(REASON_AFFINITY_FULL);
}
