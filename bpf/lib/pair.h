/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two sockets that are spliced: their row, and its end. */
#pragma once

#include "lib/count.h"

static inline bool splice_is_off(void)
{
	uint32_t word = SPLICING_OFF;
	uint64_t *off = bpf_map_lookup_elem(&splicing, &word);

	return !off || *off;
}

static inline uint64_t splice_policy(void)
{
	uint32_t word = SPLICING_POLICY;
	uint64_t *policy = bpf_map_lookup_elem(&splicing, &word);

	return policy ? *policy : 0;
}

/* Zero: as is best. */
static inline uint64_t splice_window(void)
{
	uint32_t word = SPLICING_WINDOW;
	uint64_t *window = bpf_map_lookup_elem(&splicing, &word);

	return window ? *window : 0;
}

/*
 * Does the service want it, on this kernel? The row is read where it lies: if it turns into another one's between the
 * two fields, one message goes the other way, which is right in either case.
 */
static inline bool splice_is_wanted(const struct service_key *dialled, uint32_t service)
{
	struct service_row *row = bpf_map_lookup_elem(&services, dialled);
	uint32_t word = SPLICING_TEST;
	uint64_t *test;

	if (!row || row->id != service)
		return false;
	if (row->flags & SERVICE_SPLICE_FORCED)
		return true;
	test = bpf_map_lookup_elem(&splicing, &word);
	return test && *test == SPLICE_TESTED && row->flags & SERVICE_SPLICE;
}

static inline struct splice_pair *pair_of(struct bpf_sock *sk)
{
	struct splice_end *end = bpf_sk_storage_get(&splice_ends, sk, NULL, 0);
	uint64_t id;

	if (!end)
		return NULL;
	id = end->pair;
	return bpf_map_lookup_elem(&splice_pairs, &id);
}

/* What TCP has not seen of the client's connection goes to the account of its endpoint. Under the client's lock. */
static inline void pair_account(struct splice_pair *pair, struct endpoint_state *state)
{
	uint64_t sent = pair->halves[SPLICE_CLIENT].bytes;
	uint64_t received = pair->halves[SPLICE_SERVER].bytes;

	__sync_fetch_and_add(&state->sent_bytes, sent - pair->sent_bytes);
	__sync_fetch_and_add(&state->received_bytes, received - pair->received_bytes);
	pair->sent_bytes = sent;
	pair->received_bytes = received;
}

/* The client's socket ends. The server finds nobody to hand anything to then. */
static inline void pair_ends(struct bpf_sock *sk)
{
	struct splice_end *end = bpf_sk_storage_get(&splice_ends, sk, NULL, 0);
	struct splice_pair *pair;
	uint64_t id;

	if (!end)
		return;
	id = end->pair;
	pair = bpf_map_lookup_elem(&splice_pairs, &id);
	if (!pair)
		return;
	if (!pair->halves[SPLICE_SERVER].cookie)
		bpf_map_delete_elem(&splice_calls, &pair->call);
	bpf_map_delete_elem(&splice_pairs, &id);
}
