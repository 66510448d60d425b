/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the cgroup hooks return. */
#pragma once

#include "maps.h"

#define HOOK_ALLOW 1
#define HOOK_REFUSE 0

/* The caller sees ECONNREFUSED at once; EPERM where the kernel cannot set an error (before 5.18). */
static inline int refuse(void)
{
	if (can_set_retval)
		bpf_set_retval(-ECONNREFUSED);
	return HOOK_REFUSE;
}
