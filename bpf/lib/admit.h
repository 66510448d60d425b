/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is spliced. Being in a sockhash changes what a blocking recv() returns, and costs a little with every message:
 * so no socket is put there that blocks, or will, or whose peer would not be there as well.
 *
 * The client is established first. It must know by then whether its server's sockets will block, and whether that is
 * on this node at all: listening sockets are noted, and where a SYN arrives, so is the namespace that it arrived in.
 * Then the client makes a row and leaves a call, which the server finds by the addresses when it is established.
 */
#pragma once

#include "lib/addr.h"
#include "lib/count.h"
#include "lib/connection.h"
#include "lib/pair.h"
#include "lib/program.h"
#include "lib/socket.h"

#define FAMILY_INET 2

/*
 * An address of a socket, of either family, as sockops has it. The IPv4 one is read in any case: else the compiler makes
 * one load of two, by an address that the verifier does not accept.
 */
#define SOCKOPS_ADDR(ctx, side, ret)                                                                         \
	do {                                                                                                 \
		union addr_words *words = (void *)(ret);                                                     \
		uint32_t v4 = (ctx)->side##_ip4;                                                             \
                                                                                                             \
		barrier_var(v4);                                                                             \
		if ((ctx)->family == FAMILY_INET) {                                                          \
			words->halves[0] = 0;                                                                \
			words->words[2] = V4_PREFIX;                                                         \
			words->words[3] = v4;                                                                \
		} else {                                                                                     \
			words->words[0] = (ctx)->side##_ip6[0];                                              \
			words->words[1] = (ctx)->side##_ip6[1];                                              \
			words->words[2] = (ctx)->side##_ip6[2];                                              \
			words->words[3] = (ctx)->side##_ip6[3];                                              \
		}                                                                                            \
	} while (0)

/*
 * Some of what follows is not inlined: what each keeps on the stack would add to the frame of all that the hook calls.
 */

/* A socket begins to listen. Of several at one port, one that blocks stands for all. */
static __noinline void splice_listens(struct bpf_sock_ops *ctx)
{
	struct listener_key key = { .netns = bpf_get_netns_cookie(ctx), .port = ctx->local_port };
	struct bpf_sock *sk = ctx->sk;
	struct listener_row row = { .cookie = bpf_get_socket_cookie(ctx) };
	struct listener_row *before;
	struct tcp_sock *other;

	if (!sk)
		return;
	row.sock = (uint64_t)sk;
	program_of_caller(key.port, SPLICE_SERVER, &row.program);
	before = bpf_map_lookup_elem(&listeners, &key);
	if (before && before->cookie != row.cookie) {
		other = socket_at(before->sock);
		if (socket_cookie(other) == before->cookie &&
		    ((struct sock *)other)->__sk_common.skc_state == BPF_TCP_LISTEN &&
		    socket_descriptor(other) != DESCRIPTOR_RETURNS)
			return;
	}
	bpf_map_update_elem(&listeners, &key, &row, BPF_ANY);
}

/* A SYN has come for an address of this namespace. */
static inline void splice_is_called(struct bpf_sock_ops *ctx)
{
	struct service_key key = { .port = (uint16_t)ctx->local_port, .protocol = IPPROTO_TCP };
	uint64_t netns = bpf_get_netns_cookie(ctx);
	uint64_t *home;

	SOCKOPS_ADDR(ctx, local, &key.address);
	home = bpf_map_lookup_elem(&listener_homes, &key);
	if (!home || *home != netns)
		bpf_map_update_elem(&listener_homes, &key, &netns, BPF_ANY);
}

/* Will what this port accepts return where it would have to wait? */
static inline enum program_verdict splice_judge_listener(const struct listener_key *key,
							 struct program_key *ret_program)
{
	struct listener_row *row = bpf_map_lookup_elem(&listeners, key);
	struct tcp_sock *listener;

