/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A connect that fails is moved, not reported: a refusal becomes the same SYN to another endpoint, a SYN that nobody
 * answers goes to another one when it is sent again. From then on this one connection is translated.
 *
 * Nothing here runs under the socket's lock, so the account stays where it is until sockops moves it, when the
 * connection is established.
 */
#pragma once

#include "lib/balance.h"
#include "lib/forge.h"
#include "lib/moves.h"
#include "lib/patience.h"
#include "lib/surgery.h"

/* TCX_NEXT and TC_ACT_UNSPEC are the same number: whoever stands next there decides. */
#define TC_NEXT (-1)
#define TC_DROP 2

enum {
	/* Source ports that are tried before a move is given up. */
	MAX_PORTS = 8,
	FIRST_PORT = 32768,
	PORTS = 28232,
};

/*
 * Global functions, over the CPU's scratch. Is the endpoint among `tried`, or the pod itself? The endpoint at a place of the list, if it is
 * not, with its enum census_bits above PACK_ENDPOINT_BITS. One of the list that is not, as pick_pack(). Zero: none.
 */
int weft_tried(uint64_t endpoint);
uint64_t weft_untried(uint64_t list, uint32_t place, uint32_t algorithm);
uint64_t weft_other(uint64_t list, uint64_t size, uint64_t how);

/* The failure of an endpoint for the service of `dialled`. `probe`: the connection was to find out about it. */
int weft_blame(uint64_t endpoint, uint32_t service, uint32_t failure, uint32_t probe);

/*
 * Adds `row` under `key` with the first source port that is free towards the new endpoint: the socket's own, if
 * possible, as Linux gives one source port to connections with different destinations. Zero: there is no room.
 */
int weft_claim_port(struct __sk_buff *skb);

enum move {
	MOVE_DONE,
	MOVE_NOBODY, /* no endpoint is left, or there is no room to remember a move */
	MOVE_LOST,   /* another packet of the connection is about to move it */
};

/* ---- looking into the pod ---- */

static inline void scratch_tuple(struct scratch *w, const struct addr *remote, uint16_t remote_port,
				 const struct addr *local, uint16_t local_port)
{
	const union addr_words *from = (const void *)remote, *to = (const void *)local;

	if (addr_is_v4(remote)) {
		w->tuple.ipv4.saddr = from->words[3];
		w->tuple.ipv4.daddr = to->words[3];
		w->tuple.ipv4.sport = bpf_htons(remote_port);
		w->tuple.ipv4.dport = bpf_htons(local_port);
		return;
	}
	__builtin_memcpy(w->tuple.ipv6.saddr, from->words, sizeof(w->tuple.ipv6.saddr));
	__builtin_memcpy(w->tuple.ipv6.daddr, to->words, sizeof(w->tuple.ipv6.daddr));
	w->tuple.ipv6.sport = bpf_htons(remote_port);
	w->tuple.ipv6.dport = bpf_htons(local_port);
}

/* ---- choosing and claiming ---- */

/* The service of the socket, as it is now, into `w`. */
static inline bool service_of(struct scratch *w, const struct sock_state *sock, uint8_t protocol)
{
	w->dialled.address = sock->dialled;
	w->dialled.scope = 0;
	w->dialled.port = sock->dialled_port;
	w->dialled.protocol = protocol;
	w->dialled.reserved = 0;
	return service_find(&w->dialled, &w->service) && w->service.id == sock->service &&
	       w->service.slot_count;
}

/* Into `w->target`, and the flags of its connection. */
static inline bool choose_other(struct scratch *w, const struct sock_state *sock)
{
	const struct service_view *service = &w->service;
	struct pick pick;

	pick_unpack(weft_other(pack_list(service), pack_size(service), pack_how(service)), &pick);
	if (!pick.endpoint || !endpoint_find(pick.endpoint, &w->target) ||
	    addr_is_v4(&w->target.address) != addr_is_v4(&sock->address))
		return false;
	w->target.sock_flags = (pick.fitness == FIT_PROBE ? SOCK_PROBE : 0) | (sock->flags & SOCK_MEASURED);
	return true;
}

static inline bool move_begin(struct rescue_state *state)
{
	bool mine;

	bpf_spin_lock(&state->lock);
	mine = !state->busy;
	state->busy = 1;
	bpf_spin_unlock(&state->lock);
	return mine;
}

