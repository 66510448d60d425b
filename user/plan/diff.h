/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Wanted rows against present rows, for one service. Pure. */
#pragma once

#include "plan/plan.h"
#include "plan/present.h"
#include "plan/view.h"

struct diff_options {
	/*
	 * Take nothing away: rows that nobody wants stay, and so do the endpoints of a service that wants none.
	 * For the time in which not all that should be is known.
	 */
	bool keep;
};

/*
 * Adds to `plan` what must change so that the rows of the service `name` ("namespace/name") become what it
 * wants, and changes `present` accordingly: it stands for the time after the plan.
 *
 * A want whose address, port and protocol another service holds is not met; *ret_holder then names that one
 * (borrowed from `present`), else it is NULL.
 *
 * Returns 0 or -ENOMEM; after an error `present` must be read anew.
 */
int diff_service(struct present *present, const char *name, const struct wants *wants,
		 const struct diff_options *options, struct plan *plan, const char **ret_holder);
