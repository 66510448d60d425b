/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node's sides of its pods' interfaces: rows that user space writes and the programs at tc obey. */
#pragma once

#include "weft/abi.h"
#include "weft/limits.h"

enum interface_flag {
	/* A packet of this family from an address that is not in `sources` is dropped. */
	INTERFACE_GUARDED_V4 = 1u << 0,
	INTERFACE_GUARDED_V6 = 1u << 1,
};

enum {
	INTERFACE_NAME_SIZE = 16, /* with the closing NUL */
	MAC_SIZE = 6,
};

/* Map `interfaces`, key: index of the interface. Updated in place with BPF_F_LOCK; read word by word without. */
struct interface_row {
	struct bpf_spin_lock lock;
	int32_t netns;	/* the pod's network namespace, by its id in the node's; negative: not known */
	uint32_t flags; /* enum interface_flag */
	uint8_t gateway
		[MAC_SIZE]; /* where the node itself takes packets: its bridge's address, or the interface's */
	uint8_t reserved[2]; /* zero */
	char name[INTERFACE_NAME_SIZE];
};

/* Map `sources`: from which addresses packets may come in at an interface. The value is 1. */
struct source_key {
	struct addr address;
	uint32_t interface;
	uint32_t reserved; /* zero */
};

_Static_assert(sizeof(struct interface_row) == 36, "interface_row");
_Static_assert(sizeof(struct source_key) == 24, "source_key");
