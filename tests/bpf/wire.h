/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets by hand, as a reference that shares nothing with bpf/lib: a description becomes bytes, every checksum
 * computed whole. What a program makes of one packet is held against another one that was built so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/abi.h"

enum {
	WIRE_SIZE = 2048,
	WIRE_ETHERNET = 14,

	WIRE_FIN = 0x01,
	WIRE_SYN = 0x02,
	WIRE_RST = 0x04,
	WIRE_PSH = 0x08,
	WIRE_ACK = 0x10,

	WIRE_MAC = 6,
};

struct wire {
	unsigned size;
	unsigned l3, l4; /* offsets */
	uint8_t bytes[WIRE_SIZE];
};

/* The two ends of a connection. */
struct tuple {
	const char *source, *target;
	uint16_t source_port, target_port;
};

/* A packet; what is zero has a value that is seen in the wild, but for flags, lengths and numbers of TCP. */
struct spec {
	const char *name;
	bool v4;
	struct tuple tuple;
	uint8_t protocol;
	uint8_t traffic_class;
	uint8_t ttl;
	bool forged; /* identification and flow label are zero, it may not be fragmented */

	/* IPv4: bytes of options, offset in units of eight bytes. */
	unsigned ip_options;
	unsigned fragment;
	bool more;
	/*
	 * IPv6, a letter each: h hop-by-hop, H a longer one, d options for the destination, r routing that is over, R
	 * routing that is not, a atomic fragment, f first fragment, l later fragment, A authentication header.
	 */
	const char *extensions;

	uint8_t flags;
	uint8_t reserved; /* lower half of TCP's 13th byte */
	uint16_t window;
	uint32_t sequence, acknowledged;
	const uint8_t *option_bytes; /* NULL: numbers */
	unsigned options;	     /* bytes */
	unsigned payload;
	bool bare; /* UDP without a checksum */

	uint8_t icmp_type, icmp_code;
	const struct spec *quoted;
	unsigned quote; /* bytes of its network packet; zero: all */

	const uint8_t *from_mac, *to_mac; /* NULL: those of wire_mac */
};

/* Of the node's side, and of the pod. */
extern const uint8_t wire_mac[2][WIRE_MAC];

struct wire wire_build(const struct spec *spec);

struct addr wire_addr(const char *text);

/* Checksum over bytes, on top of `sum`, not yet folded. */
uint32_t wire_sum(const void *bytes, size_t size, uint32_t sum);
uint16_t wire_fold(uint32_t sum);

/* Of a TCP, UDP or ICMPv6 message between these addresses, whole; its own field must be zero. */
uint16_t wire_checksum(const struct addr *source, const struct addr *target, uint8_t protocol,
		       const void *message, size_t size);

/* Fails the test if a byte differs. */
void assert_same(const struct wire *got, const struct wire *expected, const char *name);

void wire_put16(struct wire *w, unsigned at, uint16_t value);
void wire_put32(struct wire *w, unsigned at, uint32_t value);
