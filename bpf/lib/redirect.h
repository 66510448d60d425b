/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May this message be handed over? The program runs under the sender's lock; of the receiver it only reads. From
 * handing over to the stack is a step that can be taken at any time; back only when everything that went through the
 * stack has been read.
 */
#pragma once

#include "lib/health.h"
#include "lib/pair.h"
#include "lib/program.h"
#include "lib/response.h"
#include "lib/socket.h"

enum {
	/* What may wait to be read, at most; TCP's window says more then. */
	REDIRECT_WAITING_MOST = 128 * 1024,
	/* So often that, where several threads send at the same time. */
	REDIRECT_CROWD = 4,
	/*
	 * How a direction goes is looked at after so many messages of it, or the bytes of so many, and believed after so many looks in a
	 * row. TCP's buffers hold some megabytes: once one message goes through the stack, all that they take follows
	 * it, and says little.
	 */
	REDIRECT_WINDOW = 4096,
	REDIRECT_WINDOW_MESSAGE = 4096,
	REDIRECT_WINDOWS = 8,
	/* TCP puts small writes together: a stream of these is worth less to keep. */
	REDIRECT_SMALL = 4096,
	/* A stream: so many times the messages of the other direction. */
	REDIRECT_STREAM = 8,
	/* The bytes of live connections go to their endpoint's account so often. */
	REDIRECT_ACCOUNT_NS = 100000000,
};

static inline bool socket_has_flag(struct tcp_sock *tcp, uint32_t bit)
{
	return ((struct sock *)tcp)->__sk_common.skc_flags >> bit & 1;
}

_Static_assert(REASON_SPLICE_STREAM - REASON_SPLICE_OFF + 1 == SPLICE_PASSES, "a counter for each reason");

#define SOCK_FLAG(name) bpf_core_enum_value(enum sock_flags, name)

/* What the queue of handed over bytes cannot give its reader, and the sender's wish to be told of its own. */
static inline bool redirect_lacks_option(struct tcp_sock *sender, struct tcp_sock *receiver)
{
	struct sock *from = (struct sock *)sender;
	struct sock *to = (struct sock *)receiver;

	return to->sk_rcvlowat > 1 || to->sk_peek_off >= 0 || to->sk_tsflags || from->sk_tsflags ||
	       BPF_CORE_READ_BITFIELD(receiver, recvmsg_inq) || BPF_CORE_READ_BITFIELD(sender, repair) ||
	       socket_has_flag(receiver, SOCK_FLAG(SOCK_RCVTSTAMP)) ||
	       socket_has_flag(receiver, SOCK_FLAG(SOCK_URGINLINE)) ||
	       socket_has_flag(sender, SOCK_FLAG(SOCK_ZEROCOPY)) || !socket_is_plain(sender) ||
	       !socket_is_plain(receiver);
}

/* Would TCP accept a byte here, and pass it to a reader there? */
static inline bool redirect_is_open(struct tcp_sock *sender, struct tcp_sock *receiver)
{
	struct sock *from = (struct sock *)sender;
	struct sock *to = (struct sock *)receiver;
	uint8_t sending = from->__sk_common.skc_state;
	uint8_t receiving = to->__sk_common.skc_state;

	return (sending == BPF_TCP_ESTABLISHED || sending == BPF_TCP_CLOSE_WAIT) &&
	       !(from->sk_shutdown & SHUT_SENDING) && !from->sk_err &&
	       (receiving == BPF_TCP_ESTABLISHED || receiving == BPF_TCP_FIN_WAIT1 ||
		receiving == BPF_TCP_FIN_WAIT2) &&
	       !(to->sk_shutdown & SHUT_RECEIVING);
}

/* `times`: so often the room that there is. */
static inline bool redirect_has_room(struct tcp_sock *receiver, uint32_t size, uint32_t times)
{
	struct sock *to = (struct sock *)receiver;
	int waiting = to->sk_backlog.rmem_alloc.counter;
	uint32_t most = (uint32_t)to->sk_rcvbuf / 2;

	if (most > REDIRECT_WAITING_MOST)
		most = REDIRECT_WAITING_MOST;
	most *= times;
	return waiting <= 0 || (uint32_t)waiting + size <= most;
}

/* A reader that waits inside recv() looks at what comes through the stack alone. */
static inline bool redirect_may_block(struct splice_end *end, struct tcp_sock *receiver)
{
	enum descriptor descriptor = socket_descriptor(receiver);

	return descriptor == DESCRIPTOR_BLOCKS || (descriptor == DESCRIPTOR_NONE && end->passed);
}

/*
 * It may be handed over, but should it? The sender would wait for the receiver's lock, which a page fault in its recv()
 * can hold for long. But while another thread sends, a message of its may be on its way without the sender's lock: what
 * went through the stack meanwhile could be read first by a reader that is at it, and what follows before that message.
 * So this one goes the same way, and waits its turn.
 */
