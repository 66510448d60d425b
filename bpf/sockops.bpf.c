/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What happens to connections of the mesh, and what the sockets of a pair send. A connection of nobody's is left after
 * one look at its storage. Both hooks stand in one file, as both use a kernel function: bpftool of libbpf 1.1 does not
 * link two objects that name the same one.
 */
#include "lib/admit.h"
#include "lib/connection.h"
#include "lib/redirect.h"

SEC("sockops")
int weft_sockops(struct bpf_sock_ops *ctx)
{
	uint32_t ticks;

	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		connection_begins(ctx);
		break;
	case BPF_SOCK_OPS_TIMEOUT_INIT:
		ticks = can_rescue ? connection_patience(ctx) : 0;
		if (ticks)
			ctx->reply = ticks;
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		connection_established(ctx);
		if (can_splice)
			splice_offers(ctx);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		if (can_splice)
			splice_joins(ctx);
		break;
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		if (can_splice)
			splice_listens(ctx);
		break;
	case BPF_SOCK_OPS_RWND_INIT:
		/* Of a client's socket, or of a SYN that has come. */
		if (can_splice && !ctx->is_fullsock)
			splice_is_called(ctx);
		break;
	case BPF_SOCK_OPS_RTO_CB:
		/* args[0]: time-outs before this one; args[1]: the time-out, in ticks */
		connection_times_out(ctx, ctx->args[0] + 1, ctx->args[1]);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		/* args: the state before, the new state */
		if (ctx->args[1] == BPF_TCP_CLOSE)
			connection_ends(ctx, ctx->args[0]);
		break;
	}
	return 1;
}

/* Nothing is ever refused here: a message is handed over, or goes as it always did. */
SEC("sk_msg")
int weft_message(struct sk_msg_md *msg)
{
	redirect_message(msg);
	return SK_PASS;
}
