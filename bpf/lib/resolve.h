/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The question for a neighbour's hardware address, and the answer made of it: ARP (RFC 826), neighbour discovery
 * (RFC 4861).
 */
#pragma once

#include "lib/forge.h"

/* Of ARP for Ethernet and IPv4. */
struct arp_message {
	__be16 hardware, protocol;
	uint8_t hardware_size, protocol_size;
	__be16 operation;
	uint8_t sender_mac[MAC_SIZE];
	uint8_t sender[4];
	uint8_t target_mac[MAC_SIZE];
	uint8_t target[4];
} __attribute__((packed));

/* A solicitation, or an advertisement with the one option that tells a hardware address. */
struct discovery_message {
	uint8_t type, code;
	__be16 checksum;
	__be32 flags;
	struct addr target;
	uint8_t option, option_length; /* in units of eight bytes */
	uint8_t mac[MAC_SIZE];
} __attribute__((packed));

enum {
	ARP_ETHERNET = 1,
	ARP_REQUEST = 1,
	ARP_REPLY = 2,

	DISCOVERY_SOLICITATION = 135,
	DISCOVERY_ADVERTISEMENT = 136,
	DISCOVERY_OPTION_MAC = 2,
	DISCOVERY_HOPS = 255,
};

/* Solicited, and to replace what was known. */
#define DISCOVERY_FLAGS 0x60000000

static inline int ethernet_answer(struct __sk_buff *skb, const uint8_t mac[MAC_SIZE])
{
	uint8_t macs[2 * MAC_SIZE];

	if (bpf_skb_load_bytes(skb, MAC_SIZE, macs, MAC_SIZE))
		return -EFAULT;
	__builtin_memcpy(macs + MAC_SIZE, mac, MAC_SIZE);
	return bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0);
}

/* An ARP request for `ret_target`. Who only looks whether the address is free is not answered. */
static inline bool arp_query(struct __sk_buff *skb, struct arp_message *ret, struct addr *ret_target)
{
	uint32_t sender, target;

	if (bpf_skb_load_bytes(skb, sizeof(struct ethhdr), ret, sizeof(*ret)) ||
	    ret->hardware != bpf_htons(ARP_ETHERNET) || ret->protocol != bpf_htons(ETH_P_IP) ||
	    ret->hardware_size != MAC_SIZE || ret->protocol_size != sizeof(ret->sender) ||
	    ret->operation != bpf_htons(ARP_REQUEST))
		return false;
	__builtin_memcpy(&sender, ret->sender, sizeof(sender));
	__builtin_memcpy(&target, ret->target, sizeof(target));
	packet_set_v4(ret_target, target);
	return sender && sender != target;
}

static inline int arp_answer(struct __sk_buff *skb, struct arp_message *arp, const uint8_t mac[MAC_SIZE])
{
	uint8_t target[4];

	__builtin_memcpy(target, arp->target, sizeof(target));
	__builtin_memcpy(arp->target, arp->sender, sizeof(target));
	__builtin_memcpy(arp->target_mac, arp->sender_mac, MAC_SIZE);
	__builtin_memcpy(arp->sender, target, sizeof(target));
	__builtin_memcpy(arp->sender_mac, mac, MAC_SIZE);
	arp->operation = bpf_htons(ARP_REPLY);
	return ethernet_answer(skb, mac)
		       ?: bpf_skb_store_bytes(skb, sizeof(struct ethhdr), arp, sizeof(*arp), 0);
}

/* A solicitation for `ret_target`. One that passed a router is none (RFC 4861, 7.1.1). */
static inline bool discovery_query(struct __sk_buff *skb, const struct packet *packet,
				   struct addr *ret_target)
{
	const union addr_words *source = (const void *)&packet->source;
	uint8_t hops;

	if (packet->icmp_type != DISCOVERY_SOLICITATION || packet->icmp_code ||
	    packet->end - packet->l4 < offsetof(struct discovery_message, option) ||
	    !(source->halves[0] | source->halves[1]))
		return false;
	if (bpf_skb_load_bytes(skb, packet->l3 + offsetof(struct ipv6hdr, hop_limit), &hops, sizeof(hops)) ||
	    hops != DISCOVERY_HOPS)
		return false;
	return !bpf_skb_load_bytes(skb, packet->l4 + offsetof(struct discovery_message, target), ret_target,
				   sizeof(*ret_target));
}

static inline int discovery_answer(struct __sk_buff *skb, const struct packet *packet,
				   const struct addr *target, const uint8_t mac[MAC_SIZE])
{
	struct discovery_message message = {
		.type = DISCOVERY_ADVERTISEMENT,
		.flags = bpf_htonl(DISCOVERY_FLAGS),
		.target = *target,
		.option = DISCOVERY_OPTION_MAC,
		.option_length = 1,
	};
	struct {
		struct ends ends;
		__be32 length, protocol;
	} pseudo = {
		.ends = { .source = *target, .target = packet->source },
		.length = bpf_htonl(sizeof(message)),
		.protocol = bpf_htonl(IPPROTO_ICMPV6),
	};
	struct ipv6hdr ip = {
		.version = 6,
		.payload_len = bpf_htons(sizeof(message)),
		.nexthdr = IPPROTO_ICMPV6,
		.hop_limit = DISCOVERY_HOPS,
	};
	int64_t sum = bpf_csum_diff(NULL, 0, (void *)&pseudo, sizeof(pseudo), 0);

	__builtin_memcpy(message.mac, mac, MAC_SIZE);
	__builtin_memcpy(&ip.saddr, target, sizeof(ip.saddr));
	__builtin_memcpy(&ip.daddr, &packet->source, sizeof(ip.daddr));
	sum = bpf_csum_diff(NULL, 0, (void *)&message, sizeof(message), (uint32_t)sum);
	message.checksum = sum_fold((uint32_t)sum);
	return bpf_skb_change_tail(skb, sizeof(struct ethhdr) + sizeof(ip) + sizeof(message), 0) ?:
	       ethernet_answer(skb, mac) ?:
	       bpf_skb_store_bytes(skb, sizeof(struct ethhdr), &ip, sizeof(ip), 0) ?:
	       bpf_skb_store_bytes(skb, sizeof(struct ethhdr) + sizeof(ip), &message, sizeof(message), 0);
}
