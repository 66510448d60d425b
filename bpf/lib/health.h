/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What connections tell of their endpoints, and what follows from it: ejection and return. */
#pragma once

#include "lib/census.h"
#include "lib/service.h"
#include "lib/tell.h"

/*
 * May this endpoint have a new connection? An enum fitness; FIT_PROBE is given to one connection at a time. A global
 * function, so that the verifier does not follow each answer into each draw.
 */
int weft_fitness(uint64_t endpoint);

static inline void health_tell(const struct event *event)
{
	if (bpf_ringbuf_output(&events, (void *)event, sizeof(*event), 0))
		count(REASON_EVENT_LOST);
	tell_health(event);
}

/* The service of a connection, as it is now; false if it is another one by now, or none was dialled. */
static inline bool health_service(const struct sock_state *sock, struct service_row *ret)
{
	struct service_key key = {
		.address = sock->dialled,
		.port = sock->dialled_port,
		.protocol = IPPROTO_TCP,
	};

	return sock->service && service_find_knobs(&key, ret) && ret->id == sock->service;
}

/* The share of the service's endpoints that may be out. */
static inline bool health_may_eject(const struct service_row *service)
{
	struct census census = {};

	census_take(service->id, service->generation, service->endpoint_count, service->algorithm, &census);
	return eject_is_allowed(census.listed, census.listed - census.available - census.drained,
				service->eject_percent);
}

/*
 * A connection to this endpoint has failed; `service` is its own, as it is now. `probe`: it was to find out about the
 * endpoint.
 */
static inline void health_failed(uint64_t endpoint, bool probe, struct endpoint_state *state,
				 const struct service_row *service, enum failure cause)
{
	struct event event = {
		.time_ns = bpf_ktime_get_ns(),
		.endpoint = endpoint,
		.service = service->id,
		.kind = EVENT_EJECTED,
		.cause = cause,
	};
	bool due, again, spared;

	bpf_spin_lock(&state->lock);
	again = state->ejected_until_ns;
	due = eject_is_due(state, service, probe);
	event.failures = state->failures;
	bpf_spin_unlock(&state->lock);
	if (!due)
		return;
	/* A probe that failed keeps out what is out: that makes no difference to the share. */
	spared = !again && !health_may_eject(service);

	bpf_spin_lock(&state->lock);
	if (spared) {
		/* It takes as many again until the question is asked once more. */
		state->failures = 0;
	} else if (state->ejected_until_ns && !again) {
		due = false; /* another processor was faster */
	} else {
		event.until_ns = eject(state, service, cause, event.time_ns);
		event.ejections = state->ejections;
	}
	bpf_spin_unlock(&state->lock);
	if (!due)
		return;
	if (spared)
		event.kind = EVENT_SPARED;
	else
		census_outdate();
	count(spared ? REASON_EJECTION_SPARED : REASON_EJECTED);
	health_tell(&event);
}

/* The endpoint has answered a connection; `probe`: one that was to find out about it. */
static inline void health_succeeded(uint64_t endpoint, uint32_t service, bool probe,
				    struct endpoint_state *state)
{
	struct event event = {
		.endpoint = endpoint,
		.service = service,
		.kind = EVENT_READMITTED,
	};
	bool returned;

	/* As almost always: nothing to forget. */
	if (!state->failures && !probe)
		return;
	event.time_ns = bpf_ktime_get_ns();
	bpf_spin_lock(&state->lock);
	returned = eject_returns(state, probe, event.time_ns);
	event.ejections = state->ejections;
	event.cause = state->cause;
	bpf_spin_unlock(&state->lock);
	if (!returned)
		return;
	census_outdate();
	count(REASON_READMITTED);
	health_tell(&event);
}
