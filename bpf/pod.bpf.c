/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* tc on the node's side of a pod's interface. A packet of no interest goes to whoever stands next there. */
#include "maps.h"

/* TCX_NEXT and TC_ACT_UNSPEC are the same number. */
#define NEXT (-1)

SEC("tc")
int weft_from_pod(struct __sk_buff *skb __attribute__((unused)))
{
	return NEXT;
}

SEC("tc")
int weft_to_pod(struct __sk_buff *skb __attribute__((unused)))
{
	return NEXT;
}
