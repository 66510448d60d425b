/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sums of the Internet checksum (RFC 1071), as bpf_csum_diff() returns them: 32 bits, in one's complement. */
#pragma once

#include "vmlinux.h"

static inline uint32_t sum_plus(uint32_t a, uint32_t b)
{
	uint64_t sum = (uint64_t)a + b;

	return (uint32_t)(sum + (sum >> 32));
}

static inline uint32_t sum_minus(uint32_t a, uint32_t b)
{
	return sum_plus(a, ~b);
}

/* As it is written into a packet. */
static inline uint16_t sum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}