static inline void move_end(struct rescue_state *state)
{
	bpf_spin_lock(&state->lock);
	state->busy = 0;
	bpf_spin_unlock(&state->lock);
}

/* From now on the socket's packets go to `w->target`, from the port of `w->key`. */
static inline void move_publish(struct scratch *w, struct rescue_state *state, uint64_t given_up)
{
	uint64_t now_ns = bpf_ktime_get_ns();

	bpf_spin_lock(&state->lock);
	if (given_up && state->tries < MAX_TRIES)
		state->tried[state->tries++ & (MAX_TRIES - 1)] = given_up;
	state->address = w->target.address;
	state->port = w->target.port;
	state->wire_port = w->key.local_port;
	state->endpoint = w->target.endpoint;
	state->sock_flags = w->target.sock_flags;
	state->local = w->key.local;
	state->local_port = w->row.local_port;
	state->tried_ns = now_ns;
	state->busy = 0;
	bpf_spin_unlock(&state->lock);
}

/* The endpoint that the connect is waiting for. */
static inline uint64_t endpoint_in_force(const struct sock_state *sock, const struct rescue_state *state)
{
	return sock->moved & MOVED_AWAY ? state->endpoint : sock->endpoint;
}

/* Nobody else may have counted it already. */
static inline void move_blame(const struct sock_state *sock, const struct rescue_state *state,
			      uint64_t endpoint, enum failure failure)
{
	uint32_t flags = sock->moved & MOVED_AWAY ? state->sock_flags : sock->flags;

	if (!(sock->flags & SOCK_FAILED) || endpoint != sock->endpoint)
		weft_blame(endpoint, sock->service, failure, flags & SOCK_PROBE);
}

/* For weft_other(): all that were tried, the one in force among them. */
static inline bool list_tried(struct scratch *w, const struct rescue_state *state, uint64_t given_up)
{
	uint32_t tries = state->tries;

	if (tries >= MAX_TRIES)
		return false;
	__builtin_memcpy(w->tried, state->tried, sizeof(w->tried));
	w->tried[tries & (MAX_TRIES - 1)] = given_up;
	w->tries = tries + 1;
	return true;
}

/* Bars what still comes from where the socket believes to be connected to; `moved`: as it is barred already. */
static inline bool move_bar(struct scratch *w, struct sock_state *sock, bool moved)
{
	w->old = w->key;
	w->old.remote = sock->address;
	w->old.remote_port = sock->port;
	w->old.local_port = w->row.local_port;
	w->bar.remote = w->key.remote;
	w->bar.remote_port = w->key.remote_port;
	w->bar.local_port = w->key.local_port;
	w->bar.flags = MOVE_GIVEN_UP;
	w->bar.endpoint = sock->endpoint;
	w->bar.sent_ns = sock->started_ns;
	if (moved)
		return !(sock->moved & MOVED_BARRED) ||
		       !bpf_map_update_elem(&moves, &w->old, &w->bar, BPF_EXIST);
	if (moves_add(&w->old, &w->bar)) {
		count(REASON_RESCUE_FULL);
		return false;
	}
	sock->moved |= MOVED_BARRED;
	return true;
}

/* `w->key.local` and the socket's own port in `w->row.local_port` are known. */
static inline bool move_elsewhere(struct __sk_buff *skb, struct scratch *w, struct sock_state *sock,
				  struct rescue_state *state)
{
	bool moved = sock->moved & MOVED_AWAY;

	w->key.remote = w->target.address;
	w->key.remote_port = w->target.port;
	w->key.interface = skb->ifindex;
	w->key.protocol = IPPROTO_TCP;
	w->row.remote = sock->address;
	w->row.remote_port = sock->port;
	w->row.flags = 0;
	w->row.endpoint = 0;
	w->row.sent_ns = 0;
	if (!weft_claim_port(skb))
		return false;
	if (!move_bar(w, sock, moved)) {
		moves_remove(&w->key);
		return false;
	}
	if (moved) {
		moves_key_in_force(state, sock->interface, IPPROTO_TCP, &w->old);
		moves_remove(&w->old);
	}
	return true;
}

/* Gives up the endpoint in force, for this failure, and moves the connect to another one. */
static inline enum move move_on(struct __sk_buff *skb, struct scratch *w, struct sock_state *sock,
				struct rescue_state *state, enum failure failure)
{
	uint64_t given_up;

