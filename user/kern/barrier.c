/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* membarrier(2), which libc does not wrap. */
#include "kern/barrier.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

int barrier_rcu(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ? -errno : 0;
}
