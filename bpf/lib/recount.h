/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections of an earlier load: unloading forgot them, but they still call back at their end, so they can be
 * counted in again by the address that they go to. What they had dialled is not known any more. And sockets that listen,
 * which called back when nobody was there to hear it.
 */
#pragma once

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include "lib/addr.h"
#include "lib/connection.h"

#define FAMILY_V4 2

static inline void recount_peer(struct sock_common *common, struct service_key *ret)
{
	union addr_words *a = (void *)&ret->address;

	if (common->skc_family == FAMILY_V4) {
		a->words[2] = V4_PREFIX;
		a->words[3] = common->skc_daddr;
	} else {
		bpf_core_read(&ret->address, sizeof(ret->address), &common->skc_v6_daddr);
	}
	ret->port = bpf_ntohs(common->skc_dport);
	ret->protocol = IPPROTO_TCP;
}

static inline bool recount_is_open(uint8_t state)
{
	return state != BPF_TCP_LISTEN && state != BPF_TCP_CLOSE && state != BPF_TCP_TIME_WAIT &&
	       state != BPF_TCP_NEW_SYN_RECV;
}

/* So that what was there before weft can be spliced. */
static inline void recount_listener(struct sock_common *common)
{
	struct listener_key key = { .port = common->skc_num };
	struct listener_row row = { .sock = (uint64_t)common };

	if (!bpf_core_field_exists(common->skc_net.net->net_cookie))
		return;
	key.netns = common->skc_net.net->net_cookie;
	row.cookie = bpf_get_socket_cookie(common);
	bpf_map_update_elem(&listeners, &key, &row, BPF_NOEXIST);
}

static inline void recount(struct sock_common *common)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(common);
	struct service_key peer = {};
	struct sock_state *sock;
	uint64_t *endpoint;

	if (can_splice && common->skc_state == BPF_TCP_LISTEN) {
		recount_listener(common);
		return;
	}
	if (!tcp || !recount_is_open(common->skc_state) ||
	    !(tcp->bpf_sock_ops_cb_flags & BPF_SOCK_OPS_STATE_CB_FLAG))
		return;
	recount_peer(common, &peer);
	endpoint = bpf_map_lookup_elem(&endpoint_index, &peer);
	if (!endpoint)
		return;
	sock = bpf_sk_storage_get(&sock_state, tcp, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!sock || sock->endpoint || !live_begin(*endpoint))
		return;
	sock->endpoint = *endpoint;
	sock->sent_bytes = tcp->bytes_acked;
	sock->received_bytes = tcp->bytes_received;
	sock->retransmits = tcp->total_retrans;
	sock->answered = 1;
	sock->flags = SOCK_COUNTED;
	if (common->skc_state != BPF_TCP_SYN_SENT)
		sock->flags |= SOCK_ESTABLISHED;
	count(REASON_ADOPTED);
}
