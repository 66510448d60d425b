/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The skeleton: loading, pinning, attaching. */
#include "kern/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "kern/attach.h"
#include "kern/cgroup.h"
#include "kern/pins.h"
#include "kern/splice.h"
#include "weft.skel.h"
#include "weft/names.h"

static void weft_destroyp(struct weft **skeleton)
{
	weft__destroy(*skeleton);
}

static void link_destroyp(struct bpf_link **link)
{
	if (*link)
		bpf_link__destroy(*link);
}

static int pin_path(const char *dir, const char *below, const struct bpf_program *program, char ret[PATH_MAX])
{
	int length = snprintf(ret, PATH_MAX, "%s/%s/%s", dir, below, bpf_program__name(program));

	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Does it hang on the cgroup? What this kernel lacks is not loaded; the iterator is run, not attached. */
static bool is_hook(const struct bpf_program *program)
{
	return bpf_program__autoload(program) && bpf_program__type(program) != BPF_PROG_TYPE_TRACING &&
	       bpf_program__type(program) != BPF_PROG_TYPE_SCHED_CLS &&
	       bpf_program__type(program) != BPF_PROG_TYPE_SK_MSG;
}

static bool is_pinned(const char *dir, const struct bpf_program *program)
{
	_cleanup_(closep) int fd = pins_get(dir, WEFT_PROGRAM_DIR, bpf_program__name(program));

	return fd >= 0;
}

/* Are all programs loaded, and those that hang on a cgroup attached, and where? */
static bool is_attached(const char *dir, const struct weft *skeleton, uint64_t *ret_cgroup)
{
	struct bpf_program *program;

	*ret_cgroup = 0;
	bpf_object__for_each_program (program, skeleton->obj) {
		if (bpf_program__autoload(program) && !is_pinned(dir, program))
			return false;
		if (!is_hook(program))
			continue;
		if (cgroup_of_link(dir, bpf_program__name(program), ret_cgroup) || !*ret_cgroup)
			return false;
	}
	return true;
}

/* Links of an earlier load must stand on the same cgroup: two would balance twice. */
static int check_cgroup(const char *dir, const struct weft *skeleton, const char *cgroup, struct why *why)
{
	struct bpf_program *program;
	uint64_t wanted, id;
	int error = cgroup_id(cgroup, &wanted);

	if (error)
		return why_set(why, error, "cgroup %s: %s", cgroup, strerror(-error));
	bpf_object__for_each_program (program, skeleton->obj) {
		if (cgroup_of_link(dir, bpf_program__name(program), &id) || !id || id == wanted)
			continue;
		return why_set(why, -EEXIST,
			       "%s is loaded on another cgroup (its id is %llu), not on %s; "
			       "'weft unload --bpffs %s' first, or take another --bpffs",
			       dir, (unsigned long long)id, cgroup, dir);
	}
	return 0;
}

/* The coarse clock goes by the kernel's ticks, by which TCP's time-outs are told. */
static uint64_t tick_length_ns(void)
{
	struct timespec tick;

	return clock_getres(CLOCK_MONOTONIC_COARSE, &tick) ? 0 : tick.tv_nsec;
}

/* Pairs are found by sockops, which must know a socket's network namespace. */
static bool can_splice(const struct feature_state features[FEATURE_COUNT])
{
	return features[FEATURE_SPLICE].on && features[FEATURE_HEALTH].on &&
	       features[FEATURE_MOVED_AFFINITY].on;
}

static int open_skeleton(const char *dir, const struct feature_state features[FEATURE_COUNT], struct why *why,
			 struct weft **ret)
{
	_cleanup_(weft_destroyp) struct weft *skeleton = weft__open();
	struct bpf_map *map;
	char path[PATH_MAX];

	if (!skeleton)
		return why_set(why, -errno, "cannot open the programs: %s", strerror(errno));
	skeleton->rodata->can_set_retval = features[FEATURE_SET_RETVAL].on;
	skeleton->rodata->can_count_flows = features[FEATURE_UDP_FLOWS].on;
	skeleton->rodata->can_name_client = features[FEATURE_MOVED_AFFINITY].on;
	skeleton->rodata->can_rescue = features[FEATURE_TC].on;
	skeleton->rodata->can_splice = can_splice(features);
	skeleton->rodata->tick_ns = tick_length_ns();
	bpf_program__set_autoload(skeleton->progs.weft_sockops, features[FEATURE_HEALTH].on);
	bpf_program__set_autoload(skeleton->progs.weft_ingress,
				  features[FEATURE_HEALTH].on && features[FEATURE_RESPONSE_TIME].on);
	bpf_program__set_autoload(skeleton->progs.weft_release, features[FEATURE_UDP_FLOWS].on);
	bpf_program__set_autoload(skeleton->progs.weft_recount,
				  features[FEATURE_HEALTH].on && features[FEATURE_RECOUNT].on);
	bpf_program__set_autoload(skeleton->progs.weft_from_pod, features[FEATURE_TC].on);
	bpf_program__set_autoload(skeleton->progs.weft_to_pod, features[FEATURE_TC].on);
	bpf_program__set_autoload(skeleton->progs.weft_message, can_splice(features));
	bpf_map__set_autocreate(skeleton->maps.splice_socks, can_splice(features));
	bpf_object__for_each_map (map, skeleton->obj) {
		if (bpf_map__is_internal(map))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, bpf_map__name(map)) >= (int)sizeof(path))
			return why_set(why, -ENAMETOOLONG, "%s: the path is too long", dir);
		bpf_map__set_pin_path(map, path);
	}
	*ret = TAKE_PTR(skeleton);
	return 0;
}

