/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `weft monitor` is told: written where it is read, without a copy on the stack. Without a reader, one look at one
 * row.
 */
#pragma once

#include "lib/count.h"

static inline bool tell_is_wanted(enum monitor_kind kind)
{
	uint32_t zero = 0;
	struct monitoring_row *row = bpf_map_lookup_elem(&monitoring, &zero);

	return row && row->kinds & 1u << kind && bpf_ktime_get_ns() < row->until_ns;
}

/* NULL: nobody wants to know, or there is no room. What is returned is for tell_end(). */
static inline struct monitor_event *tell_begin(enum monitor_kind kind, uint32_t service)
{
	struct monitored_row *monitored_row;
	struct monitor_event *event;
	uint32_t zero = 0;

	if (!tell_is_wanted(kind))
		return NULL;
	monitored_row = bpf_map_lookup_elem(&monitored, &zero);
	if (!monitored_row)
		return NULL;
	event = bpf_ringbuf_reserve(&monitor, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&monitored_row->lost, 1);
		count(REASON_MONITOR_LOST);
		return NULL;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = bpf_ktime_get_ns();
	event->lost = monitored_row->lost;
	event->kind = kind;
	event->service = service;
	return event;
}

/* Waking the reader for each event would cost more than all the rest: it looks by itself now and then. */
static inline void tell_end(struct monitor_event *event)
{
	bool full = bpf_ringbuf_query(&monitor, BPF_RB_AVAIL_DATA) >= MONITOR_BYTES / 4;

	bpf_ringbuf_submit(event, full ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* `health` is what the agent is told. */
static inline void tell_health(const struct event *health)
{
	enum monitor_kind kind = health->kind == EVENT_EJECTED	    ? MONITOR_EJECTED
				 : health->kind == EVENT_READMITTED ? MONITOR_READMITTED
								    : MONITOR_SPARED;
	struct monitor_event *event = tell_begin(kind, health->service);

	if (!event)
		return;
	event->time_ns = health->time_ns;
	event->endpoint = health->endpoint;
	event->until_ns = health->until_ns;
	event->cause = health->cause;
	event->failures = health->failures;
	event->protocol = IPPROTO_TCP;
	tell_end(event);
}

/* A connect that was moved is answered; `sock` has what it was moved away from. */
static inline void tell_rescued(const struct sock_state *sock, const struct rescue_state *move)
{
	struct monitor_event *event = tell_begin(MONITOR_RESCUED, sock->service);

	if (!event)
		return;
	event->endpoint = sock->endpoint;
	event->target = move->endpoint;
	event->cause = move->cause;
	event->failures = move->tries;
	event->client = move->local;
	event->client_port = move->local_port;
	event->address = sock->address;
	event->port = sock->port;
	event->protocol = IPPROTO_TCP;
	tell_end(event);
}

/* A UDP socket has left the endpoint at `remote`; `move` says where to. */
static inline void tell_healed(uint32_t service, uint64_t endpoint, const struct addr *remote, uint16_t port,
			       const struct rescue_state *move)
{
	struct monitor_event *event = tell_begin(MONITOR_HEALED, service);

	if (!event)
		return;
	event->endpoint = endpoint;
	event->target = move->endpoint;
	event->client = move->local;
	event->client_port = move->local_port;
	event->address = *remote;
	event->port = port;
	event->protocol = IPPROTO_UDP;
	tell_end(event);
}
