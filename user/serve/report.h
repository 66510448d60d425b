/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an agent tells of itself to whoever asks by HTTP: taken down at one moment, then written as text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"
#include "model/object.h"
#include "source/source.h"

enum {
	REPORT_TABLES = 16,
};

struct report_table {
	const char *map;
	uint64_t rows; /* in force; those that wait for their deletion do not count */
	uint64_t most; /* zero: not known */
};

struct report {
	const char *version;
	uint32_t abi;
	bool ready; /* the first complete state is in the kernel */
	struct source_status source;
	size_t objects[OBJECT_KINDS];
	struct report_table tables[REPORT_TABLES];
	size_t n_tables;
	uint64_t puts, deletes;	 /* rows that were sent to the kernel so far */
	uint64_t kernel_errors;	 /* times that it did not take them */
	struct why kernel_wrong; /* of the last try; "": it went well */
};

/* Each returns a text to be freed, or NULL without memory. */

/* For Prometheus, in its text format 0.0.4. */
char *report_metrics(const struct report *report);

/* For 'weft get status': one object of JSON. */
char *report_json(const struct report *report);

/* A line or more of what there is to say of being ready. */
char *report_readiness(const struct report *report);
