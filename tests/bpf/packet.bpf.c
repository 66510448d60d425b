/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading, rewriting and forging of packets, behind tc programs. What they are told and what they tell stands in a
 * variable, which user space sees as memory of its own.
 */
#include "lib/forge.h"
#include "lib/surgery.h"
#include "lib/resolve.h"
#include "lib/translate.h"
#include "shim.h"

struct shim_packet shim_packet;

static inline void show(const struct packet *from, struct shim_view *to)
{
	to->source = from->source;
	to->target = from->target;
	to->l3 = from->l3;
	to->l4 = from->l4;
	to->sequence = from->sequence;
	to->acknowledged = from->acknowledged;
	to->payload = from->payload;
	to->source_port = from->source_port;
	to->target_port = from->target_port;
	to->window = from->window;
	to->v4 = from->v4;
	to->protocol = from->protocol;
	to->traffic_class = from->traffic_class;
	to->tcp_flags = from->tcp_flags;
	to->tcp_length = from->tcp_length;
	to->tcp_reserved = from->tcp_reserved;
	to->icmp_type = from->icmp_type;
	to->icmp_code = from->icmp_code;
}

static inline int told(int error)
{
	return error ? error : SHIM_OK;
}

SEC("tc")
int shim_parse(struct __sk_buff *skb)
{
	struct packet packet = {}, quoted = {};
	struct shim_packet *s = &shim_packet;

	s->kind = packet_parse(skb, &packet);
	s->error = 0;
	s->is_quoted = false;
	if (s->kind == PACKET_ICMP) {
		s->error = packet_error(&packet);
		s->is_quoted = s->error && packet_quoted(skb, &packet, &quoted);
	}
	show(&packet, &s->packet);
	show(&quoted, &s->quoted);
	return SHIM_OK;
}

SEC("tc")
int shim_to_target(struct __sk_buff *skb)
{
	struct packet packet = {};
	struct addr address = shim_packet.address;

	switch (packet_parse(skb, &packet)) {
	case PACKET_TCP:
	case PACKET_UDP:
	case PACKET_FRAGMENT:
		return told(translate_target(skb, &packet, &address, shim_packet.remote_port,
					     shim_packet.local_port));
	default:
		return SHIM_LEFT;
	}
}

SEC("tc")
int shim_to_source(struct __sk_buff *skb)
{
	struct packet packet = {};
	struct addr address = shim_packet.address;

	switch (packet_parse(skb, &packet)) {
	case PACKET_TCP:
	case PACKET_UDP:
	case PACKET_FRAGMENT:
		return told(translate_source(skb, &packet, &address, shim_packet.remote_port,
					     shim_packet.local_port));
	default:
		return SHIM_LEFT;
	}
}

SEC("tc")
int shim_to_quoted(struct __sk_buff *skb)
{
	struct packet packet = {}, quoted = {};
	struct addr address = shim_packet.address;

	if (packet_parse(skb, &packet) != PACKET_ICMP || packet_error(&packet) == ICMP_ERROR_NONE ||
	    !packet_quoted(skb, &packet, &quoted))
		return SHIM_LEFT;
	return told(translate_quoted(skb, &packet, &quoted, &address, shim_packet.remote_port,
				     shim_packet.local_port));
}

SEC("tc")
int shim_to_gateway(struct __sk_buff *skb)
{
	uint8_t mac[MAC_SIZE];

	__builtin_memcpy(mac, shim_packet.mac, sizeof(mac));
	return told(packet_to_gateway(skb, mac));
}

SEC("tc")
int shim_keep(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();

	if (!w || weft_parse(skb) != PACKET_TCP || !weft_keep_syn(skb))
		return SHIM_LEFT;
	shim_packet.syn = w->syn;
	return SHIM_OK;
}

SEC("tc")
int shim_syn(struct __sk_buff *skb)
{
	struct ends ends = { .source = shim_packet.client, .target = shim_packet.address };
	struct packet packet = {};

	switch (packet_parse(skb, &packet)) {
	case PACKET_TCP:
	case PACKET_ICMP:
		return told(forge_syn(skb, &packet, &shim_packet.syn, &ends, shim_packet.local_port,
				      shim_packet.remote_port, shim_packet.mac));
	default:
		return SHIM_LEFT;
	}
}

SEC("tc")
int shim_reset(struct __sk_buff *skb)
{
	struct packet packet = {};

	if (packet_parse(skb, &packet) != PACKET_TCP)
		return SHIM_LEFT;
	return told(forge_reset(skb, &packet, shim_packet.mac));
}

SEC("tc")
int shim_arp(struct __sk_buff *skb)
{
	struct arp_message arp;
	struct addr target;

	if (skb->protocol != bpf_htons(ETH_P_ARP) || !arp_query(skb, &arp, &target))
		return SHIM_LEFT;
	shim_packet.packet.target = target;
	return told(arp_answer(skb, &arp, shim_packet.mac));
}

SEC("tc")
int shim_discovery(struct __sk_buff *skb)
{
	struct packet packet = {};
	struct addr target;

	if (packet_parse(skb, &packet) != PACKET_ICMP || packet.v4 || !discovery_query(skb, &packet, &target))
		return SHIM_LEFT;
	shim_packet.packet.target = target;
	return told(discovery_answer(skb, &packet, &target, shim_packet.mac));
}
