/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happens to connections of the mesh. A connection of nobody's is left after one look at its storage. */
#include "lib/connection.h"

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
