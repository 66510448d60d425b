/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One packet into another: a refusal on its way to the pod into the SYN that it answers, to somebody else; a late
 * answer into a reset. The caller then has it come in from the pod (bpf_redirect() with BPF_F_INGRESS).
 *
 * A program cannot see whether a packet's TCP checksum is finished or left to the last device (CHECKSUM_PARTIAL).
 * So a TCP packet keeps its own, and the helpers replace what differs: they know. For that the TCP header has to stay
 * where it was. ICMP errors come finished; there the whole sum is written.
 *
 * Sums of IPv4 addresses are those of their mapped forms: ::ffff adds nothing in one's complement.
 */
#pragma once

#include "lib/packet.h"
#include "lib/sum.h"

enum {
	TCP_FIN_BIT = 0x01,
	TCP_SYN_BIT = 0x02,
	TCP_RST_BIT = 0x04,
	TCP_ACK_BIT = 0x10,

	OPTION_END = 0,
	OPTION_NOTHING = 1,
	OPTION_FASTOPEN = 34,	 /* RFC 7413 */
	OPTION_EXPERIMENT = 254, /* RFC 6994: fast open had this number first, with the two bytes behind it */
	FASTOPEN_MAGIC = 0xf989,

	FORGED_TTL = 64,
	DONT_FRAGMENT_V4 = 0x4000,
};

/* A TCP header as it lies in the packet. */
struct tcp_header {
	__be16 source, target;
	__be32 sequence, acknowledged;
	uint8_t length; /* in words of four bytes, in the upper half */
	uint8_t flags;
	__be16 window, checksum, urgent;
	uint8_t options[SYN_OPTIONS];
};

#define TCP_BARE offsetof(struct tcp_header, options)

/* Is this option of a SYN, at `at`, the one of fast open? */
static inline bool is_fastopen(const struct syn_copy *syn, uint32_t at)
{
	if (syn->options[at] == OPTION_FASTOPEN)
		return true;
	return syn->options[at] == OPTION_EXPERIMENT && at < SYN_OPTIONS - 3 &&
	       (syn->options[at + 2] << 8 | syn->options[at + 3]) == FASTOPEN_MAGIC;
}

/* Compared in a way that neither the compiler folds nor an old verifier forgets. */
static __always_inline bool is_size_between(uint32_t *size, uint32_t least, uint32_t most)
{
	barrier_var(*size);
	if (*size < least)
		return false;
	barrier_var(*size);
	return *size <= most;
}

/* Steps of forge_keep(). */
enum {
	MAX_OPTIONS = SYN_OPTIONS,
	OPTIONS_DONE = 0xffff, /* farther than any option leads */
	OPTIONS_FASTOPEN = 0xfffe,
};

/*
 * From one option of a SYN to the next: where it stands, or that it was the last, or that it is one of fast open, by
 * which a connect carries data or asks whether it may the next time. A global function as the loop around it is one of
 * many unknowns to the verifier.
 */
uint32_t weft_next_option(uint32_t at);

static inline uint32_t next_option(const struct syn_copy *syn, uint32_t at)
{
	uint8_t kind;

	if (at >= syn->length || at >= SYN_OPTIONS)
		return OPTIONS_DONE;
	kind = syn->options[at];
	if (kind == OPTION_END)
		return OPTIONS_DONE;
	if (kind == OPTION_NOTHING)
		return at + 1;
	if (is_fastopen(syn, at))
		return OPTIONS_FASTOPEN;
	if (at >= SYN_OPTIONS - 1 || syn->options[at + 1] < 2)
		return OPTIONS_DONE;
	return at + syn->options[at + 1];
}

static inline bool has_fastopen(void)
{
	uint32_t at = 0, i;

	for (i = 0; i < MAX_OPTIONS; i++) {
		at = weft_next_option(at);
		if (at >= OPTIONS_FASTOPEN)
			break;
	}
	return at == OPTIONS_FASTOPEN;
}

/* Copies a SYN, all but `kept`, into the scratch. False: it is one that is left alone. */
static inline bool forge_keep(struct __sk_buff *skb, const struct packet *packet, struct syn_copy *ret)
{
	uint32_t length = packet->tcp_length - TCP_BARE;

	if (packet->payload || length > SYN_OPTIONS)
		return false;
	ret->sequence = packet->sequence;
	ret->window = packet->window;
	ret->length = (uint8_t)length;
	ret->flags = packet->tcp_flags;
	ret->reserved_bits = packet->tcp_reserved;
	ret->traffic_class = packet->traffic_class;
	/* Behind the last option there must be nothing that a sum would count. */
	__builtin_memset(ret->options, 0, sizeof(ret->options));
	if (!is_size_between(&length, 4, SYN_OPTIONS))
		return true;
	return !bpf_skb_load_bytes(skb, packet->l4 + TCP_BARE, ret->options, length) && !has_fastopen();
}

