/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* connect(): the destination is rewritten once; after that a connection costs nothing. */
#include "lib/connect.h"
#include "lib/refuse.h"

SEC("cgroup/connect4")
int weft_connect4(struct bpf_sock_addr *ctx)
{
	struct service_key dialled;
	struct target target = {};
	enum verdict verdict;

	key_from_v4(ctx, &dialled);
	verdict = connect_decide(ctx, &dialled, &target);
	if (verdict == VERDICT_REFUSE)
		return refuse();
	if (verdict == VERDICT_SEND)
		addr_to_v4(ctx, &target.address, target.port);
	return HOOK_ALLOW;
}

SEC("cgroup/connect6")
int weft_connect6(struct bpf_sock_addr *ctx)
{
	struct service_key dialled;
	struct target target = {};
	enum verdict verdict;

	key_from_v6(ctx, &dialled);
	verdict = connect_decide(ctx, &dialled, &target);
	if (verdict == VERDICT_REFUSE)
		return refuse();
	if (verdict == VERDICT_SEND)
		addr_to_v6(ctx, &target.address, target.port);
	return HOOK_ALLOW;
}
