/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* tc on the node's side of a pod's interface. A packet of no interest goes to whoever stands next there. */
#include "lib/answer.h"
#include "lib/guard.h"
#include "lib/heal.h"

SEC("tc")
int weft_from_pod(struct __sk_buff *skb)
{
	struct bpf_sock *sk;

	if (!guard_allows(skb))
		return TC_DROP;
	if (skb->protocol == bpf_htons(ETH_P_ARP))
		return arp_from_pod(skb);
	/* It is still the pod's own socket. */
	sk = skb->sk;
	if (!sk)
		return stray_from_pod(skb);
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return TC_NEXT;
	if (sk->protocol == IPPROTO_TCP)
		return tcp_from_pod(skb, sk);
	if (sk->protocol == IPPROTO_UDP)
		return udp_from_pod(skb, sk);
	if (sk->protocol == IPPROTO_ICMPV6)
		return discovery_from_pod(skb);
	return TC_NEXT;
}

SEC("tc")
int weft_to_pod(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();

	if (!w)
		return TC_NEXT;
	switch (weft_parse(skb)) {
	case PACKET_TCP:
		return tcp_to_pod(skb, w);
	case PACKET_UDP:
		return udp_to_pod(skb, w);
	case PACKET_FRAGMENT:
		return fragment_to_pod(skb, w);
	case PACKET_ICMP:
		return icmp_to_pod(skb, w);
	default:
		return TC_NEXT;
	}
}
