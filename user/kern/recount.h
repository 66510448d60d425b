/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections that began under an earlier load are counted in: an iterator goes over the TCP sockets of every
 * network namespace that a process of the cgroup is in. What is counted already is left alone.
 */
#pragma once

#include "kern/kern.h"

/*
 * `cgroup` is the directory that the programs are attached to. *ret_adopted is how many connections were counted
 * in. Returns 0, -ENOENT where this kernel cannot do it, or another negative errno with `why`; -EPERM: entering a
 * pod's network namespace takes CAP_SYS_ADMIN.
 */
int kern_recount(const struct kern *kern, const char *cgroup, uint64_t *ret_adopted, struct why *why);