	if (!move_begin(state))
		return MOVE_LOST;
	given_up = endpoint_in_force(sock, state);
	if (service_of(w, sock, IPPROTO_TCP) && list_tried(w, state, given_up) && choose_other(w, sock) &&
	    move_elsewhere(skb, w, sock, state)) {
		move_blame(sock, state, given_up, failure);
		state->cause = failure;
		move_publish(w, state, given_up);
		sock->moved |= MOVED_AWAY;
		count(failure == FAILURE_TIMED_OUT ? REASON_RESCUE_TIMEOUT : REASON_RESCUE_REFUSED);
		return MOVE_DONE;
	}
	if (!(sock->moved & MOVED_GAVE_UP)) {
		/* Of one that was never moved sockops will tell. */
		if (sock->moved & MOVED_AWAY)
			move_blame(sock, state, given_up, failure);
		sock->moved |= MOVED_GAVE_UP;
		count(REASON_RESCUE_GAVE_UP);
	}
	move_end(state);
	return MOVE_NOBODY;
}

/* ---- towards the pod ---- */

/* A connect that weft may move, and whose SYN this was. */
static inline bool is_pending(const struct sock_state *sock, uint32_t sequence)
{
	return sock->endpoint && (sock->flags & (SOCK_COUNTED | SOCK_ESTABLISHED)) == SOCK_COUNTED &&
	       sock->syn.kept && sock->syn.sequence == sequence;
}

/*
 * The SYN with this sequence number was refused, by what `w->packet` is. `w->key` is the tuple on the wire, `w->row` what
 * the socket has instead. TC_NEXT: it is for the pod to see.
 */
