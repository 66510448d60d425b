/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Unconnected UDP: each datagram is sent to the endpoint that the socket has in the service, and an answer is
 * shown as coming from the service. A v4-mapped IPv6 socket sends through sendmsg4 and receives through
 * recvmsg6.
 */
#include "lib/origin.h"
#include "lib/refuse.h"
#include "lib/udp.h"

SEC("cgroup/sendmsg4")
int weft_sendmsg4(struct bpf_sock_addr *ctx)
{
	struct service_key dialled;
	struct target target = {};
	enum verdict verdict;

	key_from_v4(ctx, &dialled);
	verdict = sendmsg_decide(ctx, &dialled, &target);
	if (verdict == VERDICT_REFUSE)
		return refuse();
	if (verdict == VERDICT_SEND)
		addr_to_v4(ctx, &target.address, target.port);
	return HOOK_ALLOW;
}

SEC("cgroup/sendmsg6")
int weft_sendmsg6(struct bpf_sock_addr *ctx)
{
	struct service_key dialled;
	struct target target = {};
	enum verdict verdict;

	key_from_v6(ctx, &dialled);
	verdict = sendmsg_decide(ctx, &dialled, &target);
	if (verdict == VERDICT_REFUSE)
		return refuse();
	if (verdict == VERDICT_SEND)
		addr_to_v6(ctx, &target.address, target.port);
	return HOOK_ALLOW;
}

SEC("cgroup/recvmsg4")
int weft_recvmsg4(struct bpf_sock_addr *ctx)
{
	struct service_key source;
	struct origin origin = {};

	key_from_v4(ctx, &source);
	if (recvmsg_decide(ctx, &source, &origin))
		addr_to_v4(ctx, &origin.address, origin.port);
	return HOOK_ALLOW;
}

SEC("cgroup/recvmsg6")
int weft_recvmsg6(struct bpf_sock_addr *ctx)
{
	struct service_key source;
	struct origin origin = {};

	key_from_v6(ctx, &source);
	if (recvmsg_decide(ctx, &source, &origin))
		addr_to_v6(ctx, &origin.address, origin.port);
	return HOOK_ALLOW;
}
