/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A connected UDP socket whose endpoint has left its service: its datagrams go to a live one, and the answers come
 * from the address that it knows. It goes by socket, never by address: whoever has the old address now is left alone.
 */
#pragma once

#include "lib/depart.h"
#include "lib/flow.h"
#include "lib/tell.h"

/* The flow is another endpoint's from now on. */
static inline void heal_account(const struct sock_state *sock, uint64_t from, uint64_t to)
{
	if (!(sock->flags & SOCK_COUNTED))
		return;
	live_end(from);
	live_begin(to);
}

/* `w->packet` is the datagram at hand. */
static inline void heal_move(struct __sk_buff *skb, struct scratch *w, struct sock_state *sock,
			     struct rescue_state *state)
{
	uint32_t interface = skb->ifindex;
	struct interface_row *row = bpf_map_lookup_elem(&interfaces, &interface);
	bool moved = sock->moved & MOVED_AWAY;
	uint64_t old;

	if (!row || !move_begin(state))
		return;
	old = endpoint_in_force(sock, state);
	w->tried[0] = old;
	w->tries = 1;
	w->key.local = w->packet.source;
	w->row.local_port = moved ? state->local_port : w->packet.source_port;
	w->row.remote = sock->address;
	w->row.remote_port = sock->port;
	w->row.flags = 0;
	w->row.endpoint = 0;
	w->row.sent_ns = 0;
	if (!service_of(w, sock, IPPROTO_UDP) || !choose_other(w, sock)) {
		move_end(state);
		return;
	}
	w->key.remote = w->target.address;
	w->key.remote_port = w->target.port;
	w->key.interface = interface;
	w->key.protocol = IPPROTO_UDP;
	w->netns = row->netns;
	if (!weft_claim_port(skb)) {
		move_end(state);
		return;
	}
	if (moved) {
		moves_key_in_force(state, sock->interface, IPPROTO_UDP, &w->old);
		moves_remove(&w->old);
	}
	heal_account(sock, old, w->target.endpoint);
	move_publish(w, state, 0);
	sock->interface = interface;
	sock->moved |= MOVED_AWAY;
	count(REASON_UDP_HEALED);
	tell_healed(sock->service, old, moved ? &w->old.remote : &sock->address,
		    moved ? w->old.remote_port : sock->port, state);
}

static inline bool is_to_endpoint(const struct packet *packet, enum packet_kind kind,
				  const struct sock_state *sock)
{
	if (!addr_equal(&packet->target, &sock->address))
		return false;
	return kind == PACKET_FRAGMENT || (kind == PACKET_UDP && packet->target_port == sock->port);
}

static inline int udp_departs(struct __sk_buff *skb, struct scratch *w, struct bpf_sock *sk,
			      struct sock_state *sock, bool serves)
{
	enum packet_kind kind = weft_parse(skb);
	uint64_t flags = serves ? 0 : BPF_SK_STORAGE_GET_F_CREATE;
	struct rescue_state *state;

	/* A socket that was disconnected keeps its storage, and sends elsewhere. */
	if (!is_to_endpoint(&w->packet, kind, sock))
		return TC_NEXT;
	state = bpf_sk_storage_get(&rescue_state, sk, NULL, flags);
	if (!state)
		return TC_NEXT;
	if (!serves && kind == PACKET_UDP)
		heal_move(skb, w, sock, state);
	return sock->moved & MOVED_AWAY ? translate_out(skb, w, state) : TC_NEXT;
}

static inline int udp_from_pod(struct __sk_buff *skb, struct bpf_sock *sk)
{
	struct sock_state *sock = bpf_sk_storage_get(&sock_state, sk, NULL, 0);
	struct scratch *w;
	bool serves;

	if (!sock || !sock->endpoint)
		return TC_NEXT;
	serves = member_flags(sock->service, flow_endpoint(sk, sock)) & MEMBER_SERVING;
	/* Without the hook that ends its row nothing is moved. */
	if (!(sock->moved & MOVED_AWAY) && (serves || !can_count_flows))
		return TC_NEXT;
	w = scratch_get();
	return w ? udp_departs(skb, w, sk, sock, serves) : TC_NEXT;
}

/* ---- answers ---- */

static inline void name_datagram(struct __sk_buff *skb, struct scratch *w)
{
	w->fragment.remote = w->packet.source;
	w->fragment.local = w->packet.target;
	w->fragment.interface = skb->ifindex;
	w->fragment.datagram = w->packet.datagram;
	w->fragment.protocol = w->packet.protocol;
	w->fragment.reserved = 0;
}

static inline int udp_to_pod(struct __sk_buff *skb, struct scratch *w)
{
	if (!find_move(skb, w, &w->packet, false))
		return TC_NEXT;
	if (w->packet.is_cut) {
		/* The others have no ports to know them by. */
		name_datagram(skb, w);
		bpf_map_update_elem(&fragments, &w->fragment, &w->row.remote, BPF_ANY);
	}
	return untranslate(skb);
}

static inline int fragment_to_pod(struct __sk_buff *skb, struct scratch *w)
{
	struct addr *remote;

	if (!moves_exist())
		return TC_NEXT;
	name_datagram(skb, w);
	remote = bpf_map_lookup_elem(&fragments, &w->fragment);
	if (!remote)
		return TC_NEXT;
	w->row.remote = *remote;
	return untranslate(skb);
}
