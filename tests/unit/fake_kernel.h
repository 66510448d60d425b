/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables in memory that take a plan as kern/apply gives it to the kernel, and are read back at a restart. */
#pragma once

#include "plan/plan.h"
#include "plan/present.h"

struct fake_kernel {
	struct meta_row meta;
	struct rows tables[TABLE_COUNT];
	bool damaged; /* a row was lost, and no plan was applied since */
};

void fake_kernel_done(struct fake_kernel *kernel);

/* Table by table, and fails the test if at any of these steps a row names one that is not there. */
void fake_kernel_apply(struct fake_kernel *kernel, const struct plan *plan);

/* What is not a plan's doing: a program counts, someone drains by hand, a row is missing. */
void fake_kernel_write(struct fake_kernel *kernel, enum table table, const void *key, const void *value);
void fake_kernel_lose(struct fake_kernel *kernel, enum table table, const void *key);

/* The value under a key, or NULL. */
const void *fake_kernel_find(const struct fake_kernel *kernel, enum table table, const void *key);

/* As an agent that starts anew reads it. */
struct present *fake_kernel_read(const struct fake_kernel *kernel);

/* Fails the test unless every row that a row names is there. */
void fake_kernel_check(const struct fake_kernel *kernel);

/* After the reaping: fails the test if a row stands that belongs to none. */
void fake_kernel_check_reaped(const struct fake_kernel *kernel);
