/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way back of what was moved: rows by interface and tuple. They end with their socket, and how many there are is
 * known, so that without any nobody looks.
 */
#pragma once

#include "lib/addr.h"
#include "lib/count.h"

static inline struct rescues_row *moves_counter(void)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(&rescues, &zero);
}

static inline bool moves_exist(void)
{
	struct rescues_row *row = moves_counter();

	return row && row->moves;
}

/* Returns 0, -EEXIST, or another error if there is no room. */
static inline int moves_add(const struct move_key *key, const struct move_row *row)
{
	struct rescues_row *counter = moves_counter();
	int error;

	/* Counted before it is there: who sees the row must be looking. */
	if (counter)
		__sync_fetch_and_add(&counter->moves, 1);
	error = bpf_map_update_elem(&moves, key, row, BPF_NOEXIST);
	if (error && counter)
		__sync_fetch_and_add(&counter->moves, -1);
	return error;
}

static inline void moves_remove(const struct move_key *key)
{
	struct rescues_row *counter = moves_counter();

	if (!bpf_map_delete_elem(&moves, key) && counter)
		__sync_fetch_and_add(&counter->moves, -1);
}

/* The row of what comes from the endpoint in force. */
static inline void moves_key_in_force(const struct rescue_state *state, uint32_t interface, uint8_t protocol,
				      struct move_key *ret)
{
	ret->remote = state->address;
	ret->local = state->local;
	ret->interface = interface;
	ret->remote_port = state->port;
	ret->local_port = state->wire_port;
	ret->protocol = protocol;
}

/* What a socket believes to be connected to: what comes from there. */
static inline void moves_key_believed(const struct sock_state *sock, const struct rescue_state *state,
				      uint8_t protocol, struct move_key *ret)
{
	ret->remote = sock->address;
	ret->local = state->local;
	ret->interface = sock->interface;
	ret->remote_port = sock->port;
	ret->local_port = state->local_port;
	ret->protocol = protocol;
}

/* The socket ends, or connects anew. Its last packets may not have passed tc yet: they find the way as before. */
static inline void moves_end(struct sock_state *sock, const struct rescue_state *state, uint8_t protocol)
{
	struct move_key key = {};

	if (sock->moved & MOVED_ENDED)
		return;
	sock->moved |= MOVED_ENDED;
	moves_key_in_force(state, sock->interface, protocol, &key);
	moves_remove(&key);
	if (sock->moved & MOVED_BARRED) {
		moves_key_believed(sock, state, protocol, &key);
		moves_remove(&key);
	}
}