	if (!row)
		return PROGRAM_BLOCKS;
	listener = socket_at(row->sock);
	if (socket_cookie(listener) != row->cookie ||
	    ((struct sock *)listener)->__sk_common.skc_state != BPF_TCP_LISTEN ||
	    socket_descriptor(listener) != DESCRIPTOR_RETURNS)
		return PROGRAM_BLOCKS;
	*ret_program = row->program;
	return program_verdict(ret_program);
}

/* Of the server that a client has connected to. */
static inline enum program_verdict splice_judge_server(const struct sock_state *sock,
						       struct program_key *ret_program)
{
	struct service_key key = {
		.address = sock->address,
		.port = sock->port,
		.protocol = IPPROTO_TCP,
	};
	uint64_t *home = bpf_map_lookup_elem(&listener_homes, &key);
	struct listener_key listener = { .port = sock->port };

	if (!home)
		return PROGRAM_BLOCKS;
	listener.netns = *home;
	return splice_judge_listener(&listener, ret_program);
}

static inline bool splice_is_asked_for(const struct sock_state *sock)
{
	return (sock->flags & (SOCK_COUNTED | SOCK_SPLICE)) == (SOCK_COUNTED | SOCK_SPLICE);
}

/*
 * A socket connects that was a client or a server before (connect() to AF_UNSPEC lies between). What it was handed then
 * and has not read goes, as TCP lets go of it.
 */
static inline void splice_forgets(struct bpf_sock *sk)
{
	struct splice_end *end = bpf_sk_storage_get(&splice_ends, sk, NULL, 0);
	uint64_t cookie;

	if (!end)
		return;
	cookie = end->cookie;
	if (cookie)
		bpf_map_delete_elem(&splice_socks, &cookie);
	__builtin_memset(end, 0, sizeof(*end));
}

