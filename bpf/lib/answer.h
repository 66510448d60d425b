/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node's answer to a pod's question for a neighbour that is gone. */
#pragma once

#include "lib/neighbour.h"
#include "lib/rescue.h"
#include "lib/resolve.h"

static inline int answered(struct __sk_buff *skb, int error)
{
	if (error)
		return TC_DROP;
	count(REASON_NEIGHBOUR_ANSWERED);
	return (int)bpf_redirect(skb->ifindex, 0);
}

static __attribute__((noinline)) int arp_from_pod(struct __sk_buff *skb)
{
	uint32_t interface = skb->ifindex;
	struct interface_row *row = bpf_map_lookup_elem(&interfaces, &interface);
	struct arp_message arp;
	struct addr target;

	if (!row || !arp_query(skb, &arp, &target) || !is_unresolved(&target))
		return TC_NEXT;
	return answered(skb, arp_answer(skb, &arp, row->gateway));
}

static __attribute__((noinline)) int discovery_from_pod(struct __sk_buff *skb)
{
	uint32_t interface = skb->ifindex;
	struct interface_row *row = bpf_map_lookup_elem(&interfaces, &interface);
	struct scratch *w = scratch_get();
	struct addr target;

	if (!row || !w || weft_parse(skb) != PACKET_ICMP || !discovery_query(skb, &w->packet, &target) ||
	    !is_unresolved(&target))
		return TC_NEXT;
	return answered(skb, discovery_answer(skb, &w->packet, &target, row->gateway));
}