static int load_programs(struct weft *skeleton, struct why *why)
{
	int error = weft__load(skeleton);

	if (error == -EPERM)
		return why_set(why, error,
			       "the kernel forbids loading; weft needs CAP_BPF and CAP_NET_ADMIN (or root)");
	if (error)
		return why_set(why, error, "the kernel refuses the programs: %s; --verbose shows its log",
			       strerror(-error));
	return 0;
}

static uint64_t feature_bits(const struct feature_state features[FEATURE_COUNT])
{
	uint64_t bits = 0;

	for (int i = 0; i < FEATURE_COUNT; i++)
		bits |= (uint64_t)features[i].on << i;
	return bits;
}

/* Ids begin at one; zero is "none" everywhere. */
static int init_meta(const struct kern_options *options, const struct weft *skeleton,
		     const struct load_report *report)
{
	struct meta_row row;
	uint32_t key = 0;
	int fd = bpf_map__fd(skeleton->maps.meta);

	if (bpf_map_lookup_elem(fd, &key, &row))
		return -errno;
	if (!row.abi)
		row = (struct meta_row){
			.abi = WEFT_ABI,
			.next_service = 1,
			.next_name = 1,
			.next_endpoint = 1,
		};
	row.features = feature_bits(report->features);
	snprintf(row.version, sizeof(row.version), "%s", options->version ? options->version : "");
	return bpf_map_update_elem(fd, &key, &row, BPF_ANY) ? -errno : 0;
}

static int attach(struct bpf_program *program, int cgroup_fd, const char *cgroup, const char *pin,
		  struct why *why)
{
	_cleanup_(link_destroyp) struct bpf_link *link = bpf_program__attach_cgroup(program, cgroup_fd);
	int error;

	if (!link) {
		error = -errno;
		why_set(why, error, "cannot attach %s to %s: %s", bpf_program__name(program), cgroup,
			strerror(-error));
		if (error == -EPERM)
			cgroup_explain_refusal(cgroup, bpf_program__expected_attach_type(program), why);
		return error;
	}
	error = bpf_link__pin(link, pin);
	if (error)
		return why_set(why, error, "%s: %s", pin, strerror(-error));
	return 0;
}

/* Switches a link that is there, without a gap; -ENOENT if there is none that can be switched. */
static int replace(struct bpf_program *program, const char *pin, struct why *why)
{
	_cleanup_(link_destroyp) struct bpf_link *link = bpf_link__open(pin);
	int error;

	if (!link)
		return -ENOENT;
	error = bpf_link__update_program(link, program);
	if (error == -ENOLINK) {
		/* Its cgroup is gone; the pin holds an empty shell. */
		unlink(pin);
		return -ENOENT;
	}
	if (error)
		why_set(why, error, "%s: %s", pin, strerror(-error));
	return error;
}

