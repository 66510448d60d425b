/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Service to endpoint: the one road that connect() and datagrams take. */
#pragma once

#include "lib/affinity.h"
#include "lib/balance.h"
#include "lib/count.h"
#include "lib/service.h"
#include "lib/tell.h"

enum verdict {
	VERDICT_LEAVE,	/* not ours, or weft could not: the traffic goes where it was going */
	VERDICT_SEND,	/* to the target */
	VERDICT_REFUSE, /* ECONNREFUSED */
};

/* A connect, or a datagram, that is refused. Not inlined: its frame would add to a chain of calls that is long already. */
static __noinline void route_tell_refused(const struct service_key *dialled, uint32_t service)
{
	struct monitor_event *event = tell_begin(MONITOR_REFUSED, service);

	if (!event)
		return;
	event->address = dialled->address;
	event->port = dialled->port;
	event->protocol = dialled->protocol;
	event->pid = (uint32_t)(bpf_get_current_pid_tgid() >> 32);
	bpf_get_current_comm(event->program, sizeof(event->program));
	tell_end(event);
}

static inline enum verdict route_refuse(const struct service_key *key, const struct service_view *service)
{
	count(service->flags & SERVICE_NO_LOCAL ? REASON_REFUSED_NO_LOCAL : REASON_REFUSED_EMPTY);
	route_tell_refused(key, service->id);
	return VERDICT_REFUSE;
}

/*
 * By the algorithm. A reader can lose its generation to an update only if it slept longer than the grace period; it
 * reads the row once more then.
 */
static inline enum verdict route_balance(const struct service_key *key, struct service_view *service,
					 struct pick *ret)
{
	balance(service, ret);
	if (ret->endpoint)
		return VERDICT_SEND;
	count(REASON_SLOT_RETRY);
	if (!service_find(key, service))
		return VERDICT_LEAVE;
	if (!service->slot_count)
		return route_refuse(key, service);
	balance(service, ret);
	if (ret->endpoint)
		return VERDICT_SEND;
	count(REASON_SLOT_MISSING);
	return VERDICT_LEAVE;
}

/* Chooses an endpoint of `service`, which was found under `key`. */
static inline enum verdict route_service(const struct service_key *key, struct service_view *service,
					 uint64_t client, struct target *ret)
{
	enum verdict verdict;
	struct pick pick = {};
	uint64_t now_ns = 0;

	if (!service->slot_count)
		return route_refuse(key, service);
	if (service->flags & SERVICE_AFFINITY) {
		now_ns = bpf_ktime_get_ns();
		affinity_find(service, client, now_ns, &pick);
	}
	if (!pick.endpoint) {
		if (service->refuse && bpf_get_prandom_u32() < service->refuse) {
			count(REASON_REFUSED_BACKEND);
			return VERDICT_REFUSE;
		}
		verdict = route_balance(key, service, &pick);
		if (verdict != VERDICT_SEND)
			return verdict;
		if (service->flags & SERVICE_AFFINITY)
			affinity_keep(service, client, pick.endpoint, now_ns);
	}
	if (!endpoint_find(pick.endpoint, ret)) {
		count(REASON_ENDPOINT_MISSING);
		return VERDICT_LEAVE;
	}
	if (addr_is_v4(&key->address) != addr_is_v4(&ret->address)) {
		count(REASON_FAMILY_MISMATCH);
		return VERDICT_LEAVE;
	}
	ret->service = service->id;
	ret->decay_ms = service->decay_ms;
	ret->connect_timeout_ms = service->connect_timeout_ms;
	ret->sock_flags = (pick.fitness == FIT_PROBE ? SOCK_PROBE : 0) |
			  (service->flags & SERVICE_MEASURED ? SOCK_MEASURED : 0) |
			  (service->flags & (SERVICE_SPLICE | SERVICE_SPLICE_FORCED) ? SOCK_SPLICE : 0);
	return VERDICT_SEND;
}
