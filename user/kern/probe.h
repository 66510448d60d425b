/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the running kernel can do, found by trying: a small program is loaded, a small map is made. Never by
 * version.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/why.h"

/* The order is part of what stands in the map `meta`: to change it is to raise WEFT_ABI. */
enum feature {
	FEATURE_BTF,
	FEATURE_CGROUP_HOOKS,
	FEATURE_SOCK_STORAGE,
	FEATURE_SPIN_LOCK,
	FEATURE_RING_BUFFER,
	FEATURE_SET_RETVAL,
	FEATURE_HEALTH,
	FEATURE_RESPONSE_TIME,
	FEATURE_UDP_FLOWS,
	FEATURE_RECOUNT,
	FEATURE_MOVED_AFFINITY,
	FEATURE_TC,
	FEATURE_TCX,
	FEATURE_SPLICE,
	FEATURE_MAP_BATCH,
	FEATURE_RCU_BARRIER,
	FEATURE_COUNT,
};

struct feature_state {
	const char *name;
	const char *effect; /* what is lost without it */
	bool required;	    /* weft does not load without it */
	bool on;
	struct why why; /* why it is off */
};

/*
 * Tries every feature. Those in `without` (names, separated by commas; may be NULL) count as missing. Returns 0
 * or -EINVAL if `without` names one that there is not.
 */
int probe_features(const char *without, struct feature_state ret[FEATURE_COUNT], struct why *why);

/* Its name, and what is lost without it; nothing is tried. */
struct feature_state feature_describe(enum feature feature);

/* The first feature that is required and off; NULL if weft can run here. */
const struct feature_state *probe_missing(const struct feature_state features[FEATURE_COUNT]);
