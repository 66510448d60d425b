/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A pod sends from its own addresses only. */
#pragma once

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "lib/addr.h"
#include "lib/count.h"

enum {
	/* Of the sender's address in an ARP message for Ethernet and IPv4 (RFC 826). */
	ARP_SENDER = 14,
};

static inline bool guard_v4(struct __sk_buff *skb, uint32_t interface, uint32_t offset)
{
	struct source_key key = { .interface = interface };
	union addr_words *a = (void *)&key.address;

	a->words[2] = V4_PREFIX;
	if (bpf_skb_load_bytes(skb, sizeof(struct ethhdr) + offset, &a->words[3], sizeof(a->words[3])))
		return true;
	/* Who has no address yet asks for one. */
	return !a->words[3] || bpf_map_lookup_elem(&sources, &key);
}

static inline bool guard_v6(struct __sk_buff *skb, uint32_t interface)
{
	struct source_key key = { .interface = interface };
	union addr_words *a = (void *)&key.address;

	if (bpf_skb_load_bytes(skb, sizeof(struct ethhdr) + offsetof(struct ipv6hdr, saddr), a, sizeof(*a)))
		return true;
	/* Link-local addresses lead nowhere beyond the link; none at all: who looks for duplicates. */
	if ((a->words[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000) || !(a->halves[0] | a->halves[1]))
		return true;
	return bpf_map_lookup_elem(&sources, &key);
}

static inline bool guard_allows(struct __sk_buff *skb)
{
	uint32_t interface = skb->ifindex;
	struct interface_row *row = bpf_map_lookup_elem(&interfaces, &interface);
	uint32_t flags = row ? row->flags : 0;
	bool allowed = true;

	if (flags & INTERFACE_GUARDED_V4 && skb->protocol == bpf_htons(ETH_P_IP))
		allowed = guard_v4(skb, interface, offsetof(struct iphdr, saddr));
	else if (flags & INTERFACE_GUARDED_V4 && skb->protocol == bpf_htons(ETH_P_ARP))
		allowed = guard_v4(skb, interface, ARP_SENDER);
	else if (flags & INTERFACE_GUARDED_V6 && skb->protocol == bpf_htons(ETH_P_IPV6))
		allowed = guard_v6(skb, interface);
	if (!allowed)
		count(REASON_SPOOFED);
	return allowed;
}
