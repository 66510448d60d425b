/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One response time more for a member of a service. */
#pragma once

#include "lib/count.h"
#include "lib/decay.h"

static inline void response_sample(const struct member_key *member, uint32_t decay_ms, uint64_t now_ns,
				   uint64_t response_ns)
{
	struct response_state *state = bpf_map_lookup_elem(&response_state, member);

	if (!state)
		return;
	count(REASON_EXCHANGE);
	bpf_spin_lock(&state->lock);
	state->response_ns =
		response_next(state->response_ns, response_ns, now_ns - state->sampled_ns, decay_ms);
	state->sampled_ns = now_ns;
	state->exchanges++;
	state->total_ns += response_ns;
	bpf_spin_unlock(&state->lock);
	__sync_fetch_and_add(
		&state->histogram[response_bucket(response_ns, RESPONSE_BUCKETS) & (RESPONSE_BUCKETS - 1)],
		1);
}
