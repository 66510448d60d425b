/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Other addresses and ports for a packet, and checksums to match. The kernel's helpers replace differences, so that
 * a packet whose checksum is not finished yet (CHECKSUM_PARTIAL, as local sockets send) comes out right as well.
 *
 * Each returns 0 or a negative error; after an error the packet is to be dropped.
 */
#pragma once

#include "lib/packet.h"
#include "lib/sum.h"

/* A side of the packet: where its address and its port stand. */
struct side {
	uint32_t address;
	uint32_t port;
};

static inline struct side packet_side(const struct packet *packet, bool target)
{
	uint32_t address = packet->v4 ? offsetof(struct iphdr, saddr) : offsetof(struct ipv6hdr, saddr);
	uint32_t size = packet->v4 ? sizeof(uint32_t) : sizeof(struct addr);

	return (struct side){
		.address = packet->l3 + address + (target ? size : 0),
		.port = packet->l4 + (target ? sizeof(uint16_t) : 0),
	};
}

/* Where the checksum stands that the addresses are part of; zero: nowhere. */
static inline uint32_t packet_checksum(const struct packet *packet, uint64_t *ret_flags)
{
	*ret_flags = 0;
	if (!packet->l4)
		return 0;
	if (packet->protocol == IPPROTO_TCP)
		return packet->l4 + offsetof(struct tcphdr, check);
	if (packet->protocol != IPPROTO_UDP)
		return 0;
	/* None over IPv4 stays none, and what comes out as none is written otherwise. */
	*ret_flags = BPF_F_MARK_MANGLED_0;
	return packet->l4 + offsetof(struct udphdr, check);
}

static inline int translate_address_v4(struct __sk_buff *skb, const struct packet *packet, uint32_t offset,
				       uint32_t from, uint32_t to)
{
	uint64_t flags;
	uint32_t checksum = packet_checksum(packet, &flags);
	int error =
		bpf_l3_csum_replace(skb, packet->l3 + offsetof(struct iphdr, check), from, to, sizeof(to));

	if (!error && checksum)
		error = bpf_l4_csum_replace(skb, checksum, from, to, flags | BPF_F_PSEUDO_HDR | sizeof(to));
	if (!error)
		error = bpf_skb_store_bytes(skb, offset, &to, sizeof(to), BPF_F_INVALIDATE_HASH);
	return error;
}

/* No checksum of a header makes up for what changes here: a sum that a device has taken (CHECKSUM_COMPLETE) changes. */
static inline int translate_address_v6(struct __sk_buff *skb, const struct packet *packet, uint32_t offset,
				       const struct addr *from, const struct addr *to)
{
	uint64_t flags;
	uint32_t checksum = packet_checksum(packet, &flags);
	int64_t difference = bpf_csum_diff((void *)from, sizeof(*from), (void *)to, sizeof(*to), 0);
	int error = 0;

	if (checksum)
		error = bpf_l4_csum_replace(skb, checksum, 0, difference, flags | BPF_F_PSEUDO_HDR);
	if (!error)
		error = bpf_skb_store_bytes(skb, offset, to, sizeof(*to),
					    BPF_F_INVALIDATE_HASH | BPF_F_RECOMPUTE_CSUM);
	return error;
}

static inline int translate_address(struct __sk_buff *skb, const struct packet *packet, bool target,
				    const struct addr *to)
{
	const struct addr *from = target ? &packet->target : &packet->source;
	const union addr_words *old = (const void *)from, *new = (const void *)to;
	uint32_t offset = packet_side(packet, target).address;

	if (addr_is_v4(to) != packet->v4)
		return -EAFNOSUPPORT;
	if (packet->v4)
		return translate_address_v4(skb, packet, offset, old->words[3], new->words[3]);
	return translate_address_v6(skb, packet, offset, from, to);
}

static inline int translate_port(struct __sk_buff *skb, const struct packet *packet, bool target, uint16_t to)
{
	uint16_t from = target ? packet->target_port : packet->source_port;
	__be16 old = bpf_htons(from), new = bpf_htons(to);
	uint64_t flags;
	uint32_t checksum = packet_checksum(packet, &flags);
	int error;

	if (!checksum || from == to)
		return 0;
	error = bpf_l4_csum_replace(skb, checksum, old, new, flags | sizeof(new));
	if (!error)
		error = bpf_skb_store_bytes(skb, packet_side(packet, target).port, &new, sizeof(new),
					    BPF_F_INVALIDATE_HASH);
	return error;
}

