/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rows that one connect goes by, each as the programs look it up (bpf/lib/route.h). */
#pragma once

#include "kern/kern.h"

/* All return 0 or a negative errno; -ENOENT: there is no such row. */
int kern_service(const struct kern *kern, const struct service_key *key, struct service_row *ret);
int kern_service_state(const struct kern *kern, uint32_t service, struct service_state *ret);
int kern_endpoint_at(const struct kern *kern, const struct service_key *key, uint64_t *ret);
int kern_affinity(const struct kern *kern, const struct affinity_key *key, struct affinity_row *ret);

/* Those of the row's generation, all of them. -ENOENT: one is gone, and the service has another generation by now. */
int kern_slots(const struct kern *kern, const struct service_row *service, struct slot_row *ret_slots);

/* Counts the changes after which endpoints are counted anew (bpf/lib/census.h). */
int kern_census_epoch(const struct kern *kern, uint64_t *ret);

/* Are there interfaces whose packets are watched? Without, a connect that fails is not moved. */
bool kern_watches_packets(const struct kern *kern);
