/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A program of somebody else in each direction of an interface: it counts and lets everything pass. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} neigh_seen SEC(".maps");

static int seen(__u32 direction)
{
	__u64 *count = bpf_map_lookup_elem(&neigh_seen, &direction);

	if (count)
		__sync_fetch_and_add(count, 1);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int neigh_in(struct __sk_buff *skb __attribute__((unused)))
{
	return seen(0);
}

SEC("tc")
int neigh_out(struct __sk_buff *skb __attribute__((unused)))
{
	return seen(1);
}

char _license[] SEC("license") = "GPL";
