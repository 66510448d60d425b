/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel types for the BPF programs, trimmed by hand over the kernel's user API: a full dump of the types
 * is 135,000 lines and makes each file compile fourteen times slower. Kernel structures that programs read
 * by CO-RE are added here with the members that are read, under preserve_access_index.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/in.h>

typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __s32 int32_t;
typedef __s64 int64_t;
typedef _Bool bool;

enum {
	false = 0,
	true = 1,
};