/* Ends of a packet, one behind the other as sums are taken of them. */
struct ends {
	struct addr source;
	struct addr target;
};

static inline int forge_ip_v4(struct __sk_buff *skb, const struct ends *ends, uint8_t traffic_class,
			      uint32_t behind)
{
	const union addr_words *from = (const void *)&ends->source, *to = (const void *)&ends->target;
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof(ip) / 4,
		.tos = traffic_class,
		.tot_len = bpf_htons(sizeof(ip) + behind),
		.frag_off = bpf_htons(DONT_FRAGMENT_V4),
		.ttl = FORGED_TTL,
		.protocol = IPPROTO_TCP,
		.saddr = from->words[3],
		.daddr = to->words[3],
	};

	ip.check = sum_fold((uint32_t)bpf_csum_diff(NULL, 0, (void *)&ip, sizeof(ip), 0));
	return bpf_skb_store_bytes(skb, sizeof(struct ethhdr), &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM);
}

static inline int forge_ip_v6(struct __sk_buff *skb, const struct ends *ends, uint8_t traffic_class,
			      uint32_t behind)
{
	struct ipv6hdr ip = {
		.version = 6,
		.priority = traffic_class >> 4,
		.flow_lbl = { (uint8_t)(traffic_class << 4) },
		.payload_len = bpf_htons(behind),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = FORGED_TTL,
	};

	__builtin_memcpy(&ip.saddr, &ends->source, sizeof(ip.saddr));
	__builtin_memcpy(&ip.daddr, &ends->target, sizeof(ip.daddr));
	return bpf_skb_store_bytes(skb, sizeof(struct ethhdr), &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM);
}

/* From the pod, which the packet was for, to the gateway; the type stays. */
static inline int forge_ethernet(struct __sk_buff *skb, const uint8_t gateway[MAC_SIZE])
{
	uint8_t macs[2 * MAC_SIZE];

	if (bpf_skb_load_bytes(skb, 0, macs + MAC_SIZE, MAC_SIZE))
		return -EFAULT;
	__builtin_memcpy(macs, gateway, MAC_SIZE);
	return bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0);
}

