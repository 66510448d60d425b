/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel wrote of an endpoint. */
#pragma once

#include "kern/kern.h"

/* Both return 0 or a negative errno; -ENOENT: there is no such row. */
int kern_endpoint_state(const struct kern *kern, uint64_t endpoint, struct endpoint_state *ret);
int kern_response_state(const struct kern *kern, const struct member_key *member, struct response_state *ret);
