/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Single rows, under their locks. */
#include "kern/state.h"

#include <errno.h>

#include <bpf/bpf.h>

static int read_row(const struct kern *kern, enum table table, const void *key, void *ret)
{
	return bpf_map_lookup_elem_flags(kern->tables[table], key, ret, BPF_F_LOCK) ? -errno : 0;
}

int kern_endpoint_state(const struct kern *kern, uint64_t endpoint, struct endpoint_state *ret)
{
	return read_row(kern, TABLE_ENDPOINT_STATE, &endpoint, ret);
}

int kern_response_state(const struct kern *kern, const struct member_key *member, struct response_state *ret)
{
	return read_row(kern, TABLE_RESPONSE_STATE, member, ret);
}