static inline enum splice_pass redirect_is_unwise(struct tcp_sock *sender, struct tcp_sock *receiver,
						  uint32_t size)
{
	bool fits = redirect_has_room(receiver, size, 1);

	if (fits && !((struct sock *)receiver)->sk_lock.owned)
		return SPLICE_PASSES;
	if (socket_is_crowded(sender) && redirect_has_room(receiver, size, REDIRECT_CROWD))
		return SPLICE_PASSES;
	return fits ? SPLICE_PASS_OWNED : SPLICE_PASS_LIMIT;
}

/* SPLICE_PASSES: it may be handed over. */
static inline enum splice_pass redirect_refusal(struct splice_end *end, struct tcp_sock *sender,
						struct tcp_sock *receiver, uint32_t size)
{
	if (socket_cookie(receiver) != end->peer_cookie)
		return SPLICE_PASS_IDENTITY;
	if (!redirect_is_open(sender, receiver))
		return SPLICE_PASS_STATE;
	/*
	 * Every byte that went through the stack has been copied out by the reader. What the sender's side of this
	 * says cannot change, as its lock is held, and the reader's side can only grow to meet it.
	 */
	if (receiver->copied_seq != sender->write_seq)
		return SPLICE_PASS_ORDER;
	/* The two directions agree: it is the peer, and not one that has its addresses by chance. */
	if (!socket_is_within(sender, receiver))
		return SPLICE_PASS_IDENTITY;
	if (redirect_lacks_option(sender, receiver))
		return SPLICE_PASS_OPTION;
	if (redirect_may_block(end, receiver))
		return SPLICE_PASS_BLOCKING;
	return redirect_is_unwise(sender, receiver, size);
}

static inline bool redirect_find_peer(struct splice_end *end, const struct splice_pair *pair)
{
	const struct splice_half *server = &pair->halves[SPLICE_SERVER];

	if (end->peer)
		return true;
	/* The server's own peer is known from the beginning. */
	end->peer_cookie = server->cookie;
	if (!end->peer_cookie)
		return false;
	end->peer = server->sock;
	return true;
}

static inline uint64_t half_sent(const struct splice_half *half)
{
	return half->messages + half->passed_messages;
}

/* From now on nothing is handed over between the two, and this one leaves the map when it can. */
static inline void redirect_parts(struct splice_end *end, struct splice_pair *pair, enum splice_pass why)
{
	const struct splice_half *client = &pair->halves[SPLICE_CLIENT];
	uint32_t at_once = end->side == SPLICE_CLIENT && !half_sent(client);

	/* Whoever is seen at rest after this will see it when it is at work again. */
	__sync_val_compare_and_swap(&pair->parted, 0, splice_parting(end->side, why, at_once));
}

/* A client that blocks from its first message on tells nothing of its program: many connect without waiting. */
static inline void redirect_finds_blocking(struct splice_end *end, struct splice_pair *pair)
{
	if (pair->parted)
		return;
	redirect_parts(end, pair, SPLICE_PASS_BLOCKING);
	if (!splice_parted_at_once(pair->parted))
		program_note(&end->program, PROGRAM_BLOCKS);
}

/*
 * A reader that is always at work, or does not keep up, makes a stream go through the stack for the most part; being in
 * the map costs it more then than the rest gains.
 */
static inline bool redirect_is_worse(const struct splice_window *window, uint64_t answers)
{
	if (window->contended >= window->messages / 2)
		return true;
	return answers <= window->messages / REDIRECT_STREAM &&
	       window->bytes < window->messages * REDIRECT_SMALL && window->contended >= window->messages / 8;
}

static inline void redirect_watches(struct splice_end *end, struct splice_pair *pair)
{
	struct splice_half *half = &pair->halves[end->side & 1];
	uint64_t other = half_sent(&pair->halves[~end->side & 1]);
	struct splice_window window = {
		.messages = half_sent(half) - half->seen.messages,
		.bytes = half->bytes + half->passed_bytes - half->seen.bytes,
		.contended = half->contended - half->seen.contended,
	};
	uint64_t answers = other - half->seen_other;
	uint64_t most = splice_window();

	if (!most)
		most = REDIRECT_WINDOW;
	if (window.messages < most && window.bytes < most * REDIRECT_WINDOW_MESSAGE)
		return;
	half->seen.messages += window.messages;
	half->seen.bytes += window.bytes;
	half->seen.contended += window.contended;
	half->seen_other = other;
	half->worse = redirect_is_worse(&window, answers) ? half->worse + 1 : 0;
	if (half->worse >= REDIRECT_WINDOWS)
		redirect_parts(end, pair, SPLICE_PASS_STREAM);
}

/* Nothing is handed to a client before it has sent: until then it may turn out to block. */
static inline bool redirect_is_early(const struct splice_end *end, const struct splice_pair *pair)
{
	return end->side == SPLICE_SERVER && !half_sent(&pair->halves[SPLICE_CLIENT]);
}

static inline enum splice_pass redirect_try(struct sk_msg_md *msg, struct bpf_sock *sk,
					    struct splice_end *end, struct splice_pair *pair)
{
	struct tcp_sock *sender = bpf_skc_to_tcp_sock(sk);
	enum splice_pass refusal;
	uint64_t cookie;

