/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The life of a TCP connection of the mesh, as sockops tells it: begun, established, stalled, ended. The callbacks
 * run under the socket's lock, so its storage needs none of its own.
 */
#pragma once

#include "lib/affinity.h"
#include "lib/flow.h"
#include "lib/health.h"
#include "lib/moves.h"
#include "lib/neighbour.h"
#include "lib/pair.h"
#include "lib/patience.h"

/* Callbacks are asked for in addition to what other programs asked for, and never given up. */
#define CONNECTION_CALLBACKS (BPF_SOCK_OPS_RTO_CB_FLAG | BPF_SOCK_OPS_STATE_CB_FLAG)

/* TCP keeps its smoothed round-trip time in eighths of a microsecond. */
#define SRTT_SHIFT 3

static inline struct sock_state *connection_of(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct sock_state *sock;

	if (!sk)
		return NULL;
	sock = bpf_sk_storage_get(&sock_state, sk, NULL, 0);
	return sock && sock->endpoint ? sock : NULL;
}

static inline struct endpoint_state *connection_endpoint(const struct sock_state *sock)
{
	uint64_t endpoint = sock->endpoint;

	return bpf_map_lookup_elem(&endpoint_state, &endpoint);
}

static inline void connection_begins(struct bpf_sock_ops *ctx)
{
	struct sock_state *sock = connection_of(ctx);

	if (!sock || !live_begin(sock->endpoint)) {
		/* Its ports may have to be translated: then the row goes at its end. */
		if (moves_exist())
			bpf_sock_ops_cb_flags_set(ctx, (int)ctx->bpf_sock_ops_cb_flags |
							       BPF_SOCK_OPS_STATE_CB_FLAG);
		return;
	}
	sock->flags |= SOCK_COUNTED;
	sock->started_ns = bpf_ktime_get_ns();
	sock->syn_jiffies = bpf_jiffies64();
	bpf_sock_ops_cb_flags_set(ctx, (int)ctx->bpf_sock_ops_cb_flags | CONNECTION_CALLBACKS);
}

/* The time until the SYN is sent again, in ticks; zero: the kernel's own. */
static inline uint32_t connection_patience(struct bpf_sock_ops *ctx)
{
	struct sock_state *sock = connection_of(ctx);

	return sock && sock->flags & SOCK_COUNTED ? patience_set(ctx, sock) : 0;
}

/* The client stays with the endpoint that answered. */
static inline void connection_keep_affinity(struct bpf_sock_ops *ctx, const struct sock_state *sock)
{
	struct service_key key = {
		.address = sock->dialled,
		.port = sock->dialled_port,
		.protocol = IPPROTO_TCP,
	};
	struct service_view service;

	if (can_name_client && service_find(&key, &service) && service.id == sock->service &&
	    service.flags & SERVICE_AFFINITY)
		affinity_keep(&service, bpf_get_netns_cookie(ctx), sock->endpoint, bpf_ktime_get_ns());
}

/* A connect that was moved is established: its account moves to the endpoint that answered. */
static inline void connection_settles(struct bpf_sock_ops *ctx, struct bpf_sock *sk, struct sock_state *sock)
{
	struct rescue_state *state = bpf_sk_storage_get(&rescue_state, sk, NULL, 0);

	if (!state)
		return;
	sock->started_ns = state->tried_ns;
	if (state->endpoint == sock->endpoint)
		return;
	tell_rescued(sock, state);
	live_end(sock->endpoint);
	sock->endpoint = state->endpoint;
	sock->flags = (sock->flags & ~(SOCK_PROBE | SOCK_MEASURED | SOCK_COUNTED)) | state->sock_flags;
	if (live_begin(sock->endpoint))
		sock->flags |= SOCK_COUNTED;
	count(REASON_RESCUED);
	connection_keep_affinity(ctx, sock);
}

static inline void connection_established(struct bpf_sock_ops *ctx)
{
	struct sock_state *sock = connection_of(ctx);
	struct bpf_sock *sk = ctx->sk;
	struct endpoint_state *state;

	if (!sock || !sk || !(sock->flags & SOCK_COUNTED))
		return;
	sock->flags = (sock->flags | SOCK_ESTABLISHED) & ~SOCK_FAILED;
	patience_restore(ctx, sock);
	if (sock->moved & MOVED_AWAY)
		connection_settles(ctx, sk, sock);
	sock->sent_bytes = 1; /* TCP counts the SYN as a byte */
	state = connection_endpoint(sock);
	if (!state)
		return;
	__sync_fetch_and_add(&state->established, 1);
	state->connect_ns = mean_eighth(state->connect_ns, bpf_ktime_get_ns() - sock->started_ns);
	state->rtt_us = ctx->srtt_us >> SRTT_SHIFT;
}

