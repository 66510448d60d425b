/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * connect(): TCP and connected UDP. The hooks run under the socket's lock, so its storage needs none of its
 * own.
 */
#pragma once

#include "lib/addr.h"
#include "lib/count.h"
#include "lib/flow.h"
#include "lib/moves.h"
#include "lib/own.h"
#include "lib/route.h"

/* A UDP socket is healed until here; what is left of a TCP socket's connect is the list of those it tried. */
static inline void connect_forget_move(struct bpf_sock *sk, struct sock_state *state, uint8_t protocol)
{
	struct rescue_state *move = bpf_sk_storage_get(&rescue_state, sk, NULL, 0);

	if (!move)
		return;
	if (state->moved & MOVED_AWAY)
		moves_end(state, move, protocol);
	bpf_sk_storage_delete(&rescue_state, sk);
}

/* Remembers what was dialled, or forgets what was dialled before. */
static inline void connect_remember(struct bpf_sock *sk, const struct service_key *dialled,
				    enum verdict verdict, const struct target *target)
{
	uint64_t flags = verdict == VERDICT_SEND ? BPF_SK_STORAGE_GET_F_CREATE : 0;
	struct sock_state *state = bpf_sk_storage_get(&sock_state, sk, NULL, flags);

	if (!state) {
		if (flags)
			count(REASON_STORAGE_FAILED);
		return;
	}
	/* New storage is zero, and so is what an earlier connect() forgot. */
	if (state->endpoint || state->moved) {
		if (state->moved)
			connect_forget_move(sk, state, dialled->protocol);
		/* A UDP socket leaves its endpoint here; a TCP socket has ended before it can connect again. */
		if (state->flags & SOCK_COUNTED)
			live_end(flow_endpoint(sk, state));
		__builtin_memset(state, 0, sizeof(*state));
	}
	if (verdict != VERDICT_SEND)
		return;
	state->dialled = dialled->address;
	state->dialled_port = dialled->port;
	state->address = target->address;
	state->port = target->port;
	state->service = target->service;
	state->endpoint = target->endpoint;
	state->decay_ms = target->decay_ms;
	state->connect_timeout_ms = target->connect_timeout_ms;
	state->flags = target->sock_flags;
	if (dialled->protocol == IPPROTO_UDP && flow_begin(target->endpoint))
		state->flags |= SOCK_COUNTED;
}

static __always_inline enum verdict connect_route(struct bpf_sock_addr *ctx,
						  const struct service_key *dialled, struct target *ret)
{
	struct service_view service;
	enum verdict verdict;
	uint64_t client = 0;

	if (!service_find(dialled, &service)) {
		count(REASON_CONNECT_OTHER);
		if (bpf_map_lookup_elem(&endpoint_index, dialled))
			count(REASON_CONNECT_DIRECT);
		return VERDICT_LEAVE;
	}
	if (service.flags & SERVICE_AFFINITY)
		client = bpf_get_netns_cookie(ctx);
	verdict = route_service(dialled, &service, client, ret);
	if (verdict == VERDICT_SEND)
		count(REASON_CONNECT_BALANCED);
	return verdict;
}

static __always_inline enum verdict connect_decide(struct bpf_sock_addr *ctx,
						   const struct service_key *dialled, struct target *ret)
{
	struct bpf_sock *sk = ctx->sk;
	enum verdict verdict;

	if (is_agents_own(sk))
		return VERDICT_LEAVE;
	if (dialled->protocol != IPPROTO_TCP && dialled->protocol != IPPROTO_UDP) {
		count(REASON_PROTOCOL_OTHER);
		return VERDICT_LEAVE;
	}
	verdict = connect_route(ctx, dialled, ret);
	if (sk)
		connect_remember(sk, dialled, verdict, ret);
	return verdict;
}
