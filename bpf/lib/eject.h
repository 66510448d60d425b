/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Passive ejection: arithmetic on an endpoint's state, time is given. The caller holds the state's lock. After
 * Envoy's outlier detection: failures in a row, a back-off that grows by the base time, a share that may be out.
 */
#pragma once

#include "lib/decay.h"
#include "weft/service.h"
#include "weft/state.h"

/* A probing connection that has told nothing for so long is given up, and another one may try. */
#define PROBE_PATIENCE_NS (10000 * NS_PER_MS)

enum fitness {
	FIT,
	FIT_PROBE, /* ejected, but this connection is to find out */
	FIT_PANIC, /* ejected, but too few are left */
	FIT_LAST,  /* drained, but there is nothing else */
	UNFIT_EJECTED,
	UNFIT_DRAINED,
};

static inline bool is_fit(enum fitness fitness)
{
	return fitness < UNFIT_EJECTED;
}

/* What an endpoint that may be ejected is to this connection; takes the part of the probe if it is free. */
static inline enum fitness eject_fitness(struct endpoint_state *state, uint64_t now_ns)
{
	if (!state->ejected_until_ns)
		return FIT;
	if (now_ns < state->ejected_until_ns)
		return UNFIT_EJECTED;
	if (state->probed_ns && now_ns - state->probed_ns < PROBE_PATIENCE_NS)
		return UNFIT_EJECTED;
	state->probed_ns = now_ns;
	return FIT_PROBE;
}

/* One more failure: is ejection due? `probe`: it was the probing connection's. */
static inline bool eject_is_due(struct endpoint_state *state, const struct service_row *service, bool probe)
{
	/* What failed of the connections from before tells nothing new. */
	if (state->ejected_until_ns)
		return probe;
	state->failures++;
	return service->eject_failures && state->failures >= service->eject_failures;
}

/* Ejects; returns until when. Each base time that it was well since its last return forgives one ejection. */
static inline uint64_t eject(struct endpoint_state *state, const struct service_row *service,
			     enum failure cause, uint64_t now_ns)
{
	uint64_t base_ns = service->eject_base_ms * NS_PER_MS;
	uint64_t max_ns = service->eject_max_ms * NS_PER_MS;
	uint64_t forgiven = 0, span_ns;

	if (!state->ejected_until_ns && state->readmitted_ns && base_ns)
		forgiven = (now_ns - state->readmitted_ns) / base_ns;
	state->ejections = forgiven < state->ejections ? state->ejections - (uint32_t)forgiven + 1 : 1;
	span_ns = base_ns * state->ejections;
	if (span_ns > max_ns)
		span_ns = max_ns;
	state->cause = cause;
	state->failures = 0;
	state->probed_ns = 0;
	state->ejected_until_ns = now_ns + span_ns;
	return state->ejected_until_ns;
}

/* A success: does it bring the endpoint back? */
static inline bool eject_returns(struct endpoint_state *state, bool probe, uint64_t now_ns)
{
	if (!state->ejected_until_ns) {
		state->failures = 0;
		return false;
	}
	if (!probe)
		return false;
	state->failures = 0;
	state->probed_ns = 0;
	state->ejected_until_ns = 0;
	state->readmitted_ns = now_ns;
	return true;
}

/* May one more of `listed` endpoints be out, beside `ejected`? One always may. */
static inline bool eject_is_allowed(uint32_t listed, uint32_t ejected, uint32_t percent)
{
	return !ejected || (uint64_t)(ejected + 1) * 100 <= (uint64_t)percent * listed;
}

/* Are so few left that all must be used? */
static inline bool eject_is_panic(uint32_t usable, uint32_t available, uint32_t percent)
{
	return !available || (uint64_t)available * 100 < (uint64_t)percent * usable;
}

/* Who may have a connection although nobody should, as the service has too little else. */
enum tolerance {
	TOLERATE_EJECTED = 1u << 0,
	TOLERATE_DRAINED = 1u << 1,
};

/* Of `listed` endpoints, `available` are neither ejected nor drained. */
static inline uint32_t eject_tolerance(uint32_t listed, uint32_t available, uint32_t drained,
				       uint32_t panic_percent)
{
	if (listed == drained)
		return TOLERATE_DRAINED;
	return eject_is_panic(listed - drained, available, panic_percent) ? TOLERATE_EJECTED : 0;
}

static inline enum fitness eject_tolerate(enum fitness fitness, uint32_t tolerance)
{
	if (fitness == UNFIT_EJECTED && tolerance & TOLERATE_EJECTED)
		return FIT_PANIC;
	if (fitness == UNFIT_DRAINED && tolerance & TOLERATE_DRAINED)
		return FIT_LAST;
	return fitness;
}