static inline uint32_t forged_l4(const struct packet *packet)
{
	return sizeof(struct ethhdr) + (packet->v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
}

/* Of the ends, the length and the protocol. */
static inline uint32_t pseudo_sum(const struct ends *ends, uint32_t length)
{
	__be32 rest[2] = { bpf_htonl(length), bpf_htonl(IPPROTO_TCP) };
	int64_t sum = bpf_csum_diff(NULL, 0, (void *)ends, sizeof(*ends), 0);

	return (uint32_t)bpf_csum_diff(NULL, 0, (void *)rest, sizeof(rest), (uint32_t)sum);
}

/*
 * What a new segment changes in the checksum of the one whose place it takes. With its checksum and its pseudo-header
 * a finished segment adds up to nothing, so that these two tell what its bytes added up to.
 */
struct change {
	uint32_t body;
	uint32_t pseudo;
};

/* `tcp` still has no checksum; it gets that of the packet, to be changed where it stands. */
static __always_inline int forge_change(struct __sk_buff *skb, const struct packet *packet,
					const struct ends *ends, uint32_t length, struct tcp_header *tcp,
					struct change *ret)
{
	uint32_t old = pseudo_sum((const struct ends *)&packet->source, packet->end - packet->l4);
	uint32_t sum = (uint32_t)bpf_csum_diff(NULL, 0, (void *)tcp, sizeof(*tcp), 0);

	if (packet->l4 != forged_l4(packet) ||
	    bpf_skb_load_bytes(skb, packet->l4 + offsetof(struct tcp_header, checksum), &tcp->checksum,
			       sizeof(tcp->checksum)))
		return -EINVAL;
	ret->body = sum_plus(sum, sum_plus(tcp->checksum, old));
	ret->pseudo = sum_minus(pseudo_sum(ends, length), old);
	return 0;
}

static inline int forge_checksum(struct __sk_buff *skb, uint32_t l4, const struct change *change)
{
	uint32_t offset = l4 + offsetof(struct tcp_header, checksum);
	int error = bpf_l4_csum_replace(skb, offset, 0, change->pseudo, BPF_F_PSEUDO_HDR);

	return error ?: bpf_l4_csum_replace(skb, offset, 0, change->body, 0);
}

static inline void forge_syn_header(const struct syn_copy *syn, uint16_t source_port, uint16_t target_port,
				    struct tcp_header *ret)
{
	ret->source = bpf_htons(source_port);
	ret->target = bpf_htons(target_port);
	ret->sequence = bpf_htonl(syn->sequence);
	ret->length = (uint8_t)((TCP_BARE + syn->length) / 4 << 4) | syn->reserved_bits;
	ret->flags = syn->flags;
	ret->window = bpf_htons(syn->window);
	__builtin_memcpy(ret->options, syn->options, sizeof(ret->options));
}

/* The finished sum, in a packet whose sums are all finished. */
static inline uint16_t whole_checksum(const struct tcp_header *tcp, const struct ends *ends, uint32_t length)
{
	return sum_fold(
		(uint32_t)bpf_csum_diff(NULL, 0, (void *)tcp, sizeof(*tcp), pseudo_sum(ends, length)));
}

/* Writes the new packet, all but the TCP checksum's change. */
static __always_inline int forge_packet(struct __sk_buff *skb, const struct packet *packet,
					const struct ends *ends, uint8_t traffic_class,
					const struct tcp_header *tcp, uint32_t length,
					const uint8_t gateway[MAC_SIZE])
{
	uint64_t flags = packet->protocol == IPPROTO_TCP ? 0 : BPF_F_RECOMPUTE_CSUM;
	uint32_t l4 = forged_l4(packet);
	int error = bpf_skb_change_tail(skb, l4 + length, 0);

	if (!error)
		error = forge_ethernet(skb, gateway);
	if (!error)
		error = packet->v4 ? forge_ip_v4(skb, ends, traffic_class, length)
				   : forge_ip_v6(skb, ends, traffic_class, length);
	if (!error && is_size_between(&length, TCP_BARE, sizeof(*tcp)))
		error = bpf_skb_store_bytes(skb, l4, tcp, length, flags | BPF_F_INVALIDATE_HASH);
	return error;
}

/*
 * Turns `packet`, a RST or an ICMP error, into the SYN of `ends` and the ports. Returns 0, or an error with which the
 * packet is to be dropped.
 */
static __always_inline int forge_syn(struct __sk_buff *skb, const struct packet *packet,
				     const struct syn_copy *syn, const struct ends *ends,
				     uint16_t source_port, uint16_t target_port,
				     const uint8_t gateway[MAC_SIZE])
{
	bool was_tcp = packet->protocol == IPPROTO_TCP;
	uint32_t length = TCP_BARE + syn->length;
	struct tcp_header tcp = {};
	struct change change = {};
	int error = 0;

	if (length > sizeof(tcp) || addr_is_v4(&ends->target) != packet->v4)
		return -EINVAL;
	forge_syn_header(syn, source_port, target_port, &tcp);
	if (was_tcp)
		error = forge_change(skb, packet, ends, length, &tcp, &change);
	else
		tcp.checksum = whole_checksum(&tcp, ends, length);
	if (!error)
		error = forge_packet(skb, packet, ends, syn->traffic_class, &tcp, length, gateway);
	if (!error && was_tcp)
		error = forge_checksum(skb, packet->l4, &change);
	return error;
}

/* What a segment takes of the sequence numbers. */
static inline uint32_t segment_length(const struct packet *packet)
{
	return packet->payload + !!(packet->tcp_flags & TCP_SYN_BIT) + !!(packet->tcp_flags & TCP_FIN_BIT);
}

/*
 * Turns a segment that comes to the pod into the reset that a host without such a connection answers with (RFC 9293,
 * 3.10.7.1), back to where it came from. Returns as forge_syn().
 */
static __always_inline int forge_reset(struct __sk_buff *skb, const struct packet *packet,
				       const uint8_t gateway[MAC_SIZE])
{
	struct ends ends = { .source = packet->target, .target = packet->source };
	struct tcp_header tcp = {
		.source = bpf_htons(packet->target_port),
		.target = bpf_htons(packet->source_port),
		.length = TCP_BARE / 4 << 4,
		.flags = TCP_RST_BIT,
	};
	struct change change;
	int error;

	if (packet->tcp_flags & TCP_RST_BIT)
		return -EINVAL;
	if (packet->tcp_flags & TCP_ACK_BIT) {
		tcp.sequence = bpf_htonl(packet->acknowledged);
	} else {
		tcp.acknowledged = bpf_htonl(packet->sequence + segment_length(packet));
		tcp.flags |= TCP_ACK_BIT;
	}
	error = forge_change(skb, packet, &ends, TCP_BARE, &tcp, &change);
	if (!error)
		error = forge_packet(skb, packet, &ends, 0, &tcp, TCP_BARE, gateway);
	return error ?: forge_checksum(skb, packet->l4, &change);
}
