/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a packet is: Ethernet, IPv4 or IPv6 with what may stand between it and TCP, UDP or ICMP. Reads, never writes. */
#pragma once

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "lib/addr.h"
#include "weft/interface.h"
#include "weft/state.h"

enum packet_kind {
	PACKET_OTHER = 0, /* not IP, malformed or truncated: to be left alone */
	PACKET_TCP,
	PACKET_UDP,
	PACKET_ICMP,	 /* of either family */
	PACKET_FRAGMENT, /* not the first one: it has addresses only */
	PACKET_IP,	 /* anything else over IP: it has addresses only */
};

struct packet {
	struct addr source;
	struct addr target;
	uint32_t l3;	   /* offsets from the start of the frame */
	uint32_t l4;	   /* zero: there is none to see */
	uint32_t end;	   /* what follows is not the packet's: Ethernet fills up short frames */
	uint32_t datagram; /* which one this is a fragment of, as it stands there */
	uint32_t sequence; /* of TCP, host order */
	uint32_t acknowledged;
	uint32_t payload;     /* bytes behind the TCP header */
	uint16_t source_port; /* host order */
	uint16_t target_port;
	uint16_t window; /* as it stands in the TCP header, host order */
	uint8_t v4;
	uint8_t is_cut; /* one fragment of several */
	uint8_t protocol;
	uint8_t traffic_class; /* IPv4: type of service */
	uint8_t tcp_flags;     /* the 14th byte */
	uint8_t tcp_length;    /* of the header, bytes */
	uint8_t tcp_reserved;  /* the lower half of the 13th byte */
	uint8_t icmp_type;
	uint8_t icmp_code;
};

enum {
	MAX_LENGTH = 65535, /* that a header can tell */
	MAX_EXTENSIONS = 6,
	/* Extension headers of IPv6 (RFC 8200, section 4). */
	EXTENSION_HOPS = 0,
	EXTENSION_ROUTING = 43,
	EXTENSION_FRAGMENT = 44,
	EXTENSION_TARGET = 60,

	FRAGMENT_MORE_V4 = 0x2000,
	FRAGMENT_OFFSET_V4 = 0x1fff,
	FRAGMENT_OFFSET_V6 = 0xfff8,
	ROUTING_LEFT = 0x00ff,

	ICMP_ERROR_QUOTE = 8, /* behind so many bytes an error quotes a packet */
	QUOTE_LEAST = 8,      /* so many bytes of TCP or UDP are in it */
};

enum icmp_error {
	ICMP_ERROR_NONE,
	ICMP_ERROR_UNREACHABLE, /* nobody will answer (RFC 792, RFC 4443) */
	ICMP_ERROR_OTHER,	/* about a packet, but no refusal: too big, too old, not understood */
};

static inline void packet_set_v4(struct addr *address, uint32_t ip)
{
	union addr_words *a = (void *)address;

	a->halves[0] = 0;
	a->words[2] = V4_PREFIX;
	a->words[3] = ip;
}

/* Reads what of the header is in sight: of a quoted packet only the first eight bytes need be there. */
static inline enum packet_kind packet_parse_tcp(struct __sk_buff *skb, bool quoted, struct packet *ret)
{
	uint32_t behind = ret->end - ret->l4;
	struct tcphdr tcp = {};
	uint8_t *bytes = (void *)&tcp;

	if (bpf_skb_load_bytes(skb, ret->l4, &tcp, quoted ? QUOTE_LEAST : sizeof(tcp)))
		return PACKET_OTHER;
	ret->source_port = bpf_ntohs(tcp.source);
	ret->target_port = bpf_ntohs(tcp.dest);
	ret->sequence = bpf_ntohl(tcp.seq);
	if (quoted)
		return PACKET_TCP;
	ret->acknowledged = bpf_ntohl(tcp.ack_seq);
	ret->window = bpf_ntohs(tcp.window);
	ret->tcp_length = (bytes[12] >> 4) * 4;
	ret->tcp_reserved = bytes[12] & 0xf;
	ret->tcp_flags = bytes[13];
	if (ret->tcp_length < sizeof(tcp) || behind < ret->tcp_length)
		return PACKET_OTHER;
	ret->payload = behind - ret->tcp_length;
	return PACKET_TCP;
}

