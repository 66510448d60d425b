/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What both compilers need before they can share a row: integer names, the version of the rows and the one
 * address type.
 */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#endif

/*
 * Version of all shapes in include/weft. A weft binary refuses pinned maps of another version; any change of
 * a key, a value or the meaning of a field raises it.
 */
#define WEFT_ABI 5u

/*
 * An address in network order; IPv4 stands as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that one type, one key
 * and one code path serve both families.
 */
struct addr {
	uint8_t bytes[16];
} __attribute__((aligned(8)));

_Static_assert(sizeof(struct addr) == 16, "an address is 16 bytes");
