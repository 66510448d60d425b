/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The splice as the whole node has it: tried, switched, counted. */
#pragma once

#include "kern/kern.h"
#include "kern/probe.h"
#include "weft/splice.h"

/*
 * Tries what the running kernel does with two sockets of loopback that are spliced; no namespace, cgroup or pin is
 * needed. Returns enum splice_test; if something failed, `why` says what was seen.
 */
uint32_t splice_test(struct why *why);

/* The result as one more feature: whether services that leave it to weft are spliced. Zero: nothing was tried. */
struct feature_state splice_auto(uint32_t test, const struct why *why);

/* The name of each bit of the result but SPLICE_TESTED, from the lowest on. */
enum {
	SPLICE_FAILURES = 7,
};
extern const char *const splice_failure_names[SPLICE_FAILURES];

/* One number of the map `splicing`. Both return 0 or a negative errno. */
int kern_splicing_read(const struct kern *kern, enum splicing number, uint64_t *ret);
int kern_splicing_write(const struct kern *kern, enum splicing number, uint64_t value);

/* Calls for each pair; rows may come and go meanwhile. Returns 0 or a negative errno with `why`. */
typedef void kern_pair_fn(void *arg, const struct splice_pair *pair);
int kern_splice_pairs(const struct kern *kern, kern_pair_fn *call, void *arg, struct why *why);

/* What the kernel has counted of a service; zero where it has no row. */
int kern_splice_state(const struct kern *kern, uint32_t service, struct splice_state *ret);