/* On the way out: where the packet goes, and from which port. */
static __always_inline int translate_target(struct __sk_buff *skb, const struct packet *packet,
					    const struct addr *target, uint16_t target_port,
					    uint16_t source_port)
{
	int error = translate_address(skb, packet, true, target);

	if (!error)
		error = translate_port(skb, packet, true, target_port);
	if (!error)
		error = translate_port(skb, packet, false, source_port);
	return error;
}

/* On the way back: where the packet comes from, and to which port it goes. */
static __always_inline int translate_source(struct __sk_buff *skb, const struct packet *packet,
					    const struct addr *source, uint16_t source_port,
					    uint16_t target_port)
{
	int error = translate_address(skb, packet, false, source);

	if (!error)
		error = translate_port(skb, packet, false, source_port);
	if (!error)
		error = translate_port(skb, packet, true, target_port);
	return error;
}

/* Two bytes of a quoted packet, which the error's checksum covers as any others. */
static inline int translate_quoted_word(struct __sk_buff *skb, uint32_t checksum, uint32_t offset,
					__be16 from, __be16 to)
{
	int error;

	if (from == to)
		return 0;
	error = bpf_l4_csum_replace(skb, checksum, from, to, sizeof(to));
	return error ?: bpf_skb_store_bytes(skb, offset, &to, sizeof(to), 0);
}

static inline int translate_quoted_target(struct __sk_buff *skb, const struct packet *quoted,
					  uint32_t checksum, const struct addr *target, uint32_t difference)
{
	const union addr_words *new = (const void *)target;
	uint32_t offset = packet_side(quoted, true).address;
	int error;

	if (quoted->v4) {
		/* What changes in the address changes back in the quoted header's own checksum: the sum stays. */
		error = bpf_l3_csum_replace(skb, quoted->l3 + offsetof(struct iphdr, check), 0, difference,
					    0);
		return error ?: bpf_skb_store_bytes(skb, offset, &new->words[3], sizeof(new->words[3]), 0);
	}
	error = bpf_l4_csum_replace(skb, checksum, 0, difference, 0);
	return error ?: bpf_skb_store_bytes(skb, offset, target, sizeof(*target), 0);
}

/* The quoted packet's own checksum, as far as the quote goes, after all of `difference`. */
static inline int translate_quoted_checksum(struct __sk_buff *skb, const struct packet *quoted,
					    uint32_t checksum, uint32_t difference)
{
	uint64_t flags;
	uint32_t offset = packet_checksum(quoted, &flags);
	__be16 old, new;

	if (!offset || offset + sizeof(old) > quoted->end ||
	    bpf_skb_load_bytes(skb, offset, &old, sizeof(old)))
		return 0;
	if (flags && !old)
		return 0;
	new = sum_fold(sum_plus((uint16_t)~old, difference));
	if (flags && !new)
		new = 0xffff;
	return translate_quoted_word(skb, checksum, offset, old, new);
}

/*
 * The packet that an ICMP error on its way to the pod quotes, as the pod has sent it: where to, and from which port.
 */
static __always_inline int translate_quoted(struct __sk_buff *skb, const struct packet *packet,
					    const struct packet *quoted, const struct addr *target,
					    uint16_t target_port, uint16_t source_port)
{
	__be16 old[2] = { bpf_htons(quoted->source_port), bpf_htons(quoted->target_port) };
	__be16 new[2] = { bpf_htons(source_port), bpf_htons(target_port) };
	uint32_t checksum = packet->l4 + 2; /* of ICMP, of either family */
	uint32_t addresses, ports;
	int error;

	if (addr_is_v4(target) != quoted->v4)
		return -EAFNOSUPPORT;
	addresses = (uint32_t)bpf_csum_diff((void *)&quoted->target, sizeof(*target), (void *)target,
					    sizeof(*target), 0);
	ports = (uint32_t)bpf_csum_diff((void *)old, sizeof(old), (void *)new, sizeof(new), 0);
	error = translate_quoted_target(skb, quoted, checksum, target, addresses);
	if (!error)
		error = translate_quoted_word(skb, checksum, packet_side(quoted, false).port, old[0], new[0]);
	if (!error)
		error = translate_quoted_word(skb, checksum, packet_side(quoted, true).port, old[1], new[1]);
	return error ?: translate_quoted_checksum(skb, quoted, checksum, sum_plus(addresses, ports));
}

static inline int packet_to_gateway(struct __sk_buff *skb, const uint8_t mac[MAC_SIZE])
{
	return bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_dest), mac, MAC_SIZE, 0);
}
