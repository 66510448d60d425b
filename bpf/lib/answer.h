/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node's answer to a pod's question for a neighbour that is gone. */
#pragma once

#include <linux/if_ether.h>

#include "lib/forge.h"
#include "lib/neighbour.h"
#include "lib/rescue.h"

/* TC_NEXT: it is no such question, or the neighbour may answer itself. */
static inline int neighbour_from_pod(struct __sk_buff *skb)
{
	uint32_t interface = skb->ifindex;
	struct interface_row *row;
	struct scratch *w = scratch_get();

	if (!w || !packet_neighbour_query(skb, &w->packet.target, &w->packet.source) ||
	    !is_unresolved(&w->packet.target))
		return TC_NEXT;
	row = bpf_map_lookup_elem(&interfaces, &interface);
	if (!row || forge_neighbour_answer(skb, row->gateway))
		return TC_NEXT;
	count(REASON_NEIGHBOUR_ANSWERED);
	return (int)bpf_redirect(interface, 0);
}
