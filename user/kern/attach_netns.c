/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Interfaces have their numbers in one network namespace; in another these are others. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/attr.h"
#include "kern/attach.h"
#include "kern/clsact.h"
#include "kern/netns.h"
#include "kern/pins.h"
#include "weft/names.h"

struct survey {
	const char *dir;
	bool any_link;	 /* at an interface that there is */
	bool any_filter; /* as remembered, or found */
};

static int note_link(void *arg, uint32_t index)
{
	struct survey *survey = arg;

	for (int hook = 0; hook < TC_HOOK_COUNT; hook++)
		survey->any_link = survey->any_link || tcx_is_attached(survey->dir, hook, index);
	return 0;
}

static int note_filter(void *arg, uint32_t index _unused_)
{
	struct survey *survey = arg;

	survey->any_filter = true;
	return 0;
}

static int find_filter(void *arg, uint32_t index)
{
	struct survey *survey = arg;

	survey->any_filter = survey->any_filter || clsact_is_there(survey->dir, index);
	return 0;
}

/* Calls for each index of filters, in the network namespace `netns`. */
static int each_filter_in(int netns, const char *dir, pins_index_fn *call, void *arg, struct why *why)
{
	_cleanup_(closep) int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int error;

	if (home < 0)
		return -errno;
	if (setns(netns, CLONE_NEWNET))
		return why_set(why, -errno,
			       "filters are left in another network namespace, which cannot be entered: %s; "
			       "run 'weft unload' there",
			       strerror(errno));
	error = pins_each_index(dir, WEFT_FILTER_DIR, call, arg);
	if (setns(home, CLONE_NEWNET))
		return why_set(why, -errno, "cannot come back from a network namespace: %s", strerror(errno));
	return error;
}

/* Zero: none was remembered, or rows of another version are meant by this map. */
static uint64_t read_netns(int meta)
{
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info), key = 0;
	struct meta_row row;

	if (meta < 0 || bpf_obj_get_info_by_fd(meta, &info, &length) || info.value_size != sizeof(row) ||
	    bpf_map_lookup_elem(meta, &key, &row) || row.abi != WEFT_ABI)
		return 0;
	return row.netns;
}

/* Numbers are used again: is it the namespace in which filters were attached? */
static int find_filters(const char *dir, uint64_t number, bool *ret, struct why *why)
{
	_cleanup_(closep) int netns = netns_open(number);
	struct survey survey = { .dir = dir };
	int error = 0;

	if (netns >= 0)
		error = each_filter_in(netns, dir, find_filter, &survey, why);
	*ret = survey.any_filter;
	return error;
}

int kern_attach_check_netns(const struct kern *kern, struct why *why)
{
	struct survey survey = { .dir = kern->dir };
	uint64_t own, there = read_netns(kern->meta);
	int error = netns_own(&own, why);

	if (error || !there || there == own)
		return error;
	pins_each_index(kern->dir, WEFT_LINK_DIR, note_link, &survey);
	pins_each_index(kern->dir, WEFT_FILTER_DIR, note_filter, &survey);
	if (survey.any_filter)
		error = find_filters(kern->dir, there, &survey.any_filter, why);
	/* What is remembered of a namespace that is gone is in nobody's way. */
	if (error || (!survey.any_link && !survey.any_filter))
		return error;
	return why_set(why, -EXDEV,
		       "%s is attached to interfaces of another network namespace (net:[%llu]; this is "
		       "net:[%llu]); run weft there, or 'weft unload --bpffs %s' first",
		       kern->dir, (unsigned long long)there, (unsigned long long)own, kern->dir);
}

int kern_attach_claim_netns(const struct kern *kern, struct why *why)
{
	struct meta_row row;
	uint32_t key = 0;
	uint64_t own;
	int error = netns_own(&own, why);

	if (error)
		return error;
	if (bpf_map_lookup_elem(kern->meta, &key, &row))
		return -errno;
	if (row.netns == own)
		return 0;
	row.netns = own;
	return bpf_map_update_elem(kern->meta, &key, &row, BPF_ANY) ? -errno : 0;
}

struct ending {
	const char *dir;
	struct why *why;
};

static int end_filters(void *arg, uint32_t index)
{
	struct ending *ending = arg;
	bool changed = false;

	return clsact_detach(ending->dir, index, &changed, ending->why);
}

int kern_attach_end(const char *bpffs, uint64_t *ret_left, struct why *why)
{
	_cleanup_(closep) int meta = pins_get(bpffs, NULL, "meta");
	_cleanup_(closep) int other = -1;
	struct ending ending = { bpffs, why };
	struct survey survey = { .dir = bpffs };
	uint64_t own, there = read_netns(meta);
	int error = pins_each_index(bpffs, WEFT_FILTER_DIR, note_filter, &survey);

	*ret_left = 0;
	if (error || !survey.any_filter)
		return error;
	error = netns_own(&own, why);
	if (error)
		return error;
	if (!there || there == own)
		return pins_each_index(bpffs, WEFT_FILTER_DIR, end_filters, &ending);
	other = netns_open(there);
	if (other >= 0)
		return each_filter_in(other, bpffs, end_filters, &ending, why);
	*ret_left = there;
	return 0;
}