/* What a connection has moved since it was last looked at goes to its endpoint's account. */
static inline void connection_account(struct sock_state *sock, struct endpoint_state *state,
				      uint64_t sent_bytes, uint64_t received_bytes, uint32_t retransmits)
{
	__sync_fetch_and_add(&state->sent_bytes, sent_bytes - sock->sent_bytes);
	__sync_fetch_and_add(&state->received_bytes, received_bytes - sock->received_bytes);
	if (retransmits != sock->retransmits)
		__sync_fetch_and_add(&state->retransmits, retransmits - sock->retransmits);
	sock->sent_bytes = sent_bytes;
	sock->received_bytes = received_bytes;
	sock->retransmits = retransmits;
}

static inline void failure_note(struct endpoint_state *state, enum failure failure)
{
	switch (failure) {
	case FAILURE_REFUSED:
		count(REASON_CONNECT_REFUSED);
		__sync_fetch_and_add(&state->refused, 1);
		break;
	case FAILURE_TIMED_OUT:
		count(REASON_CONNECT_TIMED_OUT);
		__sync_fetch_and_add(&state->timed_out, 1);
		break;
	case FAILURE_RESET:
		count(REASON_CONNECTION_RESET);
		__sync_fetch_and_add(&state->reset, 1);
		break;
	case FAILURE_STALLED:
		count(REASON_CONNECTION_STALLED);
		__sync_fetch_and_add(&state->stalled, 1);
		break;
	case FAILURE_NONE:
		break;
	}
}

static inline void connection_succeeded(const struct sock_state *sock, struct endpoint_state *state)
{
	health_succeeded(sock->endpoint, sock->service, sock->flags & SOCK_PROBE, state);
}

static inline void connection_failed(struct sock_state *sock, struct endpoint_state *state,
				     enum failure failure)
{
	struct service_row service = {};

	sock->flags |= SOCK_FAILED;
	failure_note(state, failure);
	if (health_service(sock, &service))
		health_failed(sock->endpoint, sock->flags & SOCK_PROBE, state, &service, failure);
}

/*
 * A retransmission time-out; `streak` of them so far, this one included, each after `timeout` ticks. A SYN that meets
 * an old connection of the same ports is answered by that one's ACK and sent again after two ticks
 * (tcp_rcv_synsent_state_process() in the kernel): nobody has been waited for then.
 */
static inline void connection_times_out(struct bpf_sock_ops *ctx, uint32_t streak, uint32_t timeout)
{
	struct sock_state *sock = connection_of(ctx);
	struct endpoint_state *state;
	struct service_row service = {};

	if (!sock || !(sock->flags & SOCK_COUNTED))
		return;
	if (can_rescue && !sock->interface && !(sock->flags & SOCK_ESTABLISHED))
		unresolved_note(&sock->address);
	if (sock->flags & SOCK_FAILED)
		return;
	state = connection_endpoint(sock);
	if (!state || !health_service(sock, &service))
		return;
	if (sock->flags & SOCK_ESTABLISHED) {
		if (streak >= service.data_retransmits)
			connection_failed(sock, state, FAILURE_STALLED);
	} else if (!(sock->moved & MOVED_AWAY) && streak >= service.syn_retransmits &&
		   bpf_jiffies64() - sock->syn_jiffies >= timeout) {
		connection_failed(sock, state, FAILURE_TIMED_OUT);
	}
}

/* What the end of a connection says of its endpoint; `error` is the socket's. */
static inline enum failure connection_verdict(const struct sock_state *sock, int error, bool answered)
{
	/* The application closed it, or the local network stack would not send. */
	if (!error || sock->flags & SOCK_FAILED)
		return FAILURE_NONE;
	/* Each endpoint that it was moved to has its blame already. */
	if (!(sock->flags & SOCK_ESTABLISHED) && sock->moved & MOVED_AWAY)
		return FAILURE_NONE;
	if (!(sock->flags & SOCK_ESTABLISHED))
		return error == ETIMEDOUT ? FAILURE_TIMED_OUT : FAILURE_REFUSED;
	if (error == ETIMEDOUT)
		return FAILURE_STALLED;
	if ((error == ECONNRESET || error == EPIPE) && !answered)
		return FAILURE_RESET;
	return FAILURE_NONE;
}

