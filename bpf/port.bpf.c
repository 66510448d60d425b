/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A source port for a connection that moves. */
#include "lib/rescue.h"

/*
 * Not inlined: the verifier must not see one instruction read the two kinds of sockets. One that listens is there
 * for everybody. One in TIME_WAIT does not get what is translated; should the endpoint remember that connection, the
 * SYN is answered as any other that meets an old one. A busy client has tens of thousands of these.
 */
static __attribute__((noinline)) bool is_tcp_port_taken(struct __sk_buff *skb, struct scratch *w,
							uint32_t size)
{
	struct bpf_sock *sk = bpf_skc_lookup_tcp(skb, &w->tuple, size, (uint32_t)w->netns, 0);
	bool taken;

	if (!sk)
		return false;
	taken = sk->state != BPF_TCP_LISTEN && sk->state != BPF_TCP_TIME_WAIT;
	bpf_sk_release(sk);
	return taken;
}

/* One that is not connected is there for everybody. */
static __attribute__((noinline)) bool is_udp_port_taken(struct __sk_buff *skb, struct scratch *w,
							uint32_t size)
{
	struct bpf_sock *sk = bpf_sk_lookup_udp(skb, &w->tuple, size, (uint32_t)w->netns, 0);
	bool taken;

	if (!sk)
		return false;
	taken = sk->state == BPF_TCP_ESTABLISHED;
	bpf_sk_release(sk);
	return taken;
}

/* Has the pod a socket that `w->key` would be mistaken for? */
static inline bool is_port_taken(struct __sk_buff *skb, struct scratch *w)
{
	uint32_t size = addr_is_v4(&w->key.remote) ? sizeof(w->tuple.ipv4) : sizeof(w->tuple.ipv6);

	if (w->netns < 0)
		return false;
	scratch_tuple(w, &w->key.remote, w->key.remote_port, &w->key.local, w->key.local_port);
	return w->key.protocol == IPPROTO_TCP ? is_tcp_port_taken(skb, w, size)
					      : is_udp_port_taken(skb, w, size);
}

__attribute__((noinline)) int weft_claim_port(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();
	uint32_t i;
	int error;

	if (!w)
		return false;
#pragma clang loop unroll(disable)
	for (i = 0; i < MAX_PORTS; i++) {
		w->key.local_port = i ? FIRST_PORT + bpf_get_prandom_u32() % PORTS : w->row.local_port;
		if (is_port_taken(skb, w))
			continue;
		error = moves_add(&w->key, &w->row);
		if (!error) {
			if (i)
				count(REASON_RESCUE_PORT);
			return true;
		}
		if (error != -EEXIST)
			break;
	}
	count(REASON_RESCUE_FULL);
	return false;
}
