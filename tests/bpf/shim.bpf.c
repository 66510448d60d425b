/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The decisions of bpf/lib behind SEC("syscall") programs: the test run of the kernel takes any struct there, in
 * and out, while it refuses the real hooks. Maps and verifier are the real ones.
 */
#include "lib/affinity.h"
#include "lib/pick.h"
#include "lib/route.h"
#include "lib/udp.h"
#include "shim.h"

/* So that the enumeration is among the types, for the test that reads it there. */
const volatile enum reason shim_reason = REASON_CONNECT_BALANCED;

/* The least that the others need: whether it loads tells whether a kernel can run them at all. */
SEC("syscall")
int shim_lock(struct shim_route *c)
{
	struct service_key key = c->key;
	struct service_view service = {};

	c->found = service_find(&key, &service);
	return 0;
}

SEC("syscall")
int shim_route(struct shim_route *c)
{
	struct service_key key = c->key;
	struct service_view service = {};
	struct target target = {};

	c->found = service_find(&key, &service);
	if (!c->found)
		return 0;
	c->verdict = route_service(&key, &service, c->client, &target);
	c->endpoint = target.endpoint;
	c->address = target.address;
	c->port = target.port;
	c->sock_flags = target.sock_flags;
	return 0;
}

/* Routes with a generation of the row that is no longer in force, as a reader does that slept too long. */
SEC("syscall")
int shim_route_late(struct shim_route *c)
{
	struct service_key key = c->key;
	struct service_view service = {};
	struct target target = {};

	c->found = service_find(&key, &service);
	if (!c->found)
		return 0;
	service.generation -= 1;
	c->verdict = route_service(&key, &service, c->client, &target);
	c->endpoint = target.endpoint;
	return 0;
}

SEC("syscall")
int shim_pick(struct shim_pick *c)
{
	struct slot_row slot = {};

	slot.endpoint = c->slot.endpoint;
	barrier_var(
		slot.endpoint); /* else the compiler computes an address in the context, which is forbidden */
	slot.alias = c->slot.alias;
	slot.keep = c->slot.keep;
	c->column = pick_column(c->count, c->random);
	c->endpoint = pick_alias(&slot, c->random);
	return 0;
}

/*
 * Reads a row SHIM_LOOKUPS times while user space rewrites it, and counts reads whose fields are not of one
 * writing: the writer keeps all of them equal.
 */
SEC("syscall")
int shim_torn(struct shim_torn *c)
{
	struct service_key key = c->key;
	struct service_view service = {};
	int i;

	for (i = 0; i < SHIM_LOOKUPS; i++) {
		if (!service_find(&key, &service)) {
			c->missing++;
			continue;
		}
		c->lookups++;
		if (service.id != service.generation || service.id != service.slot_count ||
		    service.id != service.flags || service.id != service.affinity_s)
			c->mixed++;
		if (service.id != c->last)
			c->changes++;
		c->last = service.id;
	}
	return 0;
}

struct shim_udp_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct udp_state);
};

/* In place of a socket's storage, which needs a socket. */
struct shim_udp_map shim_udp_map SEC(".maps");

SEC("syscall")
int shim_udp(struct shim_udp *c)
{
	struct service_key key = c->key;
	struct target target = {};
	struct udp_state *state;
	const struct udp_pair *pair;
	uint32_t zero = 0;
	uint32_t place;

	state = bpf_map_lookup_elem(&shim_udp_map, &zero);
	if (!state)
		return 0;
	place = udp_find(state, &key);
	c->place = place;
	c->stuck = udp_stick(state, place, c->service, &target);
	if (!c->stuck) {
		target.address = c->address;
		target.port = c->port;
		target.endpoint = c->endpoint;
		target.service = c->service;
		udp_remember(state, place, &key, &target);
	}
	key.address = c->address;
	key.port = c->port;
	pair = udp_answered(state, &key);
	if (pair) {
		c->answered_port = pair->dialled_port;
		c->answered = pair->dialled;
	}
	return 0;
}
