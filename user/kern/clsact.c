/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Filters by libbpf; who else has some, by netlink. */
#include "kern/clsact.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/attr.h"
#include "kern/pins.h"
#include "weft/names.h"

enum {
	/* Numbers that nobody else takes by chance: "we" and "weft". */
	PRIORITY = 0x7765,
	HANDLE = 0x77656674,
	/* The kernel does not answer with more at a time. */
	ANSWER_BYTES = 32768,
};

#define QDISC "clsact"

static enum bpf_tc_attach_point attach_point(enum tc_hook hook)
{
	return hook == TC_FROM_POD ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof(info);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &length) ? info.id : 0;
}

static uint32_t pinned_id(const char *dir, const char *below, const char *name)
{
	_cleanup_(closep) int fd = pins_get(dir, below, name);

	return program_id(fd);
}

/* The program of the filter that stands in our place; zero: there is none. */
static uint32_t filter_id(enum tc_hook hook, uint32_t index)
{
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = index, .attach_point = attach_point(hook));
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = HANDLE, .priority = PRIORITY);

	return bpf_tc_query(&where, &filter) ? 0 : filter.prog_id;
}

/* Is it the program that was attached here, or the one that was to be when the last attempt broke off? */
static bool is_own(const char *dir, enum tc_hook hook, uint32_t index, uint32_t id)
{
	char name[PIN_NAME_SIZE];

	return id && (id == pinned_id(dir, WEFT_FILTER_DIR, pin_name(tc_programs[hook], index, name)) ||
		      id == pinned_id(dir, WEFT_PROGRAM_DIR, tc_programs[hook]));
}

bool clsact_is_there(const char *dir, uint32_t index)
{
	bool any = false;

	for (int hook = 0; hook < TC_HOOK_COUNT; hook++)
		any = any || is_own(dir, hook, index, filter_id(hook, index));
	return any;
}

static int pin(const char *dir, const char *what, uint32_t index, int program)
{
	char name[PIN_NAME_SIZE];

	pins_drop(dir, WEFT_FILTER_DIR, pin_name(what, index, name));
	return pins_put(dir, WEFT_FILTER_DIR, name, program);
}

void clsact_forget(const char *dir, uint32_t index)
{
	char name[PIN_NAME_SIZE];

	for (int hook = 0; hook < TC_HOOK_COUNT; hook++)
		pins_drop(dir, WEFT_FILTER_DIR, pin_name(tc_programs[hook], index, name));
	pins_drop(dir, WEFT_FILTER_DIR, pin_name(QDISC, index, name));
}

bool clsact_is_attached(const char *dir, enum tc_hook hook, uint32_t index)
{
	char name[PIN_NAME_SIZE];

	return pinned_id(dir, WEFT_FILTER_DIR, pin_name(tc_programs[hook], index, name));
}

/* With the qdisc there. */
static int attach(const char *dir, enum tc_hook hook, uint32_t index, int program, bool *changed,
		  struct why *why)
{
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = index, .attach_point = attach_point(hook));
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = HANDLE, .priority = PRIORITY, .prog_fd = program);
	uint32_t there = filter_id(hook, index);
	int error = 0;

	if (there && !is_own(dir, hook, index, there))
		return why_set(why, -EEXIST, "program %u of somebody else is in weft's place", there);
	/* Remembered before it is there, and while it is replaced as it was. */
	if (!there)
		error = pin(dir, tc_programs[hook], index, program);
	if (!error && there != program_id(program)) {
		filter.flags = there ? BPF_TC_F_REPLACE : 0;
		error = bpf_tc_attach(&where, &filter);
		*changed = *changed || !error;
	}
	if (error || !there)
		return error;
	return pin(dir, tc_programs[hook], index, program);
}

int clsact_attach(const char *dir, uint32_t index, const int programs[TC_HOOK_COUNT], bool *changed,
		  struct why *why)
{
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = index, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int error = 0;

	if (!clsact_is_there(dir, index)) {
		/* What is remembered is of another interface, which had this index before. */
		clsact_forget(dir, index);
		error = bpf_tc_hook_create(&where);
		if (!error)
			error = pin(dir, QDISC, index, programs[0]);
		else if (error == -EEXIST)
			error = 0;
	}
	for (int hook = 0; !error && hook < TC_HOOK_COUNT; hook++)
		error = attach(dir, hook, index, programs[hook], changed, why);
	return error;
}

static int count_filter(const struct nlmsghdr *message, void *arg)
{
	unsigned *count = arg;

	*count += message->nlmsg_type == RTM_NEWTFILTER;
	return MNL_CB_OK;
}

static int count_filters_at(struct mnl_socket *socket, uint32_t index, uint32_t parent, unsigned *count)
{
	_Alignas(struct nlmsghdr) char buffer[ANSWER_BYTES];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct tcmsg *message;
	ssize_t length;
	int more = MNL_CB_OK;

	header->nlmsg_type = RTM_GETTFILTER;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	message->tcm_ifindex = index;
	message->tcm_parent = parent;
	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return -errno;
	while (more == MNL_CB_OK) {
		length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		if (length < 0)
			return -errno;
		more = mnl_cb_run(buffer, length, 0, 0, count_filter, count);
	}
	return more < 0 ? -errno : 0;
}

/* Is anybody's filter in the qdisc? Where that cannot be told, yes. */
static bool is_used(uint32_t index)
{
	static const uint32_t parents[] = {
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
	};
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	unsigned count = 0;
	int error = socket && !mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) ? 0 : -errno;

	for (size_t i = 0; !error && i < ARRAY_LEN(parents); i++)
		error = count_filters_at(socket, index, parents[i], &count);
	if (socket)
		mnl_socket_close(socket);
	return error || count;
}

static int detach(const char *dir, enum tc_hook hook, uint32_t index, bool *changed)
{
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = index, .attach_point = attach_point(hook));
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = HANDLE, .priority = PRIORITY);
	int error;

	if (!is_own(dir, hook, index, filter_id(hook, index)))
		return 0;
	error = bpf_tc_detach(&where, &filter);
	*changed = *changed || !error;
	return error;
}

int clsact_detach(const char *dir, uint32_t index, bool *changed, struct why *why)
{
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = index, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	char name[PIN_NAME_SIZE];
	bool is_ours = pinned_id(dir, WEFT_FILTER_DIR, pin_name(QDISC, index, name));
	bool any = false;
	int error = 0;

	for (int hook = 0; !error && hook < TC_HOOK_COUNT; hook++)
		error = detach(dir, hook, index, &any);
	if (error && error != -ENODEV && error != -ENOENT)
		return why_set(why, error, "cannot take the filter from interface %u: %s", index,
			       strerror(-error));
	/* Without a filter of ours the qdisc is of an interface that had another's index. */
	if (is_ours && any && !is_used(index))
		bpf_tc_hook_destroy(&where);
	*changed = *changed || any;
	clsact_forget(dir, index);
	return 0;
}
