/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The only place that reads addresses and ports from a context or writes them there; byte order lives here.
 * Fields of a context are read in words of four bytes, as the verifier wants them.
 */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "weft/service.h"

/* The 16 bytes as the programs move them. */
union addr_words {
	struct addr address;
	uint32_t words[4];
	uint64_t halves[2];
};

#define V4_PREFIX bpf_htonl(0x0000ffff)

static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	const union addr_words *left = (const void *)a;
	const union addr_words *right = (const void *)b;

	return left->halves[0] == right->halves[0] && left->halves[1] == right->halves[1];
}

static inline bool addr_is_v4(const struct addr *address)
{
	const union addr_words *a = (const void *)address;

	return a->halves[0] == 0 && a->words[2] == V4_PREFIX;
}

/* The address that the application named, or that a datagram came from, as a key of services. */
static __always_inline void key_from_v4(struct bpf_sock_addr *ctx, struct service_key *ret)
{
	union addr_words *a = (void *)&ret->address;

	a->halves[0] = 0;
	a->words[2] = V4_PREFIX;
	a->words[3] = ctx->user_ip4;
	ret->scope = 0;
	ret->port = bpf_ntohs((uint16_t)ctx->user_port);
	ret->protocol = (uint8_t)ctx->protocol; /* MPTCP's 262 reads as TCP's 6 */
	ret->reserved = 0;
}

static __always_inline void key_from_v6(struct bpf_sock_addr *ctx, struct service_key *ret)
{
	union addr_words *a = (void *)&ret->address;

	a->words[0] = ctx->user_ip6[0];
	a->words[1] = ctx->user_ip6[1];
	a->words[2] = ctx->user_ip6[2];
	a->words[3] = ctx->user_ip6[3];
	ret->scope = 0;
	ret->port = bpf_ntohs((uint16_t)ctx->user_port);
	ret->protocol = (uint8_t)ctx->protocol; /* MPTCP's 262 reads as TCP's 6 */
	ret->reserved = 0;
}

static __always_inline void addr_to_v4(struct bpf_sock_addr *ctx, const struct addr *address, uint16_t port)
{
	const union addr_words *a = (const void *)address;

	ctx->user_ip4 = a->words[3];
	ctx->user_port = bpf_htons(port);
}

static __always_inline void addr_to_v6(struct bpf_sock_addr *ctx, const struct addr *address, uint16_t port)
{
	const union addr_words *a = (const void *)address;

	ctx->user_ip6[0] = a->words[0];
	ctx->user_ip6[1] = a->words[1];
	ctx->user_ip6[2] = a->words[2];
	ctx->user_ip6[3] = a->words[3];
	ctx->user_port = bpf_htons(port);
}
