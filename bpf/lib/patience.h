/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long a connect waits for an endpoint before it tries elsewhere, and for all of them together.
 *
 * The kernel sends a SYN again after t, L + 1 times, then after 2t, 4t ... (tcp_retransmit_timer(); L is the sysctl
 * tcp_syn_linear_timeouts, none before 6.5). It gives up at the first of these moments that is not before
 * (2^(R + 1) - 1) t, which is what the doubling alone would take (tcp_write_timeout(); R is TCP_SYNCNT). With a smaller
 * t, a larger R keeps the sum.
 */
#pragma once

#include <bpf/bpf_core_read.h>

#include "lib/decay.h"
#include "maps.h"

enum {
	PATIENCE_LEAST_MS = 20,
	PATIENCE_MOST_MS = 1000, /* the kernel's own first time-out (RFC 6298) */
	/* Of the connect latency that an endpoint has shown, in the mean. */
	PATIENCE_FACTOR = 4,
	PATIENCE_MOST_RETRIES = 20,

	SOL_TCP_LEVEL = 6,
	TCP_SYNCNT_OPTION = 7,
};

/* For this endpoint to answer a SYN. Beyond the node nothing is known of one that was never connected to. */
static inline uint32_t patience_ms(uint64_t endpoint)
{
	struct endpoint_state *state = bpf_map_lookup_elem(&endpoint_state, &endpoint);
	struct endpoint_row *row;
	uint64_t wanted;

	if (!state)
		return PATIENCE_MOST_MS;
	if (!state->connect_ns) {
		row = bpf_map_lookup_elem(&endpoints, &endpoint);
		return row && row->local ? PATIENCE_LEAST_MS : PATIENCE_MOST_MS;
	}
	wanted = state->connect_ns * PATIENCE_FACTOR / NS_PER_MS;
	if (wanted < PATIENCE_LEAST_MS)
		return PATIENCE_LEAST_MS;
	return wanted < PATIENCE_MOST_MS ? (uint32_t)wanted : PATIENCE_MOST_MS;
}

/* How often a socket would send its SYN again. */
struct patience {
	uint32_t retries; /* R */
	uint32_t linear;  /* L */
};

static inline bool patience_read(struct bpf_sock_ops *ctx, struct patience *ret)
{
	struct bpf_sock *sk = ctx->sk;
	struct tcp_sock *tcp;
	struct net *net;

	if (!sk)
		return false;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return false;
	net = ((struct sock *)tcp)->__sk_common.skc_net.net;
	ret->retries = ((struct inet_connection_sock *)tcp)->icsk_syn_retries;
	if (!ret->retries)
		ret->retries = net->ipv4.sysctl_tcp_syn_retries;
	if (bpf_core_field_exists(net->ipv4.sysctl_tcp_syn_linear_timeouts))
		ret->linear = net->ipv4.sysctl_tcp_syn_linear_timeouts;
	return true;
}

/* The sum of all time-outs, in those before the first retransmission. */
static inline uint64_t patience_sum(uint32_t retries, uint32_t linear)
{
	if (retries > PATIENCE_MOST_RETRIES)
		retries = PATIENCE_MOST_RETRIES;
	if (linear + 2 >= 2ull << retries)
		return (2ull << retries) - 1;
	return linear + (linear >= 1ull << retries ? 1ull << retries : 2ull << retries) - 1;
}

/*
 * Divides `total_ms` into time-outs that begin with `first_ms` or little more. Returns the first of them; so many
 * retransmissions it takes.
 */
static inline uint32_t patience_divide(uint64_t total_ms, uint32_t first_ms, uint32_t linear,
				       uint32_t *ret_retries)
{
	uint64_t best_ms = total_ms / patience_sum(1, linear), ms;
	uint32_t retries;

	*ret_retries = 1;
	for (retries = 2; retries <= PATIENCE_MOST_RETRIES; retries++) {
		ms = total_ms / patience_sum(retries, linear);
		if (ms < first_ms)
			break;
		best_ms = ms;
		*ret_retries = retries;
	}
	return best_ms > PATIENCE_LEAST_MS ? (uint32_t)best_ms : PATIENCE_LEAST_MS;
}

static inline uint32_t patience_ticks(uint32_t ms)
{
	uint64_t least = (PATIENCE_LEAST_MS * NS_PER_MS + tick_ns - 1) / tick_ns;
	uint64_t ticks = ms * NS_PER_MS / tick_ns;

	return ticks > least ? (uint32_t)ticks : (uint32_t)least;
}

/*
 * Leaves the time-out as it is (returns 0), or sets how many follow and returns the first, in ticks. The kernel asks
 * again at each of them.
 */
static inline uint32_t patience_set(struct bpf_sock_ops *ctx, struct sock_state *sock)
{
	uint32_t first_ms = patience_ms(sock->endpoint), retries = 0;
	struct patience own = {};
	uint64_t total_ms;
	int value;

	if (!tick_ns)
		return 0;
	if (sock->syn_timeout_ms)
		return patience_ticks(sock->syn_timeout_ms);
	if (first_ms >= PATIENCE_MOST_MS && !sock->connect_timeout_ms)
		return 0;
	if (!patience_read(ctx, &own))
		return 0;
	total_ms = sock->connect_timeout_ms;
	if (!total_ms)
		total_ms = patience_sum(own.retries, own.linear) * PATIENCE_MOST_MS;
	first_ms = patience_divide(total_ms, first_ms, own.linear, &retries);
	value = (int)retries;
	if (bpf_setsockopt(ctx, SOL_TCP_LEVEL, TCP_SYNCNT_OPTION, &value, sizeof(value)))
		return 0;
	sock->syn_retries = (uint8_t)own.retries;
	sock->syn_timeout_ms = (uint16_t)first_ms;
	return patience_ticks(first_ms);
}

/* The next connect() of this socket is for it to begin with what the application knows. */
static inline void patience_restore(struct bpf_sock_ops *ctx, struct sock_state *sock)
{
	int value = sock->syn_retries;

	if (!value)
		return;
	sock->syn_retries = 0;
	bpf_setsockopt(ctx, SOL_TCP_LEVEL, TCP_SYNCNT_OPTION, &value, sizeof(value));
}
