/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What leaves a pod: the SYNs of connects that can be moved, and the packets of those that were. */
#pragma once

#include "lib/rescue.h"
#include "lib/translate.h"

/* Where the packets of a moved socket go, into `w->key`. */
static inline void read_move(struct scratch *w, struct rescue_state *state)
{
	bpf_spin_lock(&state->lock);
	w->key.remote = state->address;
	w->key.remote_port = state->port;
	w->key.local_port = state->wire_port;
	bpf_spin_unlock(&state->lock);
}

/* The packet at hand, to where `w->key` says. */
static inline int send_there(struct __sk_buff *skb)
{
	uint32_t interface = skb->ifindex;
	struct interface_row *row;

	if (weft_translate_out(skb)) {
		count(REASON_RESCUE_MALFORMED);
		return TC_DROP;
	}
	/* The pod addressed it to a neighbour, perhaps, that has nothing to do with the new endpoint. */
	row = bpf_map_lookup_elem(&interfaces, &interface);
	if (row && packet_to_gateway(skb, row->gateway))
		return TC_DROP;
	return TC_NEXT;
}

static inline int translate_out(struct __sk_buff *skb, struct scratch *w, struct rescue_state *state)
{
	read_move(w, state);
	return send_there(skb);
}

/* Has the endpoint had the time that it may take? */
static inline bool is_overdue(const struct sock_state *sock, const struct rescue_state *state)
{
	bool moved = sock->moved & MOVED_AWAY;
	uint64_t since_ns = moved ? state->tried_ns : sock->started_ns;
	uint64_t patience = sock->syn_timeout_ms ?: PATIENCE_MOST_MS;
	uint64_t wanted = moved ? patience_ms(state->endpoint) : 0;

	if (wanted > patience)
		patience = wanted;
	/* The timer goes by ticks. A SYN that meets an old connection of its ports is sent again much sooner. */
	return bpf_ktime_get_ns() - since_ns >= patience * NS_PER_MS * 3 / 4;
}

/*
 * The tuple of a new connect is what a moved connection has on the wire: this one gets another source port there. Its
 * socket may be one of nobody's; what ends the row is that sockops calls at its end.
 */
