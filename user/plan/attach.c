/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One pass over the interfaces for each kind of step. */
#include "plan/attach.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/vec.h"

void attach_plan_done(struct attach_plan *plan)
{
	free(plan->steps);
	*plan = (struct attach_plan){ 0 };
}

static int add_step(struct attach_plan *plan, enum attach_step_kind kind, const struct pod_link *link,
		    const struct addr *source)
{
	struct attach_step *step;

	if (vec_reserve(&plan->steps, plan->count + 1, &plan->room, sizeof(*plan->steps)))
		return -ENOMEM;
	step = &plan->steps[plan->count++];
	*step = (struct attach_step){ .kind = kind, .index = link->index, .row = link->row };
	if (source)
		step->source = *source;
	return 0;
}

/* Addresses of `link` that `other` has not; both are sorted. */
static int add_sources(struct attach_plan *plan, enum attach_step_kind kind, const struct pod_link *link,
		       const struct pod_link *other)
{
	size_t there = other ? other->n_addresses : 0, j = 0;
	int error = 0;

	for (size_t i = 0; !error && i < link->n_addresses; i++) {
		while (j < there && addr_compare(&other->addresses[j], &link->addresses[i]) < 0)
			j++;
		if (j == there || addr_compare(&other->addresses[j], &link->addresses[i]))
			error = add_step(plan, kind, link, &link->addresses[i]);
	}
	return error;
}

/* What a step of this kind has to do for a link, which the other side knows as `other`, or not at all. */
static int add_steps(struct attach_plan *plan, enum attach_step_kind kind, const struct pod_link *link,
		     const struct pod_link *other)
{
	switch (kind) {
	case STEP_ADD_SOURCE:
	case STEP_DELETE_SOURCE:
		return add_sources(plan, kind, link, other);
	case STEP_PUT_ROW:
		if (other && !memcmp(&other->row, &link->row, sizeof(link->row)))
			return 0;
		break;
	case STEP_ATTACH:
		if (other && other->born == link->born)
			return 0;
		break;
	case STEP_DETACH:
	case STEP_DELETE_ROW:
		if (other)
			return 0;
		break;
	}
	return add_step(plan, kind, link, NULL);
}

int attach_diff(const struct pod_links *present, const struct pod_links *wanted, struct attach_plan *plan)
{
	static const enum attach_step_kind kinds[] = {
		STEP_ADD_SOURCE, STEP_PUT_ROW, STEP_ATTACH, STEP_DETACH, STEP_DELETE_ROW, STEP_DELETE_SOURCE,
	};
	int error = 0;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		bool forth = kinds[k] <= STEP_ATTACH;
		const struct pod_links *from = forth ? wanted : present, *to = forth ? present : wanted;

		for (size_t i = 0; !error && i < from->count; i++)
			error = add_steps(plan, kinds[k], &from->items[i],
					  pod_links_find(to, from->items[i].index));
	}
	return error;
}
