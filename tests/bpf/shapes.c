/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "shapes.h"

#include <netinet/in.h>

const struct tuple tuple_v4 = { "10.1.0.5", "10.0.7.9", 40001, 8080 };
const struct tuple tuple_v6 = { "fd00:1::5", "fd00:7:a::9", 40001, 8080 };

#define V4(title, number, ...)                                                                               \
	{                                                                                                    \
		.name = title, .v4 = true, .tuple = { "10.1.0.5", "10.0.7.9", 40001, 8080 },                 \
		.protocol = number, __VA_ARGS__                                                              \
	}
#define V6(title, number, ...)                                                                               \
	{                                                                                                    \
		.name = title, .tuple = { "fd00:1::5", "fd00:7:a::9", 40001, 8080 }, .protocol = number,     \
		__VA_ARGS__                                                                                  \
	}
#define SEGMENT                                                                                              \
	.flags = WIRE_PSH | WIRE_ACK, .sequence = 0xfedcba98, .acknowledged = 0x12345678, .window = 501

const struct shape shapes[] = {
	{ KIND_TCP, V4("v4 tcp", IPPROTO_TCP, SEGMENT) },
	{ KIND_TCP, V4("v4 tcp, data", IPPROTO_TCP, SEGMENT, .payload = 64) },
	{ KIND_TCP, V4("v4 tcp, odd data", IPPROTO_TCP, SEGMENT, .payload = 63, .traffic_class = 0xb8) },
	{ KIND_TCP, V4("v4 tcp, 1400 bytes", IPPROTO_TCP, SEGMENT, .payload = 1400, .options = 12) },
	{ KIND_TCP, V4("v4 tcp, 4 options", IPPROTO_TCP, SEGMENT, .options = 4) },
	{ KIND_TCP, V4("v4 tcp, 8 options", IPPROTO_TCP, SEGMENT, .options = 8) },
	{ KIND_TCP, V4("v4 tcp, 12 options", IPPROTO_TCP, SEGMENT, .options = 12) },
	{ KIND_TCP, V4("v4 tcp, 16 options", IPPROTO_TCP, SEGMENT, .options = 16) },
	{ KIND_TCP, V4("v4 tcp, 20 options", IPPROTO_TCP, SEGMENT, .options = 20) },
	{ KIND_TCP, V4("v4 tcp, 24 options", IPPROTO_TCP, SEGMENT, .options = 24) },
	{ KIND_TCP, V4("v4 tcp, 28 options", IPPROTO_TCP, SEGMENT, .options = 28) },
	{ KIND_TCP, V4("v4 tcp, 32 options", IPPROTO_TCP, SEGMENT, .options = 32) },
	{ KIND_TCP, V4("v4 tcp, 36 options", IPPROTO_TCP, SEGMENT, .options = 36) },
	{ KIND_TCP, V4("v4 tcp, 40 options", IPPROTO_TCP, SEGMENT, .options = 40, .reserved = 5) },
	{ KIND_TCP, V4("v4 tcp, ip options", IPPROTO_TCP, SEGMENT, .ip_options = 4, .payload = 9) },
	{ KIND_TCP, V4("v4 tcp, all options", IPPROTO_TCP, SEGMENT, .ip_options = 40, .options = 40) },
	{ KIND_TCP, V4("v4 tcp, first fragment", IPPROTO_TCP, SEGMENT, .payload = 64, .more = true) },
	{ KIND_FRAGMENT, V4("v4 tcp, last fragment", IPPROTO_TCP, SEGMENT, .payload = 64, .fragment = 8) },
	{ KIND_FRAGMENT,
	  V4("v4 tcp, middle fragment", IPPROTO_TCP, SEGMENT, .payload = 64, .fragment = 3, .more = true) },
	{ KIND_UDP, V4("v4 udp", IPPROTO_UDP, .payload = 32) },
	{ KIND_UDP, V4("v4 udp, odd", IPPROTO_UDP, .payload = 33) },
	{ KIND_UDP, V4("v4 udp, empty", IPPROTO_UDP) },
	{ KIND_UDP, V4("v4 udp, no checksum", IPPROTO_UDP, .payload = 32, .bare = true) },
	{ KIND_UDP, V4("v4 udp, ip options", IPPROTO_UDP, .payload = 32, .ip_options = 24) },
	{ KIND_UDP, V4("v4 udp, first fragment", IPPROTO_UDP, .payload = 999, .more = true) },
	{ KIND_UDP, V4("v4 udp, first fragment, no checksum", IPPROTO_UDP, .payload = 999, .more = true,
		       .bare = true) },
	{ KIND_FRAGMENT, V4("v4 udp, last fragment", IPPROTO_UDP, .payload = 999, .fragment = 100) },
	{ KIND_FRAGMENT, V4("v4 udp, last fragment, ip options", IPPROTO_UDP, .payload = 999, .fragment = 3,
			    .ip_options = 8) },
	{ KIND_ICMP, V4("v4 echo", IPPROTO_ICMP, .icmp_type = 8, .payload = 56) },
	{ KIND_IP, V4("v4 sctp", IPPROTO_SCTP) },
	{ KIND_IP, V4("v4 icmpv6", IPPROTO_ICMPV6, .icmp_type = 128) },

	{ KIND_TCP, V6("v6 tcp", IPPROTO_TCP, SEGMENT) },
	{ KIND_TCP, V6("v6 tcp, data", IPPROTO_TCP, SEGMENT, .payload = 64, .traffic_class = 0xb8) },
	{ KIND_TCP, V6("v6 tcp, odd data", IPPROTO_TCP, SEGMENT, .payload = 63) },
	{ KIND_TCP, V6("v6 tcp, all options", IPPROTO_TCP, SEGMENT, .options = 40, .reserved = 1) },
	{ KIND_TCP, V6("v6 tcp, hop-by-hop", IPPROTO_TCP, SEGMENT, .extensions = "h") },
	{ KIND_TCP, V6("v6 tcp, long hop-by-hop", IPPROTO_TCP, SEGMENT, .extensions = "H") },
	{ KIND_TCP, V6("v6 tcp, destination", IPPROTO_TCP, SEGMENT, .extensions = "d") },
	{ KIND_TCP, V6("v6 tcp, routing", IPPROTO_TCP, SEGMENT, .extensions = "r") },
	{ KIND_TCP, V6("v6 tcp, atomic fragment", IPPROTO_TCP, SEGMENT, .extensions = "a") },
	{ KIND_TCP, V6("v6 tcp, first fragment", IPPROTO_TCP, SEGMENT, .extensions = "f", .payload = 99) },
	{ KIND_TCP, V6("v6 tcp, chain", IPPROTO_TCP, SEGMENT, .extensions = "hdrad", .payload = 9) },
	{ KIND_TCP, V6("v6 tcp, longest chain", IPPROTO_TCP, SEGMENT, .extensions = "Hdradd") },
	{ KIND_IP, V6("v6 tcp, chain too long", IPPROTO_TCP, SEGMENT, .extensions = "hdddddd") },
	{ KIND_IP, V6("v6 tcp, on its way to a station", IPPROTO_TCP, SEGMENT, .extensions = "R") },
	{ KIND_IP, V6("v6 tcp, authenticated", IPPROTO_TCP, SEGMENT, .extensions = "A") },
	{ KIND_FRAGMENT,
	  V6("v6 tcp, last fragment", IPPROTO_TCP, SEGMENT, .payload = 99, .extensions = "l") },
	{ KIND_UDP, V6("v6 udp", IPPROTO_UDP, .payload = 32) },
	{ KIND_UDP, V6("v6 udp, odd", IPPROTO_UDP, .payload = 33) },
	{ KIND_UDP, V6("v6 udp, no checksum", IPPROTO_UDP, .payload = 32, .bare = true) },
	{ KIND_UDP, V6("v6 udp, chain", IPPROTO_UDP, .payload = 32, .extensions = "hd") },
	{ KIND_UDP, V6("v6 udp, first fragment", IPPROTO_UDP, .payload = 999, .extensions = "f") },
	{ KIND_FRAGMENT, V6("v6 udp, last fragment", IPPROTO_UDP, .payload = 999, .extensions = "l") },
	{ KIND_FRAGMENT,
	  V6("v6 udp, last fragment of a chain", IPPROTO_UDP, .payload = 999, .extensions = "hrl") },
	{ KIND_ICMP, V6("v6 echo", IPPROTO_ICMPV6, .icmp_type = 128, .payload = 56) },
	{ KIND_ICMP, V6("v6 echo, hop-by-hop", IPPROTO_ICMPV6, .icmp_type = 128, .extensions = "h") },
	{ KIND_IP, V6("v6 sctp", IPPROTO_SCTP) },
	{ KIND_IP, V6("v6 icmpv4", IPPROTO_ICMP, .icmp_type = 8) },
	{ KIND_IP, V6("v6 nothing", IPPROTO_NONE) },
};

const unsigned n_shapes = sizeof(shapes) / sizeof(*shapes);

unsigned shape_least(const struct shape *shape)
{
	if (shape->kind == KIND_TCP)
		return 20 + shape->spec.options;
	return shape->kind == KIND_UDP || shape->kind == KIND_ICMP ? 8 : 0;
}

struct spec shape_error(const struct spec *quoted, unsigned type, unsigned code, unsigned quote)
{
	struct spec error = {
		.name = quoted->name,
		.v4 = quoted->v4,
		.tuple = { "10.9.9.1", quoted->tuple.source, 0, 0 },
		.protocol = quoted->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
		.icmp_type = (uint8_t)type,
		.icmp_code = (uint8_t)code,
		.quoted = quoted,
		.quote = quote,
	};

	if (!quoted->v4)
		error.tuple.source = "fd00:9::1";
	return error;
}
