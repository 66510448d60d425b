/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Unconnected UDP: the choice sticks to (socket, service) while the endpoint serves, as a choice per datagram
 * would tear protocols apart that keep state at their server (QUIC). The hooks run under the socket's lock.
 */
#pragma once

#include "lib/addr.h"
#include "lib/count.h"
#include "lib/flow.h"
#include "lib/own.h"
#include "lib/route.h"

/* The place of the pair that dialled this address; UDP_PAIRS if there is none. */
static inline uint32_t udp_find(const struct udp_state *state, const struct service_key *dialled)
{
	uint32_t i;

	for (i = 0; i < UDP_PAIRS; i++) {
		const struct udp_pair *pair = &state->pairs[i];

		if (pair->endpoint && pair->dialled_port == dialled->port &&
		    addr_equal(&pair->dialled, &dialled->address))
			break;
	}
	return i;
}

/* The place of a free pair, else of the one that has sent least recently. */
static inline uint32_t udp_oldest(const struct udp_state *state)
{
	uint32_t oldest = 0;
	uint32_t i;

	for (i = 0; i < UDP_PAIRS; i++) {
		/* A free pair has never sent. */
		if (state->pairs[i].used < state->pairs[oldest & (UDP_PAIRS - 1)].used)
			oldest = i;
	}
	return oldest;
}

static inline void udp_remember(struct udp_state *state, uint32_t place, const struct service_key *dialled,
				const struct target *target)
{
	struct udp_pair *pair;

	if (place >= UDP_PAIRS) {
		place = udp_oldest(state) & (UDP_PAIRS - 1);
		if (state->pairs[place].endpoint)
			count(REASON_UDP_PAIR_EVICTED);
	}
	pair = &state->pairs[place];
	if (pair->counted)
		live_end(pair->endpoint);
	pair->counted = flow_begin(target->endpoint);
	pair->dialled = dialled->address;
	pair->dialled_port = dialled->port;
	pair->address = target->address;
	pair->port = target->port;
	pair->service = target->service;
	pair->endpoint = target->endpoint;
	pair->used = ++state->clock;
}

/* The endpoint that this socket has in the service, if it still serves. */
static inline bool udp_stick(struct udp_state *state, uint32_t place, uint32_t service, struct target *ret)
{
	struct udp_pair *pair;

	if (place >= UDP_PAIRS)
		return false;
	pair = &state->pairs[place];
	if (pair->service != service || !(member_flags(service, pair->endpoint) & MEMBER_SERVING))
		return false;
	ret->address = pair->address;
	ret->port = pair->port;
	pair->used = ++state->clock;
	return true;
}

static __always_inline enum verdict sendmsg_decide(struct bpf_sock_addr *ctx,
						   const struct service_key *dialled, struct target *ret)
{
	struct bpf_sock *sk = ctx->sk;
	struct udp_state *state = NULL;
	struct service_view service;
	uint32_t place = UDP_PAIRS;
	enum verdict verdict;

	if (is_agents_own(sk))
		return VERDICT_LEAVE;
	if (!service_find(dialled, &service)) {
		count(REASON_SENDMSG_OTHER);
		return VERDICT_LEAVE;
	}
	if (sk)
		state = bpf_sk_storage_get(&udp_state, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (state) {
		place = udp_find(state, dialled);
		if (udp_stick(state, place, service.id, ret)) {
			count(REASON_SENDMSG_STICKY);
			return VERDICT_SEND;
		}
	} else {
		count(REASON_STORAGE_FAILED);
	}
	verdict = route_service(dialled, &service, bpf_get_netns_cookie(ctx), ret);
	if (verdict == VERDICT_SEND) {
		count(REASON_SENDMSG_BALANCED);
		if (state)
			udp_remember(state, place, dialled, ret);
	}
	return verdict;
}

/* The pair that a datagram from `source` answers: the one that sent last, if several share the endpoint. */
static inline const struct udp_pair *udp_answered(const struct udp_state *state,
						  const struct service_key *source)
{
	const struct udp_pair *answered = NULL;
	uint32_t i;

	for (i = 0; i < UDP_PAIRS; i++) {
		const struct udp_pair *pair = &state->pairs[i];

		if (pair->endpoint && pair->port == source->port &&
		    addr_equal(&pair->address, &source->address) &&
		    (!answered || pair->used > answered->used))
			answered = pair;
	}
	return answered;
}