static int attach_all(const char *dir, struct weft *skeleton, int cgroup_fd, struct load_report *report,
		      struct why *why)
{
	_cleanup_(freep) const char **added = NULL;
	struct bpf_program *program;
	char pin[PATH_MAX];
	size_t n_added = 0, room = 0;
	int error = 0;

	bpf_object__for_each_program (program, skeleton->obj)
		room++;
	added = calloc(room, sizeof(*added));
	if (!added)
		return -ENOMEM;
	bpf_object__for_each_program (program, skeleton->obj) {
		if (!is_hook(program))
			continue;
		error = pin_path(dir, WEFT_LINK_DIR, program, pin);
		if (error)
			break;
		error = replace(program, pin, why);
		if (!error) {
			report->replaced = true;
			continue;
		}
		if (error == -ENOENT)
			error = attach(program, cgroup_fd, report->cgroup, pin, why);
		if (error)
			break;
		added[n_added++] = bpf_program__name(program);
	}
	while (error && n_added--) {
		snprintf(pin, sizeof(pin), "%s/%s/%s", dir, WEFT_LINK_DIR, added[n_added]);
		unlink(pin);
	}
	return error;
}

/* For bpftool and its users; the links alone would keep the programs. */
static int pin_programs(const char *dir, struct weft *skeleton, struct why *why)
{
	struct bpf_program *program;
	char pin[PATH_MAX];
	int error;

	bpf_object__for_each_program (program, skeleton->obj) {
		if (!bpf_program__autoload(program))
			continue;
		error = pin_path(dir, WEFT_PROGRAM_DIR, program, pin);
		if (error)
			return error;
		unlink(pin);
		error = bpf_program__pin(program, pin);
		if (error)
			return why_set(why, error, "%s: %s", pin, strerror(-error));
	}
	return 0;
}

/* What an earlier load had and this one does without. */
static void drop_unused(const char *dir, const struct weft *skeleton)
{
	struct bpf_program *program;

	bpf_object__for_each_program (program, skeleton->obj) {
		if (bpf_program__autoload(program))
			continue;
		pins_drop(dir, WEFT_LINK_DIR, bpf_program__name(program));
		pins_drop(dir, WEFT_PROGRAM_DIR, bpf_program__name(program));
	}
}

/*
 * Before anything can be admitted. A kernel that runs may not be the one that was tried when the maps were made, so it is
 * tried each time.
 */
static int prepare_splice(const struct weft *skeleton, struct load_report *report, struct why *why)
{
	uint32_t key = SPLICING_TEST;
	uint64_t result;

	if (!can_splice(report->features))
		return 0;
	result = report->splice_test = splice_test(&report->splice_test_why);
	if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.splicing), &key, &result, BPF_ANY))
		return why_set(why, -errno, "map splicing: %s", strerror(errno));
	if (bpf_prog_attach(bpf_program__fd(skeleton->progs.weft_message),
			    bpf_map__fd(skeleton->maps.splice_socks), BPF_SK_MSG_VERDICT, 0))
		return why_set(why, -errno, "cannot attach weft_message to splice_socks: %s",
			       strerror(errno));
	return 0;
}

static int load_and_attach(const struct kern_options *options, struct weft *skeleton,
			   struct load_report *report, struct why *why)
{
	_cleanup_(closep) int cgroup_fd = cgroup_open(options->cgroup, report->cgroup, why);
	int error;

	if (cgroup_fd < 0)
		return cgroup_fd;
	error = check_cgroup(options->bpffs, skeleton, report->cgroup, why);
	if (!error)
		error = load_programs(skeleton, why);
	if (!error) {
		error = init_meta(options, skeleton, report);
		if (error)
			why_set(why, error, "meta: %s", strerror(-error));
	}
	if (!error)
		error = prepare_splice(skeleton, report, why);
	if (!error)
		error = attach_all(options->bpffs, skeleton, cgroup_fd, report, why);
	if (!error)
		error = pin_programs(options->bpffs, skeleton, why);
	if (!error)
		drop_unused(options->bpffs, skeleton);
	return error;
}

