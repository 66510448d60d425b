/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Links by number: the libbpf of Debian 12 and its headers do not know the names yet. */
#include "kern/tcx.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/attr.h"
#include "kern/pins.h"
#include "weft/names.h"

enum {
	/* enum bpf_attach_type */
	TCX_INGRESS = 46,
	TCX_EGRESS = 47,
	/* enum bpf_link_type */
	LINK_TYPE_TCX = 11,
};

const char *const tc_programs[TC_HOOK_COUNT] = {
	[TC_FROM_POD] = "weft_from_pod",
	[TC_TO_POD] = "weft_to_pod",
};

/* Returns a descriptor to close, or a negative errno. */
static int open_link(const char *dir, enum tc_hook hook, uint32_t index, struct bpf_link_info *ret)
{
	char name[PIN_NAME_SIZE];
	_cleanup_(closep) int fd = pins_get(dir, WEFT_LINK_DIR, pin_name(tc_programs[hook], index, name));
	uint32_t length = sizeof(*ret);

	if (fd < 0)
		return fd;
	*ret = (struct bpf_link_info){ 0 };
	if (bpf_obj_get_info_by_fd(fd, ret, &length))
		return -errno;
	return take_fd(&fd);
}

/* The member for tcx is laid out as that for xdp, which old headers have; its index is zero if the interface is gone. */
static bool is_at(const struct bpf_link_info *info, uint32_t index)
{
	return info->type == LINK_TYPE_TCX && info->xdp.ifindex == index;
}

int tcx_link(int program, enum tc_hook hook, uint32_t index)
{
	int type = hook == TC_FROM_POD ? TCX_INGRESS : TCX_EGRESS;

	return bpf_link_create(program, index, (enum bpf_attach_type)type, NULL);
}

static int create(const char *dir, enum tc_hook hook, uint32_t index, int program)
{
	_cleanup_(closep) int fd = tcx_link(program, hook, index);
	char name[PIN_NAME_SIZE];

	if (fd < 0)
		return fd;
	return pins_put(dir, WEFT_LINK_DIR, pin_name(tc_programs[hook], index, name), fd);
}

int tcx_attach(const char *dir, enum tc_hook hook, uint32_t index, int program, bool *changed)
{
	struct bpf_link_info info;
	_cleanup_(closep) int fd = open_link(dir, hook, index, &info);
	struct bpf_prog_info wanted = { 0 };
	uint32_t length = sizeof(wanted);
	int error;

	if (bpf_obj_get_info_by_fd(program, &wanted, &length))
		return -errno;
	if (fd >= 0 && is_at(&info, index)) {
		if (info.prog_id == wanted.id)
			return 0;
		error = bpf_link_update(fd, program, NULL);
	} else {
		if (fd >= 0)
			tcx_detach(dir, hook, index, changed);
		error = create(dir, hook, index, program);
	}
	if (!error)
		*changed = true;
	return error;
}

int tcx_detach(const char *dir, enum tc_hook hook, uint32_t index, bool *changed)
{
	struct bpf_link_info info;
	_cleanup_(closep) int fd = open_link(dir, hook, index, &info);
	char name[PIN_NAME_SIZE];

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	/* At once: the kernel takes its time after the last pin is gone. */
	bpf_link_detach(fd);
	*changed = true;
	return pins_drop(dir, WEFT_LINK_DIR, pin_name(tc_programs[hook], index, name));
}

bool tcx_is_attached(const char *dir, enum tc_hook hook, uint32_t index)
{
	struct bpf_link_info info;
	_cleanup_(closep) int fd = open_link(dir, hook, index, &info);

	return fd >= 0 && is_at(&info, index);
}