static inline int refused(struct __sk_buff *skb, struct scratch *w, uint32_t sequence, bool moved)
{
	uint32_t interface = skb->ifindex, size;
	struct interface_row *row = bpf_map_lookup_elem(&interfaces, &interface);
	struct rescue_state *state = NULL;
	struct sock_state *sock = NULL;
	struct bpf_sock *sk;
	enum move move;

	if (!row)
		return TC_NEXT;
	w->netns = row->netns;
	if (w->netns < 0)
		return TC_NEXT;
	size = addr_is_v4(&w->row.remote) ? sizeof(w->tuple.ipv4) : sizeof(w->tuple.ipv6);
	scratch_tuple(w, &w->row.remote, w->row.remote_port, &w->key.local, w->row.local_port);
	sk = bpf_sk_lookup_tcp(skb, &w->tuple, size, (uint32_t)w->netns, 0);
	if (!sk)
		return TC_NEXT;
	if (sk->state == BPF_TCP_SYN_SENT)
		sock = bpf_sk_storage_get(&sock_state, sk, NULL, 0);
	if (sock && sock->interface == interface && is_pending(sock, sequence) &&
	    !!(sock->moved & MOVED_AWAY) == moved)
		state = bpf_sk_storage_get(&rescue_state, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	bpf_sk_release(sk);
	if (!sock || !state)
		return TC_NEXT;
	move = move_on(skb, w, sock, state, FAILURE_REFUSED);
	if (move == MOVE_NOBODY)
		return TC_NEXT;
	if (move == MOVE_LOST)
		return TC_DROP;
	w->syn = sock->syn;
	__builtin_memcpy(w->gateway, row->gateway, MAC_SIZE);
	if (weft_forge_syn(skb)) {
		/* The SYN goes there when it is sent again. */
		count(REASON_RESCUE_MALFORMED);
		return TC_DROP;
	}
	return (int)bpf_redirect(interface, BPF_F_INGRESS);
}

/* It is not dead but slow, and will be given more time. */
static inline void learn_latency(const struct move_row *row)
{
	uint64_t endpoint = row->endpoint, latency_ns = bpf_ktime_get_ns() - row->sent_ns;
	struct endpoint_state *state = bpf_map_lookup_elem(&endpoint_state, &endpoint);

	if (state && state->connect_ns < latency_ns)
		state->connect_ns = latency_ns;
}

/* An endpoint that was given up has something to say after all. */
static inline int answered_late(struct __sk_buff *skb, struct scratch *w)
{
	const uint8_t both = TCP_SYN_BIT | TCP_ACK_BIT;
	uint32_t interface = skb->ifindex;
	struct interface_row *row = bpf_map_lookup_elem(&interfaces, &interface);
	struct move_row *move;

	if (!row || (w->packet.tcp_flags & (both | TCP_RST_BIT)) != both)
		return TC_DROP;
	count(REASON_RESCUE_LATE);
	learn_latency(&w->row);
	__builtin_memcpy(w->gateway, row->gateway, MAC_SIZE);
	if (weft_forge_reset(skb))
		return TC_DROP;
	/* It passes weft_from_pod(), which must not take it for the pod's. */
	move = bpf_map_lookup_elem(&moves, &w->key);
	if (move)
		move->flags |= MOVE_RESET;
	return (int)bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}

/* `from` comes to the pod, or, in an ICMP error, had gone from it to `from`. Fills in `w->key` and `w->row`. */
static inline bool find_move(struct __sk_buff *skb, struct scratch *w, const struct packet *packet,
			     bool quoted)
{
	struct move_row *row;

	w->key.remote = quoted ? packet->target : packet->source;
	w->key.local = quoted ? packet->source : packet->target;
	w->key.remote_port = quoted ? packet->target_port : packet->source_port;
	w->key.local_port = quoted ? packet->source_port : packet->target_port;
	w->key.interface = skb->ifindex;
	w->key.protocol = packet->protocol;
	row = moves_exist() ? bpf_map_lookup_elem(&moves, &w->key) : NULL;
	if (row) {
		w->row = *row;
		return true;
	}
	w->row.remote = w->key.remote;
	w->row.remote_port = w->key.remote_port;
	w->row.local_port = w->key.local_port;
	w->row.flags = 0;
	return false;
}

/*
 * The endpoint may have an older connection of these ports, in TIME_WAIT, say: it acknowledges what that one had last.
 * The pod's kernel resets that one then and sends its SYN once more, at once.
 */
static inline void note_answer(struct scratch *w)
{
	const uint8_t bits = TCP_SYN_BIT | TCP_RST_BIT | TCP_ACK_BIT;
	struct move_row *row;

	if (w->row.flags & MOVE_ANSWERED || (w->packet.tcp_flags & bits) != TCP_ACK_BIT)
		return;
	row = bpf_map_lookup_elem(&moves, &w->key);
	if (row)
		row->flags |= MOVE_ANSWERED;
}

static inline int untranslate(struct __sk_buff *skb)
{
	if (!weft_translate_back(skb))
		return TC_NEXT;
	count(REASON_RESCUE_MALFORMED);
	return TC_DROP;
}

static inline int tcp_to_pod(struct __sk_buff *skb, struct scratch *w)
{
	const uint8_t refusal = TCP_RST_BIT | TCP_ACK_BIT;
	bool refuses = (w->packet.tcp_flags & refusal) == refusal, moved;
	int verdict = TC_NEXT;

	if (!refuses && !moves_exist())
		return TC_NEXT;
	moved = find_move(skb, w, &w->packet, false);
	if (moved && w->row.flags & MOVE_GIVEN_UP)
		return answered_late(skb, w);
	if (refuses)
		verdict = refused(skb, w, w->packet.acknowledged - 1, moved);
	if (verdict != TC_NEXT || !moved)
		return verdict;
	/* What was looked up for a move has overwritten it. */
	if (refuses && !find_move(skb, w, &w->packet, false))
		return TC_NEXT;
	note_answer(w);
	return untranslate(skb);
}

static inline int icmp_to_pod(struct __sk_buff *skb, struct scratch *w)
{
	enum icmp_error error = packet_error(&w->packet);
	int verdict = TC_NEXT;
	bool moved;

	if (error == ICMP_ERROR_NONE || !weft_parse_quoted(skb))
		return TC_NEXT;
	moved = find_move(skb, w, &w->quoted, true);
	if (moved && w->row.flags & MOVE_GIVEN_UP)
		return TC_DROP;
	if (error == ICMP_ERROR_UNREACHABLE && w->quoted.protocol == IPPROTO_TCP)
		verdict = refused(skb, w, w->quoted.sequence, moved);
	if (verdict != TC_NEXT || !moved || !find_move(skb, w, &w->quoted, true))
		return verdict;
	if (!weft_translate_quoted(skb))
		return TC_NEXT;
	count(REASON_RESCUE_MALFORMED);
	return TC_DROP;
}
