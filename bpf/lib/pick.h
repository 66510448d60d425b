/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Random numbers and cursors to endpoints: arithmetic alone, the same natively and in the kernel. */
#pragma once

#include "weft/service.h"

/* A column of the table, each as likely as the next; `random` is 32 even bits, count not zero. */
static inline uint32_t pick_column(uint32_t count, uint32_t random)
{
	return (uint64_t)random * count >> 32;
}

/* Which of the two endpoints of an alias column. */
static inline uint64_t pick_alias(const struct slot_row *slot, uint32_t random)
{
	return random < slot->keep ? slot->endpoint : slot->alias;
}
