/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading, rewriting and forging of packets, behind tc programs. What they are told and what they tell stands in a
 * variable, which user space sees as memory of its own.
 */
#include "lib/forge.h"
#include "lib/resolve.h"
#include "lib/surgery.h"
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
	struct shim_packet *s = &shim_packet;
	struct scratch *w = scratch_get();

	if (!w)
		return SHIM_LEFT;
	s->kind = weft_parse(skb);
	s->error = 0;
	s->is_quoted = false;
	if (s->kind == PACKET_ICMP) {
		s->error = packet_error(&w->packet);
		s->is_quoted = s->error && weft_parse_quoted(skb);
	}
	show(&w->packet, &s->packet);
	show(&w->quoted, &s->quoted);
	return SHIM_OK;
}

/* Fills in the scratch, as those who decide do. */
static inline enum packet_kind begin(struct __sk_buff *skb)
{
	const struct shim_packet *s = &shim_packet;
	struct scratch *w = scratch_get();

	if (!w)
		return PACKET_OTHER;
	w->key.local = s->client;
	w->key.remote = w->row.remote = s->address;
	w->key.remote_port = w->row.remote_port = s->remote_port;
	w->key.local_port = w->row.local_port = s->local_port;
	w->syn = s->syn;
	__builtin_memcpy(w->gateway, s->mac, sizeof(w->gateway));
	return weft_parse(skb);
}

static inline bool has_addresses(enum packet_kind kind)
{
	return kind == PACKET_TCP || kind == PACKET_UDP || kind == PACKET_FRAGMENT;
}

SEC("tc")
int shim_out(struct __sk_buff *skb)
{
	return has_addresses(begin(skb)) ? told(weft_translate_out(skb)) : SHIM_LEFT;
}

SEC("tc")
int shim_back(struct __sk_buff *skb)
{
	return has_addresses(begin(skb)) ? told(weft_translate_back(skb)) : SHIM_LEFT;
}

SEC("tc")
int shim_quoted(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();

	if (begin(skb) != PACKET_ICMP || !w || packet_error(&w->packet) == ICMP_ERROR_NONE ||
	    !weft_parse_quoted(skb))
		return SHIM_LEFT;
	return told(weft_translate_quoted(skb));
}

SEC("tc")
int shim_gateway(struct __sk_buff *skb)
{
	uint8_t mac[MAC_SIZE];

	__builtin_memcpy(mac, shim_packet.mac, sizeof(mac));
	return told(packet_to_gateway(skb, mac));
}

SEC("tc")
int shim_keep(struct __sk_buff *skb)
{
	struct scratch *w = scratch_get();

	if (begin(skb) != PACKET_TCP || !w || !weft_keep_syn(skb))
		return SHIM_LEFT;
	shim_packet.syn = w->syn;
	return SHIM_OK;
}

SEC("tc")
int shim_syn(struct __sk_buff *skb)
{
	enum packet_kind kind = begin(skb);

	return kind == PACKET_TCP || kind == PACKET_ICMP ? told(weft_forge_syn(skb)) : SHIM_LEFT;
}

SEC("tc")
int shim_reset(struct __sk_buff *skb)
{
	return begin(skb) == PACKET_TCP ? told(weft_forge_reset(skb)) : SHIM_LEFT;
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
	struct scratch *w = scratch_get();
	struct addr target;

	if (begin(skb) != PACKET_ICMP || !w || w->packet.v4 || !discovery_query(skb, &w->packet, &target))
		return SHIM_LEFT;
	shim_packet.packet.target = target;
	return told(discovery_answer(skb, &w->packet, &target, shim_packet.mac));
}
