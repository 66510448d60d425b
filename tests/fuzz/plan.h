/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From objects on to what would be written to the kernel. */
#pragma once

#include "base/attr.h"
#include "fuzz.h"
#include "model/model.h"
#include "plan/diff.h"
#include "plan/view.h"

static inline void no_complaint(void *arg, const char *sentence)
{
	(void)arg;
	(void)sentence;
}

static inline size_t plan_size(const struct plan *plan)
{
	return plan_count_puts(plan) + plan_count_deletes(plan);
}

static inline void put_service(struct present *present, const struct model *model,
			       const struct model_service *service)
{
	const struct vantage vantage = { .node = "node1", .zone = "a" };
	_cleanup_(plan_done) struct plan plan = { 0 }, again = { 0 };
	_cleanup_(wants_done) struct wants wants = { 0 };
	const char *holder = NULL;
	char name[1024];

	if (view_build(model, service, &vantage, &wants))
		return;
	snprintf(name, sizeof(name), "%s/%s", service->namespace, service->name);
	HOLDS(!diff_service(present, name, &wants, &(struct diff_options){ 0 }, &plan, &holder));
	/* What has been done need not be done again. */
	HOLDS(!diff_service(present, name, &wants, &(struct diff_options){ 0 }, &again, &holder));
	HOLDS(!plan_size(&again));
}

/* All that the objects say goes into a kernel that holds nothing. Takes the objects. */
static inline void plan_objects(struct objects *objects)
{
	_cleanup_(present_freep) struct present *present = NULL;
	_cleanup_(model_freep) struct model *model = NULL;
	struct model_service service;

	if (present_new(&present) || model_new(&model))
		return;
	HOLDS(!present_settle(present));
	HOLDS(!model_replace(model, "input", objects, no_complaint, NULL));
	while (model_next_dirty(model, &service))
		put_service(present, model, &service);
}
