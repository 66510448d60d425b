/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The agent's own sockets: left alone and counted nowhere, so that it never needs the rows that it writes. */
#pragma once

#include "maps.h"
#include "weft/mark.h"

static inline bool is_agents_own(struct bpf_sock *sk)
{
	return sk && sk->mark == AGENT_MARK;
}
