/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the application at the other end answers, seen without reading what it says: when data arrives on a socket
 * that has sent since the last time data arrived, the conversation has turned around, and the time since the last
 * transmission is a response time.
 */
#pragma once

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>

#include "lib/connection.h"
#include "lib/response.h"

/* How often a live connection's bytes go to the account of its endpoint. */
#define ACCOUNT_NS (100 * NS_PER_MS)

static inline uint32_t exchange_tcp_offset(struct __sk_buff *skb)
{
	uint8_t first, next;

	if (skb->protocol == bpf_htons(0x0800)) {
		if (bpf_skb_load_bytes(skb, 0, &first, sizeof(first)))
			return 0;
		return (first & 0xf) * 4;
	}
	if (bpf_skb_load_bytes(skb, offsetof(struct ipv6hdr, nexthdr), &next, sizeof(next)))
		return 0;
	/* Behind other headers a reply is not looked for. */
	return next == IPPROTO_TCP ? sizeof(struct ipv6hdr) : 0;
}

/* Does the packet carry bytes, or is it a bare acknowledgement? */
static inline bool exchange_has_payload(struct __sk_buff *skb)
{
	uint32_t offset = exchange_tcp_offset(skb);
	uint8_t length;

	/* The length of the header stands in the upper half of its 13th byte, in words of four bytes. */
	if (!offset || bpf_skb_load_bytes(skb, offset + 12, &length, sizeof(length)))
		return false;
	return skb->len > offset + (length >> 4) * 4;
}

/* The program of the server's socket sees every answer of a pair, whichever way it takes. */
static inline bool exchange_is_measured_elsewhere(struct bpf_sock *sk, const struct sock_state *sock)
{
	struct splice_pair *pair = NULL;

	if (can_splice && sock->flags & SOCK_SPLICED)
		pair = pair_of(sk);
	return pair && pair->halves[SPLICE_SERVER].cookie && !pair->parted;
}

static inline void exchange_measure(struct sock_state *sock, struct endpoint_state *endpoint,
				    struct tcp_sock *tcp)
{
	struct member_key member = { .endpoint = sock->endpoint, .service = sock->service };
	uint64_t sent = tcp->bytes_sent;
	uint64_t now_ns, since_ns;

	if (sent == sock->answered_at)
		return;
	sock->answered_at = sent;
	now_ns = bpf_ktime_get_ns();
	since_ns = tcp->tcp_wstamp_ns;
	/* With pacing the time of the last transmission can lie ahead. */
	response_sample(&member, sock->decay_ms, now_ns, now_ns > since_ns ? now_ns - since_ns : 0);
	if (!endpoint || now_ns - sock->accounted_ns < ACCOUNT_NS)
		return;
	sock->accounted_ns = now_ns;
	endpoint->rtt_us = tcp->srtt_us >> SRTT_SHIFT;
	connection_account(sock, endpoint, tcp->bytes_acked, tcp->bytes_received, tcp->total_retrans);
}

static inline void exchange_arrives(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct endpoint_state *endpoint;
	struct sock_state *sock;
	struct tcp_sock *tcp;

	if (!sk)
		return;
	sk = bpf_sk_fullsock(sk);
	if (!sk || sk->protocol != IPPROTO_TCP)
		return;
	sock = bpf_sk_storage_get(&sock_state, sk, NULL, 0);
	if (!sock || !(sock->flags & SOCK_COUNTED))
		return;
	if ((sock->answered && !(sock->flags & SOCK_MEASURED)) || !exchange_has_payload(skb))
		return;
	endpoint = connection_endpoint(sock);
	if (!sock->answered) {
		sock->answered = 1;
		if (endpoint)
			connection_succeeded(sock, endpoint);
	}
	if (!(sock->flags & SOCK_MEASURED) || exchange_is_measured_elsewhere(sk, sock))
		return;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (tcp)
		exchange_measure(sock, endpoint, tcp);
}
