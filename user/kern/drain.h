/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Endpoints that are drained by hand. No lock is taken, as an agent may hold it: a drain beside an undrain is never
 * lost, whoever is faster. Doing twice what is done already changes nothing.
 */
#pragma once

#include "kern/kern.h"

/* All return 0 or a negative errno with `why`. */
int kern_drain(const struct kern *kern, uint64_t endpoint, struct why *why);
int kern_undrain(const struct kern *kern, uint64_t endpoint, struct why *why);

/* The ids of all that are, to be freed, in no order. Returns 0 or -ENOMEM. */
int kern_drained(const struct kern *kern, uint64_t **ret, size_t *ret_count);

bool kern_is_drained(const struct kern *kern, uint64_t endpoint);
