/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* getpeername(): the application sees the address that it dialled. */
#include "lib/origin.h"
#include "lib/refuse.h"

SEC("cgroup/getpeername4")
int weft_getpeername4(struct bpf_sock_addr *ctx)
{
	struct service_key peer;
	struct origin origin = {};

	key_from_v4(ctx, &peer);
	if (peername_decide(ctx, &peer, &origin))
		addr_to_v4(ctx, &origin.address, origin.port);
	return HOOK_ALLOW;
}

SEC("cgroup/getpeername6")
int weft_getpeername6(struct bpf_sock_addr *ctx)
{
	struct service_key peer;
	struct origin origin = {};

	key_from_v6(ctx, &peer);
	if (peername_decide(ctx, &peer, &origin))
		addr_to_v6(ctx, &origin.address, origin.port);
	return HOOK_ALLOW;
}
