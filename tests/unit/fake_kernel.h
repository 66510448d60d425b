/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables in memory that take a plan as kern/apply gives it to the kernel, and are read back at a restart. */
#pragma once

#include "plan/plan.h"
#include "plan/present.h"

struct fake_kernel {
	struct meta_row meta;
	struct rows tables[TABLE_COUNT];
};

void fake_kernel_done(struct fake_kernel *kernel);
void fake_kernel_apply(struct fake_kernel *kernel, const struct plan *plan);

/* The value under a key, or NULL. */
const void *fake_kernel_find(const struct fake_kernel *kernel, enum table table, const void *key);

/* As an agent that starts anew reads it. */
struct present *fake_kernel_read(const struct fake_kernel *kernel);

/* Fails the test unless every row that a row names is there. */
void fake_kernel_check(const struct fake_kernel *kernel);
