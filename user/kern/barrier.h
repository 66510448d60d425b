/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A grace period, asked for from user space: when barrier_rcu() returns 0, every BPF program that ran when it
 * was called has ended (they run inside RCU read sections, and membarrier(2)'s global command is
 * synchronize_rcu(); kernel/sched/membarrier.c). It takes some ms and burns nothing meanwhile.
 */
#pragma once

/* Returns 0, or -ENOSYS or -EINVAL where the kernel has none (old, or with CPUs that take no ticks). */
int barrier_rcu(void);
