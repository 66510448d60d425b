/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What programs at interfaces need. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "kern/tcx.h"
#include "kern/try.h"

/* Can such a program find the socket of a packet with what is stored there, and another socket by its addresses? */
int try_tc(struct why *why)
{
	const struct target target = { BPF_PROG_TYPE_SCHED_CLS, 0, 0 };
	_cleanup_(closep) int fd = try_make_map(BPF_MAP_TYPE_SK_STORAGE, false, why);

	if (fd < 0)
		return fd;
	const struct bpf_insn insns[] = {
		INSN_COPY(BPF_REG_6, BPF_REG_1),
		INSN_LOAD(BPF_REG_1, BPF_REG_1, offsetof(struct __sk_buff, sk)),
		INSN_IF_ZERO(BPF_REG_1, 8),
		INSN_CALL(BPF_FUNC_sk_fullsock),
		INSN_IF_ZERO(BPF_REG_0, 6),
		INSN_COPY(BPF_REG_2, BPF_REG_0),
		INSN_MAP(BPF_REG_1, fd),
		INSN_MOVE(BPF_REG_3, 0),
		INSN_MOVE(BPF_REG_4, 0),
		INSN_CALL(BPF_FUNC_sk_storage_get),
		INSN_STORE(BPF_REG_10, -8, 0),
		INSN_STORE(BPF_REG_10, -16, 0),
		INSN_COPY(BPF_REG_1, BPF_REG_6),
		INSN_COPY(BPF_REG_2, BPF_REG_10),
		INSN_ADD(BPF_REG_2, -16),
		INSN_MOVE(BPF_REG_3, sizeof(((struct bpf_sock_tuple *)0)->ipv4)),
		INSN_MOVE(BPF_REG_4, BPF_F_CURRENT_NETNS),
		INSN_MOVE(BPF_REG_5, 0),
		INSN_CALL(BPF_FUNC_skc_lookup_tcp),
		INSN_IF_ZERO(BPF_REG_0, 2),
		INSN_COPY(BPF_REG_1, BPF_REG_0),
		INSN_CALL(BPF_FUNC_sk_release),
		INSN_MOVE(BPF_REG_0, 0),
		INSN_EXIT,
	};

	return try_program(&target, insns, ARRAY_LEN(insns), why);
}

/* No interface has this index: a kernel that knows tcx says so. */
int try_tcx(struct why *why)
{
	const struct bpf_insn insns[] = { INSN_MOVE(BPF_REG_0, 0), INSN_EXIT };
	_cleanup_(closep) int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "weft_probe", "Dual BSD/GPL", insns,
						 ARRAY_LEN(insns), NULL);
	int link;

	if (fd < 0)
		return why_set(why, fd, "the kernel refuses a program for it: %s", strerror(-fd));
	link = tcx_link(fd, TC_FROM_POD, INT32_MAX);
	if (link == -ENODEV)
		return 0;
	if (link >= 0)
		close(link);
	return why_set(why, -ENOTSUP, "the kernel has no such links: %s",
		       strerror(link < 0 ? -link : EINVAL));
}