	if (splice_is_off() || !splice_is_wanted(&pair->dialled, pair->service))
		return SPLICE_PASS_OFF;
	if (pair->policy != splice_policy())
		return SPLICE_PASS_POLICY;
	if (end->opted_out)
		return SPLICE_PASS_OPTION;
	if (!sender || !redirect_find_peer(end, pair) || redirect_is_early(end, pair))
		return SPLICE_PASS_ALONE;
	if (socket_descriptor(sender) == DESCRIPTOR_BLOCKS)
		redirect_finds_blocking(end, pair);
	if (pair->parted)
		return splice_parted_by(pair->parted);
	refusal = redirect_refusal(end, sender, socket_at(end->peer), msg->size);
	if (refusal == SPLICE_PASS_OPTION)
		end->opted_out = 1;
	if (refusal != SPLICE_PASSES)
		return refusal;
	cookie = end->peer_cookie;
	if (bpf_msg_redirect_hash(msg, &splice_socks, &cookie, BPF_F_INGRESS) != SK_PASS)
		return SPLICE_PASS_FAILED;
	return SPLICE_PASSES;
}

static inline void redirect_asks(struct splice_pair *pair)
{
	uint64_t endpoint = pair->endpoint;
	struct endpoint_state *state;

	if (!pair->measured)
		return;
	pair->asked_ns = bpf_ktime_get_ns();
	if (pair->asked_ns - pair->accounted_ns < REDIRECT_ACCOUNT_NS)
		return;
	pair->accounted_ns = pair->asked_ns;
	state = bpf_map_lookup_elem(&endpoint_state, &endpoint);
	if (state)
		pair_account(pair, state);
}

/* As bytes that are handed over never pass the hook that measures the others. */
static inline void redirect_answers(struct splice_pair *pair)
{
	const struct splice_half *client = &pair->halves[SPLICE_CLIENT];
	uint64_t asked = half_sent(client);
	struct member_key member = { .endpoint = pair->endpoint, .service = pair->service };
	struct endpoint_state *state;
	uint64_t now_ns;

	/* What has left is measured where others are. */
	if (asked == pair->answered || pair->parted)
		return;
	if (!pair->answered) {
		state = bpf_map_lookup_elem(&endpoint_state, &member.endpoint);
		if (state)
			health_succeeded(member.endpoint, member.service, pair->probe, state);
	}
	pair->answered = asked;
	if (!pair->measured)
		return;
	now_ns = bpf_ktime_get_ns();
	response_sample(&member, pair->decay_ms, now_ns, now_ns - pair->asked_ns);
}

static inline void redirect_account(struct splice_end *end, struct splice_pair *pair, uint32_t size,
				    enum splice_pass pass)
{
	struct splice_half *half = &pair->halves[end->side & 1];
	uint32_t service = pair->service;
	struct splice_state *state = bpf_map_lookup_elem(&splice_state, &service);

	if (pass == SPLICE_PASSES) {
		half->messages++;
		half->bytes += size;
		count_more(REASON_SPLICE_REDIRECT_MSGS, 1);
		count_more(REASON_SPLICE_REDIRECT_BYTES, size);
		if (!state)
			return;
		__sync_fetch_and_add(&state->redirect_msgs, 1);
		__sync_fetch_and_add(&state->redirect_bytes, size);
		return;
	}
	end->passed = 1;
	half->passed_messages++;
	half->passed_bytes += size;
	if (pass == SPLICE_PASS_ORDER || pass == SPLICE_PASS_LIMIT || pass == SPLICE_PASS_OWNED)
		half->contended++;
	count_more(REASON_SPLICE_PASS_MSGS, 1);
	count_more(REASON_SPLICE_PASS_BYTES, size);
	/* It may have been read from a row: the verifier wants to see it checked. */
	barrier_var(pass);
	if (pass >= SPLICE_PASSES)
		return;
	count_more(REASON_SPLICE_OFF + pass, 1);
	if (!state)
		return;
	__sync_fetch_and_add(&state->pass_msgs, 1);
	__sync_fetch_and_add(&state->pass_bytes, size);
	__sync_fetch_and_add(&state->passed[pass], 1);
}

static inline void redirect_message(struct sk_msg_md *msg)
{
	struct bpf_sock *sk = msg->sk;
	struct splice_pair *pair;
	struct splice_end *end;
	uint64_t id;

	if (!sk)
		return;
	end = bpf_sk_storage_get(&splice_ends, sk, NULL, 0);
	if (!end)
		return;
	id = end->pair;
	pair = bpf_map_lookup_elem(&splice_pairs, &id);
	/* The client is closed: there is nobody to read it. */
	if (!pair)
		return;
	if (end->side == SPLICE_CLIENT)
		redirect_asks(pair);
	else
		redirect_answers(pair);
	redirect_account(end, pair, msg->size, redirect_try(msg, sk, end, pair));
	redirect_watches(end, pair);
}
