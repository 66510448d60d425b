/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Load, health and time, behind SEC("syscall") programs. Rows of the context are copied: it cannot be handed on. */
#include "lib/exchange.h"
#include "lib/health.h"
#include "lib/pick.h"
#include "shim.h"

SEC("syscall")
int shim_decay(struct shim_decay *c)
{
	c->decayed = decay(c->value, c->elapsed_ns, c->decay_ms);
	c->next = response_next(c->mean_ns, c->sample_ns, c->elapsed_ns, c->decay_ms);
	c->bucket = response_bucket(c->sample_ns, RESPONSE_BUCKETS);
	return 0;
}

SEC("syscall")
int shim_eject(struct shim_eject *c)
{
	struct endpoint_state state = c->state;
	struct service_row service = c->service;

	switch (c->act) {
	case SHIM_FITNESS:
		c->result = eject_fitness(&state, c->now_ns);
		break;
	case SHIM_DUE:
		c->result = eject_is_due(&state, &service, c->probe);
		break;
	case SHIM_EJECT:
		c->result = eject(&state, &service, FAILURE_RESET, c->now_ns);
		break;
	case SHIM_RETURNS:
		c->result = eject_returns(&state, c->probe, c->now_ns);
		break;
	}
	c->state = state;
	return 0;
}

SEC("syscall")
int shim_share(struct shim_share *c)
{
	c->allowed = eject_is_allowed(c->listed, c->ejected, c->percent);
	c->panic = eject_is_panic(c->usable, c->available, c->percent);
	return 0;
}

SEC("syscall")
int shim_weigh(struct shim_weigh *c)
{
	struct candidate first = {
		.live = c->live[0],
		.connect_ns = c->connect_ns[0],
		.response_ns = c->response_ns[0],
		.weight = c->weight[0],
	};
	struct candidate second = {
		.live = c->live[1],
		.connect_ns = c->connect_ns[1],
		.response_ns = c->response_ns[1],
		.weight = c->weight[1],
	};

	c->less_loaded = pick_less_loaded(&second, &first);
	c->cheaper = pick_cheaper(&second, &first);
	return 0;
}

SEC("syscall")
int shim_health(struct shim_health *c)
{
	struct sock_state sock = c->sock;
	uint64_t endpoint = sock.endpoint;
	struct endpoint_state *state = bpf_map_lookup_elem(&endpoint_state, &endpoint);

	if (!state)
		return 0;
	if (c->failure)
		connection_failed(&sock, state, c->failure);
	else
		connection_succeeded(&sock, state);
	return 0;
}

SEC("syscall")
int shim_exchange(struct shim_exchange *c)
{
	struct member_key member = { .endpoint = c->sock.endpoint, .service = c->sock.service };

	response_sample(&member, c->sock.decay_ms, c->now_ns, c->response_ns);
	return 0;
}

SEC("syscall")
int shim_verdict(struct shim_verdict *c)
{
	struct sock_state sock = c->sock;

	c->failure = connection_verdict(&sock, c->error, c->answered);
	return 0;
}
