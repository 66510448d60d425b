/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an endpoint's rows mean, in words. Pure. */
#pragma once

#include <stdbool.h>

#include "weft/service.h"
#include "weft/state.h"

enum health {
	HEALTH_ACTIVE,
	HEALTH_NOT_READY,
	HEALTH_DRAINING, /* gets nothing new, keeps what it has */
	HEALTH_EJECTED,
	HEALTH_PROBING, /* its time is over, and a connection is to find out */
};

/* `now_ns` is CLOCK_MONOTONIC. */
enum health health_of(const struct endpoint_state *state, enum member_state member, bool drained,
		      uint64_t now_ns);

const char *health_name(enum health health);

/* Why it is not active: "refused", "terminating", "drained by hand", ...; "" if there is nothing to say. */
const char *health_why(enum health health, const struct endpoint_state *state, bool drained);

const char *failure_name(enum failure failure);