/* A client's connect: whose it is cannot be seen any more when it is answered. */
static inline void splice_begins(struct bpf_sock_ops *ctx)
{
	struct sock_state *sock = connection_of(ctx);
	struct bpf_sock *sk = ctx->sk;
	struct splice_end *end;

	if (!sk)
		return;
	splice_forgets(sk);
	if (!sock || !splice_is_asked_for(sock))
		return;
	end = bpf_sk_storage_get(&splice_ends, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (end)
		program_of_caller(sock->service, SPLICE_CLIENT, &end->program);
}

static inline void splice_hears_acknowledgements(struct bpf_sock_ops *ctx)
{
	bpf_sock_ops_cb_flags_set(ctx, (int)ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_RTT_CB_FLAG);
}

static const struct splice_pair BLANK_PAIR;

static inline void splice_make_pair(struct bpf_sock_ops *ctx, const struct sock_state *sock,
				    struct splice_pair *pair)
{
	pair->dialled.address = sock->dialled;
	pair->dialled.port = sock->dialled_port;
	pair->dialled.protocol = IPPROTO_TCP;
	SOCKOPS_ADDR(ctx, local, &pair->call.client);
	pair->call.server = sock->address;
	pair->call.client_port = (uint16_t)ctx->local_port;
	pair->call.server_port = sock->port;
	pair->endpoint = sock->endpoint;
	pair->service = sock->service;
	pair->decay_ms = sock->decay_ms;
	pair->measured = sock->flags & SOCK_MEASURED;
	pair->probe = sock->flags & SOCK_PROBE;
	pair->policy = splice_policy();
}

/* Returns 0, or an error if there is no room, or another client of the same addresses waits for its server. */
static inline int splice_enter(struct bpf_sock_ops *ctx, struct bpf_sock *sk, const struct sock_state *sock,
			       const struct program_key *server, bool watched)
{
	struct splice_end *end = bpf_sk_storage_get(&splice_ends, sk, NULL, 0);
	uint64_t cookie = bpf_get_socket_cookie(ctx);
	struct splice_pair *pair;

	if (!end)
		return -ENOMEM;
	if (bpf_map_update_elem(&splice_pairs, &cookie, &BLANK_PAIR, BPF_NOEXIST))
		return -E2BIG;
	pair = bpf_map_lookup_elem(&splice_pairs, &cookie);
	if (!pair)
		return -E2BIG;
	splice_make_pair(ctx, sock, pair);
	pair->server_program = *server;
	pair->watched = watched;
	pair->halves[SPLICE_CLIENT].sock = (uint64_t)sk;
	pair->halves[SPLICE_CLIENT].cookie = cookie;
	if (bpf_map_update_elem(&splice_calls, &pair->call, &cookie, BPF_NOEXIST))
		goto full;
	if (!watched && bpf_sock_hash_update(ctx, &splice_socks, &cookie, BPF_NOEXIST)) {
		bpf_map_delete_elem(&splice_calls, &pair->call);
		goto full;
	}
	end->side = SPLICE_CLIENT;
	end->cookie = cookie;
	end->pair = cookie;
	if (!watched)
		splice_hears_acknowledgements(ctx);
	return 0;
full:
	bpf_map_delete_elem(&splice_pairs, &cookie);
	return -E2BIG;
}

/* With bytes in the SYN (Fast Open) the server is established first, and finds no call. */
static inline bool splice_client_is_fit(struct bpf_sock *sk, const struct sock_state *sock)
{
	struct splice_end *end = bpf_sk_storage_get(&splice_ends, sk, NULL, 0);
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	return end && tcp && !(sock->moved & MOVED_AWAY) && socket_is_plain(tcp) &&
	       !BPF_CORE_READ_BITFIELD(tcp, syn_data) && socket_descriptor(tcp) == DESCRIPTOR_RETURNS &&
	       program_verdict(&end->program) != PROGRAM_BLOCKS;
}

/* A client is established. */
static __noinline void splice_offers(struct bpf_sock_ops *ctx)
{
	struct sock_state *sock = connection_of(ctx);
	struct bpf_sock *sk = ctx->sk;
	struct program_key server_program = {};
	enum program_verdict server;
	struct service_key dialled = {};
	bool watched;

	if (!sock || !sk || !splice_is_asked_for(sock))
		return;
	dialled.address = sock->dialled;
	dialled.port = sock->dialled_port;
	dialled.protocol = IPPROTO_TCP;
	if (splice_is_off() || !splice_is_wanted(&dialled, sock->service))
		return;
	if (!splice_client_is_fit(sk, sock)) {
		count(REASON_SPLICE_UNFIT_CLIENT);
		return;
	}
	server = splice_judge_server(sock, &server_program);
	if (server == PROGRAM_BLOCKS) {
		count(REASON_SPLICE_UNFIT_SERVER);
		return;
	}
	watched = server == PROGRAM_UNKNOWN;
	if (splice_enter(ctx, sk, sock, &server_program, watched)) {
		count(REASON_SPLICE_FULL);
		return;
	}
	sock->flags |= SOCK_SPLICED;
	count(watched ? REASON_SPLICE_WATCHED : REASON_SPLICE_OFFERED);
}

/* Do the two agree on what they have sent each other? Initial sequence numbers are random. */
static inline bool splice_is_peer(struct bpf_sock *sk, struct splice_pair *pair, uint64_t cookie)
{
	struct tcp_sock *server = bpf_skc_to_tcp_sock(sk);
	struct tcp_sock *client = socket_at(pair->halves[SPLICE_CLIENT].sock);

	return server && socket_is_plain(server) && socket_cookie(client) == cookie &&
	       socket_is_within(server, client) && socket_is_within(client, server);
}

static inline void splice_count_pair(const struct splice_pair *pair)
{
	uint32_t service = pair->service;
	struct splice_state *state = bpf_map_lookup_elem(&splice_state, &service);

	count(REASON_SPLICE_ADMITTED);
	if (state)
		__sync_fetch_and_add(&state->admitted, 1);
}

static inline void splice_enter_server(struct bpf_sock_ops *ctx, struct bpf_sock *sk,
				       struct splice_pair *pair, uint64_t id)
{
	struct splice_half *half = &pair->halves[SPLICE_SERVER];
	uint64_t cookie = bpf_get_socket_cookie(ctx);
	struct splice_end *end;

	end = bpf_sk_storage_get(&splice_ends, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!end)
		return;
	end->side = SPLICE_SERVER;
	end->program = pair->server_program;
	if (pair->watched) {
		end->watched = 1;
		program_watch(&end->program, sk, cookie);
		bpf_sock_ops_cb_flags_set(ctx, (int)ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
		return;
	}
	if (bpf_sock_hash_update(ctx, &splice_socks, &cookie, BPF_NOEXIST)) {
		count(REASON_SPLICE_FULL);
		return;
	}
	end->peer = pair->halves[SPLICE_CLIENT].sock;
	end->peer_cookie = id;
	end->pair = id;
	end->cookie = cookie;
	half->sock = (uint64_t)sk;
	half->cookie = cookie;
	splice_hears_acknowledgements(ctx);
	splice_count_pair(pair);
}

/* A server's connection goes on to its end; the descriptor is still there if the program has not noticed. */
static inline void splice_changes(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct splice_end *end;

	if (!sk)
		return;
	end = bpf_sk_storage_get(&splice_ends, sk, NULL, 0);
	if (end && end->side == SPLICE_SERVER && end->watched)
		program_last_look(sk, &end->program);
}

/*
 * Has nothing been handed to this socket that it has not read, and is nothing on its way? Since they parted nothing sets
 * out any more; what had set out before is on its way for as long as the other one's thread is in its send().
 */
static inline bool splice_may_go(struct bpf_sock *sk, const struct splice_pair *pair)
{
	uint32_t parted = pair->parted;
	const struct splice_half *other = &pair->halves[~splice_leaver(parted) & 1];
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	struct tcp_sock *peer = socket_at(other->sock);

	if (splice_parted_at_once(parted) || !other->cookie)
		return true;
	return tcp && socket_is_at_rest(peer) && socket_cookie(peer) == other->cookie &&
	       socket_is_read_empty(tcp);
}

/*
 * A socket that is better off with TCP leaves the map: a client that set O_NONBLOCK for the connect alone, as many do,
 * or a stream that its reader does not keep up with. Its bytes go through the stack then, and the other side
 * acknowledges them, mostly before send() returns; that is now. What is deleted with unread bytes loses them: so it
 * waits until there are none.
 */
static inline void splice_lets_go(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct splice_pair *pair;
	struct splice_end *end;
	uint64_t cookie;

	if (!sk)
		return;
	end = bpf_sk_storage_get(&splice_ends, sk, NULL, 0);
	if (!end || end->left)
		return;
	cookie = end->pair;
	pair = bpf_map_lookup_elem(&splice_pairs, &cookie);
	if (!pair || !pair->parted || splice_leaver(pair->parted) != end->side || !splice_may_go(sk, pair))
		return;
	end->left = 1;
	cookie = end->cookie;
	if (!bpf_map_delete_elem(&splice_socks, &cookie))
		count(REASON_SPLICE_LEFT);
}

/* A server is established: was it called? */
static __noinline void splice_joins(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct splice_call call = {
		.client_port = (uint16_t)bpf_ntohl(ctx->remote_port),
		.server_port = (uint16_t)ctx->local_port,
	};
	struct splice_pair *pair;
	uint64_t *waiting, id;

	if (!sk)
		return;
	SOCKOPS_ADDR(ctx, remote, &call.client);
	SOCKOPS_ADDR(ctx, local, &call.server);
	waiting = bpf_map_lookup_elem(&splice_calls, &call);
	if (!waiting)
		return;
	id = *waiting;
	pair = bpf_map_lookup_elem(&splice_pairs, &id);
	if (!pair || pair->parted || !splice_is_peer(sk, pair, id))
		return;
	splice_enter_server(ctx, sk, pair, id);
	bpf_map_delete_elem(&splice_calls, &call);
}
