/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Step by step. A row that is deleted may lend its memory to one that is put, under the eyes of a program that still
 * reads: that program saw a packet of an interface which was just left, and no grace period is waited for.
 */
#include "kern/attach.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/attr.h"
#include "kern/clsact.h"
#include "kern/pins.h"
#include "kern/tcx.h"
#include "weft/names.h"

/* ---- reading ---- */

static struct pod_link *find_or_add(struct pod_links *links, uint32_t index)
{
	for (size_t i = 0; i < links->count; i++) {
		if (links->items[i].index == index)
			return &links->items[i];
	}
	return pod_links_add(links, index);
}

static int read_rows(const struct kern *kern, struct pod_links *links)
{
	uint32_t index, *previous = NULL;

	while (!bpf_map_get_next_key(kern->interfaces, previous, &index)) {
		struct pod_link *link = pod_links_add(links, index);

		if (!link)
			return -ENOMEM;
		bpf_map_lookup_elem_flags(kern->interfaces, &index, &link->row, BPF_F_LOCK);
		previous = &index;
	}
	pod_links_sort(links);
	return 0;
}

static int read_sources(const struct kern *kern, struct pod_links *links)
{
	struct source_key key, *previous = NULL;

	while (!bpf_map_get_next_key(kern->sources, previous, &key)) {
		struct pod_link *link = pod_links_find(links, key.interface);

		if (!link)
			link = find_or_add(links, key.interface);
		if (!link || pod_link_add_address(link, &key.address))
			return -ENOMEM;
		previous = &key;
	}
	return 0;
}

static int note_pin(void *arg, uint32_t index)
{
	return find_or_add(arg, index) ? 0 : -ENOMEM;
}

int kern_attach_read(const struct kern *kern, struct pod_links *ret, struct why *why)
{
	_cleanup_(pod_links_done) struct pod_links links = { 0 };
	int error = read_rows(kern, &links);

	if (!error)
		error = read_sources(kern, &links);
	if (!error)
		error = pins_each_index(kern->dir, WEFT_LINK_DIR, note_pin, &links);
	if (!error)
		error = pins_each_index(kern->dir, WEFT_FILTER_DIR, note_pin, &links);
	if (error)
		return why_set(why, error, "cannot read the interfaces in %s: %s", kern->dir,
			       strerror(-error));
	pod_links_sort(&links);
	*ret = links;
	links = (struct pod_links){ 0 };
	return 0;
}

enum attachment kern_attachment(const struct kern *kern, uint32_t index)
{
	if (tcx_is_attached(kern->dir, TC_FROM_POD, index) && tcx_is_attached(kern->dir, TC_TO_POD, index))
		return ATTACHED_TCX;
	if (clsact_is_attached(kern->dir, TC_FROM_POD, index) &&
	    clsact_is_attached(kern->dir, TC_TO_POD, index))
		return ATTACHED_CLSACT;
	return ATTACHED_NOT;
}

/* ---- steps ---- */

static int detach_tcx(const char *dir, uint32_t index, bool *changed)
{
	int error = tcx_detach(dir, TC_FROM_POD, index, changed);

	return error ? error : tcx_detach(dir, TC_TO_POD, index, changed);
}

static bool has_filters(const char *dir, uint32_t index)
{
	return clsact_is_attached(dir, TC_FROM_POD, index) || clsact_is_attached(dir, TC_TO_POD, index);
}

static int detach_clsact(const char *dir, uint32_t index, bool *changed, struct why *why)
{
	return has_filters(dir, index) ? clsact_detach(dir, index, changed, why) : 0;
}

static void close_programs(int (*programs)[TC_HOOK_COUNT])
{
	for (int hook = 0; hook < TC_HOOK_COUNT; hook++)
		closep(&(*programs)[hook]);
}

/* What is there by the other way goes first: a packet should not meet the programs twice. */
static int attach(const struct kern *kern, struct attach_step *step, const int programs[TC_HOOK_COUNT],
		  struct why *why)
{
	int error;

	if (kern->no_tcx) {
		error = detach_tcx(kern->dir, step->index, &step->changed);
		return error ? error : clsact_attach(kern->dir, step->index, programs, &step->changed, why);
	}
	error = detach_clsact(kern->dir, step->index, &step->changed, why);
	for (int hook = 0; !error && hook < TC_HOOK_COUNT; hook++)
		error = tcx_attach(kern->dir, hook, step->index, programs[hook], &step->changed);
	return error;
}

static int take_map_step(const struct kern *kern, struct attach_step *step)
{
	struct source_key key = { .address = step->source, .interface = step->index };
	uint32_t value = 1;
	int failed = 0;

	switch (step->kind) {
	case STEP_ADD_SOURCE:
		failed = bpf_map_update_elem(kern->sources, &key, &value, BPF_ANY);
		break;
	case STEP_DELETE_SOURCE:
		failed = bpf_map_delete_elem(kern->sources, &key);
		break;
	case STEP_PUT_ROW:
		failed = bpf_map_update_elem(kern->interfaces, &step->index, &step->row, BPF_F_LOCK);
		break;
	case STEP_DELETE_ROW:
		failed = bpf_map_delete_elem(kern->interfaces, &step->index);
		break;
	case STEP_ATTACH:
	case STEP_DETACH:
		break;
	}
	step->changed = !failed;
	/* To be gone is what a deletion is for. */
	return failed && errno != ENOENT ? -errno : 0;
}

static int take_step(const struct kern *kern, struct attach_step *step, const int programs[TC_HOOK_COUNT],
		     struct why *why)
{
	int error;

	switch (step->kind) {
	case STEP_ATTACH:
		return attach(kern, step, programs, why);
	case STEP_DETACH:
		error = detach_tcx(kern->dir, step->index, &step->changed);
		return error ? error : detach_clsact(kern->dir, step->index, &step->changed, why);
	default:
		return take_map_step(kern, step);
	}
}

static bool has_failed_before(const struct attach_plan *plan, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (plan->steps[i].error && plan->steps[i].index == plan->steps[count].index)
			return true;
	}
	return false;
}

static int explain(const struct attach_step *step, struct why *why)
{
	static const char *const doing[] = {
		[STEP_ADD_SOURCE] = "add an address of",
		[STEP_PUT_ROW] = "write the row of",
		[STEP_ATTACH] = "attach to",
		[STEP_DETACH] = "detach from",
		[STEP_DELETE_ROW] = "delete the row of",
		[STEP_DELETE_SOURCE] = "delete an address of",
	};

	return why_set(why, step->error, "cannot %s interface %s (%u): %s", doing[step->kind], step->row.name,
		       step->index,
		       *why->text	       ? why->text
		       : step->error == -E2BIG ? "the map is full"
					       : strerror(-step->error));
}

int kern_attach_apply(const struct kern *kern, struct attach_plan *plan, struct why *why)
{
	_cleanup_(close_programs) int programs[TC_HOOK_COUNT] = { -1, -1 };
	int error = 0;

	for (int hook = 0; hook < TC_HOOK_COUNT; hook++)
		programs[hook] = pins_get(kern->dir, WEFT_PROGRAM_DIR, tc_programs[hook]);
	for (size_t i = 0; i < plan->count; i++) {
		struct attach_step *step = &plan->steps[i];
		struct why text = { "" };

		if (error && has_failed_before(plan, i))
			continue;
		step->error = take_step(kern, step, programs, &text);
		if (step->error == -ENODEV)
			step->error = 0;
		if (!step->error || error)
			continue;
		error = explain(step, &text);
		*why = text;
	}
	return error;
}
