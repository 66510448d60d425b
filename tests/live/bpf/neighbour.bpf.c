/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A program of somebody else on each hook that weft uses: it counts and lets everything pass. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum hook {
	HOOK_CONNECT4,
	HOOK_CONNECT6,
	HOOK_SENDMSG4,
	HOOK_SENDMSG6,
	HOOK_RECVMSG4,
	HOOK_RECVMSG6,
	HOOK_PEER4,
	HOOK_PEER6,
	HOOK_SOCK_OPS,
	HOOK_INGRESS,
	HOOK_RELEASE,
	HOOK_RTT, /* a callback that only this program asks for */
	HOOK_COUNT,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HOOK_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} neigh_seen SEC(".maps");

static int seen(__u32 hook)
{
	__u64 *count = bpf_map_lookup_elem(&neigh_seen, &hook);

	if (count)
		__sync_fetch_and_add(count, 1);
	return 1;
}

SEC("cgroup/connect4")
int neigh_connect4(struct bpf_sock_addr *ctx)
{
	return seen(HOOK_CONNECT4);
}

SEC("cgroup/connect6")
int neigh_connect6(struct bpf_sock_addr *ctx)
{
	return seen(HOOK_CONNECT6);
}

SEC("cgroup/sendmsg4")
int neigh_sendmsg4(struct bpf_sock_addr *ctx)
{
	return seen(HOOK_SENDMSG4);
}

SEC("cgroup/sendmsg6")
int neigh_sendmsg6(struct bpf_sock_addr *ctx)
{
	return seen(HOOK_SENDMSG6);
}

SEC("cgroup/recvmsg4")
int neigh_recvmsg4(struct bpf_sock_addr *ctx)
{
	return seen(HOOK_RECVMSG4);
}

SEC("cgroup/recvmsg6")
int neigh_recvmsg6(struct bpf_sock_addr *ctx)
{
	return seen(HOOK_RECVMSG6);
}

SEC("cgroup/getpeername4")
int neigh_peer4(struct bpf_sock_addr *ctx)
{
	return seen(HOOK_PEER4);
}

SEC("cgroup/getpeername6")
int neigh_peer6(struct bpf_sock_addr *ctx)
{
	return seen(HOOK_PEER6);
}

SEC("sockops")
int neigh_sock_ops(struct bpf_sock_ops *ctx)
{
	if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_RTT_CB_FLAG);
	if (ctx->op == BPF_SOCK_OPS_RTT_CB)
		seen(HOOK_RTT);
	return seen(HOOK_SOCK_OPS);
}

SEC("cgroup_skb/ingress")
int neigh_ingress(struct __sk_buff *skb)
{
	return seen(HOOK_INGRESS);
}

SEC("cgroup/sock_release")
int neigh_release(struct bpf_sock *ctx)
{
	return seen(HOOK_RELEASE);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
