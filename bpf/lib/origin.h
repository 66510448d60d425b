/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The way back: what the application dialled, for an endpoint that it must not see. */
#pragma once

#include "lib/addr.h"
#include "lib/own.h"
#include "lib/udp.h"

struct origin {
	struct addr address;
	uint16_t port; /* host order */
};

/* Of a connected socket, if `peer` is the endpoint it was sent to. */
static inline bool origin_connected(struct bpf_sock *sk, const struct service_key *peer, struct origin *ret)
{
	struct sock_state *state = bpf_sk_storage_get(&sock_state, sk, NULL, 0);

	if (!state || !state->endpoint || state->port != peer->port ||
	    !addr_equal(&state->address, &peer->address))
		return false;
	ret->address = state->dialled;
	ret->port = state->dialled_port;
	return true;
}

/* Of a datagram's source. A UDP socket that was disconnected keeps its storage, but is not established. */
static inline bool origin_datagram(struct bpf_sock *sk, const struct service_key *source, struct origin *ret)
{
	const struct udp_pair *pair;
	struct udp_state *state;

	if (sk->state == BPF_TCP_ESTABLISHED && origin_connected(sk, source, ret))
		return true;
	state = bpf_sk_storage_get(&udp_state, sk, NULL, 0);
	if (!state)
		return false;
	pair = udp_answered(state, source);
	if (!pair)
		return false;
	ret->address = pair->dialled;
	ret->port = pair->dialled_port;
	return true;
}

static __always_inline bool recvmsg_decide(struct bpf_sock_addr *ctx, const struct service_key *source,
					   struct origin *ret)
{
	struct bpf_sock *sk = ctx->sk;
	bool restored;

	if (is_agents_own(sk))
		return false;
	restored = sk && origin_datagram(sk, source, ret);
	count(restored ? REASON_RECVMSG_RESTORED : REASON_RECVMSG_OTHER);
	return restored;
}

static __always_inline bool peername_decide(struct bpf_sock_addr *ctx, const struct service_key *peer,
					    struct origin *ret)
{
	struct bpf_sock *sk = ctx->sk;
	bool restored;

	if (is_agents_own(sk))
		return false;
	restored = sk && origin_connected(sk, peer, ret);
	count(restored ? REASON_GETPEERNAME_RESTORED : REASON_GETPEERNAME_OTHER);
	return restored;
}