static int check_features(const struct kern_options *options, struct load_report *report, struct why *why)
{
	const struct feature_state *missing;
	int error = probe_features(options->without, report->features, why);

	if (error)
		return error;
	missing = probe_missing(report->features);
	if (missing)
		return why_set(why, -ENOTSUP, "this kernel cannot run weft: %s: %s", missing->name,
			       missing->why.text);
	return 0;
}

/* With the directory there and locked. */
static int load_locked(const struct kern_options *options, bool adopt, struct load_report *report,
		       struct why *why)
{
	_cleanup_(weft_destroyp) struct weft *skeleton = NULL;
	uint64_t cgroup;
	int error = open_skeleton(options->bpffs, report->features, why, &skeleton);

	if (error)
		return error;
	if (adopt && is_attached(options->bpffs, skeleton, &cgroup)) {
		report->adopted = true;
		return options->cgroup ? check_cgroup(options->bpffs, skeleton, options->cgroup, why) : 0;
	}
	return load_and_attach(options, skeleton, report, why);
}

/* What is adopted may have been loaded by a weft that tried less. */
static int try_splice_again(const struct kern *kern, struct load_report *report, struct why *why)
{
	int error;

	if (!report->adopted || !can_splice(report->features))
		return 0;
	report->splice_test = splice_test(&report->splice_test_why);
	error = kern_splicing_write(kern, SPLICING_TEST, report->splice_test);
	return error ? why_set(why, error, "map splicing in %s: %s", kern->dir, strerror(-error)) : 0;
}

static int load(const struct kern_options *options, bool adopt, struct why *why, struct kern *ret,
		struct load_report *ret_report)
{
	_cleanup_(closep) int lock = -1;
	const char *dir = options->bpffs;
	struct load_report report = { 0 };
	bool fresh = !pins_are_own(dir);
	struct kern kern;
	int error = check_features(options, &report, why);

	if (!error)
		error = pins_make(dir, &report.mounted, why);
	if (error)
		return error;
	lock = kern_lock(dir, why);
	if (lock < 0)
		return lock;
	/* Rows of another ABI must not meet these programs; rows that are missing are about to be made. */
	error = kern_open(dir, why, &kern);
	if (!error)
		error = kern_attach_check_netns(&kern, why);
	kern_close(&kern);
	if (!error || error == -ENOENT)
		error = load_locked(options, adopt, &report, why);
	if (!error)
		error = kern_open(dir, why, &kern);
	if (!error)
		error = kern_attach_claim_netns(&kern, why);
	if (!error)
		error = try_splice_again(&kern, &report, why);
	if (error) {
		kern_close(&kern);
		if (fresh)
			pins_remove(dir, NULL);
		return error;
	}
	kern.lock = take_fd(&lock);
	kern.no_batch = !report.features[FEATURE_MAP_BATCH].on;
	kern.no_barrier = !report.features[FEATURE_RCU_BARRIER].on;
	kern.no_tc = !report.features[FEATURE_TC].on;
	kern.no_tcx = !report.features[FEATURE_TCX].on;
	*ret = kern;
	*ret_report = report;
	return 0;
}

int kern_load(const struct kern_options *options, struct why *why, struct kern *ret,
	      struct load_report *ret_report)
{
	return load(options, false, why, ret, ret_report);
}

int kern_adopt(const struct kern_options *options, struct why *why, struct kern *ret,
	       struct load_report *ret_report)
{
	return load(options, true, why, ret, ret_report);
}

/* Sockets keep program and maps after the pins are gone: from now on they send through the stack. */
static void switch_splice_off(const char *bpffs)
{
	_cleanup_(closep) int map = pins_get(bpffs, NULL, "splicing");
	uint32_t key = SPLICING_OFF;
	uint64_t off = 1;

	if (map >= 0)
		bpf_map_update_elem(map, &key, &off, BPF_ANY);
}

int kern_unload(const char *bpffs, struct unload_report *ret, struct why *why)
{
	_cleanup_(closep) int lock = -1;
	int error;

	*ret = (struct unload_report){ .found = pins_are_own(bpffs) };
	if (!ret->found)
		return 0;
	lock = kern_lock(bpffs, why);
	if (lock < 0)
		return lock;
	switch_splice_off(bpffs);
	error = kern_attach_end(bpffs, &ret->netns, why);
	return error ? error : pins_remove(bpffs, why);
}