static inline enum packet_kind packet_parse_l4(struct __sk_buff *skb, bool quoted, struct packet *ret)
{
	struct udphdr udp;
	uint8_t type[2];

	if (ret->protocol != IPPROTO_TCP && ret->protocol != IPPROTO_UDP &&
	    ret->protocol != (ret->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return PACKET_IP;
	/* All three have as much at least. */
	if (ret->l4 + QUOTE_LEAST > ret->end)
		return PACKET_OTHER;
	switch (ret->protocol) {
	case IPPROTO_TCP:
		return packet_parse_tcp(skb, quoted, ret);
	case IPPROTO_UDP:
		if (bpf_skb_load_bytes(skb, ret->l4, &udp, sizeof(udp)))
			return PACKET_OTHER;
		ret->source_port = bpf_ntohs(udp.source);
		ret->target_port = bpf_ntohs(udp.dest);
		return PACKET_UDP;
	default:
		if (bpf_skb_load_bytes(skb, ret->l4, type, sizeof(type)))
			return PACKET_OTHER;
		ret->icmp_type = type[0];
		ret->icmp_code = type[1];
		return PACKET_ICMP;
	}
}

/* A packet of `length` bytes begins at `ret->l3`, and may end before `ret->end`. A quoted one is mostly cut. */
static inline bool packet_ends(bool quoted, uint32_t length, struct packet *ret)
{
	uint32_t there = ret->end - ret->l3;

	if (length < there)
		ret->end = ret->l3 + length;
	return quoted || length <= there;
}

static inline enum packet_kind packet_parse_v4(struct __sk_buff *skb, bool quoted, struct packet *ret)
{
	struct iphdr ip;
	uint32_t total;

	if (bpf_skb_load_bytes(skb, ret->l3, &ip, sizeof(ip)))
		return PACKET_OTHER;
	total = bpf_ntohs(ip.tot_len);
	/* A packet of more than 64 KB, before it is cut, has no length. */
	if (!total && ret->end - ret->l3 > MAX_LENGTH)
		total = ret->end - ret->l3;
	if (ip.version != 4 || ip.ihl < sizeof(ip) / 4 || !packet_ends(quoted, total, ret))
		return PACKET_OTHER;
	packet_set_v4(&ret->source, ip.saddr);
	packet_set_v4(&ret->target, ip.daddr);
	ret->v4 = true;
	ret->protocol = ip.protocol;
	ret->traffic_class = ip.tos;
	ret->datagram = ip.id;
	ret->is_cut = !!(ip.frag_off & bpf_htons(FRAGMENT_MORE_V4 | FRAGMENT_OFFSET_V4));
	ret->l4 = ret->l3 + ip.ihl * 4;
	if (ret->l4 > ret->end)
		return PACKET_OTHER;
	if (!(ip.frag_off & bpf_htons(FRAGMENT_OFFSET_V4)))
		return packet_parse_l4(skb, quoted, ret);
	ret->l4 = 0;
	return PACKET_FRAGMENT;
}

/* Steps over one extension header. False: it is none, or it cannot be read, or it says that more is to come. */
static inline bool packet_skip_extension(struct __sk_buff *skb, uint32_t *offset, bool *is_later,
					 struct packet *ret)
{
	uint8_t kind = ret->protocol;
	struct {
		uint8_t next, length;
		__be16 rest; /* of a fragment, its offset; of routing, type and stations left */
		__be32 datagram;
	} header;

	if (kind != EXTENSION_HOPS && kind != EXTENSION_ROUTING && kind != EXTENSION_TARGET &&
	    kind != EXTENSION_FRAGMENT)
		return false;
	if (bpf_skb_load_bytes(skb, *offset, &header, sizeof(header)))
		return false;
	/* Its destination is a station on the way, and not the one that checksums are made with. */
	if (kind == EXTENSION_ROUTING && header.rest & bpf_htons(ROUTING_LEFT))
		return false;
	if (kind == EXTENSION_FRAGMENT) {
		*is_later = header.rest & bpf_htons(FRAGMENT_OFFSET_V6);
		ret->is_cut = true;
		ret->datagram = header.datagram;
	}
	*offset += kind == EXTENSION_FRAGMENT ? sizeof(header) : (header.length + 1) * 8;
	ret->protocol = header.next;
	return true;
}

/* Where the last extension header ends, and what follows. True: the middle of what was sent. */
static inline bool packet_skip_extensions(struct __sk_buff *skb, uint32_t offset, struct packet *ret)
{
	bool is_later = false;
	uint32_t i;

	for (i = 0; i < MAX_EXTENSIONS; i++) {
		if (is_later || !packet_skip_extension(skb, &offset, &is_later, ret))
			break;
	}
	ret->l4 = offset;
	return is_later;
}

static inline enum packet_kind packet_parse_v6(struct __sk_buff *skb, bool quoted, struct packet *ret)
{
	struct ipv6hdr ip;
	uint32_t total;
	bool is_later;

	if (bpf_skb_load_bytes(skb, ret->l3, &ip, sizeof(ip)))
		return PACKET_OTHER;
	total = sizeof(ip) + bpf_ntohs(ip.payload_len);
	if (!ip.payload_len && ret->end - ret->l3 > MAX_LENGTH)
		total = ret->end - ret->l3;
	if (ip.version != 6 || !packet_ends(quoted, total, ret))
		return PACKET_OTHER;
	__builtin_memcpy(&ret->source, &ip.saddr, sizeof(ret->source));
	__builtin_memcpy(&ret->target, &ip.daddr, sizeof(ret->target));
	ret->v4 = false;
	ret->protocol = ip.nexthdr;
	ret->is_cut = false;
	ret->traffic_class = (uint8_t)(ip.priority << 4 | ip.flow_lbl[0] >> 4);
	is_later = packet_skip_extensions(skb, ret->l3 + sizeof(ip), ret);
	if (ret->l4 > ret->end)
		return PACKET_OTHER;
	if (!is_later)
		return packet_parse_l4(skb, quoted, ret);
	ret->l4 = 0;
	return PACKET_FRAGMENT;
}

/* A tag of a VLAN that is still in the frame makes it one of no interest. */
static inline enum packet_kind packet_parse(struct __sk_buff *skb, struct packet *ret)
{
	ret->l3 = sizeof(struct ethhdr);
	ret->end = skb->len;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return packet_parse_v4(skb, false, ret);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return packet_parse_v6(skb, false, ret);
	return PACKET_OTHER;
}

static inline enum icmp_error packet_error(const struct packet *packet)
{
	if (packet->v4) {
		/* 4 of 3: it must be fragmented and may not be. */
		if (packet->icmp_type == 3)
			return packet->icmp_code == 4 ? ICMP_ERROR_OTHER : ICMP_ERROR_UNREACHABLE;
		return packet->icmp_type == 11 || packet->icmp_type == 12 ? ICMP_ERROR_OTHER
									  : ICMP_ERROR_NONE;
	}
	if (packet->icmp_type == 1)
		return ICMP_ERROR_UNREACHABLE;
	return packet->icmp_type >= 2 && packet->icmp_type <= 4 ? ICMP_ERROR_OTHER : ICMP_ERROR_NONE;
}

/* The TCP or UDP packet that an ICMP error is about: addresses, ports and sequence number. */
static inline bool packet_quoted(struct __sk_buff *skb, const struct packet *error, struct packet *ret)
{
	enum packet_kind kind;

	ret->l3 = error->l4 + ICMP_ERROR_QUOTE;
	ret->end = error->end;
	kind = error->v4 ? packet_parse_v4(skb, true, ret) : packet_parse_v6(skb, true, ret);
	return kind == PACKET_TCP || kind == PACKET_UDP;
}
