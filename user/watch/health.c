/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows to words. */
#include "watch/health.h"

enum health health_of(const struct endpoint_state *state, enum member_state member, bool drained,
		      uint64_t now_ns)
{
	if (state->ejected_until_ns)
		return state->ejected_until_ns > now_ns ? HEALTH_EJECTED : HEALTH_PROBING;
	if (drained || member == MEMBER_TERMINATING)
		return HEALTH_DRAINING;
	return member == MEMBER_NOT_READY ? HEALTH_NOT_READY : HEALTH_ACTIVE;
}

const char *health_name(enum health health)
{
	switch (health) {
	case HEALTH_ACTIVE:
		return "active";
	case HEALTH_NOT_READY:
		return "not_ready";
	case HEALTH_DRAINING:
		return "draining";
	case HEALTH_EJECTED:
		return "ejected";
	case HEALTH_PROBING:
		return "probing";
	}
	return "unknown";
}

const char *failure_name(enum failure failure)
{
	switch (failure) {
	case FAILURE_NONE:
		return "";
	case FAILURE_REFUSED:
		return "refused";
	case FAILURE_TIMED_OUT:
		return "timed_out";
	case FAILURE_RESET:
		return "reset";
	case FAILURE_STALLED:
		return "stalled";
	}
	return "unknown";
}

const char *health_why(enum health health, const struct endpoint_state *state, bool drained)
{
	switch (health) {
	case HEALTH_EJECTED:
	case HEALTH_PROBING:
		return failure_name(state->cause);
	case HEALTH_DRAINING:
		return drained ? "drained by hand" : "terminating";
	case HEALTH_ACTIVE:
	case HEALTH_NOT_READY:
		break;
	}
	return "";
}
