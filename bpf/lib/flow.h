/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is live at an endpoint: connections and UDP flows. */
#pragma once

#include "lib/count.h"
#include "lib/moves.h"

/* False: the endpoint has no state to count in, and nothing must be taken off it later. */
static inline bool live_begin(uint64_t endpoint)
{
	struct endpoint_state *state = bpf_map_lookup_elem(&endpoint_state, &endpoint);

	if (!state)
		return false;
	__sync_fetch_and_add(&state->live, 1);
	__sync_fetch_and_add(&state->started, 1);
	return true;
}

static inline void live_end(uint64_t endpoint)
{
	struct endpoint_state *state = bpf_map_lookup_elem(&endpoint_state, &endpoint);

	if (state)
		__sync_fetch_and_add(&state->live, -1);
}

/* Without the hook that ends it, a flow is not counted either. */
static inline bool flow_begin(uint64_t endpoint)
{
	if (!can_count_flows || !live_begin(endpoint))
		return false;
	count(REASON_UDP_FLOW);
	return true;
}

/* The endpoint that a connected socket's flow counts for. */
static inline uint64_t flow_endpoint(struct bpf_sock *sk, const struct sock_state *sock)
{
	struct rescue_state *move = NULL;

	if (sock->moved & MOVED_AWAY)
		move = bpf_sk_storage_get(&rescue_state, sk, NULL, 0);
	return move ? move->endpoint : sock->endpoint;
}

/* Its answers need not be translated any more. */
static inline void flow_leaves(struct bpf_sock *sk, struct sock_state *sock)
{
	struct rescue_state *move = bpf_sk_storage_get(&rescue_state, sk, NULL, 0);

	if (move)
		moves_end(sock, move, IPPROTO_UDP);
}

/* A UDP socket ends: so do its flows. The last descriptor of it is closed, nobody else uses its storage. */
static inline void flow_release(struct bpf_sock *sk)
{
	struct udp_state *pairs;
	struct sock_state *state;
	uint32_t i;

	if (sk->protocol != IPPROTO_UDP)
		return;
	state = bpf_sk_storage_get(&sock_state, sk, NULL, 0);
	if (state && state->endpoint && state->flags & SOCK_COUNTED) {
		state->flags &= ~SOCK_COUNTED;
		live_end(flow_endpoint(sk, state));
	}
	if (state && state->moved & MOVED_AWAY)
		flow_leaves(sk, state);
	pairs = bpf_sk_storage_get(&udp_state, sk, NULL, 0);
	if (!pairs)
		return;
	for (i = 0; i < UDP_PAIRS; i++) {
		if (pairs->pairs[i].counted)
			live_end(pairs->pairs[i].endpoint);
	}
}