/* How a connection ended, as its socket has it. */
struct ending {
	int error;
	bool fin_sent; /* and acknowledged */
	bool fin_received;
};

/* The kernel's enum sock_flags: the other side has said that it is done. */
#define SOCK_DONE (1ul << 1)

/* `before` is the state that ended. */
static inline void connection_ending(struct bpf_sock *sk, uint32_t before, struct ending *ret)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	if (!tcp)
		return;
	ret->error = ((struct sock *)tcp)->sk_err;
	ret->fin_received = ((struct sock *)tcp)->__sk_common.skc_flags & SOCK_DONE;
	ret->fin_sent = !ret->error && (before == BPF_TCP_FIN_WAIT2 || before == BPF_TCP_LAST_ACK ||
					before == BPF_TCP_CLOSING);
}

/* The socket's patience has ended before that of weft: the endpoint that it waited for last has failed it, too. */
static inline void connection_gives_up(struct sock_state *sock, const struct rescue_state *move)
{
	uint64_t endpoint = move->endpoint;
	struct endpoint_state *state = bpf_map_lookup_elem(&endpoint_state, &endpoint);
	struct service_row service = {};

	sock->moved |= MOVED_GAVE_UP;
	count(REASON_RESCUE_GAVE_UP);
	if (!state)
		return;
	failure_note(state, FAILURE_TIMED_OUT);
	if (health_service(sock, &service))
		health_failed(endpoint, move->sock_flags & SOCK_PROBE, state, &service, FAILURE_TIMED_OUT);
}

/* Nothing is translated any more. */
static inline void connection_is_left_alone(struct bpf_sock *sk, struct sock_state *sock)
{
	struct rescue_state *state = bpf_sk_storage_get(&rescue_state, sk, NULL, 0);
	struct ending ending = {};

	if (!state)
		return;
	connection_ending(sk, 0, &ending);
	if (ending.error == ETIMEDOUT && !(sock->flags & SOCK_ESTABLISHED) &&
	    !(sock->moved & (MOVED_GAVE_UP | MOVED_ENDED)))
		connection_gives_up(sock, state);
	moves_end(sock, state, IPPROTO_TCP);
}

/* Its endpoint has one less, and may have failed it. `before` is the state that ended. */
static inline void connection_leaves_endpoint(struct bpf_sock_ops *ctx, struct bpf_sock *sk,
					      struct sock_state *sock, uint32_t before)
{
	struct endpoint_state *state;
	struct splice_pair *pair = NULL;
	struct ending ending = {};
	enum failure failure;
	bool answered;

	sock->flags &= ~SOCK_COUNTED;
	state = connection_endpoint(sock);
	if (!state)
		return;
	__sync_fetch_and_add(&state->live, -1);
	connection_ending(sk, before, &ending);
	if (can_splice && sock->flags & SOCK_SPLICED)
		pair = pair_of(sk);
	answered = sock->answered || ctx->bytes_received || (pair && pair->halves[SPLICE_SERVER].messages);
	failure = connection_verdict(sock, ending.error, answered);
	if (sock->flags & SOCK_ESTABLISHED) {
		state->rtt_us = ctx->srtt_us >> SRTT_SHIFT;
		/* TCP counts a FIN as a byte. */
		connection_account(sock, state, ctx->bytes_acked - ending.fin_sent,
				   ctx->bytes_received - ending.fin_received, ctx->total_retrans);
	}
	if (pair)
		pair_account(pair, state);
	if (failure != FAILURE_NONE)
		connection_failed(sock, state, failure);
	else if (answered || ending.fin_received)
		/* One that was given up before the endpoint had said anything tells nothing. */
		connection_succeeded(sock, state);
}

/* `before` is the state that ended. */
static inline void connection_ends(struct bpf_sock_ops *ctx, uint32_t before)
{
	struct bpf_sock *sk = ctx->sk;
	struct sock_state *sock;

	if (!sk)
		return;
	sock = bpf_sk_storage_get(&sock_state, sk, NULL, 0);
	if (!sock)
		return;
	if (sock->flags & SOCK_COUNTED)
		connection_leaves_endpoint(ctx, sk, sock, before);
	if (sock->moved & MOVED_AWAY)
		connection_is_left_alone(sk, sock);
	if (can_splice && sock->flags & SOCK_SPLICED)
		pair_ends(sk);
	patience_restore(ctx, sock);
}