static inline void avoid_move(struct __sk_buff *skb, struct scratch *w, struct bpf_sock *sk)
{
	uint32_t interface = skb->ifindex;
	struct interface_row *row = bpf_map_lookup_elem(&interfaces, &interface);
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	struct rescue_state *state;
	struct sock_state *sock;

	if (!find_move(skb, w, &w->packet, true) || w->row.flags & MOVE_GIVEN_UP || !row || !tcp)
		return;
	if (!(tcp->bpf_sock_ops_cb_flags & BPF_SOCK_OPS_STATE_CB_FLAG)) {
		count(REASON_RESCUE_FULL);
		return;
	}
	sock = bpf_sk_storage_get(&sock_state, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	state = bpf_sk_storage_get(&rescue_state, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!sock || !state || !move_begin(state))
		return;
	w->row.remote = w->key.remote;
	w->row.remote_port = w->key.remote_port;
	w->row.local_port = w->key.local_port;
	w->row.flags = 0;
	w->row.endpoint = 0;
	w->row.sent_ns = 0;
	w->target.address = w->key.remote;
	w->target.port = w->key.remote_port;
	w->target.endpoint = sock->endpoint;
	w->target.sock_flags = sock->flags & (SOCK_PROBE | SOCK_MEASURED);
	w->netns = row->netns;
	if (!weft_claim_port(skb)) {
		move_end(state);
		return;
	}
	move_publish(w, state, 0);
	sock->interface = interface;
	sock->moved |= MOVED_AWAY;
}

/* The first SYN of a connect: kept, if it can be sent to others. */
static inline void syn_first(struct __sk_buff *skb, struct scratch *w, struct sock_state *sock)
{
	w->syn.kept = (uint8_t)weft_keep_syn(skb);
	sock->syn = w->syn;
	sock->syn.sequence = w->packet.sequence;
	sock->interface = skb->ifindex;
}

/* Was the endpoint's answer one to an older connection? That is told once. */
static inline bool was_answered(struct scratch *w, const struct sock_state *sock,
				const struct rescue_state *state)
{
	struct move_row *row;

	moves_key_in_force(state, sock->interface, IPPROTO_TCP, &w->old);
	row = bpf_map_lookup_elem(&moves, &w->old);
	if (!row || !(row->flags & MOVE_ANSWERED))
		return false;
	row->flags &= ~MOVE_ANSWERED;
	return true;
}

/* A SYN that is sent again. TC_DROP: the endpoint need not see it. */
static inline int syn_again(struct __sk_buff *skb, struct scratch *w, struct bpf_sock *sk,
			    struct sock_state *sock)
{
	uint32_t interface = skb->ifindex;
	struct interface_row *row = bpf_map_lookup_elem(&interfaces, &interface);
	struct rescue_state *state;

	if (!sock->syn.kept || !row || sock->interface != interface)
		return TC_NEXT;
	state = bpf_sk_storage_get(&rescue_state, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state)
		return TC_NEXT;
	if (sock->moved & MOVED_AWAY && was_answered(w, sock, state))
		return TC_NEXT;
	if (!is_overdue(sock, state))
		return sock->moved & MOVED_AWAY ? TC_DROP : TC_NEXT;
	w->key.local = w->packet.source;
	w->row.local_port = w->packet.source_port;
	w->netns = row->netns;
	move_on(skb, w, sock, state, FAILURE_TIMED_OUT);
	return TC_NEXT;
}

static inline bool is_first_syn(const struct scratch *w, const struct sock_state *sock)
{
	return !sock->interface || sock->syn.sequence != w->packet.sequence;
}

/* The slow road: connects, and what was moved. */
static inline int tcp_departs(struct __sk_buff *skb, struct scratch *w, struct bpf_sock *sk,
			      struct sock_state *sock)
{
	struct rescue_state *state;
	bool syn, pending;

	if (weft_parse(skb) != PACKET_TCP)
		return TC_NEXT;
	syn = (w->packet.tcp_flags & (TCP_SYN_BIT | TCP_ACK_BIT)) == TCP_SYN_BIT;
	pending = syn && sock && sock->endpoint &&
		  (sock->flags & (SOCK_COUNTED | SOCK_ESTABLISHED)) == SOCK_COUNTED;
	if (pending && is_first_syn(w, sock))
		syn_first(skb, w, sock);
	else if (pending && syn_again(skb, w, sk, sock) == TC_DROP)
		return TC_DROP;
	if (syn && moves_exist() && !(sock && sock->moved & MOVED_AWAY)) {
		avoid_move(skb, w, sk);
		sock = bpf_sk_storage_get(&sock_state, sk, NULL, 0);
	}
	if (!sock || !(sock->moved & MOVED_AWAY))
		return TC_NEXT;
	state = bpf_sk_storage_get(&rescue_state, sk, NULL, 0);
	return state ? translate_out(skb, w, state) : TC_NEXT;
}

/*
 * What the pod's kernel sends for a socket without being it: the reset that a connect answers an old connection's
 * acknowledgement with. It goes where the socket's own packets go.
 */
static inline int stray_from_pod(struct __sk_buff *skb)
{
	struct scratch *w = moves_exist() ? scratch_get() : NULL;
	struct move_row *row;

	if (!w || weft_parse(skb) != PACKET_TCP || !(w->packet.tcp_flags & TCP_RST_BIT) ||
	    !find_move(skb, w, &w->packet, true) || !(w->row.flags & MOVE_GIVEN_UP))
		return TC_NEXT;
	if (w->row.flags & MOVE_RESET) {
		row = bpf_map_lookup_elem(&moves, &w->key);
		if (row)
			row->flags &= ~MOVE_RESET;
		return TC_NEXT;
	}
	w->key.remote = w->row.remote;
	w->key.remote_port = w->row.remote_port;
	w->key.local_port = w->row.local_port;
	return send_there(skb);
}

static inline int tcp_from_pod(struct __sk_buff *skb, struct bpf_sock *sk)
{
	struct sock_state *sock = bpf_sk_storage_get(&sock_state, sk, NULL, 0);
	bool moved = sock && sock->moved & MOVED_AWAY;
	struct scratch *w;

	if (sk->state == BPF_TCP_CLOSE && !sock)
		return stray_from_pod(skb);
	/* As almost always. */
	if (sk->state != BPF_TCP_SYN_SENT && !moved)
		return TC_NEXT;
	if (!(sock && sock->endpoint) && !moves_exist())
		return TC_NEXT;
	w = scratch_get();
	return w ? tcp_departs(skb, w, sk, sock) : TC_NEXT;
}
