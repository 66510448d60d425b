/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this process takes of the machine. */
#pragma once

#include <stdint.h>

struct process {
	double cpu_s;
	double started_s; /* since 1970 */
	uint64_t resident_bytes;
	uint64_t virtual_bytes;
	uint64_t open_fds;
	uint64_t max_fds;
};

/* What cannot be found out stays zero. */
void process_look(struct process *ret);
