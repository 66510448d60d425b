/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every shape of header that a packet of a pod may have. */
#pragma once

#include "wire.h"

/* As enum packet_kind in bpf/lib/packet.h, which only the BPF compiler can read. */
enum kind {
	KIND_OTHER,
	KIND_TCP,
	KIND_UDP,
	KIND_ICMP,
	KIND_FRAGMENT,
	KIND_IP,
};

struct shape {
	enum kind kind; /* that it must be taken for */
	struct spec spec;
};

extern const struct tuple tuple_v4, tuple_v6;
extern const struct shape shapes[];
extern const unsigned n_shapes;

/* Of a message of this kind so many bytes must be there. */
unsigned shape_least(const struct shape *shape);

/* The ICMP error of the shape's family that quotes `quote` bytes of it (zero: all). */
struct spec shape_error(const struct spec *quoted, unsigned type, unsigned code, unsigned quote);
