/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is to be seen in a packet, and what translation is to make of it, once more and in another way than bpf/lib
 * does: for packets that nobody has described.
 */
#pragma once

#include "shapes.h"

struct seen {
	enum kind kind; /* what is left alone is KIND_OTHER */
	bool v4;
	unsigned l3, l4, end;
	uint8_t protocol;
	struct addr source, target;
	uint16_t source_port, target_port;
	bool cut;	   /* a fragment, the first among them */
	uint32_t datagram; /* of which */
	uint8_t flags;	   /* of TCP */
	uint8_t icmp_type, icmp_code;
};

struct seen model_parse(const struct wire *w);

/* The TCP or UDP packet that an ICMP error is about; KIND_OTHER: there is none. */
struct seen model_quoted(const struct wire *w, const struct seen *error);

/* The end of a packet that is `target`, or the other one, gets this address and this port, its peer that port. */
void model_translate(struct wire *w, const struct seen *seen, bool target, const struct addr *address,
		     uint16_t port, uint16_t peer_port);

/* The same inside of an error, always with the target. */
void model_translate_quoted(struct wire *w, const struct seen *error, const struct seen *quoted,
			    const struct addr *address, uint16_t port, uint16_t peer_port);

/* But for the two zeroes of one's complement, in words where checksums stand. */
bool model_equal(const struct wire *got, const struct wire *expected, const struct seen *seen,
		 const struct seen *quoted);
